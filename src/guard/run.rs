//! The guard as it runs: a thread a queue, and the one that keeps the books.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::SockaddrStorage;

use super::booth::{Booth, Settings};
use super::due::{Due, LOOK_MS, Watch, millis};
use super::flow::{GRACE, Millis};
use super::keeper::{Identity, Keeper};
use super::netlink::{Events, Queue, QueueOptions, Received, Table};
use super::notice::{Notice, Packets, Refused, Status};
use super::queue::{Desk, Judge, Threads, millis_since};
use super::reserve::{self, ReserveError};
use super::rules::{RuleError, Rules};
use super::scope::{self, Scope};
use crate::capture::FiveTuple;
use crate::gate::Audit;
use crate::license::{Limit, RunningLicense};

/// The most that the books' thread waits: so late it notices what no file descriptor tells.
const TICK_MS: u16 = 100;

/// How long news are gathered before they are heard. A unit is given back so much later; conntrack
/// itself takes longer to notice an end.
const GATHER: Duration = Duration::from_millis(10);

/// Refusals on their way to the log. More than this at once are counted only.
const REFUSALS: usize = 1_024;

/// How many calls receive news, before something else gets its turn.
const CALLS: usize = 64;

/// Room for the packets of a queue in its socket, in bytes.
const QUEUE_BUFFER: usize = 32 << 20;

/// How a guard runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The queues.
    pub queues: RangeInclusive<u16>,
    /// Whether packets pass that nobody could judge.
    pub fail_open: bool,
    /// The most packets that wait in a queue.
    pub queue_length: u32,
    /// Room for news of conntrack, in bytes.
    pub event_buffer: usize,
    /// Time between comparisons with conntrack's table.
    pub reconcile: Duration,
    /// Time between two statuses; zero for none.
    pub status: Duration,
    /// The most refusals a second that are told one by one.
    pub refusals: u32,
    /// Whether the rules are added, and removed at the end.
    pub install_rules: bool,
    /// The file that the licence comes from: it is read again when it changes.
    pub watched: Option<PathBuf>,
}

/// A licence, and for how long it stays as it is.
#[derive(Clone, Debug)]
pub struct Licensed {
    /// What is in force.
    pub license: RunningLicense,
    /// When something in it expires.
    pub changes_in: Option<Duration>,
}

/// How things stood at the end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What was in use, and what had happened.
    pub status: Status,
    /// The licence in force.
    pub license: RunningLicense,
    /// Whether every unit was accounted for.
    pub audit: Audit,
}

/// Why a guard ended, or did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The licence could not be read.
    #[error("{0}")]
    License(String),
    /// A queue could not be bound.
    #[error("cannot bind queue {number}: {source}; a guard needs CAP_NET_ADMIN, and the queue")]
    Queue {
        /// The queue.
        number: u16,
        /// Why.
        source: io::Error,
    },
    /// What the guard keeps for whom cannot be kept together.
    #[error(transparent)]
    Reserves(#[from] ReserveError),
    /// Conntrack could not be asked or heard.
    #[error(
        "cannot hear from conntrack: {0}; a guard needs CAP_NET_ADMIN, and nf_conntrack_netlink"
    )]
    Conntrack(io::Error),
    /// Something else that the system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The rules could not be changed.
    #[error(transparent)]
    Rules(#[from] RuleError),
}

fn system(what: &'static str) -> impl Fn(Errno) -> GuardError {
    move |errno| GuardError::System { what, source: errno.into() }
}

/// SIGHUP, SIGINT and SIGTERM, which a guard reads.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks them for the calling thread and those that it starts from now on, so that no thread
    /// is interrupted by them.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    pub fn block() -> Result<Self, GuardError> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
            signals.add(signal);
        }
        signals.thread_block().map_err(system("cannot block signals"))?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&signals, flags).map(Self).map_err(system("cannot read signals"))
    }
}

