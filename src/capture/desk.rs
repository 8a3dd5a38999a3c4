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
    first: First,
}

/// The first refusal of each limit.
#[derive(Debug)]
struct First([Option<FirstRefusal>; Limit::COUNT]);

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
            first: First([None; Limit::COUNT]),
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
            .map(|usage| LimitReport { usage, first_refusal: self.first.0[usage.limit.index()] })
            .collect()
    }
}

impl Held {
    /// Keeps the token of a connection that opens, or that it has none.
    fn open(&mut self, flow: FlowId, token: Option<Token>) {
        let place = flow as usize;
        if self.connections.len() <= place {
            self.connections.resize(place + 1, None);
        }
        self.connections[place] = token;
    }

    /// Whether the flow's connection was admitted.
    fn is_admitted(&self, flow: FlowId) -> bool {
        self.connections.get(flow as usize).is_some_and(Option::is_some)
    }

    /// Gives back what a flow holds.
    fn close(&mut self, flow: FlowId) {
        let connection = self.connections.get_mut(flow as usize).and_then(Option::take);
        let voice = self.encrypted_voice.remove(&flow);
        for token in connection.into_iter().chain(voice) {
            self.worker.release(token);
        }
    }
}

impl First {
    /// The token, or none where it was refused; takes down who was the first.
    fn note(&mut self, verdict: Result<Token, Refusal>, order: Order, who: Who) -> Option<Token> {
        let refusal = match verdict {
            Ok(token) => return Some(token),
            Err(refusal) => refusal,
        };
        let Order { at, frame, .. } = order;
        let first = FirstRefusal { at_ns: at, frame, who };
        self.0[refusal.limit.index()].get_or_insert(first);
        None
    }
}

impl Sink for Desk {
    fn take(&mut self, tracker: usize, event: &Event) {
        let Self { zones, trackers, first, .. } = self;
        let held = &mut trackers[tracker];
        match event.action {
            Action::Open(flow, tuple) => {
                let verdict = held.worker.admit_connection(&zones.hosts(&tuple));
                held.open(flow, first.note(verdict, event.order, Who::Flow(tuple)));
            }
            Action::Close(flow) => held.close(flow),
            Action::EncryptedVoice(flow, tuple) if held.is_admitted(flow) => {
                let verdict = held.worker.admit(Kind::EncryptedVoice);
                if let Some(token) = first.note(verdict, event.order, Who::Flow(tuple)) {
                    held.encrypted_voice.insert(flow, token);
                }
            }
            // A connection that was refused carries nothing.
            Action::EncryptedVoice(..) => {}
            Action::Vlan(id) => {
                let verdict = held.worker.admit(Kind::Vlan);
                first.note(verdict, event.order, Who::Vlan(id));
            }
            Action::Ike(version, tuple) => {
                let verdict = held.worker.admit(kind(version));
                first.note(verdict, event.order, Who::Flow(tuple));
            }
        }
    }
}

/// What an IKE session is taken for: a capture does not tell remote access from site-to-site.
const fn kind(version: IkeVersion) -> Kind {
    match version {
        IkeVersion::V1 => Kind::Ikev1L2l,
        IkeVersion::V2 => Kind::Ikev2L2l,
    }
}
