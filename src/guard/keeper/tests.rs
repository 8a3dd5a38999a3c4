//! A kernel that is made up, with random delays and losses, against the books: nothing leaks,
//! nothing is let through beyond the limit, and when all has ended nothing is in use.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::catalogue;
use crate::guard::booth::{Answer, Booth, Settings};
use crate::guard::flow::GRACE;
use crate::license::{Limit, RunningLicense, Unit};

const LIMIT: u32 = 4;
const NAMES: u16 = 6;

/// What happens next in the made-up world.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A client opens the connection of this name, or sends its first packet again. Its packet may
    /// be dropped behind the guard.
    Packet {
        name: u16,
        dropped_behind: bool,
    },
    /// The kernel ends an entry.
    End(u16),
    /// The kernel ends an entry, and its client uses the name again at once.
    Reuse(u16),
    /// Some of the kernel's news arrive.
    News(u8),
    /// What is on its way is lost, and the guard is told that something was.
    Overflow,
    /// A connection passes by the queue.
    PassBy(u16),
    /// Time passes, in milliseconds.
    Wait(u16),
    /// A dump is begun, part of it is read, it ends.
    BeginDump,
    ReadDump(u8),
    EndDump,
    /// The guard is killed, and starts again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES;
    prop_oneof![
        8 => (name.clone(), prop::bool::weighted(0.1))
            .prop_map(|(name, dropped_behind)| Step::Packet { name, dropped_behind }),
        6 => name.clone().prop_map(Step::End),
        6 => name.clone().prop_map(Step::Reuse),
        6 => (1_u8..5).prop_map(Step::News),
        1 => Just(Step::Overflow),
        1 => name.prop_map(Step::PassBy),
        3 => (1_u16..3_000).prop_map(Step::Wait),
        2 => Just(Step::BeginDump),
        4 => (1_u8..4).prop_map(Step::ReadDump),
        2 => Just(Step::EndDump),
        1 => Just(Step::Restart),
    ]
}

/// The kernel's table and its news, and the guard beside it.
struct World {
    /// The live entries: their ids, by name.
    live: BTreeMap<u16, u32>,
    next_id: u32,
    news: VecDeque<Event>,
    /// A snapshot that is being read, where the table is dumped.
    dump: VecDeque<Entry>,
    keeper: Keeper,
    /// Whether nobody listens to beginnings.
    deaf: bool,
    now: Millis,
    /// Whether conntrack has told everything, and nothing went by the queue or was given up.
    exact: bool,
}

fn license() -> RunningLicense {
    let mut unit = Unit::new(catalogue::find("ASA 5505", None, None).unwrap());
    unit.restrict(Limit::FirewallConns, LIMIT);
    RunningLicense::of(&unit)
}

fn keeper() -> Keeper {
    let booth = Booth::new(license(), Settings::default());
    Keeper::new(booth.clerk(), Identity::Packet, Scope::default())
}

fn entry(name: u16, id: u32) -> Entry {
    let tuple = FiveTuple {
        protocol: 17,
        source: [10, 0, 0, 1].into(),
        destination: [203, 0, 113, 1].into(),
        source_port: name,
        destination_port: 53,
    };
    let reply = FiveTuple {
        source: tuple.destination,
        destination: tuple.source,
        source_port: 53,
        destination_port: name,
        ..tuple
    };
    Entry { original: tuple, reply, id, zone: 0, dying: false }
}

impl World {
    fn new() -> Self {
        Self::with_ears(false)
    }

    fn with_ears(deaf: bool) -> Self {
        let (live, news, dump) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        let mut world =
            Self { live, next_id: 1, news, dump, keeper: keeper(), deaf, now: 0, exact: true };
        world.first_dump();
        world
    }

    fn first_dump(&mut self) {
        self.keeper.begin_dump(self.now);
        self.live.iter().for_each(|(name, id)| self.keeper.dumped(&entry(*name, *id)));
        self.keeper.end_dump(self.now);
    }