/// Guards until SIGTERM or SIGINT: `licence` is asked for what is in force, at the start, on
/// SIGHUP, and when the file has changed; `tell` is told what an operator is to know, and must not
/// wait for anybody. How things stood at the end.
///
/// Where it fails and what nobody judges is not to pass, the rules that it added stay, as if it had
/// been killed.
///
/// # Errors
///
/// Where it cannot begin, or a socket fails.
pub fn run(
    signals: &Signals,
    config: &Config,
    settings: Settings,
    mut licence: impl FnMut() -> Result<Licensed, String>,
    tell: &mut dyn FnMut(&Notice),
) -> Result<Ended, GuardError> {
    reserve::check(&settings.reserves)?;
    let start = Instant::now();
    let watch = Watch::new(config.watched.clone());
    let Licensed { license, changes_in } = licence().map_err(GuardError::License)?;
    let booth = Booth::new(license, settings);
    let events =
        Events::listen(config.event_buffer, config.fail_open).map_err(GuardError::Conntrack)?;
    let queues = bind(config)?;
    let tells_entries = queues.iter().all(Queue::tells_entries);
    let identity = if tells_entries { Identity::Entry } else { Identity::Packet };
    let mut keeper = Keeper::new(booth.clerk(), identity, scope()?);
    // Nothing is judged before what is alive has been counted: the packets wait in the queues.
    read_table(&mut keeper, start)?;
    let (refused, refusals) = bounded(REFUSALS);
    let (threads, seen) = Threads::start(queues, start, || {
        Judge::Gate(Box::new(Desk {
            clerk: booth.clerk(),
            identity,
            fail_open: config.fail_open,
            refusals: refused.clone(),
        }))
    })?;
    let mut books = Books {
        config,
        start,
        booth,
        keeper,
        events,
        threads,
        told: Told { refusals, seen },
        tally: Overall::default(),
        table: None,
        due: Due::new(config, changes_in),
        watch,
        licence: &mut licence,
        tell,
    };
    books.tell_of_reserves();
    let rules = Rules::new(config.queues.clone(), config.fail_open);
    if config.install_rules
        && let Err(error) = rules.install()
    {
        // What was added before the one that failed.
        let _not_there = Rules::remove();
        return Err(error.into());
    }
    let adopted = books.keeper.tally().adopted;
    (books.tell)(&Notice::Ready { adopted, tells_entries });
    let ended = books.keep(&signals.0);
    // A limit that ceases when something fails is no limit.
    let stay = config.install_rules && ended.is_err() && !config.fail_open;
    if stay {
        (books.tell)(&Notice::RulesStay);
    }
    let removed = if config.install_rules && !stay { Rules::remove() } else { Ok(()) };
    let at_the_end = books.end();
    ended?;
    removed?;
    at_the_end
}

/// Accepts every packet of the queues until SIGTERM or SIGINT, and asks nobody: what the gate's
/// part costs is measured beside it. How many packets there were.
///
/// # Errors
///
/// Where it cannot begin, or a socket fails.
#[doc(hidden)]
pub fn accept_everything(
    signals: &Signals,
    config: &Config,
    ready: impl FnOnce(),
) -> Result<Packets, GuardError> {
    let (mut threads, seen) = Threads::start(bind(config)?, Instant::now(), || Judge::Nobody)?;
    ready();
    let mut packets = Packets::default();
    while !threads.has_ended_early() {
        let mut waiting = [PollFd::new(signals.0.as_fd(), PollFlags::POLLIN)];
        let signalled = poll(&mut waiting, PollTimeout::from(TICK_MS)).is_ok_and(|some| some > 0);
        while let Ok(some) = seen.try_recv() {
            packets.add(&some);
        }
        if signalled {
            break;
        }
    }
    threads.end()?;
    seen.try_iter().for_each(|some| packets.add(&some));
    Ok(packets)
}

fn bind(config: &Config) -> Result<Vec<Queue>, GuardError> {
    let options = QueueOptions {
        fail_open: config.fail_open,
        length: config.queue_length,
        buffer: QUEUE_BUFFER,
    };
    let bind = |number| {
        Queue::bind(number, &options).map_err(|source| GuardError::Queue { number, source })
    };
    config.queues.clone().map(bind).collect()
}

/// The addresses of this machine, those of its broadcasts among them.
fn scope() -> Result<Scope, GuardError> {
    let interfaces = nix::ifaddrs::getifaddrs().map_err(system("cannot read the addresses"))?;
    let own = interfaces.flat_map(|interface| {
        let ip = |address: Option<SockaddrStorage>| {
            let address = address?;
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        };
        let address = ip(interface.address);
        let ends =
            address.zip(ip(interface.netmask)).map(|(own, mask)| scope::broadcasts(own, mask));
        [address, ip(interface.broadcast)].into_iter().flatten().chain(ends.into_iter().flatten())
    });
    Ok(Scope::new(own))
}

