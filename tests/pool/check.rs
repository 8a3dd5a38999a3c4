//! What holds after every step, and at the end.

use tollgate::pool::{Machine, Record, Server, Standing};
use tollgate::sim::network::{Network, Node, Role};

use crate::script::{Setup, cap_of};

macro_rules! ensure {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}

/// What an authority answers for: its records, live or as stored, by the place of their unit.
type Books<'a> = Vec<Option<&'a Record>>;

/// What is seen at one step.
struct View<'a> {
    setup: &'a Setup,
    network: &'a Network,
    server: &'a Node,
    backup: Option<&'a Node>,
}

/// Looks at every step of a run.
pub(crate) struct Checker {
    setup: Setup,
    pub(crate) steps: u64,
    pub(crate) oversubscribed: u64,
    pub(crate) bound_reached: u64,
    /// The first thing that did not hold.
    pub(crate) failure: Option<String>,
}

impl Checker {
    pub(crate) fn new(setup: &Setup) -> Self {
        let setup = setup.clone();
        Self { setup, steps: 0, oversubscribed: 0, bound_reached: 0, failure: None }
    }

    pub(crate) fn look(&mut self, network: &Network) {
        self.steps += 1;
        match View::of(&self.setup, network).look() {
            Ok((beyond, reached)) => {
                self.oversubscribed = self.oversubscribed.max(beyond);
                self.bound_reached += u64::from(reached);
            }
            Err(why) => {
                self.failure.get_or_insert(why);
            }
        }
    }
}

/// A participant's number in its name, or that of the server or the backup.
fn place(node: &Node) -> usize {
    node.name().strip_prefix('P').and_then(|it| it.parse().ok()).unwrap_or_default()
}

impl<'a> View<'a> {
    fn of(setup: &'a Setup, network: &'a Network) -> Self {
        let find = |which: fn(&Role) -> bool| network.nodes().iter().find(|it| which(it.role()));
        let server = find(|role| matches!(role, Role::Server(_)));
        let server = server.unwrap_or_else(|| network.node(0));
        Self { setup, network, server, backup: find(|role| matches!(role, Role::Backup)) }
    }

    fn books(&self, node: &'a Node) -> Books<'a> {
        let records: Box<dyn Iterator<Item = &'a Record>> = match node.machine() {
            Some(Machine::Server(server)) => Box::new(server.participants()),
            Some(Machine::Backup(backup)) => Box::new(backup.participants()),
            _ => Box::new(node.disk().records.values()),
        };
        let mut books = vec![None; self.network.nodes().len()];
        for record in records {
            // Reservations are on the books of units that are not there yet.
            if let Some(place) = self.network.place(record.serial) {
                books[place] = Some(record);
            }
        }
        books
    }

    fn serving(&self) -> Option<&'a Server> {
        match self.server.machine() {
            Some(Machine::Server(server)) => Some(server),
            _ => None,
        }
    }

    /// Whether the backup answers for nothing that the server does not know.
    fn backup_is_clean(&self) -> bool {
        let Some(node) = self.backup else { return true };
        match node.machine() {
            Some(Machine::Backup(backup)) => !backup.is_serving() && !backup.state().report_due,
            _ => node.disk().backup.is_none_or(|state| !state.report_due),
        }
    }

    /// How much is held beyond the pool, and whether that is all that the server reckons with.
    fn look(&self) -> Result<(u64, bool), String> {
        let of_server = self.books(self.server);
        let of_backup = self.backup.map(|node| self.books(node)).unwrap_or_default();
        self.grants_are_conserved(&of_server, &of_backup)?;
        stored_is_what_is_known(self.server, &of_server)?;
        if let Some(backup) = self.backup {
            stored_is_what_is_known(backup, &of_backup)?;
        }
        for node in self.network.nodes() {
            let (who, held, membership) = (node.name(), node.held(), node.membership());
            let room = membership.platform() - membership.local();
            ensure!(held <= room, "P3: {who} holds {held}, its platform has room for {room}");
            let cap = cap_of(self.setup, place(node)).unwrap_or(u32::MAX);
            ensure!(held <= cap, "{who} holds {held}, its cap is {cap}");
        }
        if self.setup.wild_clocks {
            return Ok((0, false));
        }
        self.what_is_held_is_known(&of_server, &of_backup)?;
        self.the_bound_holds(&of_server, &of_backup)
    }

    /// P1.
    fn grants_are_conserved(
        &self,
        of_server: &Books<'_>,
        of_backup: &Books<'_>,
    ) -> Result<(), String> {
        let size = self.setup.size;
        let mut serving = Vec::new();
        if let Some(server) = self.serving() {
            serving.push(("S", server.usage(), of_server));
        }
        if let Some(Machine::Backup(backup)) = self.backup.and_then(Node::machine)
            && backup.is_serving()
        {
            serving.push(("B", backup.usage(), of_backup));
        }
        for (who, usage, records) in serving {
            let sum = sum_of(records, |record| record.granted);
            let stranded = sum_of(records, Record::stranded);
            ensure!(usage.granted == sum, "P1: {who} counts {} granted, of {sum}", usage.granted);
            ensure!(usage.stranded == stranded, "{who} counts {}, not {stranded}", usage.stranded);
            ensure!(sum <= u64::from(size), "P1: {who} granted {sum} of {size}");
            ensure!(sum + u64::from(usage.free) == u64::from(size), "{who}: {usage:?}");
            for record in records.iter().flatten() {
                let limit = record.allotment.cap.unwrap_or(u32::MAX).min(record.room);
                ensure!(record.granted <= limit, "P3: {who} granted too much: {record:?}");
                ensure!(record.exposed >= record.granted, "{who}: {record:?}");
            }
        }
        Ok(())
    }

    /// P2: whatever is held is on the books of the server, or of a backup that answers for it.
    fn what_is_held_is_known(
        &self,
        of_server: &Books<'_>,
        of_backup: &Books<'_>,
    ) -> Result<(), String> {
        let clean = self.backup_is_clean();
        for (index, node) in self.network.nodes().iter().enumerate() {
            let exposed =
                |books: &Books<'_>| books.get(index).copied().flatten().map_or(0, |it| it.exposed);
            let by_backup = if clean { 0 } else { exposed(of_backup) };
            let known = exposed(of_server).max(by_backup);
            let (who, held) = (node.name(), node.held());
            ensure!(
                held <= known,
                "P2: {who} holds {held}, and is known to hold {known} (clean: {clean})"
            );
        }
        Ok(())
    }

    /// The figure of the server, or both figures, cover what is held.
    fn the_bound_holds(
        &self,
        of_server: &Books<'_>,
        of_backup: &Books<'_>,
    ) -> Result<(u64, bool), String> {
        let size = u64::from(self.setup.size);
        let held: u64 = self.network.nodes().iter().map(|node| u64::from(node.held())).sum();
        let by_server = match self.serving() {
            Some(server) => server.oversubscription_bound(),
            None => sum_of(of_server, Record::stranded),
        };
        let mut most = size + by_server;
        let clean = self.backup_is_clean();
        if !clean {
            most += size
                + match self.backup.and_then(Node::machine) {
                    Some(Machine::Backup(backup)) => backup.oversubscription_bound(),
                    _ => sum_of(of_backup, Record::stranded),
                };
        }
        ensure!(held <= most, "the bound: {held} held, {most} at most (clean: {clean})");
        // With a backup there are two pools for a while, and a transfer is not limited.
        let alone = !self.setup.has_backup && self.network.count("transferred") == 0;
        if let (true, Some(overlap)) = (alone, self.setup.overlap) {
            let most = size + u64::from(overlap);
            ensure!(held <= most, "the overlap: {held} held, {most} at most");
        }
        let beyond = held.saturating_sub(size);
        Ok((beyond, beyond > 0 && clean && held == most))
    }
}

