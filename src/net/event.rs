//! What the owner of a listener or a dialer is told, one after another.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::cause::Tally;
use super::link::Link;
use super::{Cause, MAX_FRAME, Peer};
use crate::license::key::Serial;

/// How many notices may wait for the owner, of all its peers together. Peers wait when it is full.
const NOTICES: usize = 1024;

/// What happened on the network.
///
/// Of one unit there is always `Up`, then any number of `Frame`, then `Down`; frames arrive whole,
/// once and in the order in which they were sent, and a link that ends loses those that were on
/// their way.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The unit has proved who it is, and frames can be sent to it.
    Up(Peer),
    /// It sent this, 1 to 1,024 bytes.
    Frame(Peer, Vec<u8>),
    /// It is gone.
    Down(Peer, Cause),
    /// A connection was refused, or an attempt to connect failed. For a log: under an attack most
    /// are only counted.
    Refused(Refused),
}

/// A connection that came to nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// The other end of a connection that came in, where there was one.
    pub from: Option<SocketAddr>,
    /// The address that was dialled, as it was given.
    pub to: Option<String>,
    /// Who it says it is, which is not proved.
    pub claimed: Option<Peer>,
    /// Why.
    pub cause: Cause,
}

/// Why a frame was not sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A frame has 1 to 1,024 bytes.
    #[error("a frame of {length} bytes cannot be sent; one has 1 to {MAX_FRAME}")]
    Length {
        /// How many bytes this one has.
        length: usize,
    },
    /// There is no link to the unit.
    #[error("unit {serial} is not connected")]
    NotUp {
        /// The unit.
        serial: Serial,
    },
    /// The unit reads more slowly than it is written to. It was cut; its `Down` follows.
    #[error("unit {serial} has too many frames waiting and was cut")]
    Overflow {
        /// The unit.
        serial: Serial,
    },
}

/// What connections tell their owner.
pub(super) enum Notice {
    Link { number: u64, peer: Peer, what: What },
    Refused(Refused),
}

pub(super) enum What {
    Up(Link),
    Frame(Vec<u8>),
    Down(Cause),
}

impl Notice {
    pub(super) const fn of(number: u64, peer: Peer, what: What) -> Self {
        Self::Link { number, peer, what }
    }
}

/// The owner's end: what its links tell, and the links.
pub(super) struct Inbox {
    notices: mpsc::Receiver<Notice>,
    links: HashMap<Serial, Link>,
    ready: VecDeque<Event>,
    tally: Arc<Tally>,
}

impl Inbox {
    pub(super) fn new(tally: Arc<Tally>) -> (mpsc::Sender<Notice>, Self) {
        let (sender, notices) = mpsc::channel(NOTICES);
        (sender, Self { notices, links: HashMap::new(), ready: VecDeque::new(), tally })
    }

    /// The next event. Dropping the future before it is ready loses nothing.
    pub(super) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            match self.notices.recv().await {
                Some(Notice::Link { number, peer, what }) => self.take(number, peer, what),
                Some(Notice::Refused(refused)) => return Event::Refused(refused),
                // Whoever listens or dials has ended, which only a panic of it does.
                None => std::future::pending().await,
            }
        }
    }

    /// A link that is no longer the unit's own has nothing more to say.
    fn take(&mut self, number: u64, peer: Peer, what: What) {
        match what {
            What::Up(link) => {
                self.cut(&peer.serial, Cause::Replaced);
                self.links.insert(peer.serial, link);
                self.tally.up();
                self.ready.push_back(Event::Up(peer));
            }
            _ if self.links.get(&peer.serial).is_none_or(|link| link.number != number) => {}
            What::Frame(frame) => self.ready.push_back(Event::Frame(peer, frame)),
            What::Down(cause) => self.cut(&peer.serial, cause),
        }
    }

    pub(super) fn send(&mut self, to: &Serial, frame: Vec<u8>) -> Result<(), SendError> {
        if !(1..=MAX_FRAME).contains(&frame.len()) {
            return Err(SendError::Length { length: frame.len() });
        }
        let link = self.links.get(to).ok_or(SendError::NotUp { serial: *to })?;
        match link.queue.try_send(frame) {
            Ok(()) => Ok(()),
            // The link has ended, and its `Down` is on the way.
            Err(mpsc::error::TrySendError::Closed(_)) => Err(SendError::NotUp { serial: *to }),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.cut(to, Cause::Overflow);
                Err(SendError::Overflow { serial: *to })
            }
        }
    }

    /// Ends the link to a unit at once, where there is one: dropping its end does.
    pub(super) fn cut(&mut self, serial: &Serial, cause: Cause) {
        if let Some(link) = self.links.remove(serial) {
            self.tally.count(cause);
            self.ready.push_back(Event::Down(link.peer, cause));
        }
    }

    /// Ends: no notice is taken any more, and every link when all that waits in it is sent. What is
    /// given back cuts them when it is dropped.
    pub(super) fn close(mut self) -> Vec<oneshot::Sender<Infallible>> {
        self.notices.close();
        self.links.drain().map(|(_, link)| link.cut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Role;
    use crate::net::limits::Limits;
    use crate::net::link::join;

    /// A link that was replaced may still have something on its way: nobody hears it.
    #[tokio::test]
    async fn a_link_that_was_replaced_says_nothing_more() {
        let (notices, mut inbox) = Inbox::new(Arc::default());
        let limits = Limits::default();
        let peer = Peer { role: Role::Participant, serial: "JMX0912K04J".parse().unwrap() };
        let _first = join(1, peer, &limits, notices.clone()).await;
        let _second = join(2, peer, &limits, notices.clone()).await;
        let say = async |number, what| {
            assert!(notices.send(Notice::of(number, peer, what)).await.is_ok());
        };
        say(1, What::Frame(vec![1])).await;
        say(1, What::Down(Cause::Closed)).await;
        say(2, What::Frame(vec![2])).await;
        say(2, What::Down(Cause::Lost)).await;
        say(2, What::Frame(vec![3])).await;
        let expected = [
            Event::Up(peer),
            Event::Down(peer, Cause::Replaced),
            Event::Up(peer),
            Event::Frame(peer, vec![2]),
            Event::Down(peer, Cause::Lost),
        ];
        for event in expected {
            assert_eq!(inbox.next().await, event);
        }
        let counts = inbox.tally.counts();
        assert_eq!((counts.up, counts.of(Cause::Closed), counts.of(Cause::Lost)), (2, 0, 1));
    }
}
