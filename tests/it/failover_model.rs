//! Groups against a naive reimplementation of the countdown, day by day, under random histories.

use proptest::prelude::*;
use tollgate::license::GroupMode;
use tollgate::license::failover::Group;
use tollgate::license::key::ParsedKey;

use crate::keys::{Firewall, days};

const BOTNET: &str = "botnet-traffic-filter=enabled";
const PREMIUM: &str = "anyconnect-premium=100";

#[derive(Clone, Debug)]
enum Op {
    Advance(u64),
    Disconnect,
    Reconnect,
    Reload(usize),
    Switch(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..50_u64).prop_map(Op::Advance),
        2 => Just(Op::Disconnect),
        1 => Just(Op::Reconnect),
        1 => (0..3_usize).prop_map(Op::Reload),
        1 => (0..3_usize).prop_map(Op::Switch),
    ];
    prop::collection::vec(op, 1..20)
}

/// One unit on paper: the days left of Botnet, which waits, and of Premium, which does not.
#[derive(Clone, Debug)]
struct Line {
    botnet: u64,
    premium: u64,
    /// Whether Botnet was deactivated.
    off: bool,
    /// The days for which other units counted since communication was lost.
    waited: u64,
}

/// A day of the group on paper; `lost` is how many days ago communication was lost.
fn a_day(lines: &mut [Line], lost: &mut Option<u64>) {
    if *lost == Some(30) {
        for line in lines.iter_mut() {
            line.botnet = line.botnet.saturating_sub(line.waited);
            line.waited = 0;
        }
    }
    let separate = lost.is_some_and(|days| days >= 30);
    let mut counted = false;
    for line in lines.iter_mut() {
        line.premium = line.premium.saturating_sub(1);
        if line.botnet == 0 || line.off {
            continue;
        }
        if separate || !counted {
            line.botnet -= 1;
            counted = true;
        } else if lost.is_some() {
            line.waited += 1;
        }
    }
    *lost = lost.map(|days| days + 1);
}

fn keys(units: &mut [Firewall], lines: &[Line]) -> Vec<[ParsedKey; 2]> {
    let both = units.iter_mut().zip(lines);
    both.map(|(unit, line)| {
        [unit.timed(BOTNET, days(line.botnet)), unit.timed(PREMIUM, days(line.premium))]
    })
    .collect()
}

proptest! {
    /// F37 – F55: the units and the paper agree after every step of any history.
    #[test]
    fn the_countdown_agrees_with_a_naive_model(
        bought in prop::collection::vec((1..120_u64, 1..120_u64), 2..4),
        ops in ops(),
    ) {
        let mut lines: Vec<_> = bought
            .into_iter()
            .map(|(botnet, premium)| Line { botnet, premium, off: false, waited: 0 })
            .collect();
        let model = if lines.len() == 2 { "ASA 5520" } else { "ASA 5580-20" };
        let mut units: Vec<_> = (0..lines.len())
            .map(|i| Firewall::with_serial(model, &format!("JMX0912K00{i}")))
            .collect();
        let mode = if lines.len() == 2 { GroupMode::ActiveStandby } else { GroupMode::Cluster };
        if mode == GroupMode::Cluster {
            units.iter_mut().for_each(|unit| { unit.permanent("clustering=8"); });
        }
        let keys = keys(&mut units, &lines);
        let configuration = units[0].configuration.clone();
        let rings: Vec<_> = units.iter().map(|unit| &unit.ring).collect();
        let mut group = Group::form(mode, &rings, &configuration).expect("a group");
        let mut lost = None;
        for op in ops {
            let mut rings: Vec<_> = units.iter_mut().map(|unit| &mut unit.ring).collect();
            match op {
                Op::Advance(time) => {
                    group.advance(&mut rings, days(time));
                    (0..time).for_each(|_| a_day(&mut lines, &mut lost));
                }
                Op::Disconnect => {
                    group.disconnect();
                    lost = lost.or(Some(0));
                }
                Op::Reconnect => {
                    group.reconnect(&mut rings);
                    lost = None;
                    lines.iter_mut().for_each(|line| line.waited = 0);
                }
                // Of the two kinds it is the one that waits for other units.
                Op::Switch(index) => {
                    let line = lines.get_mut(index).filter(|line| line.botnet > 0);
                    let Some((line, ring)) = line.zip(rings.get_mut(index)) else { continue };
                    let done = if line.off {
                        ring.activate(keys[index][0]).map(drop)
                    } else {
                        ring.deactivate(keys[index][0])
                    };
                    prop_assert_eq!(done, Ok(()));
                    line.off = !line.off;
                }
                // Its clock was not set, so a reload changes nothing.
                Op::Reload(index) => {
                    if let Some(ring) = rings.get_mut(index) {
                        prop_assert_eq!(ring.reload(), []);
                    }
                }
            }
            for ((unit, line), [botnet, premium]) in units.iter().zip(&lines).zip(&keys) {
                prop_assert_eq!(unit.left(*botnet), days(line.botnet));
                prop_assert_eq!(unit.left(*premium), days(line.premium));
            }
            prop_assert_eq!(group.is_combined(), lost.is_none_or(|days| days <= 30));
        }
    }
}
