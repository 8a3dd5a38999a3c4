//! A participant: it draws shared sessions from whichever server serves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::appetite::Appetite;
use super::codec::Label;
use super::event::{Event, Request};
use super::message::{About, Claim, Grant, Message, Purpose, Refusal, Role};
use super::settings::Membership;
use super::tally::Tallies;
use super::{HOLD, LOST_REFRESHES, Link, Output, Outputs};
use crate::license::key::Serial;

/// How long the first answer is waited for; twice as long for every further one.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// After so many tries without an answer another server is tried, if there is one.
const TRIES: u32 = 3;

/// The refresh interval before a server has told one (G13).
const DEFAULT_REFRESH: Duration = Duration::from_secs(30);

/// A server that refused is asked again after so long.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// A server may set this interval at the least, and this at the most (G13).
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);
const LONGEST_REFRESH: Duration = Duration::from_secs(300);

/// Servers that a participant has links to at once: server and backup, each with a standby unit,
/// and itself. Further ones are ignored.
const MOST_SERVERS: usize = 8;

/// What a participant is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParticipantConfig {
    /// Its ID.
    pub serial: Serial,
    /// Its life: larger than in every earlier one. A counter that is stored, or the time of day.
    pub incarnation: u64,
    /// Its host name, for the server's lists.
    pub hostname: Label,
    /// What it brings: its model, its own sessions, its platform's maximum.
    pub membership: Membership,
    /// When it asks for more and when it gives back.
    pub appetite: Appetite,
}

/// A server that there is a link to.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    role: Option<Role>,
    /// Its life when it answered last.
    incarnation: u64,
    /// Not to be tried before.
    after: Duration,
}

/// Who serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Service {
    None,
    Registering(Serial),
    Registered(Serial),
}

impl Service {
    fn is(self, server: Serial) -> bool {
        matches!(self, Self::Registering(it) | Self::Registered(it) if it == server)
    }
}

/// A claim that is not answered yet.
#[derive(Clone, Debug)]
struct Pending {
    claim: Claim,
    request: Request,
    message: Message,
    first_sent: Duration,
    retry_at: Duration,
    tries: u32,
}

/// A participant. See the head of [`pool`](super).
///
/// ```
/// use std::time::Duration;
/// use tollgate::catalogue::{self, Feature, Value};
/// use tollgate::license::{RunningLicense, Unit};
/// use tollgate::pool::{Appetite, Link, Membership, Output, Participant, ParticipantConfig};
///
/// let mut unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
/// unit.add(Feature::SharedParticipant, Value::Enabled)?;
/// let mut participant = Participant::new(
///     Duration::ZERO,
///     ParticipantConfig {
///         serial: "JMX0912K04J".parse()?,
///         incarnation: 1,
///         hostname: "branch".parse()?,
///         membership: Membership::participant(&RunningLicense::of(&unit))?,
///         appetite: Appetite::default(),
///     },
/// );
/// participant.handle_link(Duration::ZERO, "JMX0912K04K".parse()?, Link::Up);
/// assert!(matches!(participant.poll(), Some(Output::Send { .. }))); // it registers
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Participant {
    config: ParticipantConfig,
    now: Duration,
    servers: BTreeMap<Serial, Candidate>,
    service: Service,
    refresh: Duration,
    next_refresh: Duration,
    pending: Option<Pending>,
    number: u64,
    demand: u32,
    used: u32,
    want: u32,
    /// What the last claim wanted.
    claimed: u32,
    /// What the last answer granted.
    told: u32,
    held: u32,
    high: u32,
    backup_address: Option<Label>,
    standby: bool,
    transfer_of: Option<Serial>,
    /// When the last claim that was answered was sent: the hold counts from there.
    contact: Duration,
    served: bool,
    last_refusal: Option<Refusal>,
    tallies: Tallies,
    outputs: Outputs,
}

impl Participant {
    /// A participant in a new life: it holds nothing.
    pub fn new(now: Duration, config: ParticipantConfig) -> Self {
        Self {
            config,
            now,
            servers: BTreeMap::new(),
            service: Service::None,
            refresh: DEFAULT_REFRESH,
            next_refresh: now,
            pending: None,
            number: 0,
            demand: 0,
            used: 0,
            want: 0,
            claimed: 0,
            told: 0,
            held: 0,
            high: 0,
            backup_address: None,
            standby: false,
            transfer_of: None,
            contact: now,
            served: false,
            last_refusal: None,
            tallies: Tallies::default(),
            outputs: Outputs::new(),
        }
    }

