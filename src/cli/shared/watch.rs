//! The unit's file while the unit runs: what is entered there counts at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::cli::Failure;
use crate::cli::operator::looked_at;
use crate::cli::text::tell;
use crate::license::RunningLicense;
use crate::pool::Membership;
use crate::serve::Order;
use crate::store::{Device, Mark};

/// How often the file is looked at, which is one call of the system.
const LOOK: Duration = Duration::from_millis(250);

/// How often it is read though it has not changed: a time-based licence may have ended.
const READ: Duration = Duration::from_secs(30);

/// What a unit is by its file.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Standing {
    /// What it has without the pool.
    pub(super) own: RunningLicense,
    /// What it brings into the pool.
    pub(super) membership: Membership,
    /// Sessions in the pool, of a server whose key says how many.
    pub(super) size: Option<u32>,
}

/// What a unit is by what its file says, or why it may not take part.
pub(super) type Judge = Box<dyn Fn(&Device) -> Result<Standing, Failure> + Send + Sync>;

/// Watches one file.
pub(super) struct Watch {
    path: PathBuf,
    judge: Judge,
    known: Standing,
    mark: Option<Mark>,
    /// Why it could not be read, which is told once.
    unread: Option<String>,
    hangup: Signal,
}

impl Watch {
    pub(super) fn new(path: &Path, judge: Judge, known: Standing) -> Result<Self, Failure> {
        let failed = |error| Failure::Failed(format!("cannot wait for signals: {error}"));
        let hangup = signal(SignalKind::hangup()).map_err(failed)?;
        let path = path.to_owned();
        Ok(Self { path, judge, known, mark: None, unread: None, hangup })
    }

    /// Gives an order whenever the licence is another one. Gives back why the unit may no longer
    /// take part.
    pub(super) async fn until_it_may_not(mut self, orders: &UnboundedSender<Order>) -> Failure {
        // The file may have changed since it was read for the first time.
        let mut read = Instant::now();
        loop {
            let told = tokio::select! {
                _ = self.hangup.recv() => true,
                () = sleep(LOOK) => false,
            };
            let mark = Mark::of(&self.path);
            if !told && mark == self.mark && Instant::now() < read {
                continue;
            }
            (self.mark, read) = (mark, Instant::now() + READ);
            if let Err(failure) = self.look(orders).await {
                return failure;
            }
        }
    }

    /// Reads the file. Where that fails the unit goes on with the licence that it has: the file may
    /// be in the middle of a change.
    async fn look(&mut self, orders: &UnboundedSender<Order>) -> Result<(), Failure> {
        let path = self.path.clone();
        let Ok(device) = spawn_blocking(move || looked_at(&path)).await else { return Ok(()) };
        let device = match device {
            Ok(device) => device,
            Err(failure) => {
                let why = Some(failure.to_string());
                if self.unread != why {
                    tell(&format_args!("%TOLLGATE-4-unit-unread: {failure}"));
                }
                (self.mark, self.unread) = (None, why);
                return Ok(());
            }
        };
        self.unread = None;
        let standing = (self.judge)(&device)?;
        if standing != self.known {
            tell(&"%TOLLGATE-5-license-changed: the unit's licence changed and is in force");
            self.known = standing.clone();
            let Standing { own, membership, size } = standing;
            let _ = orders.send(Order::License { own: Box::new(own), membership, size });
        }
        Ok(())
    }
}
