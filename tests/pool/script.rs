//! What a seed stands for: the units, how bad the network is, and what happens when.

use std::time::Duration;

use tollgate::sim::network::Random;

/// The place of a unit: 0 is the server, 1 the backup, the others are participants.
pub(crate) type Place = usize;

pub(crate) const SERVER: Place = 0;
pub(crate) const BACKUP: Place = 1;

/// The units of a run and their surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) participants: usize,
    pub(crate) size: u32,
    pub(crate) refresh: Duration,
    pub(crate) overlap: Option<u32>,
    pub(crate) has_backup: bool,
    /// Sessions reserved for the first participants, and caps for the last ones.
    pub(crate) reserved: u32,
    pub(crate) cap: Option<u32>,
    pub(crate) loss_percent: u64,
    pub(crate) twice_percent: u64,
    pub(crate) late_percent: u64,
    /// Whether clocks may jump the way that the bound presumes they do not.
    pub(crate) wild_clocks: bool,
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// So many sessions are needed.
    Demand(Place, u32),
    /// Time passes.
    Pass(Duration),
    /// Both ends notice that the link is down.
    Down(Place, Place),
    /// The link swallows everything and neither end notices.
    Mute(Place, Place),
    /// The link works.
    Up(Place, Place),
    /// The process is killed.
    Crash(Place),
    /// The process is killed after so many more outputs.
    CrashSoon(Place, u32),
    /// The process starts from what is stored.
    Restart(Place),
    /// The unit's clock jumps forward.
    Forward(Place, Duration),
    /// The unit's clock jumps back.
    Back(Place, Duration),
    /// The second unit of a pair becomes the active one; the first is told, or not.
    Switch { from: Place, to: Place, told: bool },
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) setup: Setup,
    pub(crate) acts: Vec<Act>,
}

impl Setup {
    fn of(random: &mut Random) -> Self {
        let participants = match random.below(20) {
            0 => random.between(20, 50),
            1..=5 => random.between(8, 16),
            _ => random.between(1, 6),
        };
        Self {
            participants: usize::try_from(participants).expect("few"),
            size: random.of(&[500, 500, 1_000, 2_500]),
            refresh: Duration::from_secs(random.of(&[10, 30, 30, 120, 300])),
            overlap: random.of(&[None, None, Some(0), Some(100)]),
            has_backup: random.percent(70),
            reserved: random.of(&[0, 0, 0, 50, 120]),
            cap: random.of(&[None, None, Some(100), Some(75)]),
            loss_percent: random.of(&[0, 1, 10, 30]),
            twice_percent: random.of(&[0, 5, 30]),
            late_percent: random.of(&[0, 5, 30]),
            wild_clocks: random.percent(15),
        }
    }
}

impl Script {
    /// The script of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let setup = Setup::of(&mut random);
        let units = setup.participants + 2;
        // Days cost thousands of messages: few seeds have them.
        let long = setup.participants < 7 && setup.refresh.as_secs() == 300 && random.percent(50);
        let acts = random.between(20, 100);
        let acts = (0..acts).map(|_| Act::any(&mut random, &setup, units, long)).collect();
        Self { seed, setup, acts }
    }
}

impl Act {
    fn any(random: &mut Random, setup: &Setup, units: usize, long: bool) -> Self {
        let units = units as u64;
        let place = |random: &mut Random| usize::try_from(random.below(units)).expect("few");
        let at = place(random);
        let authority = if setup.has_backup { random.of(&[SERVER, BACKUP]) } else { SERVER };
        match random.below(100) {
            0..=34 => Self::Demand(at, demand(random)),
            35..=59 => Self::Pass(time(random, long)),
            60..=65 => Self::Down(at, authority),
            66..=69 => Self::Mute(at, authority),
            70..=78 => Self::Up(at, authority),
            79..=81 => Self::Crash(random.of(&[at, authority])),
            82..=84 => Self::CrashSoon(
                random.of(&[at, authority]),
                u32::try_from(random.between(1, 6)).expect("few"),
            ),
            85..=93 => Self::Restart(random.of(&[at, authority])),
            94..=96 => Self::jump(random, setup, at),
            _ => Self::Switch { from: at, to: place(random), told: random.percent(60) },
        }
    }

    /// Back at a server and forward at a participant keep the bound; the other way is wild.
    fn jump(random: &mut Random, setup: &Setup, at: Place) -> Self {
        let back = Duration::from_secs(random.between(1, 60));
        let forward = Duration::from_secs(random.of(&[5, 40, 400, 4_000, 90_000, 110_000]));
        let wild = setup.wild_clocks && random.percent(50);
        match (at > BACKUP, wild) {
            (true, false) | (false, true) => Self::Forward(at, forward),
            (true, true) | (false, false) => Self::Back(at, back),
        }
    }
}

