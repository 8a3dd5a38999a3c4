//! The data plane: admits and releases under every limit of the running licence.
//!
//! A [`Gate`] serves one firewall. Each packet thread has a [`Worker`]; it admits, gets a
//! [`Token`] for its flow entry, and any worker gives the token back. Code that admits rarely
//! reserves a [`Permit`] from the gate itself, which gives itself back when it is dropped.
//! [`Gate::publish`] swaps the running licence while traffic flows.
//!
//! ```
//! use tollgate::catalogue::{self, Feature, Value};
//! use tollgate::gate::Gate;
//! use tollgate::license::{Kind, Limit, RunningLicense, Unit};
//!
//! let mut unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
//! unit.add(Feature::AnyconnectPremium, Value::Count(10))?;
//! let gate = Gate::new(RunningLicense::of(&unit));
//!
//! let mut worker = gate.worker();
//! let token = worker.admit(Kind::Connection).expect("280,000 are allowed");
//! worker.release(token);
//!
//! let sessions: Vec<_> = (0..10).map(|_| gate.reserve(Kind::Clientless)).collect();
//! assert!(sessions.iter().all(Result::is_ok));
//! let refusal = gate.reserve(Kind::Anyconnect).expect_err("10 is all");
//! assert_eq!(refusal.limit, Limit::Anyconnect);
//! assert_eq!(refusal.to_string(),
//!     "anyconnect refused by anyconnect: anyconnect allows 10 (permanent licence)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Algorithm
//!
//! Limits that are taken together share one 64-bit word of free units ([`word`], [`group`]), so an
//! admission is one compare-and-swap and an attempt that fails has touched nothing. Connections,
//! which are taken alone and most often, are counted in shares of each worker's own ([`counter`]).
//! Inside hosts of the ASA 5505 are counted by address, in the same step as their connection, in
//! one word with it ([`hosts`]). What
//! was admitted and refused is counted by each worker on its own lines ([`stats`]).
//!
//! # Invariants
//!
//! * **I1** Never more in use than the limit, but for what was in use when it was lowered.
//! * **I2** A refusal is exact: at some instant of the call, one of the limits had no room.
//! * **I3** All or nothing: an attempt that is refused changes no counter, so it never makes
//!   another fail.
//! * **I4** When [`Gate::publish`] has returned, nothing is admitted beyond the new limits.
//! * **I5** free + held = allowed for every limit, debt included; [`Gate::audit`] checks it.
//!
//! # Orderings
//!
//! In the tables of [`group`], [`counter`], [`figures`] and [`stats`], and: a licence is published
//! before its number (Release), which a worker reads (Acquire) before it repeats a refusal. The
//! snapshot of the licence is swapped by arc-swap and only read for reports; no counter relies on
//! when it is seen, and no verdict.
//!
//! # Progress
//!
//! Admission and release are lock-free and neither allocate nor call the system, but for inside
//! hosts ([`hosts`]) and for the record of live tokens that a debug build keeps. Publishing,
//! reports, and workers coming and going take a lock that no packet thread waits for.

mod audit;
pub mod counter;
mod figures;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod group;
mod hosts;
#[cfg(all(debug_assertions, not(tollgate_loom)))]
mod live;
mod permit;
mod plan;
mod refusal;
mod stats;
mod token;
mod usage;
mod word;
mod worker;

use std::sync::Arc;

use self::counter::Counter;
use self::figures::Figures;
use self::group::Group;
use self::hosts::Hosts;
use self::plan::{CONNECTIONS, GROUPS, Plan, group_of};
use self::stats::{Block, Register, Stats, Totals};
use self::word::{Request, Word};
use crate::catalogue::Feature;
use crate::license::{Kind, Limit, RunningLicense};
use crate::sync::{ArcSwap, AtomicU64, CachePadded, Mutex, Ordering, PerThread};

pub use crate::sync::Fence;
pub use audit::{Audit, AuditLine};
pub use hosts::{Host, HostPair, Zone};
pub use permit::{ClientlessSession, Permit};
pub use refusal::Refusal;
pub use token::{Part, Token};
pub use usage::Usage;
pub use worker::{Burst, Worker};
#[cfg(feature = "capi")]
pub(crate) use {counter::Share, worker::Missed};

/// Admission control for one firewall, shared by all of its threads.
///
/// A clone is the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    plan: Plan,
    groups: [Group; GROUPS.len()],
    /// Counts connections instead of their group, where that group is they alone.
    connections: Option<Counter>,
    hosts: Option<Hosts>,
    license: ArcSwap<RunningLicense>,
    /// What refusals tell of it.
    figures: Figures,
    /// How many licences have been published: who has kept a verdict knows when to look again.
    published: CachePadded<AtomicU64>,
    register: Register,
    /// The counters of threads that ask the gate itself.
    own: PerThread<Block>,
    publishing: Mutex<()>,
    #[cfg(all(debug_assertions, not(tollgate_loom)))]
    live: live::Live,
}

