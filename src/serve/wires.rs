//! Every connection of one unit: who comes in, and whom it dials.

use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::side::Side;
use crate::license::key::Serial;
use crate::net::{Counts, Dialer, Event, Listener, Peer, Role};

/// The listener and the dialers of a unit, and by which of them each peer is reached.
#[derive(Debug, Default)]
pub struct Wires {
    /// Where participants and the backup come in.
    pub listener: Option<Listener>,
    /// The servers: first the main one.
    pub dialers: Vec<Dialer>,
    sides: HashMap<Serial, (Side, Role)>,
    /// Which of the dialers is for the backup that the server told of.
    told: Option<usize>,
}

impl Wires {
    /// A unit that listens, dials, or both.
    pub fn new(listener: Option<Listener>, dialers: Vec<Dialer>) -> Self {
        Self { listener, dialers, sides: HashMap::new(), told: None }
    }

    /// The next event of any of them. Dropping the future before it is ready loses nothing.
    pub(super) async fn next(&mut self) -> (Side, Event) {
        let (side, event) = first(&mut self.listener, &mut self.dialers).await;
        match &event {
            Event::Up(peer) => {
                self.sides.insert(peer.serial, (side, peer.role));
            }
            Event::Down(peer, _) if self.sides.get(&peer.serial).is_some_and(|it| it.0 == side) => {
                self.sides.remove(&peer.serial);
            }
            _ => {}
        }
        (side, event)
    }

    /// Sends a frame where there is a link for it; a machine sends again what was lost.
    pub(super) fn send(&mut self, to: Serial, frame: Vec<u8>) {
        let sent = match (self.sides.get(&to), &mut self.listener) {
            (Some(&(Side::In, _)), Some(listener)) => listener.send(&to, frame),
            (Some(&(Side::Out(index), _)), _) => {
                self.dialers.get_mut(index).map_or(Ok(()), |dialer| dialer.send(&to, frame))
            }
            _ => Ok(()),
        };
        // A peer that is gone or too far behind is told of by its `Down`.
        drop(sent);
    }

    /// Connects to the backup besides, or elsewhere than before. Gives back who is no longer
    /// connected for that.
    pub(super) fn dial_backup(&mut self, dialer: Dialer) -> Vec<(Peer, Side)> {
        let index = *self.told.get_or_insert(self.dialers.len());
        let side = Side::Out(index);
        let gone = self.sides.iter().filter(|(_, it)| it.0 == side);
        let gone: Vec<_> =
            gone.map(|(&serial, &(_, role))| (Peer { role, serial }, side)).collect();
        self.sides.retain(|_, it| it.0 != side);
        match self.dialers.get_mut(index) {
            Some(before) => *before = dialer,
            None => self.dialers.push(dialer),
        }
        gone
    }

    /// Peers that are connected.
    pub(super) fn peers(&self) -> usize {
        self.sides.len()
    }

    pub(super) fn is_up(&self, peer: Serial) -> bool {
        self.sides.contains_key(&peer)
    }

    /// What the listener and every dialer counted.
    pub(super) fn counts(&self) -> Vec<Counts> {
        let dialers = self.dialers.iter().map(Dialer::counts);
        self.listener.iter().map(Listener::counts).chain(dialers).collect()
    }

    /// Sends what waits, and ends.
    pub(super) async fn close(self) {
        for dialer in self.dialers {
            dialer.close().await;
        }
        if let Some(listener) = self.listener {
            listener.close().await;
        }
    }
}

/// The first event of a listener and dialers.
async fn first(listener: &mut Option<Listener>, dialers: &mut [Dialer]) -> (Side, Event) {
    let incoming = async {
        match listener {
            Some(listener) => (Side::In, listener.next().await),
            None => pending().await,
        }
    };
    let outgoing = async {
        let mut waiting: Vec<_> =
            dialers.iter_mut().map(|dialer| Box::pin(dialer.next())).collect();
        poll_fn(|context| {
            for (index, next) in waiting.iter_mut().enumerate() {
                if let Poll::Ready(event) = next.as_mut().poll(context) {
                    return Poll::Ready((Side::Out(index), event));
                }
            }
            Poll::Pending
        })
        .await
    };
    let (incoming, outgoing) = (pin!(incoming), pin!(outgoing));
    tokio::select! {
        event = incoming => event,
        event = outgoing => event,
    }
}
