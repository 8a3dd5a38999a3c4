//! The sockets: a queue's, the one of conntrack's events, and the one that reads its table.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use netlink_sys::Socket;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, NetlinkAddr, recvmmsg, send, setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::conntrack::{self, Event};
use super::packet::{self, Queued, Verdicts};
use super::wire::{Messages, Writer};

/// How netlink numbers netfilter.
const NETFILTER: isize = 12;

/// How many messages are received by one call.
const BATCH: usize = 64;

/// Room for one message of a queue or an event: the headers of a packet, its conntrack entry.
const MESSAGE: usize = 2048;

/// Room for one message of a dump, which holds many entries.
const DUMP_MESSAGE: usize = 32 * 1024;

/// How long a queue waits for a packet before its thread looks whether it is to end.
const WAIT: Duration = Duration::from_millis(200);

/// For how long a verdict is sent again where there is no memory for it, and how often.
const WAIT_FOR_MEMORY: Duration = Duration::from_secs(10);
const TRY_AGAIN: Duration = Duration::from_millis(1);

/// How one attempt to receive ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::guard) enum Received {
    /// Something came.
    Some,
    /// There was nothing, or only an interruption.
    Nothing,
    /// The kernel had more than the socket had room for, and dropped the rest.
    Overflow,
}

fn open(buffer: usize) -> io::Result<Socket> {
    let mut socket = Socket::new(NETFILTER)?;
    socket.bind_auto()?;
    // Beyond net.core.rmem_max it takes CAP_NET_ADMIN, which a guard has.
    setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &buffer)?;
    Ok(socket)
}

/// Sends one request and waits for how it went. The socket has nothing else to receive yet, or is
/// about to be closed.
fn request(socket: &Socket, write: impl FnOnce(&mut Writer)) -> io::Result<()> {
    let mut writer = Writer::default();
    write(&mut writer);
    socket.send(writer.bytes(), 0)?;
    let mut buffer = vec![0; MESSAGE];
    loop {
        let length = nix::sys::socket::recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let received = Messages::in_bytes(&buffer[..length]);
        if let Some(outcome) = received.into_iter().find_map(|message| message.outcome()) {
            return outcome;
        }
    }
}

/// Sends, and tries again for a while where the kernel has no memory just now: the packets of
/// these verdicts wait.
fn send_in_the_end(socket: RawFd, bytes: &[u8]) -> io::Result<()> {
    let mut left = WAIT_FOR_MEMORY;
    loop {
        match send(socket, bytes, MsgFlags::empty()) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(Errno::ENOBUFS | Errno::ENOMEM | Errno::EAGAIN) if left > Duration::ZERO => {
                std::thread::sleep(TRY_AGAIN);
                left = left.saturating_sub(TRY_AGAIN);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Room for many messages, received by one call. It stays with the thread that makes it.
pub(in crate::guard) struct Buffers {
    headers: MultiHeaders<NetlinkAddr>,
    bytes: Vec<u8>,
    /// The length of each message of the last call.
    lengths: Vec<usize>,
}

impl std::fmt::Debug for Buffers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffers").field("lengths", &self.lengths).finish_non_exhaustive()
    }
}

impl Buffers {
    /// Room for as many messages as one call receives.
    pub(in crate::guard) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, None),
            bytes: vec![0; BATCH * MESSAGE],
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// Receives what there is, and waits for the first message where `flags` say so.
    fn receive(&mut self, socket: RawFd, flags: MsgFlags) -> io::Result<Received> {
        self.lengths.clear();
        let mut slices: [[IoSliceMut; 1]; BATCH] = {
            let mut rest = self.bytes.chunks_exact_mut(MESSAGE);
            std::array::from_fn(|_| [IoSliceMut::new(rest.next().unwrap_or_default())])
        };
        match recvmmsg(socket, &mut self.headers, &mut slices, flags, None) {
            Ok(messages) => {
                self.lengths.extend(messages.map(|message| message.bytes));
                Ok(Received::Some)
            }
            Err(Errno::ENOBUFS) => Ok(Received::Overflow),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(Received::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    fn messages(&self) -> impl Iterator<Item = super::wire::Message<'_>> {
        let received = self.bytes.chunks_exact(MESSAGE).zip(&self.lengths);
        received.flat_map(|(bytes, length)| Messages::in_bytes(&bytes[..(*length).min(MESSAGE)]))
    }
}

/// What a queue is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::guard) struct QueueOptions {
    /// Let pass what there is no room to queue.
    pub(in crate::guard) fail_open: bool,
    /// The most packets that wait at once.
    pub(in crate::guard) length: u32,
    /// The socket's buffer, in bytes.
    pub(in crate::guard) buffer: usize,
}

/// One queue of packets that wait for a verdict.
///
/// It belongs to one thread.
pub(in crate::guard) struct Queue {
    socket: Socket,
    number: u16,
    verdicts: Verdicts,
    tells_entries: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Queue {
    /// Binds queue `number`.
    ///
    /// # Errors
    ///
    /// Where it may not be bound (`PermissionDenied`), or another program has it (`ResourceBusy`,
    /// or `PermissionDenied` on older kernels).
    pub(in crate::guard) fn bind(number: u16, options: &QueueOptions) -> io::Result<Self> {
        let socket = open(options.buffer)?;
        request(&socket, |writer| packet::bind(writer, number, options.length))?;
        if options.fail_open {
            request(&socket, |writer| packet::set_flag(writer, number, packet::FLAG_FAIL_OPEN))?;
        }
        let flag = |writer: &mut Writer| packet::set_flag(writer, number, packet::FLAG_CONNTRACK);
        let tells_entries = match request(&socket, flag) {
            // The kernel has just loaded what it needs for it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                request(&socket, flag).is_ok()
            }
            asked => asked.is_ok(),
        };
        let wait = TimeVal::new(0, WAIT.subsec_micros().into());
        setsockopt(&socket.as_fd(), sockopt::ReceiveTimeout, &wait)?;
        // Last, and without an answer to wait for: every packet that comes is judged.
        let mut writer = Writer::default();
        packet::begin(&mut writer, number);
        socket.send(writer.bytes(), 0)?;
        let verdicts = Verdicts::on(number);
        Ok(Self { socket, number, verdicts, tells_entries })
    }

    /// Whether packets come with their conntrack entry: a kernel may be built without.
    pub(in crate::guard) const fn tells_entries(&self) -> bool {
        self.tells_entries
    }

    /// Waits a while for packets.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub(in crate::guard) fn receive(&self, buffers: &mut Buffers) -> io::Result<Received> {
        buffers.receive(self.socket.as_raw_fd(), MsgFlags::MSG_WAITFORONE)
    }

    /// Asks `judge` whether each packet that was received passes, and tells the kernel.
    ///
    /// # Errors
    ///
    /// Where the verdicts cannot be sent.
    pub(in crate::guard) fn judge(
        &mut self,
        received: &Buffers,
        mut judge: impl FnMut(&Queued) -> bool,
    ) -> io::Result<()> {
        for packet in received.messages().filter_map(|message| packet::queued(&message)) {
            self.verdicts.push(packet.number, judge(&packet));
        }
        let mut sent = Ok(());
        self.verdicts.take(|bytes| {
            let socket = self.socket.as_raw_fd();
            sent = send_in_the_end(socket, bytes);
        });
        sent
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // The kernel unbinds it with the socket in any case, and drops what still waits.
        let _unbound = request(&self.socket, |writer| packet::unbind(writer, self.number));
    }
}

