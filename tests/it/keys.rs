//! Units with keys, for the tests of key rings and groups.

use std::time::Duration;

use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::key::{Authority, ParsedKey, Purchase, Register, UnitSecret};
use tollgate::license::ring::{Activation, Clock, Entered, KeyRing, Placed, RingError, State};
use tollgate::license::{Configuration, Limit, RunningLicense};

/// 2014-05-13.
pub(crate) const START: Clock = Clock::from_unix(1_400_000_000);

pub(crate) const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

pub(crate) const fn weeks(weeks: u64) -> Duration {
    days(7 * weeks)
}

/// The time in whole weeks, which it is.
#[track_caller]
pub(crate) fn in_weeks(time: Duration) -> u64 {
    let whole = time.as_secs() / weeks(1).as_secs();
    assert_eq!(weeks(whole), time, "whole weeks");
    whole
}

/// A unit with its key ring, and what its vendor knows of it.
#[derive(Clone)]
pub(crate) struct Firewall {
    pub(crate) ring: KeyRing,
    pub(crate) secret: UnitSecret,
    pub(crate) register: Register,
    pub(crate) configuration: Configuration,
}

impl Firewall {
    /// A unit as shipped: `MODEL[/TIER][ (GUIDE)]`.
    pub(crate) fn new(model: &str) -> Self {
        Self::with_serial(model, "JMX0912K04J")
    }

    pub(crate) fn with_serial(model: &str, serial: &str) -> Self {
        let entry = catalogue::parse_entry(model).expect("a model");
        let secret = Authority::from_secret([7; 32]).unit(&serial.parse().expect("a serial"));
        Self {
            ring: KeyRing::new(entry, *secret.serial(), START),
            secret,
            register: Register::default(),
            configuration: Configuration::default(),
        }
    }

    /// A key for a purchase that is not installed, from `FEATURE=VALUE` words.
    pub(crate) fn buy(&mut self, words: &str, duration: Duration) -> ParsedKey {
        self.register.time_based(&self.secret, &purchase(words), duration).expect("a purchase")
    }

    /// The key for these permanent licences and no others.
    pub(crate) fn permanent_key(&mut self, words: &str) -> ParsedKey {
        let key = self.register.replace_permanent(&self.secret, &purchase(words));
        key.expect("a purchase")
    }

    /// Enters a key.
    pub(crate) fn enter(&mut self, key: ParsedKey) -> Result<Entered, RingError> {
        self.ring.enter(&self.secret, key)
    }

    /// Buys and enters a time-based licence.
    pub(crate) fn timed(&mut self, words: &str, duration: Duration) -> ParsedKey {
        let key = self.buy(words, duration);
        self.enter(key).expect("a key for this unit");
        key
    }

    /// Enters the permanent key with these licences and no others.
    pub(crate) fn permanent(&mut self, words: &str) -> Entered {
        let key = self.permanent_key(words);
        self.enter(key).expect("a key for this unit")
    }

    pub(crate) fn license(&self) -> RunningLicense {
        self.ring.running(&self.configuration)
    }

    pub(crate) fn limit(&self, limit: Limit) -> Value {
        self.license().limit(limit).value()
    }

    pub(crate) fn feature(&self, feature: Feature) -> Value {
        self.license().feature(feature).expect("a row").value()
    }

    pub(crate) fn state(&self, key: ParsedKey) -> State {
        self.ring.find(key).expect("it is installed").state()
    }

    pub(crate) fn left(&self, key: ParsedKey) -> Duration {
        self.ring.find(key).expect("it is installed").remaining()
    }

    /// The state and the weeks that are left.
    pub(crate) fn told(&self, key: ParsedKey) -> (&'static str, u64) {
        (self.state(key).name(), in_weeks(self.left(key)))
    }
}

pub(crate) fn purchase(words: &str) -> Purchase {
    let licences = words.split_whitespace().map(|word| {
        let (feature, value) = word.split_once('=').expect("FEATURE=VALUE");
        (feature.parse().expect("a feature"), value.parse().expect("a value"))
    });
    Purchase { licences: licences.collect(), export: None }
}

/// The outcome of entering a time-based key.
#[track_caller]
pub(crate) fn time_based(entered: Entered) -> (Placed, Activation) {
    match entered {
        Entered::TimeBased { placed, activation } => (placed, activation),
        other => panic!("not a time-based key: {other:?}"),
    }
}