/// Compares with conntrack's table, waiting for it.
fn read_table(keeper: &mut Keeper, start: Instant) -> Result<(), GuardError> {
    keeper.begin_dump(millis_since(start));
    let mut table = Table::read().map_err(GuardError::Conntrack)?;
    while table.next(|entry| keeper.dumped(&entry)).map_err(GuardError::Conntrack)? {}
    keeper.end_dump(millis_since(start));
    Ok(())
}

/// What the threads of the queues tell.
struct Told {
    refusals: Receiver<(Millis, Refused)>,
    seen: Receiver<Packets>,
}

/// Sums since the start.
#[derive(Default)]
struct Overall {
    packets: Packets,
    overflows: u64,
    suppressed: u64,
    first: [Option<(u64, FiveTuple)>; Limit::COUNT],
}

/// The thread that keeps the books.
struct Books<'a> {
    config: &'a Config,
    start: Instant,
    booth: Arc<Booth>,
    keeper: Keeper,
    events: Events,
    threads: Threads,
    told: Told,
    tally: Overall,
    /// The dump that is being read.
    table: Option<Table>,
    due: Due,
    watch: Watch,
    licence: &'a mut dyn FnMut() -> Result<Licensed, String>,
    tell: &'a mut dyn FnMut(&Notice),
}

/// Whether to go on.
type GoOn = bool;

