//! One connection whose two ends have proved who they are: frames in, frames out.
//!
//! A frame is two bytes of length, the more significant first, and so many bytes. One of no bytes
//! is a heartbeat, which nobody but the other end's clock sees.

use std::convert::Infallible;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::event::{Notice, What};
use super::limits::{BATCH, Meter};
use super::{Cause, Limits, MAX_FRAME, Pace, Peer};

/// The owner's end of a link. Dropping it cuts the connection; dropping the queue alone ends it
/// when all that waits is sent.
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) peer: Peer,
    pub(super) queue: mpsc::Sender<Vec<u8>>,
    pub(super) cut: oneshot::Sender<Infallible>,
}

/// The connection's end of a link.
pub(super) struct LinkEnd {
    number: u64,
    peer: Peer,
    queue: mpsc::Receiver<Vec<u8>>,
    cut: oneshot::Receiver<Infallible>,
    notices: mpsc::Sender<Notice>,
}

/// Tells the owner that `peer` is up, with its end of the link. Nothing when there is no owner.
pub(super) async fn join(
    number: u64,
    peer: Peer,
    limits: &Limits,
    notices: mpsc::Sender<Notice>,
) -> Option<LinkEnd> {
    let (queue, waiting) = mpsc::channel(limits.traffic(peer.role).queue.max(1));
    let (cut, is_cut) = oneshot::channel();
    let link = Link { number, peer, queue, cut };
    notices.send(Notice::of(number, peer, What::Up(link))).await.ok()?;
    Some(LinkEnd { number, peer, queue: waiting, cut: is_cut, notices })
}

impl LinkEnd {
    /// Carries frames until one of the two ends or breaks a limit, and tells the owner.
    pub(super) async fn carry(self, stream: impl AsyncRead + AsyncWrite, limits: &Limits) -> Cause {
        let Self { number, peer, queue, cut, notices } = self;
        let (reader, writer) = split(stream);
        let pace = limits.traffic(peer.role).frames;
        let cause = tokio::select! {
            cause = receive(reader, limits, &pace, |frame| {
                notices.send(Notice::of(number, peer, What::Frame(frame)))
            }) => cause,
            cause = transmit(writer, limits, queue) => cause,
            _ = cut => Cause::Stopped,
        };
        // There may be no owner any more, who then has nothing to be told.
        let _ = notices.send(Notice::of(number, peer, What::Down(cause))).await;
        cause
    }
}

/// Reads frames and delivers them, each before the next one is read: an owner who is behind holds
/// up its peers and not its memory.
async fn receive<Delivery, Gone>(
    mut reader: impl AsyncRead + Unpin,
    limits: &Limits,
    pace: &Pace,
    deliver: impl Fn(Vec<u8>) -> Delivery,
) -> Cause
where
    Delivery: Future<Output = Result<(), Gone>>,
{
    let mut meter = Meter::new(Instant::now());
    loop {
        let frame = match read(&mut reader, limits).await {
            Ok(frame) => frame,
            Err(cause) => return cause,
        };
        if !meter.take(pace, Instant::now()) {
            return Cause::TooFast;
        }
        if !frame.is_empty() && deliver(frame).await.is_err() {
            return Cause::Stopped;
        }
    }
}

async fn read(reader: &mut (impl AsyncRead + Unpin), limits: &Limits) -> Result<Vec<u8>, Cause> {
    let first = within(limits.idle, Cause::Silent, reader.read_u8()).await?;
    within(limits.frame_time, Cause::Unfinished, async {
        let length = usize::from(u16::from_be_bytes([first, reader.read_u8().await?]));
        if length > MAX_FRAME {
            return Ok(Err(Cause::TooLong));
        }
        let mut frame = vec![0; length];
        reader.read_exact(&mut frame).await?;
        Ok(Ok(frame))
    })
    .await?
}

/// Sends what waits, several frames in one write, and heartbeats while nothing does.
async fn transmit(
    mut writer: impl AsyncWrite + Unpin,
    limits: &Limits,
    mut queue: mpsc::Receiver<Vec<u8>>,
) -> Cause {
    loop {
        let next = timeout(limits.heartbeat(), queue.recv()).await;
        let mut batch = Vec::new();
        match next {
            Ok(Some(frame)) => put(&mut batch, &frame),
            Ok(None) => {
                // All is sent; whether the other end hears that this was the last is up to it.
                let _ = timeout(limits.write_time, writer.shutdown()).await;
                return Cause::Stopped;
            }
            Err(_) => put(&mut batch, &[]),
        }
        while batch.len() < BATCH
            && let Ok(frame) = queue.try_recv()
        {
            put(&mut batch, &frame);
        }
        let sent = within(limits.write_time, Cause::Stalled, async {
            writer.write_all(&batch).await?;
            writer.flush().await
        });
        if let Err(cause) = sent.await {
            return cause;
        }
    }
}

/// No frame in the queue is longer than [`MAX_FRAME`].
#[expect(clippy::cast_possible_truncation, reason = "a frame has at most 1,024 bytes")]
fn put(batch: &mut Vec<u8>, frame: &[u8]) {
    batch.extend_from_slice(&(frame.len() as u16).to_be_bytes());
    batch.extend_from_slice(frame);
}

/// What `work` gives, or the cause why it gave nothing.
async fn within<T>(
    limit: Duration,
    late: Cause,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, Cause> {
    match timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Cause::Closed),
        Ok(Err(_)) => Err(Cause::Lost),
        Err(_) => Err(late),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    /// The frames in `bytes` and why they end, without a clock or a reader.
    fn decoded(mut bytes: &[u8]) -> (Vec<Vec<u8>>, Cause) {
        let mut frames = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes(*length));
            if length > MAX_FRAME {
                return (frames, Cause::TooLong);
            }
            let Some((frame, rest)) = rest.split_at_checked(length) else { break };
            frames.extend((length > 0).then(|| frame.to_vec()));
            bytes = rest;
        }
        (frames, Cause::Closed)
    }

    /// What is delivered of `bytes` that arrive in pieces of `piece`, and why it ends.
    async fn received(bytes: Vec<u8>, piece: usize) -> (Vec<Vec<u8>>, Cause) {
        let (reader, mut writer) = tokio::io::duplex(piece);
        let writing = async move { writer.write_all(&bytes).await };
        let frames = Mutex::new(Vec::new());
        let pace = Pace { every: Duration::from_millis(1), burst: u32::MAX };
        let limits = Limits::default();
        let reading = receive(reader, &limits, &pace, |frame| {
            frames.lock().unwrap().push(frame);
            std::future::ready(Ok::<_, ()>(()))
        });
        let (_, cause) = tokio::join!(writing, reading);
        (frames.into_inner().unwrap(), cause)
    }

    /// Frames of likely and unlikely lengths, and bytes that are none.
    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let frame = prop_oneof![
            8 => prop::collection::vec(any::<u8>(), 0..40),
            1 => prop::collection::vec(any::<u8>(), MAX_FRAME..=MAX_FRAME + 1),
        ];
        let framed = frame.prop_map(|frame| {
            let mut bytes = Vec::new();
            put(&mut bytes, &frame);
            bytes
        });
        let part = prop_oneof![
            9 => framed,
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_the_same_frames(bytes in streams(), piece in 1..200_usize) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let got = runtime.unwrap().block_on(received(bytes.clone(), piece));
            prop_assert_eq!(got, decoded(&bytes));
        }
    }
}