fn sum_of(books: &Books<'_>, part: impl Fn(&Record) -> u32) -> u64 {
    books.iter().flatten().map(|record| u64::from(part(record))).sum()
}

/// P4: were it killed now, an authority would know what it knows but for who was heard.
fn stored_is_what_is_known(node: &Node, known: &Books<'_>) -> Result<(), String> {
    if node.machine().is_none() {
        return Ok(());
    }
    let (who, stored) = (node.name(), &node.disk().records);
    for now in known.iter().flatten() {
        let record = stored.get(&now.serial);
        let same = record.is_some_and(|record| {
            let heard = now.moment_apart(record);
            heard && now.number >= record.number
        });
        ensure!(same, "P4: {who} stored {record:?} and knows {now:?}");
    }
    let unknown = stored.values().find(|record| {
        !known.iter().flatten().any(|it| it.serial == record.serial) && record.granted > 0
    });
    ensure!(unknown.is_none(), "P4: {who} stored {unknown:?} and does not know it");
    Ok(())
}

/// Whether two records say the same, but for when the participant was heard.
trait Apart {
    fn moment_apart(&self, stored: &Self) -> bool;
}

impl Apart for Record {
    fn moment_apart(&self, stored: &Self) -> bool {
        (self.incarnation, self.standing, self.granted, self.exposed, self.room, self.high)
            == (
                stored.incarnation,
                stored.standing,
                stored.granted,
                stored.exposed,
                stored.room,
                stored.high,
            )
            && (self.allotment, self.registered) == (stored.allotment, stored.registered)
            && self.hostname == stored.hostname
    }
}

/// Nobody is short while there is something for it.
pub(crate) fn everyone_is_served_as_far_as_the_pool_goes(
    setup: &Setup,
    network: &Network,
) -> Result<(), String> {
    let view = View::of(setup, network);
    let server = view.serving().ok_or("the server does not run")?;
    ensure!(server.is_serving(), "the server does not serve");
    let usage = server.usage();
    for node in network.nodes() {
        let who = node.name();
        let own = node.machine().ok_or("a unit does not run")?.own();
        let served_by = own.server();
        let by_server = served_by == Some(view.server.serial());
        ensure!(by_server, "{who} is served by {served_by:?}");
        let record = server.participants().find(|record| record.serial == node.serial());
        let record = record.ok_or_else(|| format!("{who} is not known"))?;
        ensure!(record.standing == Standing::Registered, "{who} is not registered");
        let held = own.held();
        ensure!(held == record.granted, "{who} holds {held} of {record:?}");
        let cap = cap_of(setup, place(node)).unwrap_or(u32::MAX);
        let short = own.wanted().min(cap) > held;
        let reserved = u64::from(record.allotment.reserved.saturating_sub(record.granted));
        let for_it = u64::from(usage.free).saturating_sub(usage.reserved - reserved);
        ensure!(!short || for_it == 0, "{who} holds {held} of {}; {usage:?}", own.wanted());
    }
    ensure!(usage.stranded == 0, "stranded though everyone is in contact: {usage:?}");
    Ok(())
}

/// There is enough for everyone.
pub(crate) fn everyone_has_what_it_wants(setup: &Setup, network: &Network) -> Result<(), String> {
    everyone_is_served_as_far_as_the_pool_goes(setup, network)?;
    for node in network.nodes() {
        let own = node.machine().map(Machine::own);
        let (held, wanted) = own.map_or((0, 0), |own| (own.held(), own.wanted()));
        ensure!(held == wanted, "{} holds {held} of {wanted}", node.name());
    }
    Ok(())
}