impl Books<'_> {
    fn now(&self) -> Millis {
        millis_since(self.start)
    }

    /// Keeps the books until a signal says that it is over.
    fn keep(&mut self, signals: &SignalFd) -> Result<(), GuardError> {
        while self.heed(signals)? {
            self.wait(signals)?;
            self.hear()?;
            self.read_dump();
            self.take_told();
            self.do_what_is_due();
            if self.threads.has_ended_early() {
                return self.threads.end();
            }
        }
        Ok(())
    }

    /// Waits for something to do, and a little longer for more news to come with the first: they
    /// are heard together, which costs a fraction of hearing each.
    fn wait(&self, signals: &SignalFd) -> Result<(), GuardError> {
        let waiting = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![waiting(signals.as_fd()), waiting(self.events.as_fd())];
        fds.extend(self.table.as_ref().map(|table| waiting(table.as_fd())));
        match poll(&mut fds, PollTimeout::from(TICK_MS)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(system("cannot wait")(errno)),
        }
        if self.table.is_none() && fds[1].any().unwrap_or(false) {
            thread::sleep(GATHER);
        }
        Ok(())
    }

    fn heed(&mut self, signals: &SignalFd) -> Result<GoOn, GuardError> {
        while let Some(signal) = signals.read_signal().map_err(system("cannot read signals"))? {
            if i32::try_from(signal.ssi_signo) == Ok(Signal::SIGHUP as i32) {
                self.renew();
            } else {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Hears what there is, and lets the rest wait for its turn.
    fn hear(&mut self) -> Result<(), GuardError> {
        let mut batch = Vec::new();
        for _ in 0..CALLS {
            batch.clear();
            let received = self.events.receive(&mut batch).map_err(GuardError::Conntrack)?;
            let now = self.now();
            batch.iter().for_each(|event| self.keeper.event(event, now));
            self.keeper.settle(now);
            match received {
                Received::Some => {}
                Received::Nothing => break,
                Received::Overflow => {
                    self.tally.overflows += 1;
                    self.due.dump_soon();
                    (self.tell)(&Notice::Overflow);
                }
            }
        }
        Ok(())
    }

    /// Reads the next part of a dump, where there is one.
    fn read_dump(&mut self) {
        let Some(table) = &mut self.table else { return };
        let keeper = &mut self.keeper;
        match table.next(|entry| keeper.dumped(&entry)) {
            Ok(true) => return,
            Ok(false) => {
                let now = self.now();
                self.due.dump_took = now - self.due.dumped;
                let connections = self.keeper.end_dump(now);
                if connections > 0 {
                    // What one dump lacks, the next one has to lack too.
                    self.due.dump_soon();
                    (self.tell)(&Notice::Drift { connections });
                }
            }
            Err(error) => self.abandon_dump(&GuardError::Conntrack(error)),
        }
        self.table = None;
    }

    /// A dump broke off, which says nothing of what it would have shown: the next one is soon.
    fn abandon_dump(&mut self, why: &GuardError) {
        self.keeper.abandon_dump();
        self.due.dump_soon();
        let changed_meanwhile = matches!(why,
            GuardError::Conntrack(error) if error.kind() == io::ErrorKind::Interrupted);
        if !changed_meanwhile {
            (self.tell)(&Notice::NotCompared(why.to_string()));
        }
    }

    /// Takes what the queues' threads tell.
    fn take_told(&mut self) {
        while let Ok(seen) = self.told.seen.try_recv() {
            self.tally.packets.add(&seen);
        }
        while let Ok((at, refused)) = self.told.refusals.try_recv() {
            // Conntrack forgets what is over when somebody looks, which is up to a minute later.
            self.due.dump_soon();
            let first = &mut self.tally.first[refused.refusal.limit.index()];
            first.get_or_insert((at, refused.tuple));
            if self.due.refusals.1 > 0 {
                self.due.refusals.1 -= 1;
                (self.tell)(&Notice::Refused(refused));
            } else {
                self.tally.suppressed += 1;
            }
        }
    }

    fn do_what_is_due(&mut self) {
        let now = self.now();
        if now >= self.due.refusals.0 {
            self.due.refusals = (now + 1_000, self.config.refusals);
            if self.tally.suppressed > 0 {
                (self.tell)(&Notice::Suppressed(std::mem::take(&mut self.tally.suppressed)));
            }
        }
        if now >= self.due.look {
            self.due.look = now + LOOK_MS;
            if self.config.fail_open && self.booth.has_overdue(now) {
                self.due.dump_soon();
            }
            if self.watch.has_changed() || self.due.licence.is_some_and(|at| now >= at) {
                self.renew();
            }
        }
        if now >= self.due.dump && self.table.is_none() {
            self.begin_dump();
        }
        if self.due.status.is_some_and(|at| now >= at) {
            self.due.status = Some(now + millis(self.config.status));
            let status = Box::new(self.status());
            (self.tell)(&Notice::Status(status));
        }
    }

    fn begin_dump(&mut self) {
        let now = self.now();
        self.due.dumped = now;
        self.due.dump = now + millis(self.config.reconcile);
        self.keeper.begin_dump(now);
        let began =
            scope().and_then(|scope| Ok((scope, Table::read().map_err(GuardError::Conntrack)?)));
        match began {
            Ok((scope, table)) => {
                self.keeper.set_scope(scope);
                self.table = Some(table);
            }
            Err(why) => self.abandon_dump(&why),
        }
    }

    /// Puts in force what the licence says now.
    fn renew(&mut self) {
        let renewed = (self.licence)().and_then(|Licensed { license, changes_in }| {
            self.due.licence = changes_in.map(|after| self.now().saturating_add(millis(after)));
            self.booth.publish(license).map_err(|error| error.to_string())
        });
        match renewed {
            Ok(()) => (self.tell)(&Notice::Published),
            Err(why) => {
                // Somebody may be writing it just now.
                self.due.licence = Some(self.now() + GRACE);
                (self.tell)(&Notice::NotPublished(why));
            }
        }
        self.tell_of_reserves();
    }

    fn tell_of_reserves(&mut self) {
        let (reserved, allowed) = self.booth.reserved();
        if reserved > 0 && reserved >= allowed {
            (self.tell)(&Notice::AllReserved { reserved, allowed });
        }
    }

    fn status(&self) -> Status {
        Status {
            lines: self.booth.report(),
            first: self.tally.first,
            packets: self.tally.packets,
            tally: self.keeper.tally(),
            overflows: self.tally.overflows + self.tally.packets.overflows,
            up_ms: self.now(),
        }
    }

    /// Ends the threads, and hears what there is to hear.
    fn end(mut self) -> Result<Ended, GuardError> {
        self.threads.end()?;
        self.hear()?;
        self.take_told();
        if self.tally.suppressed > 0 {
            (self.tell)(&Notice::Suppressed(self.tally.suppressed));
        }
        let (license, audit) = (self.booth.license(), self.booth.audit());
        Ok(Ended { status: self.status(), license, audit })
    }
}
