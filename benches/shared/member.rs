//! What participants of either system do.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often a participant is heard of.
pub(crate) const REFRESH: Duration = Duration::from_secs(30);

/// A participant of one of the two systems, with a connection of its own.
pub(crate) trait Member {
    /// Comes back until it is served: connected, known, and with what it wants.
    async fn up(&mut self);

    /// Is heard of every [`REFRESH`], until it is no longer connected.
    async fn hold(&mut self, board: &Board);

    /// Is heard of now, and waits for the answer.
    async fn refresh(&mut self);

    /// Gets fifty sessions more.
    async fn take(&mut self);

    /// Gives them back.
    async fn give(&mut self);
}

/// What all participants together do. They share one thread.
#[derive(Default)]
pub(crate) struct Board {
    /// How many are served.
    pub(crate) served: Cell<usize>,
    /// How many refreshes were answered.
    pub(crate) refreshes: Cell<u64>,
}

impl Board {
    pub(crate) fn refreshed(&self) {
        self.refreshes.set(self.refreshes.get() + 1);
    }

    /// Waits until `count` are served.
    pub(crate) async fn reach(&self, count: usize) {
        while self.served.get() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A participant that stays, and comes back whenever it loses its server.
pub(crate) async fn stay(mut member: impl Member, board: Rc<Board>) {
    loop {
        member.up().await;
        board.served.set(board.served.get() + 1);
        member.hold(&board).await;
        board.served.set(board.served.get() - 1);
    }
}

/// What a participant does again and again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Refresh,
    Grant,
}

/// Works without a pause but the one that the server's limit on frames asks for, until `until`, and
/// counts.
pub(crate) async fn work(member: &mut impl Member, work: Work, until: Instant) -> u64 {
    let (mut done, pace) = (0, Duration::from_millis(51));
    while Instant::now() < until {
        let start = tokio::time::Instant::now();
        match work {
            Work::Refresh => member.refresh().await,
            Work::Grant => {
                member.take().await;
                tokio::time::sleep_until(start + pace).await;
                member.give().await;
            }
        }
        done += 1;
        tokio::time::sleep_until(tokio::time::Instant::now().max(start + pace)).await;
    }
    done
}
