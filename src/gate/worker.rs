//! A packet thread's handle.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

#[cfg(feature = "capi")]
use super::counter::Share;
use super::counter::{self, Counter, Place, Seat};
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
    verdict: Verdict,
    /// A worker is not shared: its counters have one writer.
    not_sync: PhantomData<Cell<()>>,
}

impl Worker {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        let stats = inner.register.enter();
        let connections = inner.connections.as_ref().map(Counter::seat);
        let verdict = Verdict { published: u64::MAX, refusal: inner.refusal_of_connection() };
        Self { inner, stats, connections, verdict, not_sync: PhantomData }
    }

    /// This worker, for a loop over a burst of packets.
    ///
    /// It does what the worker does. A worker has to be read from memory for every packet, because
    /// other threads' stores could be anywhere as far as a compiler knows; what a burst consists
    /// of stays in registers.
    ///
    /// ```
    /// # use tollgate::catalogue;
    /// # use tollgate::gate::Gate;
    /// # use tollgate::license::{Kind, Limit, RunningLicense, Unit};
    /// # let unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
    /// # let gate = Gate::new(RunningLicense::of(&unit));
    /// let mut worker = gate.worker();
    /// let mut burst = worker.burst();
    /// let tokens: Vec<_> = (0..32).flat_map(|_packet| burst.admit(Kind::Connection)).collect();
    /// tokens.into_iter().for_each(|token| burst.release(token));
    /// assert_eq!(gate.usage(Limit::FirewallConns).in_use, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn burst(&mut self) -> Burst<'_> {
        Burst {
            inner: &self.inner,
            stats: &self.stats,
            connections: self.connections.as_mut().map(Seat::burst),
            verdict: &mut self.verdict,
        }
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
    #[track_caller]
    pub fn admit(&mut self, kind: Kind) -> Result<Token, Refusal> {
        let Self { inner, stats, connections, verdict, .. } = self;
        admit(inner, stats, connections.as_mut(), verdict, kind)
    }

    /// The first half of [`admit`](Self::admit) for a connection: what is in the worker's share.
    ///
    /// What it misses is not a verdict, and ends with
    /// [`admit_connection_after`](Self::admit_connection_after): in a function of its own, so that
    /// one that other languages call saves no registers for it.
    #[cfg(feature = "capi")]
    #[inline(always)]
    #[track_caller]
    pub(crate) fn admit_connection_from_share(&mut self) -> Result<Token, Missed> {
        match self.connections.as_mut().map(Seat::admit_from_share) {
            Some(Ok(())) => Ok(self.inner.enter(Token::new(Kind::Connection))),
            Some(Err(miss)) => Err(Missed(Some(miss))),
            None => Err(Missed(None)),
        }
    }

    /// The other half.
    #[cfg(feature = "capi")]
    #[expect(clippy::needless_pass_by_value, reason = "what was begun ends once")]
    #[track_caller]
    pub(crate) fn admit_connection_after(&mut self, missed: Missed) -> Result<Token, Refusal> {
        let Self { inner, stats, connections, verdict, .. } = self;
        let Missed(miss) = missed;
        match (connections, miss) {
            (Some(seat), Some(miss)) => {
                if seat.admit_after(miss) {
                    Ok(inner.enter(Token::new(Kind::Connection)))
                } else {
                    Err(verdict.again(inner))
                }
            }
            _ => inner.admit(stats, Kind::Connection),
        }
    }

    /// The first half of [`release`](Self::release) of [`Token::CONNECTION`]: whether that was all.
    /// Else it ends with [`release_after`](Self::release_after).
    #[cfg(feature = "capi")]
    #[inline(always)]
    #[track_caller]
    pub(crate) fn release_to_share(&mut self) -> bool {
        self.connections.as_mut().is_some_and(|seat| {
            self.inner.leave(Token::CONNECTION);
            seat.release_to_share()
        })
    }

    /// The other half.
    #[cfg(feature = "capi")]
    #[track_caller]
    pub(crate) fn release_after(&mut self) {
        match &mut self.connections {
            Some(seat) => {
                if !seat.release_after() {
                    self.stats.excess();
                }
            }
            None => self.inner.release(&self.stats, Token::CONNECTION),
        }
    }

    /// What C's inline half needs. A debug build checks every token, so nothing is inline in it.
    #[cfg(feature = "capi")]
    pub(crate) fn share(&self) -> Share {
        match &self.connections {
            Some(seat) if !cfg!(debug_assertions) => seat.share(),
            _ => Share::NONE,
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

    /// Admits as many of `units` of `kind` as there is room for; each is handed to `keep`.
    ///
    /// For a burst of packets, or a block of session identifiers. Connections far below their limit
    /// are admitted in one step, all of them together; the other kinds one after another, each in
    /// all of its limits. A burst that is cut short counts as one refusal.
    ///
    /// # Errors
    ///
    /// The [`Refusal`], when not all of them were admitted: after those that were, a limit of this
    /// kind had no room at some instant of the call. Those stay admitted.
    ///
    /// ```
    /// # use tollgate::catalogue;
    /// # use tollgate::gate::Gate;
    /// # use tollgate::license::{Kind, Limit, RunningLicense, Unit};
    /// # let mut unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
    /// unit.restrict(Limit::FirewallConns, 40);
    /// let gate = Gate::new(RunningLicense::of(&unit));
    /// let (mut worker, mut tokens) = (gate.worker(), Vec::new());
    /// worker.admit_up_to(Kind::Connection, 32, |token| tokens.push(token))?;
    /// let refusal = worker.admit_up_to(Kind::Connection, 32, |token| tokens.push(token));
    /// assert_eq!(refusal.expect_err("8 are left").limit, Limit::FirewallConns);
    /// assert_eq!(tokens.len(), 40);
    /// tokens.into_iter().for_each(|token| worker.release(token));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn admit_up_to(
        &mut self,
        kind: Kind,
        units: usize,
        mut keep: impl FnMut(Token),
    ) -> Result<(), Refusal> {
        let Self { inner, stats, connections, verdict, .. } = self;
        match connections {
            Some(seat) if kind == Kind::Connection => {
                let mut left = units as u64;
                while left > 0 {
                    // Less than was asked for is what there was at one instant; whether there is
                    // more, only the next attempt can tell, and a refusal is nothing less.
                    let granted = seat.admit_up_to(left);
                    (0..granted).for_each(|_| keep(inner.enter(Token::new(kind))));
                    left -= granted;
                    if granted == 0 {
                        return Err(verdict.again(inner));
                    }
                }
                Ok(())
            }
            _ => (0..units).try_for_each(|_| inner.admit(stats, kind).map(&mut keep)),
        }
    }

    /// Gives back what `token` holds, whichever worker admitted it.
    ///
    /// A token is given back once. A debug build panics when it is given back twice or was never
    /// admitted by this gate; a release build drops the release where nothing of its kind is in
    /// use, and counts it in [`Audit::excess_releases`](super::Audit::excess_releases). While many
    /// connections are free nobody can tell whether another worker's is in use: a connection that
    /// is given back twice then shows in the audit, once more are given back than are in use.
    #[inline(always)]
    #[track_caller]
    pub fn release(&mut self, token: Token) {
        release(&self.inner, &self.stats, self.connections.as_mut(), token);
    }
}

