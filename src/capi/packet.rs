//! The data plane: what a packet thread calls.

use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::names::kind as kind_of;
use super::{TgGate, TgKind, TgLimit, TgStatus, guarded, needed};
use crate::gate::{Host, HostPair, Missed, Part, Refusal, Share, Token, Worker, Zone};
use crate::license::{Allowance, Kind};

/// One packet thread's handle on a gate. It belongs to the thread that first admits or gives back
/// on it: no other one may. A debug build of the library ends the process where another one does.
#[repr(C)]
#[derive(Debug)]
pub struct TgWorker {
    /// Of the worker, as of its last operation that did not end in the share; first, where the
    /// header's inline half finds it.
    share: Share,
    worker: Worker,
    /// As of the gate, for as long as it lives.
    counts_hosts: bool,
    /// What [`this_thread`] says where it was used first.
    #[cfg(debug_assertions)]
    owner: Option<usize>,
}

// What the header's inline half takes for granted.
const _: () = assert!(std::mem::offset_of!(TgWorker, share) == 0);
const _: () = assert!(Token::CONNECTION.to_bits() == 0x7fff_ffff_ff80);

impl TgWorker {
    /// The worker, for its own thread.
    #[inline(always)]
    fn of_this_thread(&mut self) -> &mut Worker {
        #[cfg(debug_assertions)]
        {
            let this = this_thread();
            let owner = *self.owner.get_or_insert(this);
            assert!(owner == this, "a worker is used by another thread than its own");
        }
        &mut self.worker
    }

    /// What need not end in the worker's share, and changes then what it has in hand.
    #[inline(always)]
    fn with<R>(&mut self, operation: impl FnOnce(&mut Worker) -> R) -> R {
        let result = operation(self.of_this_thread());
        self.share = self.worker.share();
        result
    }
}

/// An address that no other thread has while this one lives. Unlike std's number of a thread it
/// allocates nothing.
#[cfg(debug_assertions)]
fn this_thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// One admitted unit, in eight bytes for a flow entry. Plain data: copy it, keep it, give it back
/// once, on any worker of the gate that admitted it. All zeroes is no token (TG_NO_TOKEN), so an
/// entry that was cleared holds none.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TgToken {
    /// Nobody's business but the library's.
    pub bits: u64,
}

impl From<Token> for TgToken {
    fn from(token: Token) -> Self {
        // Not zero: a connection has hosts or says that it has none, and its two hosts differ.
        Self { bits: token.to_bits() }
    }
}

impl TgToken {
    #[inline]
    fn token(self) -> Option<Token> {
        match Token::from_bits(self.bits) {
            Some(token) if self.bits != 0 => Some(token),
            _ => None,
        }
    }
}

/// How much a limit allows. Zero, unlimited, disabled and not supported are four things.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TgAllowance {
    /// The model cannot do it, whatever licence is bought: nothing is admitted.
    NotSupported = 0,
    /// No licence for it is in force: nothing is admitted.
    Disabled,
    /// At most so many units at once.
    Limited,
    /// Counted, without a limit.
    Unlimited,
}

impl TgAllowance {
    pub(super) const fn of(allowance: Allowance) -> Self {
        match allowance {
            Allowance::NotSupported => Self::NotSupported,
            Allowance::Disabled => Self::Disabled,
            Allowance::Limited(_) => Self::Limited,
            Allowance::Unlimited => Self::Unlimited,
        }
    }
}

/// Why something was not admitted. tg_gate_why tells where the allowance came from.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TgRefusal {
    /// What asked.
    pub kind: TgKind,
    /// The limit that had no room.
    pub limit: TgLimit,
    /// What the limit allows.
    pub allowance: TgAllowance,
    /// How many units, where that is TG_ALLOWANCE_LIMITED; else 0.
    pub units: u32,
}

/// One end of a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TgHost {
    /// The address in network order; of an IPv4 address the first four bytes.
    pub address: [u8; 16],
    /// 4 or 6.
    pub family: u8,
    /// 0 on any interface but the outside one, 1 on the interface of the default route.
    pub zone: u8,
}

impl TgHost {
    fn host(&self) -> Option<Host> {
        let [a, b, c, d, ..] = self.address;
        let address = match self.family {
            4 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            6 => IpAddr::V6(Ipv6Addr::from(self.address)),
            _ => return None,
        };
        let zone = match self.zone {
            0 => Zone::Inside,
            1 => Zone::Outside,
            _ => return None,
        };
        Some(Host { address, zone })
    }
}

/// Makes a worker for one packet thread; any thread may make it. Free it with tg_worker_free.
#[unsafe(no_mangle)]
pub extern "C" fn tg_worker_new(
    gate: Option<&TgGate>,
    worker: Option<&mut MaybeUninit<Option<Box<TgWorker>>>>,
) -> TgStatus {
    guarded(|| {
        let place = needed(worker)?.write(None);
        let gate = &needed(gate)?.0;
        let worker = gate.worker();
        let worker = TgWorker {
            share: worker.share(),
            worker,
            counts_hosts: gate.counts_hosts(),
            #[cfg(debug_assertions)]
            owner: None,
        };
        *place = Some(Box::new(worker));
        Ok(())
    })
}