/// What conntrack tells of entries that begin and end.
pub(in crate::guard) struct Events {
    socket: Socket,
    buffers: Buffers,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// Listens to ends, and to `beginnings` where that is said, with room for `buffer` bytes of
    /// events. The kernel makes no message of what nobody listens to.
    ///
    /// # Errors
    ///
    /// Where that is not allowed.
    pub(in crate::guard) fn listen(buffer: usize, beginnings: bool) -> io::Result<Self> {
        let socket = open(buffer)?;
        // The kernel keeps an end that it could not tell, and tells it again.
        socket.set_broadcast_error(true)?;
        socket.add_membership(conntrack::GROUP_DESTROY)?;
        if beginnings {
            socket.add_membership(conntrack::GROUP_NEW)?;
        }
        Ok(Self { socket, buffers: Buffers::new() })
    }

    /// Adds to `events` what there is, without waiting.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub(in crate::guard) fn receive(&mut self, events: &mut Vec<Event>) -> io::Result<Received> {
        let received = self.buffers.receive(self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT)?;
        events.extend(self.buffers.messages().filter_map(|message| conntrack::event(&message)));
        Ok(received)
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads conntrack's table.
pub(in crate::guard) struct Table {
    socket: Socket,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl Table {
    /// Begins to read all entries.
    ///
    /// # Errors
    ///
    /// Where that is not allowed.
    pub(in crate::guard) fn read() -> io::Result<Self> {
        let socket = open(4 * DUMP_MESSAGE)?;
        let mut writer = Writer::default();
        conntrack::dump(&mut writer);
        socket.send(writer.bytes(), 0)?;
        Ok(Self { socket, bytes: vec![0; DUMP_MESSAGE] })
    }

    /// Waits for the next entries and hands them to `take`; false after the last.
    ///
    /// # Errors
    ///
    /// Where the kernel breaks off.
    pub(in crate::guard) fn next(
        &mut self,
        mut take: impl FnMut(super::Entry),
    ) -> io::Result<bool> {
        let socket = self.socket.as_raw_fd();
        let length = nix::sys::socket::recv(socket, &mut self.bytes, MsgFlags::empty())?;
        for message in Messages::in_bytes(&self.bytes[..length]) {
            if let Some(outcome) = message.outcome() {
                return outcome.map(|()| false);
            }
            if let Some(Event::New(entry)) = conntrack::event(&message) {
                take(entry);
            }
        }
        Ok(true)
    }
}

impl AsFd for Table {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
