//! What shared licensing costs, beside the same work on etcd.
//!
//! ```text
//! cargo bench --bench shared [-- [--participants N] [--busy N] [--hold SECONDS] [--only tollgate|etcd]]
//! ```
//!
//! Every participant is a connection over TLS of its own. The server has one processor to itself
//! (`taskset`), all participants share the last one; what the server takes is what `/proc` says of
//! its process, so what the participants take is no part of it. Needs Linux, two processors or
//! more, the right to open a file a participant, and etcd where it is to be compared.

#![expect(clippy::cast_precision_loss, reason = "figures of which three digits are read")]

mod etcd;
mod gate;
mod member;
mod process;
mod tollgate;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use member::{Board, Member, REFRESH, Work, stay, work};
use process::Process;

/// The server's processor.
const SERVER_CORE: usize = 0;

#[derive(Parser, Debug)]
struct Args {
    /// Participants that are held
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(1..11_000))]
    participants: u16,
    /// Participants that work without a pause
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(1..11_000))]
    busy: u16,
    /// For how long those that are held are watched
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    hold: u64,
    /// How long the server is down the second time; the first time it is started again at once
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    outage: u64,
    /// Only one of the two
    #[arg(long, value_parser = ["tollgate", "etcd"])]
    only: Option<String>,
    /// A few participants for a second, of Tollgate only
    #[arg(long)]
    test: bool,
    /// What cargo passes to a bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// As little as runs through everything, where that is asked for.
    fn within_reason(self) -> Self {
        if !self.test {
            return self;
        }
        let only = Some("tollgate".to_owned());
        Self { participants: 20, busy: 5, hold: 1, outage: 1, only, ..self }
    }
}

/// One of the two systems.
trait Contestant {
    type Member: Member + 'static;
    const NAME: &'static str;
    async fn start(&mut self) -> Process;
    fn member(&self, unit: usize) -> Self::Member;
    /// Waits for a grant at the gate of a participant, where there is one.
    fn needs(&self, folder: &Path) -> Option<Box<dyn FnOnce() -> Vec<Duration> + Send>>;
}

impl Contestant for tollgate::Site {
    type Member = tollgate::TollgateMember;
    const NAME: &'static str = "tollgate";

    async fn start(&mut self) -> Process {
        tollgate::Site::start(self, SERVER_CORE)
    }

    fn member(&self, unit: usize) -> Self::Member {
        tollgate::Site::member(self, unit)
    }

    fn needs(&self, folder: &Path) -> Option<Box<dyn FnOnce() -> Vec<Duration> + Send>> {
        let (license, folder) = (self.license.clone(), PathBuf::from(folder));
        let dial = self.dialing(0, gate::SERIAL.parse().ok()?, gate::AT_ONCE);
        Some(Box::new(move || gate::needs(&folder, &license, dial, 12)))
    }
}

impl Contestant for etcd::Site {
    type Member = etcd::EtcdMember;
    const NAME: &'static str = "etcd";

    async fn start(&mut self) -> Process {
        let process = etcd::Site::start(self, SERVER_CORE);
        while !self.listens() {
            sleep(Duration::from_millis(5)).await;
        }
        process
    }

    fn member(&self, unit: usize) -> Self::Member {
        etcd::Site::member(self, unit)
    }

    fn needs(&self, _: &Path) -> Option<Box<dyn FnOnce() -> Vec<Duration> + Send>> {
        None
    }
}

fn main() {
    let args = Args::parse().within_reason();
    let cores = process::pin_to_last_core();
    assert!(cores > 1, "the server and its participants need a processor each");
    process::raise_open_files(u64::from(args.participants.max(args.busy)) + 1_000);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    println!("| system | what | figure | goal |\n|---|---|---|---|");
    if wanted("tollgate") {
        let mut site = tollgate::Site::new(&folder.path().join("tollgate"));
        LocalSet::new().block_on(&runtime, measure(&mut site, &args, folder.path()));
    }
    if wanted("etcd") {
        match etcd::Site::new(&folder.path().join("etcd")) {
            Some(mut site) => {
                LocalSet::new().block_on(&runtime, measure(&mut site, &args, folder.path()));
            }
            None => println!("etcd is not installed (Debian: etcd-server); nothing to compare"),
        }
    }
}

