//! Who is measured: what every contestant can do, Tollgate, and the floor.

use std::hint::black_box;

use super::case::pair_loop;
use crate::catalogue::Entry;
use crate::gate::counter::{self, Counter, Seat};
use crate::gate::{self, Gate, Refusal, Token, Worker};
use crate::license::{Kind, Limit, RunningLicense, Unit};

/// What a contestant is made for.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How many units it may admit.
    pub limit: u64,
    /// How many threads will have a handle.
    pub threads: usize,
    /// The model whose gate Tollgate runs.
    pub entry: &'static Entry,
}

impl Terms {
    /// The part of the limit that belongs to one thread where each has its own.
    pub const fn share(&self, thread: usize) -> u64 {
        share(self.limit, self.threads, thread)
    }
}

/// Something that counts units against a limit, for several threads.
pub trait Contestant: Sized + Sync {
    /// What it is called in tables.
    const NAME: &'static str;
    /// Whether threads share the limit. The others give each thread its part of it, for good.
    const SHARED: bool = true;
    /// Whether it admits as many units as the limit says, however many threads ask.
    const EXACT: bool = true;
    /// What one thread has of it.
    type Handle: Handle;

    /// With nothing in use.
    fn new(terms: &Terms) -> Self;

    /// The handle of the thread with this number.
    fn handle(&self, thread: usize) -> Self::Handle;

    /// Changes the limit under traffic; whether it can.
    fn set_limit(&self, limit: u64) -> bool;
}

/// One thread's handle on a contestant.
pub trait Handle: Send {
    /// What stands for an admitted unit until it is released.
    type Unit: Send;

    /// Admits one unit, unless the limit is reached.
    fn admit(&mut self) -> Option<Self::Unit>;

    /// Gives back a unit.
    fn release(&mut self, unit: Self::Unit);

    /// What stands for another unit, where one is as good as the other.
    ///
    /// For cases in which one thread admits and another releases: units then change hands by their
    /// number, and what is measured is not a queue.
    fn twin(_unit: &Self::Unit) -> Option<Self::Unit> {
        None
    }

    /// Admits and releases, one after the other, in a tight loop: with what the contestant offers
    /// for one.
    #[inline(always)]
    fn pairs(&mut self, operations: u64)
    where
        Self: Sized,
    {
        pair_loop(self, operations);
    }

    /// Admits up to [`BURST`] units, in one step where there is one, and gives them back in one;
    /// how many.
    #[inline]
    fn burst(&mut self) -> u64 {
        let mut units = [const { None }; BURST];
        units.fill_with(|| self.admit());
        let mut admitted = 0;
        for unit in units.into_iter().flatten() {
            self.release(unit);
            admitted += 1;
        }
        admitted
    }
}

/// Units in a burst: what a packet thread takes off its queue at once.
pub(super) const BURST: usize = 32;

/// The part of `total` that belongs to one of `threads`; the parts add up to it.
pub(super) const fn share(total: u64, threads: usize, thread: usize) -> u64 {
    let (threads, thread) = (threads as u64, thread as u64);
    total / threads + (thread < total % threads) as u64
}

/// A plain counter of the thread's own, in memory, compared with a limit.
///
/// In a tight loop a contestant whose count stays in a register can be below it.
/// Without [`black_box`] the optimiser would find that a pair changes nothing and drop the counter.
/// It is shown the counter once an operation, so that each loads, compares, adds and stores.
#[derive(Debug)]
pub struct Floor(Terms);

#[doc(hidden)]
#[derive(Debug)]
pub struct FloorHandle {
    used: u64,
    limit: u64,
}

impl Contestant for Floor {
    const NAME: &'static str = "floor";
    const SHARED: bool = false;
    type Handle = FloorHandle;

    fn new(terms: &Terms) -> Self {
        Self(*terms)
    }

    fn handle(&self, thread: usize) -> FloorHandle {
        FloorHandle { used: 0, limit: self.0.share(thread) }
    }

    /// It has no limit that another thread could change: who publishes only wakes up.
    fn set_limit(&self, _limit: u64) -> bool {
        true
    }
}

impl Handle for FloorHandle {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        let room = self.used < self.limit;
        if room {
            self.used += 1;
        }
        black_box(&mut self.used);
        room.then_some(())
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        // Where another thread admits, this one's counter goes below nothing.
        self.used = self.used.wrapping_sub(1);
        black_box(&mut self.used);
    }

    fn twin((): &()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn burst(&mut self) -> u64 {
        let units = (BURST as u64).min(self.limit - self.used);
        self.used += units;
        black_box(&mut self.used);
        self.used -= units;
        black_box(&mut self.used);
        units
    }
}

/// No admission control at all: everything is admitted, nothing is counted.
#[derive(Debug)]
pub struct Nobody;