    /// Shared sessions that it holds: what it may admit beyond its own licence.
    pub const fn held(&self) -> u32 {
        self.held
    }

    /// Shared sessions that it wants in all.
    pub const fn wanted(&self) -> u32 {
        self.want
    }

    /// Shared sessions that it would want if so many sessions were in use or asked for.
    ///
    /// A caller whose gate admits meanwhile takes what it would give back from the gate first, and
    /// looks again what is in use, before it says that so few are: see
    /// [`set_demand`](Self::set_demand).
    pub fn wanted_for(&self, demand: u32) -> u32 {
        if self.standby {
            return 0;
        }
        let (local, room) = (self.config.membership.local(), self.room());
        self.config.appetite.want(self.want, demand, local, room)
    }

    /// The most shared sessions that it ever held.
    pub const fn high(&self) -> u32 {
        self.high
    }

    /// Its ID.
    pub const fn serial(&self) -> Serial {
        self.config.serial
    }

    /// What it brings.
    pub const fn membership(&self) -> Membership {
        self.config.membership
    }

    /// The server that serves it.
    pub const fn server(&self) -> Option<Serial> {
        match self.service {
            Service::Registered(server) => Some(server),
            Service::None | Service::Registering(_) => None,
        }
    }

    /// Where the main server says that its backup is reached.
    pub const fn backup_address(&self) -> Option<&Label> {
        self.backup_address.as_ref()
    }

    /// How often it refreshes, by the server's word (G19).
    pub const fn refresh(&self) -> Duration {
        self.refresh
    }

    /// Messages, by request.
    pub const fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// The most shared sessions that its platform has room for besides its own licence (G24, G25).
    pub const fn room(&self) -> u32 {
        self.config.membership.platform().saturating_sub(self.config.membership.local())
    }

    /// So many sessions are in use or asked for, of its own licence and shared ones together.
    ///
    /// More shared sessions are asked for at once. Fewer are published first and given back then,
    /// so the caller publishes before it goes on draining outputs.
    pub fn set_demand(&mut self, now: Duration, sessions: u32) {
        self.tick(now);
        self.demand = sessions;
        self.act();
    }

    /// Whether it is on standby.
    pub const fn is_on_standby(&self) -> bool {
        self.standby
    }

    /// The unit of a failover pair that is on standby holds nothing: it registers, with an ID of
    /// its own, and waits (G72).
    pub fn stand_by(&mut self, now: Duration) {
        self.tick(now);
        self.standby = true;
        self.transfer_of = None;
        self.act();
    }

    /// The unit is the active one of its pair now, and has the server move to it what the unit with
    /// the ID `of` had (G74). Set the demand of the sessions that it took over first.
    pub fn take_over(&mut self, now: Duration, of: Serial) {
        self.tick(now);
        self.standby = false;
        self.transfer_of = Some(of);
        self.pending = None;
        self.act();
    }

    /// Its licence changed: it registers again.
    pub fn set_membership(&mut self, now: Duration, membership: Membership) {
        self.tick(now);
        self.config.membership = membership;
        if let Service::Registered(server) = self.service {
            self.turn_to(server);
        }
        self.act();
    }

    /// A link to a server went up or down.
    pub fn handle_link(&mut self, now: Duration, peer: Serial, link: Link) {
        self.tick(now);
        match link {
            Link::Up => {
                let room = self.servers.len() < MOST_SERVERS || self.servers.contains_key(&peer);
                if room {
                    self.servers.insert(peer, Candidate { role: None, incarnation: 0, after: now });
                }
                if let Some(pending) = self.pending.as_mut().filter(|_| self.service.is(peer)) {
                    pending.retry_at = now;
                }
            }
            Link::Down => {
                self.servers.remove(&peer);
                if self.service.is(peer) {
                    self.leave();
                }
            }
        }
        self.act();
    }

