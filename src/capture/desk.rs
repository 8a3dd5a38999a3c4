//! Where the events of a capture become admissions and releases.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;

use super::event::{Action, Event, FlowId, Order};
use super::ike::IkeVersion;
use super::packet::FiveTuple;
use super::replay::Sink;
use super::zones::Zones;
use crate::gate::{Gate, Refusal, Token, Usage, Worker};
use crate::license::{Kind, Limit};

/// Asks a gate for what the events of a capture need, and gives it back.
///
/// Each tracker has a worker of its own, as each packet thread of a firewall has.
#[derive(Debug)]
pub struct Desk {
    gate: Gate,
    zones: Zones,
    trackers: Vec<Held>,
    first: [Option<FirstRefusal>; Limit::COUNT],
}

/// What the flows of one tracker hold.
#[derive(Debug)]
struct Held {
    worker: Worker,
    /// By flow: the token of its connection, where it was admitted.
    connections: Vec<Option<Token>>,
    encrypted_voice: HashMap<FlowId, Token, RandomState>,
}

/// The first time that a limit refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstRefusal {
    /// When, in nanoseconds since the first frame.
    pub at_ns: u64,
    /// The frame that asked, from 1 over all captures.
    pub frame: u64,
    /// Who asked.
    pub who: Who,
}

/// Who asked for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// A connection, or something in it.
    Flow(FiveTuple),
    /// A VLAN.
    Vlan(u16),
}

/// `TCP 10.0.0.1:1024 -> 192.0.2.1:443` or `VLAN 7`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flow(tuple) => tuple.fmt(f),
            Self::Vlan(id) => write!(f, "VLAN {id}"),
        }
    }
}

/// One limit at the end of a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitReport {
    /// What was allowed, in use, admitted and refused.
    pub usage: Usage,
    /// The first refusal, where there was one.
    pub first_refusal: Option<FirstRefusal>,
}

impl Desk {
    /// A desk for a replay with `trackers` trackers.
    pub fn new(gate: &Gate, zones: Zones, trackers: usize) -> Self {
        let held = || Held {
            worker: gate.worker(),
            connections: Vec::new(),
            encrypted_voice: HashMap::default(),
        };
        Self {
            gate: gate.clone(),
            zones,
            trackers: std::iter::repeat_with(held).take(trackers).collect(),
            first: [None; Limit::COUNT],
        }
    }

    /// Every limit that was asked for something, and firewall connections in any case, in the
    /// order of [`Limit::ALL`].
    pub fn report(&self) -> Vec<LimitReport> {
        self.gate
            .usages()
            .into_iter()
            .filter(|usage| {
                let asked = usage.admitted + usage.refused > 0;
                asked || usage.limit == Limit::FirewallConns
            })
            .map(|usage| LimitReport { usage, first_refusal: self.first[usage.limit.index()] })
            .collect()
    }

    /// Records `refused`, where it was; the token where it was not.
    fn note(
        &mut self,
        verdict: Result<Token, Refusal>,
        order: Order,
        who: impl FnOnce() -> Who,
    ) -> Option<Token> {
        match verdict {
            Ok(token) => Some(token),
            Err(refusal) => {
                self.first[refusal.limit.index()].get_or_insert_with(|| FirstRefusal {
                    at_ns: order.at,
                    frame: order.frame,
                    who: who(),
                });
                None
            }
        }
    }
}

impl Sink for Desk {
    fn take(&mut self, tracker: usize, event: &Event) {
        let held = &mut self.trackers[tracker];
        match event.action {
            Action::Open(flow, tuple) => {
                let verdict = held.worker.admit_connection(&self.zones.hosts(&tuple));
                let token = self.note(verdict, event.order, || Who::Flow(tuple));
                let connections = &mut self.trackers[tracker].connections;
                let place = flow as usize;
                if connections.len() <= place {
                    connections.resize(place + 1, None);
                }
                connections[place] = token;
            }
            Action::Close(flow) => {
                let connection = held.connections.get_mut(flow as usize).and_then(Option::take);
                let voice = held.encrypted_voice.remove(&flow);
                for token in connection.into_iter().chain(voice) {
                    held.worker.release(token);
                }
            }
            Action::EncryptedVoice(flow, tuple) => {
                // A connection that was refused carries nothing.
                if held.connections.get(flow as usize).is_none_or(Option::is_none) {
                    return;
                }
                let verdict = held.worker.admit(Kind::EncryptedVoice);
                if let Some(token) = self.note(verdict, event.order, || Who::Flow(tuple)) {
                    self.trackers[tracker].encrypted_voice.insert(flow, token);
                }
            }
            Action::Vlan(id) => {
                let verdict = held.worker.admit(Kind::Vlan);
                self.note(verdict, event.order, || Who::Vlan(id));
            }
            Action::Ike(version, tuple) => {
                let kind = match version {
                    IkeVersion::V1 => Kind::Ikev1L2l,
                    IkeVersion::V2 => Kind::Ikev2L2l,
                };
                let verdict = held.worker.admit(kind);
                self.note(verdict, event.order, || Who::Flow(tuple));
            }
        }
    }
}
