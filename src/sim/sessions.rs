//! The sessions that a scenario holds on one unit.

use std::num::NonZeroU32;

use crate::gate::{Part, Token};
use crate::license::Kind;

/// A name of sessions, by its place in [`Sessions::names`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Name(NonZeroU32);

/// One session: its token, and the names of the session and of a client started from its portal.
#[derive(Clone, Copy, Debug)]
struct Held {
    token: Token,
    name: Option<Name>,
    client: Option<Name>,
}

/// Sessions that go to the other unit of a pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Moved {
    pub(super) kind: Kind,
    pub(super) name: Option<String>,
    pub(super) count: u64,
}

/// The sessions of one unit, by kind, the last admitted last.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    kinds: [Vec<Held>; Kind::COUNT],
    names: Vec<String>,
}

impl Sessions {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.kinds.iter().map(|held| held.len() as u64).sum()
    }

    /// How many of this kind there are; a client started from a portal is an `AnyConnect` one too.
    pub(super) fn of_kind(&self, kind: Kind) -> u64 {
        let held = &self.kinds[kind.index()];
        match kind {
            Kind::Anyconnect => held.len() as u64 + self.clients().count() as u64,
            Kind::Clientless => {
                held.iter().filter(|it| it.token.is_open(Part::Portal)).count() as u64
            }
            _ => held.len() as u64,
        }
    }

    fn clients(&self) -> impl Iterator<Item = &Held> {
        self.kinds[Kind::Clientless.index()].iter().filter(|it| it.token.is_open(Part::Client))
    }

    /// How many of each kind have this name, where there are any.
    pub(super) fn named(&self, name: &str) -> Vec<(Kind, u64)> {
        let Some(name) = self.find(name) else { return Vec::new() };
        let of = |kind: Kind| {
            let own = self.kinds[kind.index()].iter().filter(|it| it.name == Some(name));
            let own = own.filter(|it| kind != Kind::Clientless || it.token.is_open(Part::Portal));
            let clients = self.clients().filter(|it| it.client == Some(name));
            let clients = if kind == Kind::Anyconnect { clients.count() } else { 0 };
            (kind, (own.count() + clients) as u64)
        };
        Kind::ALL.map(of).into_iter().filter(|(_, count)| *count > 0).collect()
    }

    fn find(&self, name: &str) -> Option<Name> {
        let at = self.names.iter().position(|it| it == name)?;
        u32::try_from(at + 1).ok().and_then(NonZeroU32::new).map(Name)
    }

    fn name(&mut self, name: &str) -> Option<Name> {
        if self.find(name).is_none() {
            self.names.push(name.to_owned());
        }
        self.find(name)
    }

    /// The `AnyConnect` and clientless sessions, by kind and name.
    pub(super) fn moved(&self) -> Vec<Moved> {
        let kinds = [Kind::Anyconnect, Kind::AnyconnectIkev2, Kind::Clientless];
        let mut all = Vec::<Moved>::new();
        for kind in kinds {
            for held in &self.kinds[kind.index()] {
                let name = held.name.map(|Name(at)| self.names[at.get() as usize - 1].clone());
                match all.iter_mut().find(|it| (it.kind, &it.name) == (kind, &name)) {
                    Some(moved) => moved.count += 1,
                    None => all.push(Moved { kind, name, count: 1 }),
                }
            }
        }
        all
    }

    /// Holds sessions that were admitted.
    pub(super) fn hold(&mut self, tokens: Vec<Token>, name: Option<&str>) {
        let name = name.and_then(|name| self.name(name));
        for token in tokens {
            self.kinds[token.kind().index()].push(Held { token, name, client: None });
        }
    }

    /// Starts clients from the portals of the sessions called `portal`; how many there were to
    /// start one from, `most` at most.
    pub(super) fn start_clients(&mut self, portal: &str, most: u64, name: Option<&str>) -> u64 {
        let (Some(portal), client) = (self.find(portal), name.and_then(|it| self.name(it))) else {
            return 0;
        };
        let portals = self.kinds[Kind::Clientless.index()].iter_mut().filter(|it| {
            let open = it.token.is_open(Part::Portal) && !it.token.is_open(Part::Client);
            it.name == Some(portal) && open
        });
        let mut started = 0;
        for held in portals.take(usize::try_from(most).unwrap_or(usize::MAX)) {
            held.token = held.token.start_client();
            held.client = client;
            started += 1;
        }
        started
    }

    /// Ends so many sessions of a kind, the last admitted first; the tokens that are done with.
    pub(super) fn end_kind(&mut self, kind: Kind, count: u64) -> Vec<Token> {
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        let mut done = Vec::new();
        if kind == Kind::Clientless {
            return self.end_parts(Part::Portal, &mut left, |_| true);
        }
        let held = &mut self.kinds[kind.index()];
        let plain = left.min(held.len());
        done.extend(held.drain(held.len() - plain..).map(|it| it.token));
        left -= plain;
        if kind == Kind::Anyconnect {
            done.extend(self.end_parts(Part::Client, &mut left, |_| true));
        }
        done
    }

    /// Ends every session of this name; the tokens that are done with.
    pub(super) fn end_named(&mut self, name: &str) -> Vec<Token> {
        let Some(name) = self.find(name) else { return Vec::new() };
        let mut all = usize::MAX;
        let mut done = self.end_parts(Part::Client, &mut all, |it| it.client == Some(name));
        done.extend(self.end_parts(Part::Portal, &mut all, |it| it.name == Some(name)));
        for (kind, held) in Kind::ALL.into_iter().zip(&mut self.kinds) {
            if kind != Kind::Clientless {
                done.extend(held.extract_if(.., |it| it.name == Some(name)).map(|it| it.token));
            }
        }
        done
    }

    /// Ends every session, but what is configured: interfaces, VLANs, trunks and contexts stay.
    pub(super) fn end_traffic(&mut self) -> Vec<Token> {
        let kinds = Kind::ALL.into_iter().zip(&mut self.kinds);
        let traffic = kinds.filter(|(kind, _)| !is_configured(*kind));
        traffic.flat_map(|(_, held)| held.drain(..)).map(|it| it.token).collect()
    }

    /// Ends one part of clientless sessions, the last first; a session whose last part ends is
    /// done with (E4).
    fn end_parts(
        &mut self,
        part: Part,
        left: &mut usize,
        which: impl Fn(&Held) -> bool,
    ) -> Vec<Token> {
        let mut done = Vec::new();
        let held = &mut self.kinds[Kind::Clientless.index()];
        for index in (0..held.len()).rev() {
            if *left == 0 {
                break;
            }
            if !which(&held[index]) || !held[index].token.is_open(part) {
                continue;
            }
            *left -= 1;
            match held[index].token.without(part) {
                Some(token) => held[index].token = token,
                None => done.push(held.remove(index).token),
            }
        }
        done
    }
}

/// Whether this is part of the configuration, which a reload does not end.
const fn is_configured(kind: Kind) -> bool {
    matches!(kind, Kind::Interface | Kind::Vlan | Kind::Trunk | Kind::Context)
}
