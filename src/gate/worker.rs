//! A packet thread's handle.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::counter::{Counter, Seat};
use super::stats::Block;
use super::{HostPair, Inner, Refusal, Token};
use crate::license::Kind;

/// One packet thread's handle on a gate.
///
/// It moves to its thread and stays there (`Send`, not `Sync`): what it counts it counts with
/// plain stores on lines of its own. Dropping it keeps what it counted and leaves its tokens
/// valid; they are released on any other worker.
#[derive(Debug)]
pub struct Worker {
    inner: Arc<Inner>,
    stats: Block,
    /// Where connections are counted alone.
    connections: Option<Seat>,
    /// How many licences had been published when a connection was refused last; more than any where
    /// none was.
    refused_at: u64,
    /// That refusal: floods get the same answer again.
    refusal: Refusal,
    /// A worker is not shared: its counters have one writer.
    not_sync: PhantomData<Cell<()>>,
}

impl Worker {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        let stats = inner.register.enter();
        let connections = inner.connections.as_ref().map(Counter::seat);
        let refusal = inner.refusal_of_connection();
        Self { inner, stats, connections, refused_at: u64::MAX, refusal, not_sync: PhantomData }
    }

    /// Admits one `kind`.
    ///
    /// A [`Kind::Connection`] counts as a connection only; where the model also limits inside
    /// hosts, [`admit_connection`](Self::admit_connection) counts those too.
    ///
    /// # Errors
    ///
    /// The [`Refusal`], when a limit of this kind has no room. Nothing has changed then.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the hint does not reach into packet loops; measured")]
    #[track_caller]
    pub fn admit(&mut self, kind: Kind) -> Result<Token, Refusal> {
        match &mut self.connections {
            Some(seat) if kind == Kind::Connection => {
                if seat.admit() {
                    Ok(self.inner.enter(Token::new(kind)))
                } else {
                    Err(self.refuse_connection())
                }
            }
            _ => self.inner.admit(&self.stats, kind),
        }
    }

    /// Admits a connection and, where the model limits them, the inside hosts that it brings in.
    ///
    /// Source: 9.1 guide, Table 5-1 footnote 2 (rules E56 – E64).
    ///
    /// # Errors
    ///
    /// The [`Refusal`], when connections or inside hosts have no room. Nothing has changed then.
    ///
    /// ```
    /// # use tollgate::catalogue;
    /// # use tollgate::gate::{Gate, Host, HostPair, Zone};
    /// # use tollgate::license::{Limit, RunningLicense, Unit};
    /// let unit = Unit::new(catalogue::find("ASA 5505", None, None)?);
    /// let gate = Gate::new(RunningLicense::of(&unit));
    /// let mut worker = gate.worker();
    /// let server = Host { address: "198.51.100.1".parse()?, zone: Zone::Outside };
    /// let mut connect = |inside: String| {
    ///     let source = Host { address: inside.parse().expect("an address"), zone: Zone::Inside };
    ///     worker.admit_connection(&HostPair { source, destination: server })
    /// };
    /// for host in 1..=10 {
    ///     connect(format!("10.0.0.{host}")).expect("10 hosts are allowed");
    /// }
    /// connect("10.0.0.1".to_owned()).expect("a host counts once");
    /// let refusal = connect("10.0.0.11".to_owned()).expect_err("the eleventh");
    /// assert_eq!(refusal.limit, Limit::InsideHosts);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn admit_connection(&mut self, hosts: &HostPair) -> Result<Token, Refusal> {
        if self.connections.is_some() {
            return self.admit(Kind::Connection);
        }
        self.inner.admit_connection(&self.stats, hosts)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the hint does not reach into packet loops; measured")]
    fn refuse_connection(&mut self) -> Refusal {
        let published = self.inner.published();
        if self.refused_at != published {
            self.refusal = self.inner.refusal_of_connection();
            self.refused_at = published;
        }
        self.refusal
    }

    /// Gives back what `token` holds, whichever worker admitted it.
    ///
    /// A token is given back once. A debug build panics when it is given back twice or was never
    /// admitted by this gate; a release build drops the release where nothing of its kind is in
    /// use, and counts it in [`Audit::excess_releases`](super::Audit::excess_releases). While many
    /// connections are free nobody can tell whether another worker's is in use: a connection that
    /// is given back twice then shows in the audit, once more are given back than are in use.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the hint does not reach into packet loops; measured")]
    #[track_caller]
    pub fn release(&mut self, token: Token) {
        match &mut self.connections {
            Some(seat) if token.is(Kind::Connection) => {
                self.inner.leave(token);
                if !seat.release(1) {
                    self.stats.excess();
                }
            }
            _ => self.inner.release(&self.stats, token),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inner.register.leave(&self.stats);
    }
}