    fn begin(&mut self, name: u16) {
        // A name is used again while its entry lives only by packets of the same connection.
        if !self.live.contains_key(&name) {
            self.live.insert(name, self.next_id);
            if !self.deaf {
                self.news.push_back(Event::New(entry(name, self.next_id)));
            }
            self.next_id += 1;
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Packet { name, dropped_behind } => {
                let tuple = entry(name, 0).original;
                let key = Identity::Packet.of_packet(&tuple, None);
                let answer = self.keeper.clerk.ask(key, &tuple, self.now);
                if answer.passes() && !dropped_behind {
                    self.begin(name);
                }
                if self.exact && !matches!(answer, Answer::Refused(_)) {
                    assert!(self.live.len() <= LIMIT as usize, "{:?}", self.live);
                }
            }
            Step::End(name) => {
                if let Some(id) = self.live.remove(&name) {
                    self.news.push_back(Event::Destroy(entry(name, id)));
                }
            }
            Step::Reuse(name) => {
                self.take(Step::End(name));
                self.take(Step::Packet { name, dropped_behind: false });
            }
            Step::News(count) => {
                for event in self.news.drain(..self.news.len().min(count.into())) {
                    self.keeper.event(&event, self.now);
                }
                self.keeper.settle(self.now);
            }
            Step::Overflow => {
                self.exact &= self.news.is_empty();
                self.news.clear();
            }
            Step::PassBy(name) => {
                self.exact &= self.live.contains_key(&name);
                self.begin(name);
            }
            // News are never under way for longer than the grace, while nothing is lost.
            Step::Wait(ms) => {
                self.take(Step::News(u8::MAX));
                self.now += Millis::from(ms);
            }
            Step::BeginDump if !self.keeper.is_reading() => {
                self.keeper.begin_dump(self.now);
                self.dump = self.live.iter().map(|(name, id)| entry(*name, *id)).collect();
            }
            Step::BeginDump => {}
            Step::ReadDump(count) => {
                let read = self.dump.len().min(count.into());
                self.dump.drain(..read).for_each(|entry| self.keeper.dumped(&entry));
            }
            Step::EndDump => {
                self.take(Step::ReadDump(u8::MAX));
                self.keeper.end_dump(self.now);
            }
            Step::Restart => {
                // News of before are of a socket that is gone; the table tells what they told.
                self.news.clear();
                self.dump.clear();
                self.keeper = keeper();
                self.first_dump();
                self.exact &= self.live.len() <= LIMIT as usize;
            }
        }
    }

    /// Everything has been told and two dumps have been compared.
    fn come_to_rest(&mut self) {
        for _ in 0..3 {
            self.take(Step::Wait(u16::try_from(2 * GRACE).unwrap()));
            self.take(Step::EndDump);
            self.take(Step::BeginDump);
            self.take(Step::EndDump);
        }
    }

    #[track_caller]
    fn is_right(&self) {
        let booth = self.keeper.clerk.booth();
        let in_use = booth.report()[0].usage.in_use;
        assert_eq!(in_use, self.live.len() as u64, "in use, against the kernel's table");
        assert_eq!(booth.connections(), self.live.len());
        assert!(booth.audit().is_clean(), "{}", booth.audit());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_books_come_to_agree_with_the_kernel(
        steps in prop::collection::vec(step(), 0..80),
        disturbed: bool,
        deaf: bool,
    ) {
        let mut world = World::with_ears(deaf);
        for step in steps {
            // Undisturbed, the limit holds to the end.
            if disturbed || !matches!(step, Step::Overflow | Step::PassBy(_)) {
                world.take(step);
            }
        }
        // Whoever asked is never forgotten while the connection lives.
        prop_assert!(disturbed || world.keeper.tally().unasked == 0);
        world.come_to_rest();
        world.is_right();
        let names: Vec<_> = world.live.keys().copied().collect();
        names.into_iter().for_each(|name| world.take(Step::End(name)));
        world.come_to_rest();
        world.is_right();
        prop_assert!(world.keeper.clerk.booth().audit().is_idle());
    }
}

#[test]
fn what_ended_while_it_was_dumped_is_not_taken_for_alive() {
    let mut world = World::new();
    world.take(Step::PassBy(1));
    world.news.clear();
    world.take(Step::BeginDump);
    world.take(Step::End(1));
    world.take(Step::News(1));
    world.take(Step::EndDump);
    world.is_right();
}

#[test]
fn what_ended_for_the_next_of_its_name_while_it_was_dumped_is_not_taken_for_alive() {
    let mut world = World::new();
    world.take(Step::Packet { name: 1, dropped_behind: false });
    world.take(Step::BeginDump);
    world.take(Step::Reuse(1));
    world.take(Step::End(1));
    world.take(Step::News(4));
    world.take(Step::EndDump);
    world.is_right();
}

#[test]
fn what_passed_by_and_ended_at_once_is_not_entered() {
    let mut world = World::new();
    world.take(Step::PassBy(1));
    world.take(Step::End(1));
    world.take(Step::News(2));
    world.is_right();
    assert_eq!(world.keeper.tally().unasked, 0);
}

#[test]
fn what_passes_by_is_counted() {
    let mut world = World::new();
    (0..6).for_each(|name| world.take(Step::PassBy(name)));
    world.take(Step::News(6));
    world.is_right();
    assert_eq!(world.keeper.tally().unasked, 6, "beyond the limit of {LIMIT}");
}

#[test]
fn an_entry_that_comes_with_its_packet_names_its_connection() {
    let mut entry = entry(1, 7);
    entry.zone = 3;
    // Behind an address translation, the packet does not say where it was sent first.
    let packet = FiveTuple { destination: [10, 9, 9, 9].into(), ..entry.original };
    entry.reply.source = packet.destination;
    let by_entry = Identity::Entry.of_packet(&packet, Some(&entry));
    assert_eq!(by_entry, Identity::Entry.of_entry(&entry));
    assert_eq!(by_entry, Key { tuple: entry.original, zone: 3 });
    let by_packet = Identity::Packet.of_packet(&packet, Some(&entry));
    assert_eq!(by_packet, Identity::Packet.of_entry(&entry));
    assert_eq!(by_packet, Key { tuple: packet, zone: 0 });
}
