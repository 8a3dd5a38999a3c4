//! What a peer may take of connections, time, memory and frames.

use std::time::Duration;

use tokio::time::Instant;

use super::{MAX_FRAME, Role};

/// The limits of a [`Listener`](super::Listener) or a [`Dialer`](super::Dialer).
///
/// The defaults are ours, for 10,000 participants that each refresh every 10 to 300 s (G13).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in all.
    pub connections: u32,
    /// Connections that have not proved anything yet, so that strangers cannot take the places of
    /// all participants.
    pub strangers: u32,
    /// Connections from one IPv4 address or one IPv6 /64 network. More where many participants are
    /// behind one translated address.
    pub per_address: u32,
    /// From the connection to the end of the handshake.
    pub handshake_time: Duration,
    /// How long a peer with a wrong proof waits until it is cut.
    pub refusal_delay: Duration,
    /// How often an address may fail before it is turned away.
    pub failures: Pace,
    /// How long a peer may be silent. Each side sends an empty frame, which nobody sees, when it
    /// had nothing to say for a third of its own, so both sides should have the same.
    pub idle: Duration,
    /// From the first byte of a frame to its last one.
    pub frame_time: Duration,
    /// How long a peer may leave unread what was sent.
    pub write_time: Duration,
    /// What a participant may send and leave waiting.
    pub participant: Traffic,
    /// What a server or its backup may, which speak of all participants.
    pub server: Traffic,
}

/// The frames of one peer.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Frames that wait to be sent; one more and the peer is cut.
    pub queue: usize,
    /// Frames that it sends; one before its time and it is cut.
    pub frames: Pace,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 12_000,
            strangers: 1024,
            per_address: 64,
            handshake_time: Duration::from_secs(10),
            refusal_delay: Duration::from_secs(3),
            failures: Pace { every: Duration::from_secs(2), burst: 10 },
            idle: Duration::from_secs(120),
            frame_time: Duration::from_secs(5),
            write_time: Duration::from_secs(10),
            participant: Traffic {
                queue: 32,
                frames: Pace { every: Duration::from_millis(20), burst: 100 },
            },
            server: Traffic {
                queue: 4096,
                frames: Pace { every: Duration::from_micros(200), burst: 8192 },
            },
        }
    }
}

impl Limits {
    pub(super) const fn traffic(&self, role: Role) -> Traffic {
        match role {
            Role::Participant => self.participant,
            Role::Backup | Role::Server => self.server,
        }
    }

    pub(super) fn heartbeat(&self) -> Duration {
        self.idle / 3
    }
}

/// How often something may happen: one each `every`, and up to `burst` at once after a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// The mean time between two.
    pub every: Duration,
    /// The most at once; 0 counts as 1.
    pub burst: u32,
}

impl Pace {
    /// How far ahead of the clock a meter may run: the generic cell rate algorithm's tolerance.
    fn tolerance(&self) -> Duration {
        self.every.saturating_mul(self.burst.saturating_sub(1))
    }
}

/// Where one peer stands against a [`Pace`], by the generic cell rate algorithm (ITU-T I.371): the
/// time at which everything it did would have been due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    due: Instant,
}

impl Meter {
    pub(super) const fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// Whether one more is within the pace; it is counted only then.
    pub(super) fn take(&mut self, pace: &Pace, now: Instant) -> bool {
        let within = !self.is_spent(pace, now);
        if within {
            self.due = self.due.max(now) + pace.every;
        }
        within
    }

    /// One that was counted did not happen after all.
    pub(super) fn give_back(&mut self, pace: &Pace) {
        self.due = self.due.checked_sub(pace.every).unwrap_or(self.due);
    }

    pub(super) fn is_spent(&self, pace: &Pace, now: Instant) -> bool {
        self.due.saturating_duration_since(now) > pace.tolerance()
    }

    /// Whether it says no more than a new one.
    pub(super) fn is_rested(&self, now: Instant) -> bool {
        self.due <= now
    }

    /// When it will be rested.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }
}

/// How long a [`Dialer`](super::Dialer) waits before it tries again: at random up to a ceiling that
/// doubles with every failure (“full jitter”).
///
/// Evenly from nothing on, so that however many lose their server at one moment, they come back
/// spread over the whole of `first`, and those that found no room over twice as much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// The ceiling of the first wait.
    pub first: Duration,
    /// The highest ceiling. A link that lasted so long makes the next wait a first one again.
    pub most: Duration,
}

impl Default for Backoff {
    /// 5 s, over which 10,000 come at 2,000 a second, up to 15 s: after however long an outage
    /// everyone has been there within half the default refresh interval (G13). Waiting costs
    /// nothing: participants keep their sessions for 24 hours (G32).
    fn default() -> Self {
        Self { first: Duration::from_secs(5), most: Duration::from_secs(15) }
    }
}

impl Backoff {
    /// The wait after `failures` in a row, for a `dice` from the whole range.
    pub(super) fn wait(&self, failures: u32, dice: u32) -> Duration {
        let ceiling = self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.most);
        ceiling.mul_f64(f64::from(dice) / f64::from(u32::MAX))
    }
}

/// What is gathered for one write: so many bytes and the frame that passes them.
pub(super) const BATCH: usize = 4 * MAX_FRAME;

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { every: Duration::from_secs(1), burst: 3 };

    #[test]
    fn a_burst_then_one_each_interval() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let taken = |meter: &mut Meter, now| (0..10).filter(|_| meter.take(&PACE, now)).count();
        assert_eq!(taken(&mut meter, start), 3);
        assert!(meter.is_spent(&PACE, start) && !meter.is_rested(start));
        assert_eq!(taken(&mut meter, start + Duration::from_millis(999)), 0);
        assert_eq!(taken(&mut meter, start + Duration::from_secs(1)), 1);
        assert_eq!(taken(&mut meter, start + Duration::from_secs(3)), 2);
        assert_eq!(meter.due(), start + Duration::from_secs(6));
        assert!(meter.is_rested(start + Duration::from_secs(6)));
        assert_eq!(taken(&mut meter, start + Duration::from_secs(60)), 3);
    }

    #[test]
    fn a_burst_of_nothing_is_one() {
        let now = Instant::now();
        let pace = Pace { every: Duration::from_secs(1), burst: 0 };
        let mut meter = Meter::new(now);
        assert!(meter.take(&pace, now) && !meter.take(&pace, now));
    }

    #[test]
    fn waits_double_up_to_the_most_and_fill_the_range() {
        let backoff = Backoff::default();
        let ceilings: Vec<_> =
            (0..6).map(|failures| backoff.wait(failures, u32::MAX).as_secs()).collect();
        assert_eq!(ceilings, [5, 10, 15, 15, 15, 15]);
        assert_eq!(backoff.wait(u32::MAX, u32::MAX), backoff.most);
        assert_eq!(backoff.wait(3, 0), Duration::ZERO);
        let middle = backoff.wait(0, u32::MAX / 2).as_millis();
        assert!((2499..=2500).contains(&middle), "{middle} ms");
    }
}