/// How a gate counts, for who tunes or debugs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Info {
    /// How workers that count connections in shares see each other's stores in time. None where
    /// connections are counted in one word: with hosts, or with exact peaks.
    pub fence: Option<Fence>,
}

/// Why a running licence was not published. The one before stays in force.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The licence is for another model.
    #[error("a gate for `{gate}` cannot run a licence for `{license}`; build a new gate for it")]
    OtherModel {
        /// The model, tier and guide that the gate runs.
        gate: String,
        /// The model, tier and guide that the licence is for.
        license: String,
    },
}

impl Gate {
    /// A gate that runs `license`, with nothing in use.
    pub fn new(license: RunningLicense) -> Self {
        Self::build(license, false)
    }

    /// A gate that notes the peak of connections at every admission.
    ///
    /// For the replay of captures and for tests: admissions of all workers change one word, which
    /// costs them some tens of nanoseconds where workers meet. What [`Usage::peak`] is otherwise
    /// is told there.
    ///
    /// ```
    /// # use tollgate::catalogue;
    /// # use tollgate::gate::Gate;
    /// # use tollgate::license::{Kind, Limit, RunningLicense, Unit};
    /// # let unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
    /// let gate = Gate::with_exact_peaks(RunningLicense::of(&unit));
    /// let mut workers = [gate.worker(), gate.worker()];
    /// let tokens: Vec<_> =
    ///     workers.iter_mut().flat_map(|worker| worker.admit(Kind::Connection)).collect();
    /// tokens.into_iter().for_each(|token| workers[0].release(token));
    /// assert_eq!(gate.usage(Limit::FirewallConns).peak, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_exact_peaks(license: RunningLicense) -> Self {
        Self::build(license, true)
    }

    fn build(license: RunningLicense, exact_peaks: bool) -> Self {
        let plan = Plan::new(&license);
        let connections = (plan.counts_connections_alone() && !exact_peaks)
            .then(|| Counter::new(connection_limit(&license)));
        let group = |group| Group::new(plan.lanes(group), plan.limit_word(group, &license));
        let groups = std::array::from_fn(group);
        let hosts =
            plan.counts_hosts().then(|| Hosts::new(license.host_rule(), host_room(&license)));
        let inner = Inner {
            plan,
            groups,
            connections,
            hosts,
            figures: Figures::new(&license),
            license: ArcSwap::from_pointee(license),
            published: CachePadded::new(AtomicU64::new(0)),
            register: Register::new(),
            own: PerThread::new(),
            publishing: Mutex::new(()),
            #[cfg(all(debug_assertions, not(tollgate_loom)))]
            live: live::Live::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A worker for one packet thread.
    pub fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.inner))
    }

    /// Reserves a unit that gives itself back when the permit is dropped.
    ///
    /// For code that admits rarely, such as VPN termination: it counts on a block of the calling
    /// thread, which takes longer to find than a worker's.
    ///
    /// # Errors
    ///
    /// The [`Refusal`], when a limit of this kind has no room.
    pub fn reserve(&self, kind: Kind) -> Result<Permit, Refusal> {
        self.inner.permit(kind)
    }

    /// Reserves a clientless session, whose client can be started from its portal (E1).
    ///
    /// # Errors
    ///
    /// The [`Refusal`], when the licence has no clientless sessions or no more of them.
    pub fn reserve_clientless(&self) -> Result<ClientlessSession, Refusal> {
        self.inner.permit(Kind::Clientless).map(ClientlessSession::new)
    }

    /// Puts `license` in force while traffic flows.
    ///
    /// When it returns, nothing is admitted beyond the new limits. What was admitted before stays;
    /// a limit below use admits nothing until enough has been released.
    ///
    /// # Errors
    ///
    /// When the licence is for another model: what is counted together differs.
    pub fn publish(&self, license: RunningLicense) -> Result<(), PublishError> {
        let inner = &*self.inner;
        let _one_at_a_time = inner.publishing.lock();
        let (running, new) = (inner.license.load().entry(), license.entry());
        if (running.model, running.guide()) != (new.model, new.guide()) {
            return Err(PublishError::OtherModel {
                gate: running.to_string(),
                license: new.to_string(),
            });
        }
        let limits: [Word; GROUPS.len()] =
            std::array::from_fn(|group| inner.plan.limit_word(group, &license));
        let (rule, connections) = (license.host_rule(), connection_limit(&license));
        inner.figures.publish(&license);
        inner.license.store(Arc::new(license));
        // Release: partner is the Acquire in `Inner::published`, so that who sees the number sees
        // the figures. loom: a_flood_hears_of_a_new_licence
        inner.published.fetch_add(1, Ordering::Release);
        for (index, (group, limits)) in inner.groups.iter().zip(limits).enumerate() {
            match &inner.hosts {
                Some(hosts) if index == CONNECTIONS => hosts.publish(rule, group, limits),
                _ => group.publish(limits),
            }
        }
        if let Some(counter) = &inner.connections {
            counter.set_limit(connections);
        }
        Ok(())
    }

    /// The running licence, with the reason for every figure.
    pub fn license(&self) -> Arc<RunningLicense> {
        self.inner.license.load_full()
    }

    /// How this gate counts.
    ///
    /// ```
    /// # use tollgate::catalogue;
    /// # use tollgate::gate::{Fence, Gate};
    /// # use tollgate::license::{RunningLicense, Unit};
    /// let unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
    /// let info = Gate::new(RunningLicense::of(&unit)).info();
    /// assert_eq!(info.fence, Some(Fence::best()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn info(&self) -> Info {
        Info { fence: self.inner.connections.as_ref().map(Counter::fence) }
    }

    /// Whether connections are admitted with their hosts on this model.
    ///
    /// Where they are not, [`Worker::admit_connection`] ignores the addresses.
    pub fn counts_hosts(&self) -> bool {
        self.inner.plan.counts_hosts()
    }
}