/// Frees a worker, on any thread, when its own no longer uses it. What it counted stays counted,
/// and tokens that it admitted stay valid on the gate's other workers. Null is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn tg_worker_free(worker: Option<Box<TgWorker>>) {
    guarded(|| {
        drop(worker);
        Ok(())
    });
}

/// Admits one `kind` (enum tg_kind) on the thread's own worker.
///
/// TG_STATUS_OK: *token holds a unit until it is given back. TG_STATUS_REFUSED: a limit has no
/// room, nothing has changed, and *refusal says which limit, unless refusal is null. A connection
/// counts as a connection only; where tg_gate_counts_hosts, use tg_admit_connection.
#[unsafe(no_mangle)]
pub extern "C" fn tg_admit(
    worker: Option<&mut TgWorker>,
    kind: u32,
    token: Option<&mut MaybeUninit<TgToken>>,
    refusal: Option<&mut MaybeUninit<TgRefusal>>,
) -> TgStatus {
    let (Some(worker), Some(place)) = (worker, token) else { return TgStatus::NullPointer };
    if kind != TgKind::Connection as u32 {
        return admit_other(worker, kind, place, refusal);
    }
    match worker.of_this_thread().admit_connection_from_share() {
        Ok(token) => {
            place.write(token.into());
            TgStatus::Ok
        }
        Err(missed) => admit_connection_after(worker, missed, place, refusal),
    }
}

// Functions of their own, last of all, so that a connection far below its limit saves no registers
// for them; and C's, which never unwind, so that they are jumped to. That is most of what a call
// from C costs beyond one from Rust.

#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "Rust calls it, and nothing else")]
extern "C" fn admit_connection_after(
    worker: &mut TgWorker,
    missed: Missed,
    place: &mut MaybeUninit<TgToken>,
    refusal: Option<&mut MaybeUninit<TgRefusal>>,
) -> TgStatus {
    answer(worker.with(|worker| worker.admit_connection_after(missed)), place, refusal)
}

#[inline(never)]
extern "C" fn admit_other(
    worker: &mut TgWorker,
    kind: u32,
    place: &mut MaybeUninit<TgToken>,
    refusal: Option<&mut MaybeUninit<TgRefusal>>,
) -> TgStatus {
    match kind_of(kind) {
        Some(kind) => answer(worker.with(|worker| worker.admit(kind)), place, refusal),
        None => TgStatus::NoSuchKind,
    }
}

#[inline(always)]
fn answer(
    verdict: Result<Token, Refusal>,
    place: &mut MaybeUninit<TgToken>,
    refusal: Option<&mut MaybeUninit<TgRefusal>>,
) -> TgStatus {
    match verdict {
        Ok(token) => {
            place.write(token.into());
            TgStatus::Ok
        }
        Err(why) => refused(&why, refusal),
    }
}

#[inline(never)]
fn refused(why: &Refusal, place: Option<&mut MaybeUninit<TgRefusal>>) -> TgStatus {
    if let Some(place) = place {
        place.write(TgRefusal {
            kind: TgKind::ALL[why.kind.index()],
            limit: TgLimit::ALL[why.limit.index()],
            allowance: TgAllowance::of(why.allowance),
            units: match why.allowance {
                Allowance::Limited(units) => units,
                _ => 0,
            },
        });
    }
    TgStatus::Refused
}

/// What TOLLGATE_INLINE calls where a unit was taken and the share was closed meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn tg_inline1_admit_after(
    worker: &mut TgWorker,
    token: &mut MaybeUninit<TgToken>,
    refusal: Option<&mut MaybeUninit<TgRefusal>>,
) -> TgStatus {
    admit_connection_after(worker, Missed::SHUT, token, refusal)
}

/// What TOLLGATE_INLINE calls where a unit was given back and the share was closed meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn tg_inline1_release_after(worker: &mut TgWorker) -> TgStatus {
    release_connection_after(worker)
}

/// Admits a connection and, where the model limits them (ASA 5505), the inside hosts that it brings
/// in; `source` opened it. Elsewhere the hosts are not looked at, and may be null.
///
/// Answers as tg_admit does; TG_STATUS_BAD_HOST where a family or a zone is none.
#[unsafe(no_mangle)]
pub extern "C" fn tg_admit_connection(
    worker: Option<&mut TgWorker>,
    source: Option<&TgHost>,
    destination: Option<&TgHost>,
    token: Option<&mut MaybeUninit<TgToken>>,
    refusal: Option<&mut MaybeUninit<TgRefusal>>,
) -> TgStatus {
    let (Some(worker), Some(place)) = (worker, token) else { return TgStatus::NullPointer };
    if !worker.counts_hosts {
        let verdict = worker.with(|worker| worker.admit(Kind::Connection));
        return answer(verdict, place, refusal);
    }
    let (Some(source), Some(destination)) = (source, destination) else {
        return TgStatus::NullPointer;
    };
    let (Some(source), Some(destination)) = (source.host(), destination.host()) else {
        return TgStatus::BadHost;
    };
    let hosts = HostPair { source, destination };
    answer(worker.with(|worker| worker.admit_connection(&hosts)), place, refusal)
}

