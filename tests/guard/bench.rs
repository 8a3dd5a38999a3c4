//! New connections a second: through the guard, through the same queue without a gate, past the
//! kernel's own `connlimit`, and past nothing; and what the two limits are worth.

use std::time::{Duration, Instant};

use crate::process::{Guard, limit};
use crate::site::{Place, Site};
use crate::traffic::{Churn, Closer, Server, open, reset};

/// One turn of one contestant: the guard compares its books with conntrack's table once in it.
const TURN: Duration = Duration::from_secs(10);

/// Before a turn is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// Connections under way at once.
const AT_ONCE: usize = 64;

/// More than there ever are: what limits is not to bite while it is measured.
const LIMIT: u32 = 250_000;

/// The limit that is tried with more connections than it allows.
const SMALL: usize = 2_000;

const QUEUE: &str = "-t security -A FORWARD -m conntrack --ctstate NEW,RELATED \
                     ! --ctstatus CONFIRMED -j NFQUEUE --queue-balance 0:1";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Contestant {
    Guard,
    AcceptEverything,
    Connlimit,
    Nothing,
}

impl Contestant {
    const ALL: [Self; 4] = [Self::AcceptEverything, Self::Guard, Self::Connlimit, Self::Nothing];

    const fn name(self) -> &'static str {
        match self {
            Self::Guard => "tollgate guard, 2 queues",
            Self::AcceptEverything => "the same queues, everything accepted",
            Self::Connlimit => "iptables -m connlimit",
            Self::Nothing => "forwarded without a limit",
        }
    }
}

fn connlimit(units: u64) -> String {
    format!(
        "-t security -A FORWARD -p tcp --syn -m connlimit --connlimit-above {units} \
         --connlimit-mask 0 -j DROP"
    )
}

fn iptables(site: &Site, rule: &str) {
    let words: Vec<_> = rule.split_whitespace().collect();
    site.run(Place::Router, &format!("iptables -w {}", words.join(" ")));
}

/// What one turn showed.
#[derive(Clone, Copy)]
struct Turn {
    /// Connections a second.
    rate: f64,
    /// Microseconds of a processor that the program at the queues took for a connection.
    program: f64,
}

fn turn(site: &Site, contestant: Contestant, server: &Closer) -> Turn {
    let guard = match contestant {
        Contestant::Guard => {
            // As it compares where nobody says otherwise; a test does not wait that long.
            let arguments =
                format!("--queue 0-1 --model 5520 --set firewall-conns={LIMIT} --reconcile 10");
            Some(Guard::start_bare(site, &arguments))
        }
        Contestant::AcceptEverything => {
            Some(Guard::start_bare(site, "--queue 0-1 --accept-everything"))
        }
        Contestant::Connlimit | Contestant::Nothing => None,
    };
    let rule = match contestant {
        Contestant::Guard | Contestant::AcceptEverything => Some(QUEUE.to_owned()),
        Contestant::Connlimit => Some(connlimit(LIMIT.into())),
        Contestant::Nothing => None,
    };
    if let Some(rule) = &rule {
        iptables(site, rule);
    }
    let churn = Churn::start(site, &[2, 3, 4, 5], AT_ONCE, server.address());
    std::thread::sleep(WARM_UP);
    let processor_time = || guard.as_ref().map_or(Duration::ZERO, Guard::processor_time);
    let (begun, before, idle) = (Instant::now(), churn.count(), processor_time());
    std::thread::sleep(TURN);
    let (made, took, busy) = (churn.count() - before, begun.elapsed(), processor_time());
    churn.end();
    if let Some(rule) = &rule {
        iptables(site, &rule.replace("-A FORWARD", "-D FORWARD"));
    }
    drop(guard);
    // The next one is not to pay for what this one left behind.
    site.run(Place::Router, "conntrack -F");
    let made = f64::from(u32::try_from(made).unwrap());
    Turn {
        rate: made / took.as_secs_f64(),
        program: 1e6 * busy.saturating_sub(idle).as_secs_f64() / made,
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[test]
#[ignore = "a measurement: five minutes of a machine with nothing else to do"]
fn connections_per_second() {
    let Some(site) = Site::new() else { return };
    let rounds = std::env::var("TOLLGATE_GUARD_ROUNDS");
    let rounds: usize = rounds.map_or(7, |rounds| rounds.parse().expect("a number"));
    let server = Closer::start(&site, 80);
    let mut figures = Contestant::ALL.map(|_| Vec::new());
    for round in 0..rounds {
        for nth in 0..Contestant::ALL.len() {
            let place = (round + nth) % Contestant::ALL.len();
            figures[place].push(turn(&site, Contestant::ALL[place], &server));
        }
    }
    println!("{rounds} rounds of {TURN:?} a turn, in turns; medians, and medians of the ratios\n");
    println!(
        "| new connections past | a second | of the queue without a gate | µs of the program |"
    );
    println!("|---|---|---|---|");
    let base = figures[0].clone();
    for (contestant, turns) in Contestant::ALL.into_iter().zip(figures) {
        let ratios = turns.iter().zip(&base).map(|(mine, base)| mine.rate / base.rate).collect();
        let (name, ratio) = (contestant.name(), 100.0 * median(ratios));
        let rate = median(turns.iter().map(|turn| turn.rate).collect());
        let program = median(turns.iter().map(|turn| turn.program).collect());
        println!("| {name} | {rate:.0} | {ratio:.1} % | {program:.1} |");
    }
    println!();
}

#[test]
#[ignore = "a measurement: a minute"]
fn correctness_at_the_limit() {
    println!("{SMALL} connections allowed, {} tried\n", SMALL + 200);
    println!(
        "| limit | got through | after half ended and {SMALL} more were tried |\n|---|---|---|"
    );
    for contestant in [Contestant::Guard, Contestant::Connlimit] {
        let Some(site) = Site::new() else { return };
        let server = Server::start(&site, 80);
        let guard = if contestant == Contestant::Guard {
            let arguments = format!("--queue 0-1 --model 5520 --set firewall-conns={SMALL}");
            Some(Guard::start(&site, &arguments))
        } else {
            iptables(&site, &connlimit(SMALL as u64));
            None
        };
        let mut opened = open(&site, &[2, 3], SMALL + 200, server.address());
        let first = opened.through.len();
        drop(opened.waiting);
        // Half of them end by a reset, and are tried again at once.
        reset(opened.through.drain(..first / 2));
        std::thread::sleep(Duration::from_millis(2_500));
        let again = open(&site, &[2, 3], SMALL, server.address());
        let second = opened.through.len() + again.through.len();
        println!("| {} | {first} | {second} |", contestant.name());
        if let Some(guard) = guard {
            assert_eq!((first, second), (SMALL, SMALL));
            reset(opened.through.into_iter().chain(again.through));
            drop(again.waiting);
            let idle = guard.wait_until_idle();
            assert_eq!(limit(&idle, "firewall-conns")["peak"], SMALL);
        }
    }
    println!();
}