/// What [`Worker::admit_connection_from_share`] has begun: the share's miss, where
/// there is a share.
#[cfg(feature = "capi")]
#[must_use = "the admission ends with `admit_connection_after`"]
#[derive(Debug)]
pub(crate) struct Missed(Option<counter::Miss>);

#[cfg(feature = "capi")]
impl Missed {
    /// A unit was taken, and the door was not seen open after that.
    pub(crate) const SHUT: Self = Self(Some(counter::Miss::Shut));
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inner.register.leave(&self.stats);
    }
}

/// A [`Worker`] for the length of a loop: see [`Worker::burst`].
#[derive(Debug)]
pub struct Burst<'a> {
    inner: &'a Arc<Inner>,
    stats: &'a Block,
    connections: Option<counter::Burst<'a>>,
    verdict: &'a mut Verdict,
}

impl Burst<'_> {
    /// As [`Worker::admit`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    #[track_caller]
    pub fn admit(&mut self, kind: Kind) -> Result<Token, Refusal> {
        admit(self.inner, self.stats, self.connections.as_mut(), self.verdict, kind)
    }

    /// As [`Worker::admit_connection`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    #[track_caller]
    pub fn admit_connection(&mut self, hosts: &HostPair) -> Result<Token, Refusal> {
        if self.connections.is_some() {
            return self.admit(Kind::Connection);
        }
        self.inner.admit_connection(self.stats, hosts)
    }

    /// As [`Worker::release`].
    #[inline(always)]
    #[track_caller]
    pub fn release(&mut self, token: Token) {
        release(self.inner, self.stats, self.connections.as_mut(), token);
    }
}

/// The last refusal of a connection: a flood gets the same answer again.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    /// How many licences had been published then; more than any number where there was none yet.
    published: u64,
    refusal: Refusal,
}

impl Verdict {
    #[inline(always)]
    fn again(&mut self, inner: &Inner) -> Refusal {
        let published = inner.published();
        if self.published != published {
            *self = Self { published, refusal: inner.refusal_of_connection() };
        }
        self.refusal
    }
}

#[inline(always)]
#[track_caller]
fn admit(
    inner: &Arc<Inner>,
    stats: &Block,
    connections: Option<&mut impl Place>,
    verdict: &mut Verdict,
    kind: Kind,
) -> Result<Token, Refusal> {
    match connections {
        Some(place) if kind == Kind::Connection => {
            if place.admit() {
                Ok(inner.enter(Token::new(kind)))
            } else {
                Err(verdict.again(inner))
            }
        }
        _ => inner.admit(stats, kind),
    }
}

#[inline(always)]
#[track_caller]
fn release(inner: &Arc<Inner>, stats: &Block, connections: Option<&mut impl Place>, token: Token) {
    match connections {
        Some(place) if token.is(Kind::Connection) => {
            inner.leave(token);
            if !place.release(1) {
                stats.excess();
            }
        }
        _ => inner.release(stats, token),
    }
}