fn connection_limit(license: &RunningLicense) -> u64 {
    let allowance = license.limit(Limit::FirewallConns).allowance();
    allowance.units().map_or(Counter::UNLIMITED, u64::from)
}

/// Places for hosts that need no allocation: two a connection in the model's largest tier.
fn host_room(license: &RunningLicense) -> usize {
    /// More hosts than this are found room for when they come.
    const MOST: usize = 65_536;
    let tiers = crate::catalogue::entries().filter(|entry| entry.model == license.entry().model);
    let conns = tiers.filter_map(|entry| entry.row(Feature::FirewallConns)?.value.count()).max();
    let conns = conns.and_then(|conns| usize::try_from(conns).ok()).unwrap_or(0);
    (conns * 2).min(MOST)
}

impl Inner {
    /// Admits one `kind`, counted on `stats`.
    #[inline]
    #[track_caller]
    fn admit(&self, stats: &Stats, kind: Kind) -> Result<Token, Refusal> {
        match self.take(stats, kind) {
            Ok(()) => Ok(self.enter(Token::new(kind))),
            Err(word) => Err(self.refuse_kind(stats, kind, word)),
        }
    }

    /// Takes a unit of what `kind` takes; the word that lacked the room, where one did.
    ///
    /// Inlined: what a call stores on the stack, the locked instruction would wait for.
    #[inline(always)]
    fn take(&self, stats: &Stats, kind: Kind) -> Result<(), Word> {
        let group = group_of(kind);
        if group == CONNECTIONS {
            return self.take_connection(stats);
        }
        let request = self.plan.request(kind);
        if !request.is_for_nothing() {
            self.groups[group].admit(request)?;
        }
        stats.admitted(kind);
        Ok(())
    }

    /// Takes a connection for who has no share.
    #[cold]
    #[inline(never)]
    fn take_connection(&self, stats: &Stats) -> Result<(), Word> {
        if let Some(counter) = &self.connections {
            let full = || Word::free(self.plan.lanes(CONNECTIONS), &[0]);
            return if counter.admit() { Ok(()) } else { Err(full()) };
        }
        self.groups[CONNECTIONS].admit(self.plan.request(Kind::Connection))?;
        stats.admitted(Kind::Connection);
        Ok(())
    }

    /// Admits a connection and the hosts it brings in, counted on `stats`.
    #[inline]
    #[track_caller]
    fn admit_connection(&self, stats: &Stats, pair: &HostPair) -> Result<Token, Refusal> {
        let Some(hosts) = &self.hosts else { return self.admit(stats, Kind::Connection) };
        match hosts.admit(&self.groups[CONNECTIONS], pair) {
            Ok((token, new)) => {
                stats.admitted(Kind::Connection);
                stats.hosts(new, 0);
                Ok(self.enter(token))
            }
            Err((request, word)) => {
                Err(self.refuse(stats, Kind::Connection, (CONNECTIONS, &request, word)))
            }
        }
    }

    #[inline]
    fn published(&self) -> u64 {
        // Acquire: partner is the Release in `Gate::publish`.
        self.published.load(Ordering::Acquire)
    }