/// Admits as many of `count` units of `kind` as there is room for: their tokens are in the first
/// *admitted places of `tokens`, the others are left as they were.
///
/// TG_STATUS_OK: all of them. TG_STATUS_REFUSED: after those that were admitted a limit had no
/// room, and *refusal says which, unless refusal is null. Connections far below their limit are
/// admitted in one step.
///
/// # Safety
///
/// `tokens` has room for `count` tokens, which nobody else uses during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_admit_up_to(
    worker: Option<&mut TgWorker>,
    kind: u32,
    tokens: *mut TgToken,
    count: usize,
    admitted: Option<&mut MaybeUninit<usize>>,
    refusal: Option<&mut MaybeUninit<TgRefusal>>,
) -> TgStatus {
    let (Some(worker), Some(admitted), false) = (worker, admitted, tokens.is_null()) else {
        return TgStatus::NullPointer;
    };
    let done = admitted.write(0);
    let Some(kind) = kind_of(kind) else { return TgStatus::NoSuchKind };
    let keep = |token: Token| {
        // SAFETY: `admit_up_to` hands over at most `count` tokens, so `done` is below it, and the
        // caller promises that so many fit.
        unsafe { tokens.add(*done).write(token.into()) };
        *done += 1;
    };
    match worker.with(|worker| worker.admit_up_to(kind, count, keep)) {
        Ok(()) => TgStatus::Ok,
        Err(why) => refused(&why, refusal),
    }
}

/// Gives back what `token` holds, whichever worker of the same gate admitted it, on the thread's
/// own worker.
///
/// Give back what was admitted, once. A release build notices a second time where nothing of the
/// kind is in use, or few connections are free: it changes nothing then, and tg_gate_audit counts
/// it. While many connections are free nobody can tell whether it was another worker's; then the
/// audit shows it once more were given back than are in use. A debug build of the library ends the
/// process at once.
/// TG_STATUS_BAD_TOKEN for what no admission gives out, TG_NO_TOKEN among it; nothing changes then.
#[unsafe(no_mangle)]
pub extern "C" fn tg_release(worker: Option<&mut TgWorker>, token: TgToken) -> TgStatus {
    let Some(worker) = worker else { return TgStatus::NullPointer };
    // One comparison tells all of a connection's token, but for those that count hosts.
    if token.bits != Token::CONNECTION.to_bits() {
        return release_other(worker, token);
    }
    if worker.of_this_thread().release_to_share() {
        return TgStatus::Ok;
    }
    release_connection_after(worker)
}

// For the same reasons as those of an admission.

#[inline(never)]
extern "C" fn release_connection_after(worker: &mut TgWorker) -> TgStatus {
    worker.with(Worker::release_after);
    TgStatus::Ok
}

#[inline(never)]
extern "C" fn release_other(worker: &mut TgWorker, token: TgToken) -> TgStatus {
    let Some(token) = token.token() else { return TgStatus::BadToken };
    worker.with(|worker| worker.release(token));
    TgStatus::Ok
}

/// Gives back `count` tokens, in order, as tg_release does. TG_STATUS_BAD_TOKEN: some of them were
/// none and were passed over; all others have been given back.
///
/// # Safety
///
/// `tokens` points to `count` tokens, which nobody changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_release_all(
    worker: Option<&mut TgWorker>,
    tokens: *const TgToken,
    count: usize,
) -> TgStatus {
    let (Some(worker), false) = (worker, tokens.is_null()) else { return TgStatus::NullPointer };
    // SAFETY: not null, and the caller promises `count` tokens.
    let tokens = unsafe { std::slice::from_raw_parts(tokens, count) };
    worker.with(|worker| {
        let mut burst = worker.burst();
        let mut status = TgStatus::Ok;
        for token in tokens {
            match token.token() {
                Some(token) => burst.release(token),
                None => status = TgStatus::BadToken,
            }
        }
        status
    })
}

/// The parts of a clientless session.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TgPart {
    /// The portal in the browser, which is open when the session is admitted.
    Portal = 0,
    /// The AnyConnect client that was started from the portal.
    Client,
}

/// A clientless session whose client has been started from its portal: still one unit. Any other
/// token, and a session whose portal has ended, stays as it is.
#[unsafe(no_mangle)]
pub extern "C" fn tg_token_start_client(token: TgToken) -> TgToken {
    token.token().map_or(token, |token| token.start_client().into())
}

/// A part (enum tg_part) of a clientless session has ended; whether another one is left. True:
/// *token is what is left of the session. False: that was the last one, or no session; *token is as
/// it was, and what it holds is to be given back.
#[unsafe(no_mangle)]
pub extern "C" fn tg_token_end_part(token: Option<&mut TgToken>, part: u32) -> bool {
    let Some(token) = token else { return false };
    let part = match part {
        0 => Part::Portal,
        _ => Part::Client,
    };
    let left = token.token().and_then(|token| token.without(part));
    left.map(|left| *token = left.into()).is_some()
}