fn demand(random: &mut Random) -> u32 {
    let most = random.of(&[0, 60, 150, 320, 800]);
    u32::try_from(random.between(0, most)).expect("few")
}

fn time(random: &mut Random, long: bool) -> Duration {
    match random.below(if long { 13 } else { 9 }) {
        0..=3 => Duration::from_millis(random.between(1, 3_000)),
        4..=6 => Duration::from_secs(random.between(3, 40)),
        7..=8 => Duration::from_secs(random.between(40, 300)),
        9..=11 => Duration::from_secs(random.between(400, 4_000)),
        _ => Duration::from_secs(random.between(80_000, 100_000)),
    }
}

/// The name of a unit in a script.
pub(crate) fn name(place: Place) -> String {
    match place {
        SERVER => "S".to_owned(),
        BACKUP => "B".to_owned(),
        participant => format!("P{participant}"),
    }
}

/// A time in the language's own words.
pub(crate) fn duration(time: Duration) -> String {
    format!("{}s{}ms", time.as_secs(), time.subsec_millis())
}

impl Act {
    /// The line that does it.
    fn line(self) -> String {
        match self {
            Self::Demand(at, sessions) => format!("demand {} {sessions}", name(at)),
            Self::Pass(time) => format!("advance {}", duration(time)),
            Self::Down(a, b) => format!("link {} {} down", name(a), name(b)),
            Self::Mute(a, b) => format!("link {} {} mute", name(a), name(b)),
            Self::Up(a, b) => format!("link {} {} up", name(a), name(b)),
            Self::Crash(at) => format!("crash {}", name(at)),
            Self::CrashSoon(at, outputs) => format!("crash {} after {outputs}", name(at)),
            Self::Restart(at) => format!("restart {}", name(at)),
            Self::Forward(at, by) => format!("clock {} +{} monotonic", name(at), duration(by)),
            Self::Back(at, by) => format!("clock {} -{} monotonic", name(at), duration(by)),
            Self::Switch { from, to, told } => {
                let how = if told { "" } else { " untold" };
                format!("failover {} {}{how}", name(from), name(to))
            }
        }
    }
}

/// Models with different platform maxima, some with sessions of their own.
const UNITS: [(&str, &str); 6] = [
    ("ASA 5510", ""),
    ("ASA 5520", ""),
    ("ASA 5520", " anyconnect-premium=100"),
    ("ASA 5540", " anyconnect-premium=500"),
    ("ASA 5510", " anyconnect-premium=100"),
    ("ASA 5580-20", ""),
];

/// The cap that is set for a participant.
pub(crate) fn cap_of(setup: &Setup, place: Place) -> Option<u32> {
    setup.cap.filter(|_| place > BACKUP && place % 5 == 4)
}

impl Setup {
    /// Every unit there is.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        let backup = self.has_backup.then_some(BACKUP);
        [Some(SERVER), backup].into_iter().flatten().chain(BACKUP + 1..self.participants + 2)
    }

    /// How the network is from now on.
    pub(crate) fn network(&self) -> String {
        let Self { loss_percent, twice_percent, late_percent, .. } = self;
        format!("network loss {loss_percent}% twice {twice_percent}% late {late_percent}%")
    }

    fn server(&self) -> String {
        use std::fmt::Write;
        let (size, refresh) = (self.size, duration(self.refresh));
        let mut line = format!("license-server S size {size} secret s3cret refresh {refresh}");
        if self.has_backup {
            line.push_str(" backup B");
        }
        if let Some(overlap) = self.overlap {
            let _ = write!(line, " overlap {overlap}");
        }
        for place in BACKUP + 1..self.participants + 2 {
            if place < 4 && self.reserved > 0 {
                let _ = write!(line, " reserve {}={}", name(place), self.reserved);
            }
            if let Some(cap) = cap_of(self, place) {
                let _ = write!(line, " cap {}={cap}", name(place));
            }
        }
        line
    }
}

impl Script {
    /// The scenario.
    pub(crate) fn lines(&self) -> Vec<String> {
        let setup = &self.setup;
        let mut lines = vec![format!("{} seed {}", setup.network(), self.seed)];
        for place in setup.places() {
            let (model, local) = UNITS[place % UNITS.len()];
            let (model, licences) = match place {
                SERVER => ("ASA 5520", format!("shared-server={}", setup.size)),
                _ => (model, format!("shared-participant=enabled{local}")),
            };
            lines.push(format!("unit {} \"{model}\"", name(place)));
            lines.push(format!("permanent {} {licences}", name(place)));
        }
        lines.push(setup.server());
        let others = setup.places().filter(|place| *place != SERVER);
        lines.extend(others.map(|it| format!("participant {} server S secret s3cret", name(it))));
        lines.extend(self.acts.iter().map(|act| act.line()));
        lines
    }
}