    /// A message came from `from`.
    pub fn handle_message(&mut self, now: Duration, from: Serial, message: &Message) {
        self.tick(now);
        match message {
            Message::Welcome { role, grant, backup_address, .. } => {
                self.granted(from, grant, Some(*role));
                if *role == Role::Main && self.server() == Some(from) {
                    self.backup_address.clone_from(backup_address);
                }
            }
            Message::Grant(grant) => self.granted(from, grant, None),
            Message::Refused { incarnation, number, reason } => {
                self.refused(from, *incarnation, *number, *reason);
            }
            _ => {}
        }
        self.act();
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.tick(now);
        self.act();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due at the latest.
    pub fn next_timeout(&self) -> Option<Duration> {
        let hold = (self.held > 0).then(|| self.contact + HOLD);
        let silence = self.served.then(|| self.contact + self.refresh * LOST_REFRESHES);
        let service = match (&self.pending, self.service) {
            (Some(pending), _) => Some(pending.retry_at),
            (None, Service::Registered(_)) => Some(self.next_refresh),
            (None, Service::Registering(_)) => Some(self.now),
            (None, Service::None) => self.servers.values().map(|server| server.after).min(),
        };
        [hold, silence, service].into_iter().flatten().min()
    }

    /// The next thing to do for the caller.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn tick(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Does what is due.
    fn act(&mut self) {
        self.give_up_what_is_stale();
        self.update_want();
        let waiting = self.pending.is_some() && self.asked() == self.claimed;
        match self.service {
            Service::None => self.try_next_server(),
            Service::Registering(server) | Service::Registered(server) if waiting => {
                self.retry(server);
            }
            Service::Registering(server) => self.register(server),
            Service::Registered(server) => self.refresh_if_due(server),
        }
    }

    /// After 24 hours without a server the shared sessions are given up (G33).
    fn give_up_what_is_stale(&mut self) {
        if self.held > 0 && self.now >= self.contact + HOLD {
            self.log(Event::HeldTooLong { sessions: self.held });
            self.hold(0);
        }
        if self.served && self.now >= self.contact + self.refresh * LOST_REFRESHES {
            self.served = false;
            self.log(Event::ServiceInactive);
        }
    }

    /// What is no longer wanted is no longer held, before anyone is told.
    fn update_want(&mut self) {
        let local = self.config.membership.local();
        self.want = self.wanted_for(self.demand);
        self.used = self.demand.saturating_sub(local).min(self.held);
        if self.held > self.want {
            self.hold(self.want);
        }
    }

    fn hold(&mut self, sessions: u32) {
        if self.held != sessions {
            self.held = sessions;
            self.high = self.high.max(sessions);
            self.used = self.used.min(sessions);
            self.outputs.push_back(Output::Publish { sessions });
        }
    }

    /// Turns to the server that is not to be waited for the longest; the main server before others.
    fn try_next_server(&mut self) {
        let due = self.servers.iter().filter(|(_, server)| server.after <= self.now);
        let first = due.min_by_key(|(serial, server)| {
            (server.role == Some(Role::Backup), server.after, **serial)
        });
        if let Some((&server, _)) = first {
            self.turn_to(server);
            self.register(server);
        }
    }

    fn turn_to(&mut self, server: Serial) {
        self.pending = None;
        self.service = Service::Registering(server);
    }

    fn leave(&mut self) {
        self.pending = None;
        self.service = Service::None;
    }

    fn register(&mut self, server: Serial) {
        let membership = self.config.membership;
        let about = About {
            model: membership.model(),
            hostname: self.config.hostname.clone(),
            local: membership.local(),
            platform: membership.platform(),
        };
        let claim = self.next_claim();
        self.send(server, Request::Registration, Message::Register(about, claim), claim);
    }

    fn refresh_if_due(&mut self, server: Serial) {
        let due = self.now >= self.next_refresh;
        if due && self.main_may_be_back() {
            self.leave();
            self.try_next_server();
        } else if let Some(of) = self.transfer_of {
            let claim = self.next_claim();
            self.send(server, Request::Transfer, Message::Transfer { of, claim }, claim);
        } else if due || self.asked() != self.claimed {
            let claim = self.next_claim();
            self.send(server, claim.purpose.into(), Message::Claim(claim), claim);
        }
    }

    /// What a claim wants: all that is wanted, except that what a transfer is to bring is not asked
    /// for beforehand.
    const fn asked(&self) -> u32 {
        match (self.transfer_of, self.service) {
            (Some(_), Service::Registering(_)) => self.held,
            _ => self.want,
        }
    }

    /// Whether a backup serves, and another server can be asked again.
    fn main_may_be_back(&self) -> bool {
        let serving = self.server().and_then(|server| self.servers.get(&server));
        let mut others = self.servers.values().filter(|it| it.role != Some(Role::Backup));
        serving.is_some_and(|it| it.role == Some(Role::Backup))
            && others.any(|it| it.after <= self.now)
    }

    fn next_claim(&mut self) -> Claim {
        let wanted = self.asked();
        self.number += 1;
        self.claimed = wanted;
        let purpose = if wanted > self.held {
            Purpose::Get
        } else if self.told > wanted {
            Purpose::Release
        } else {
            Purpose::Refresh
        };
        Claim {
            incarnation: self.config.incarnation,
            number: self.number,
            purpose,
            held: self.held,
            wanted,
            used: self.used,
        }
    }

    fn send(&mut self, server: Serial, request: Request, message: Message, claim: Claim) {
        self.tallies.of_mut(request).sent += 1;
        self.outputs.push_back(Output::Send { to: server, message: message.clone() });
        self.pending = Some(Pending {
            claim,
            request,
            message,
            first_sent: self.now,
            retry_at: self.now + FIRST_RETRY,
            tries: 1,
        });
    }

    /// Sends again what was not answered, or gives its server up for another one.
    fn retry(&mut self, server: Serial) {
        let Some(pending) = self.pending.as_mut().filter(|it| it.retry_at <= self.now) else {
            return;
        };
        let mut others = self.servers.iter().filter(|(it, _)| **it != server);
        if pending.tries >= TRIES && others.any(|(_, it)| it.after <= self.now) {
            self.pause(server, self.refresh);
            self.leave();
            self.try_next_server();
            return;
        }
        let wait = FIRST_RETRY.saturating_mul(1 << pending.tries.min(10)).min(self.refresh);
        pending.retry_at = self.now + wait;
        pending.tries += 1;
        self.tallies.of_mut(pending.request).sent += 1;
        let message = pending.message.clone();
        self.outputs.push_back(Output::Send { to: server, message });
    }

    /// The pending claim, where this is an answer to it by the server it was sent to.
    fn take_pending(&mut self, from: Serial, incarnation: u64, number: u64) -> Option<Pending> {
        let answers =
            |it: &mut Pending| (it.claim.incarnation, it.claim.number) == (incarnation, number);
        self.pending.take_if(|it| self.service.is(from) && answers(it))
    }

    fn granted(&mut self, from: Serial, grant: &Grant, role: Option<Role>) {
        let Some(server) = self.servers.get_mut(&from) else { return };
        if grant.server < server.incarnation {
            return;
        }
        let Some(pending) = self.take_pending(from, grant.incarnation, grant.number) else {
            return;
        };
        if let Some(server) = self.servers.get_mut(&from) {
            server.incarnation = grant.server;
            server.role = role.or(server.role);
        }
        if pending.request == Request::Transfer {
            self.transfer_of = None;
        }
        self.tallies.of_mut(pending.request).received += 1;
        self.service = Service::Registered(from);
        self.contact = self.contact.max(pending.first_sent);
        self.refresh = grant.refresh.clamp(SHORTEST_REFRESH, LONGEST_REFRESH);
        self.next_refresh = self.now + self.refresh;
        self.told = grant.granted;
        self.hold(grant.granted.min(pending.claim.wanted).min(self.room()));
        self.last_refusal = None;
        if !self.served {
            self.served = true;
            self.log(Event::ServiceActive { server: from });
        }
    }

    fn refused(&mut self, from: Serial, incarnation: u64, number: u64, reason: Refusal) {
        let Some(pending) = self.take_pending(from, incarnation, number) else { return };
        self.tallies.of_mut(pending.request).errors += 1;
        if self.last_refusal != Some(reason) {
            self.last_refusal = Some(reason);
            self.log(Event::RequestFailed { purpose: pending.request, reason });
        }
        if let Refusal::EarlierLife { latest } = reason {
            self.live_after(latest, from);
            return;
        }
        if reason == Refusal::UnknownClient && pending.request != Request::Registration {
            self.turn_to(from);
            return;
        }
        let pause = if reason == Refusal::UnknownClient { FIRST_RETRY } else { REFUSED_PAUSE };
        self.pause(from, pause);
        self.leave();
    }

    /// Begins the next life after `latest`, which the server has heard of this unit.
    fn live_after(&mut self, latest: u64, server: Serial) {
        if let Some(next) = latest.checked_add(1) {
            self.config.incarnation = self.config.incarnation.max(next);
            self.turn_to(server);
        } else {
            self.pause(server, REFUSED_PAUSE);
            self.leave();
        }
    }

    fn pause(&mut self, server: Serial, pause: Duration) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.after = self.now + pause;
        }
    }

    fn log(&mut self, event: Event) {
        self.outputs.push_back(Output::Log(event));
    }
}