/// Everything, one after another.
async fn measure<C: Contestant>(site: &mut C, args: &Args, folder: &Path) {
    let process = site.start().await;
    busy(site, &process, args.busy.into()).await;
    process.kill();

    let process = site.start().await;
    let before = process.resident();
    let count = usize::from(args.participants);
    let board = Rc::<Board>::default();
    let start = Instant::now();
    for unit in 0..count {
        spawn_local(stay(site.member(unit), Rc::clone(&board)));
    }
    board.reach(count).await;
    row::<C>(&format!("{count} come for the first time"), &seconds(start.elapsed()), "");
    hold::<C>(&process, &board, Duration::from_secs(args.hold)).await;
    let each = process.resident().saturating_sub(before) / count as u64;
    let goal = "under 64 KiB each";
    let what = format!("memory of {count}, held");
    row::<C>(&what, &format!("{:.1} KiB each", each as f64 / 1024.0), goal);
    if let Some(needs) = site.needs(folder) {
        let times = tokio::task::spawn_blocking(needs).await.expect("it ends");
        row::<C>("need to grant at a gate, meanwhile", &spread(times), "p99 under 5 ms");
    }
    process.kill();

    for outage in [0, args.outage] {
        while board.served.get() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_secs(outage)).await;
        let process = site.start().await;
        let start = Instant::now();
        board.reach(count).await;
        let what = format!("{count} come back after a kill and {outage} s");
        row::<C>(&what, &seconds(start.elapsed()), "under 30 s");
        process.kill();
    }
}

/// As many participants as it takes to keep the server busy.
async fn busy<C: Contestant>(site: &C, process: &Process, count: usize) {
    let coming = (0..count).map(|unit| {
        let mut member = site.member(unit);
        spawn_local(async move {
            member.up().await;
            member
        })
    });
    let mut members = Vec::new();
    for member in coming.collect::<Vec<_>>() {
        members.push(member.await.expect("it is up"));
    }
    for (what, name) in [(Work::Refresh, "refreshes"), (Work::Grant, "grants, and their return")] {
        let (watch, until) = (process.watch(), Instant::now() + Duration::from_secs(15));
        let working = members.into_iter().map(|mut member| {
            spawn_local(async move {
                let done = work(&mut member, what, until).await;
                (member, done)
            })
        });
        let (mut done, mut rested) = (0, Vec::new());
        for worked in working.collect::<Vec<_>>() {
            let (member, count) = worked.await.expect("it works");
            done += count;
            rested.push(member);
        }
        members = rested;
        let (passed, spent) = watch.stop(process);
        let rate = done as f64 / passed.as_secs_f64();
        let share = spent.as_secs_f64() / passed.as_secs_f64();
        let figure = format!(
            "{rate:.0} a second with {:.0} % of a core; {:.1} µs each, {:.0} a second on a core",
            share * 100.0,
            spent.as_secs_f64() * 1e6 / done as f64,
            rate / share,
        );
        row::<C>(name, &figure, "");
    }
    let mut times = Vec::new();
    for _ in 0..10 {
        for member in members.iter_mut().take(100) {
            let start = Instant::now();
            member.take().await;
            times.push(start.elapsed());
            member.give().await;
        }
    }
    row::<C>("a grant, one at a time", &spread(times), "");
}

/// What the server takes while participants do nothing but to be heard of.
async fn hold<C: Contestant>(process: &Process, board: &Board, time: Duration) {
    // Until whoever came has been heard of once.
    sleep(REFRESH).await;
    let (watch, refreshes, count) = (process.watch(), board.refreshes.get(), board.served.get());
    sleep(time).await;
    let (passed, spent) = watch.stop(process);
    let rate = (board.refreshes.get() - refreshes) as f64 / passed.as_secs_f64();
    let share = 100.0 * spent.as_secs_f64() / passed.as_secs_f64();
    assert_eq!(board.served.get(), count, "participants were lost meanwhile");
    let what = format!("{count} held, a refresh every {} s", REFRESH.as_secs());
    let figure = format!("{share:.1} % of a core for {rate:.0} refreshes a second");
    row::<C>(&what, &figure, "under 10 % of a core");
}

fn row<C: Contestant>(what: &str, figure: &str, goal: &str) {
    println!("| {} | {what} | {figure} | {goal} |", C::NAME);
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The middle, the 99th percentile and the worst of some times.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    format!(
        "p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms of {}",
        at(50),
        at(99),
        at(100),
        times.len()
    )
}