    /// The refusal of a connection that is counted alone; its counter has counted it.
    #[cold]
    fn refusal_of_connection(&self) -> Refusal {
        let lanes = self.plan.lanes(CONNECTIONS);
        let one = Request::none(lanes).and(0);
        let full = (CONNECTIONS, &one, Word::free(lanes, &[0]));
        refusal::explain(&self.plan, &self.figures, Kind::Connection, full)
    }

    /// The refusal of a `kind` by `word`, counted on `stats` unless a counter has counted it.
    #[cold]
    #[inline(never)]
    fn refuse_kind(&self, stats: &Stats, kind: Kind, word: Word) -> Refusal {
        let group = group_of(kind);
        if group == CONNECTIONS && self.connections.is_some() {
            return self.refusal_of_connection();
        }
        self.refuse(stats, kind, (group, self.plan.request(kind), word))
    }

    #[cold]
    fn refuse(&self, stats: &Stats, kind: Kind, lacking: (usize, &Request, Word)) -> Refusal {
        let refusal = refusal::explain(&self.plan, &self.figures, kind, lacking);
        stats.refused(refusal.limit);
        refusal
    }

    /// Gives back what `token` holds, counted on `stats`.
    #[inline]
    #[track_caller]
    fn release(&self, stats: &Stats, token: Token) {
        self.leave(token);
        self.give(stats, token);
    }

    #[inline]
    fn give(&self, stats: &Stats, token: Token) {
        let kind = token.kind();
        let group = group_of(kind);
        if group == CONNECTIONS {
            return self.give_connection(stats, token);
        }
        let request = self.plan.request(kind);
        if request.is_for_nothing() || self.groups[group].release_at_once(request) {
            stats.released(kind);
        } else {
            self.give_slowly(stats, kind);
        }
    }

    /// Gives back one `kind`, whatever there is to find out first.
    #[cold]
    #[inline(never)]
    fn give_slowly(&self, stats: &Stats, kind: Kind) {
        if self.groups[group_of(kind)].release_slowly(self.plan.request(kind)) {
            stats.released(kind);
        } else {
            stats.excess();
        }
    }

    #[inline(never)]
    fn give_connection(&self, stats: &Stats, token: Token) {
        let word = &self.groups[CONNECTIONS];
        let given_back = match (&self.connections, &self.hosts) {
            (Some(counter), _) if counter.release(1) => return,
            (Some(_), _) => None,
            (None, Some(hosts)) => hosts.release(word, token),
            (None, None) => word.release(self.plan.request(token.kind())).then_some(0),
        };
        match given_back {
            Some(hosts) => {
                stats.released(token.kind());
                if hosts > 0 {
                    stats.hosts(0, hosts);
                }
            }
            None => stats.excess(),
        }
    }

    /// What all workers have counted. Connections that are counted alone are counted once, by their
    /// counter.
    fn totals(&self) -> Totals {
        let mut totals = self.register.totals();
        if let Some(counter) = &self.connections {
            let counted = counter.totals();
            totals.admitted[Kind::Connection.index()] = counted.admitted;
            totals.released[Kind::Connection.index()] = counted.released;
            totals.refused[Limit::FirewallConns.index()] = counted.refused;
        }
        totals
    }

    /// A debug build's check that `token` is out.
    #[cfg_attr(
        not(all(debug_assertions, not(tollgate_loom))),
        expect(clippy::unused_self, reason = "a debug build keeps the token")
    )]
    #[inline]
    #[track_caller]
    fn leave(&self, token: Token) {
        #[cfg(all(debug_assertions, not(tollgate_loom)))]
        self.live.leave(token);
        #[cfg(not(all(debug_assertions, not(tollgate_loom))))]
        let _ = token;
    }

    #[cfg_attr(
        not(all(debug_assertions, not(tollgate_loom))),
        expect(clippy::unused_self, reason = "a debug build keeps the token")
    )]
    #[inline]
    #[track_caller]
    fn enter(&self, token: Token) -> Token {
        #[cfg(all(debug_assertions, not(tollgate_loom)))]
        let token = self.live.enter(token);
        token
    }

    #[track_caller]
    fn permit(self: &Arc<Self>, kind: Kind) -> Result<Permit, Refusal> {
        let token = self.with_own_stats(|stats| self.admit(stats, kind))?;
        Ok(Permit::new(Arc::clone(self), token))
    }

    /// Runs `f` with the calling thread's own counters.
    #[track_caller]
    fn with_own_stats<R>(&self, f: impl FnOnce(&Stats) -> R) -> R {
        self.own.with(|| self.register.enter(), |block| f(block))
    }
}