impl Contestant for Nobody {
    const NAME: &'static str = "none";
    const SHARED: bool = false;
    const EXACT: bool = false;
    type Handle = Self;

    fn new(_terms: &Terms) -> Self {
        Self
    }

    fn handle(&self, _thread: usize) -> Self {
        Self
    }

    fn set_limit(&self, _limit: u64) -> bool {
        false
    }
}

impl Handle for Nobody {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        Some(())
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {}
}

/// The limit counter alone, through a seat of each thread.
#[derive(Debug)]
pub struct TollgateCounter(Counter);

impl Contestant for TollgateCounter {
    const NAME: &'static str = "tollgate-counter";
    type Handle = Seat;

    fn new(terms: &Terms) -> Self {
        Self(Counter::new(terms.limit))
    }

    fn handle(&self, _thread: usize) -> Seat {
        self.0.seat()
    }

    fn set_limit(&self, limit: u64) -> bool {
        self.0.set_limit(limit);
        true
    }
}

impl Handle for Seat {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        Self::admit(self).then_some(())
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        Self::release(self, 1);
    }

    fn twin((): &()) -> Option<()> {
        Some(())
    }

    #[inline(always)]
    fn pairs(&mut self, operations: u64) {
        pair_loop(&mut Self::burst(self), operations);
    }

    #[inline]
    fn burst(&mut self) -> u64 {
        let units = self.admit_up_to(BURST as u64);
        Self::release(self, units);
        units
    }
}

impl Handle for counter::Burst<'_> {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        Self::admit(self).then_some(())
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        Self::release(self, 1);
    }
}

/// A gate, through a worker of each thread: the whole public path with verdict, token and
/// statistics.
#[derive(Debug)]
pub struct Tollgate<const VPN: bool> {
    gate: Gate,
    entry: &'static Entry,
}

/// Connections, which are counted in shares of each worker's own.
pub type TollgateConnections = Tollgate<false>;

/// IPsec sessions, which take a unit of two limits at once, in one word.
pub type TollgateVpn = Tollgate<true>;

impl<const VPN: bool> Tollgate<VPN> {
    const KIND: Kind = if VPN { Kind::Ikev1L2l } else { Kind::Connection };

    /// The model's own licence, held at `limit`.
    pub(super) fn license(entry: &'static Entry, limit: u64) -> RunningLicense {
        let mut unit = Unit::new(entry);
        let restricted = if VPN { Limit::OtherVpn } else { Limit::FirewallConns };
        unit.restrict(restricted, u32::try_from(limit).unwrap_or(u32::MAX));
        RunningLicense::of(&unit)
    }

    /// The gate itself, to publish to.
    pub(super) const fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl<const VPN: bool> Contestant for Tollgate<VPN> {
    const NAME: &'static str = if VPN { "tollgate-vpn" } else { "tollgate" };
    type Handle = Admit<VPN>;

    fn new(terms: &Terms) -> Self {
        let gate = Gate::new(Self::license(terms.entry, terms.limit));
        Self { gate, entry: terms.entry }
    }

    fn handle(&self, _thread: usize) -> Admit<VPN> {
        Admit(self.gate.worker())
    }

    fn set_limit(&self, limit: u64) -> bool {
        self.gate.publish(Self::license(self.entry, limit)).is_ok()
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Admit<const VPN: bool>(Worker);

impl<const VPN: bool> Handle for Admit<VPN> {
    type Unit = Token;

    #[inline(always)]
    fn admit(&mut self) -> Option<Token> {
        seen(self.0.admit(Tollgate::<VPN>::KIND))
    }

    #[inline(always)]
    fn release(&mut self, token: Token) {
        self.0.release(token);
    }

    #[inline(always)]
    fn pairs(&mut self, operations: u64) {
        pair_loop(&mut AdmitInBurst::<VPN>(self.0.burst()), operations);
    }

    /// A debug build tells every token apart.
    fn twin(token: &Token) -> Option<Token> {
        (!cfg!(debug_assertions)).then_some(*token)
    }
}

struct AdmitInBurst<'a, const VPN: bool>(gate::Burst<'a>);

impl<const VPN: bool> Handle for AdmitInBurst<'_, VPN> {
    type Unit = Token;

    #[inline(always)]
    fn admit(&mut self) -> Option<Token> {
        seen(self.0.admit(Tollgate::<VPN>::KIND))
    }

    #[inline(always)]
    fn release(&mut self, token: Token) {
        self.0.release(token);
    }
}

/// Whoever is refused looks why.
#[inline(always)]
fn seen(verdict: Result<Token, Refusal>) -> Option<Token> {
    match verdict {
        Ok(token) => Some(token),
        Err(refusal) => {
            black_box(refusal.limit);
            None
        }
    }
}
