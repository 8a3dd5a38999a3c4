//! What holds after every step, and at the end.

use tollgate::pool::{Record, Server, Standing};

use crate::node::{Machine, cap_of};
use crate::script::{BACKUP, Place, SERVER, name};
use crate::world::World;

macro_rules! ensure {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}

/// What an authority answers for: its records, live or as stored, by the place of their unit.
type Books<'a> = Vec<Option<&'a Record>>;

fn books(world: &World, place: Place) -> Books<'_> {
    let node = &world.nodes[place];
    let records: Box<dyn Iterator<Item = &Record>> = match &node.machine {
        Some(Machine::Server(server)) => Box::new(server.participants()),
        Some(Machine::Backup(backup)) => Box::new(backup.participants()),
        _ => Box::new(node.disk.records.values()),
    };
    let mut books = vec![None; world.nodes.len()];
    for record in records {
        books[world.places[&record.serial]] = Some(record);
    }
    books
}

fn sum_of(books: &Books<'_>, part: impl Fn(&Record) -> u32) -> u64 {
    books.iter().flatten().map(|record| u64::from(part(record))).sum()
}

fn server(world: &World) -> Option<&Server> {
    match &world.nodes[SERVER].machine {
        Some(Machine::Server(server)) => Some(server),
        _ => None,
    }
}

/// Whether the backup answers for nothing that the server does not know.
fn backup_is_clean(world: &World) -> bool {
    match &world.nodes[BACKUP].machine {
        Some(Machine::Backup(backup)) => !backup.is_serving() && !backup.state().report_due,
        _ => world.nodes[BACKUP].disk.backup.is_none_or(|state| !state.report_due),
    }
}

pub(crate) fn invariants(world: &mut World) -> Result<(), String> {
    let beyond = look(world)?;
    world.figures.oversubscribed = world.figures.oversubscribed.max(beyond.0);
    world.figures.bound_reached += u64::from(beyond.1);
    Ok(())
}

/// How much is held beyond the pool, and whether that is all that the server reckons with.
fn look(world: &World) -> Result<(u64, bool), String> {
    let of_server = books(world, SERVER);
    let of_backup = books(world, BACKUP);
    grants_are_conserved(world, &of_server, &of_backup)?;
    stored_is_what_is_known(world, [&of_server, &of_backup])?;
    for node in &world.nodes {
        let (who, held, room) = (name(node.place), node.held(), node.room());
        ensure!(held <= room, "P3: {who} holds {held}, its platform has room for {room}");
        let cap = cap_of(&world.setup, node.place).unwrap_or(u32::MAX);
        ensure!(held <= cap, "{who} holds {held}, its cap is {cap}");
    }
    if world.setup.wild_clocks {
        return Ok((0, false));
    }
    what_is_held_is_known(world, &of_server, &of_backup)?;
    the_bound_holds(world, &of_server, &of_backup)
}

/// P1.
fn grants_are_conserved(
    world: &World,
    of_server: &Books<'_>,
    of_backup: &Books<'_>,
) -> Result<(), String> {
    let size = world.setup.size;
    let mut serving = Vec::new();
    if let Some(server) = server(world) {
        serving.push(("S", server.usage(), of_server));
    }
    if let Some(Machine::Backup(backup)) = &world.nodes[BACKUP].machine
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

/// P4: were it killed now, an authority would know what it knows but for who was heard.
fn stored_is_what_is_known(world: &World, books: [&Books<'_>; 2]) -> Result<(), String> {
    for (node, known) in world.nodes.iter().zip(books).filter(|(node, _)| node.machine.is_some()) {
        let (who, stored) = (name(node.place), &node.disk.records);
        let count = known.iter().flatten().count();
        ensure!(stored.len() == count, "P4: {who} stored another list");
        for now in known.iter().flatten() {
            let record = stored.get(&now.serial);
            let same = record.is_some_and(|record| {
                let heard = now.moment_apart(record);
                heard && now.number >= record.number
            });
            ensure!(same, "P4: {who} stored {record:?} and knows {now:?}");
        }
    }
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

/// P2: whatever is held is on the books of the server, or of a backup that answers for it.
fn what_is_held_is_known(
    world: &World,
    of_server: &Books<'_>,
    of_backup: &Books<'_>,
) -> Result<(), String> {
    let clean = backup_is_clean(world);
    for node in &world.nodes {
        let exposed = |books: &Books<'_>| books[node.place].map_or(0, |it| it.exposed);
        let by_backup = if clean { 0 } else { exposed(of_backup) };
        let known = exposed(of_server).max(by_backup);
        let (who, held) = (name(node.place), node.held());
        ensure!(
            held <= known,
            "P2: {who} holds {held}, and is known to hold {known} (clean: {clean})"
        );
    }
    Ok(())
}

/// The figure of the server, or both figures, cover what is held.
fn the_bound_holds(
    world: &World,
    of_server: &Books<'_>,
    of_backup: &Books<'_>,
) -> Result<(u64, bool), String> {
    let size = u64::from(world.setup.size);
    let held: u64 = world.nodes.iter().map(|node| u64::from(node.held())).sum();
    let by_server = match server(world) {
        Some(server) => server.oversubscription_bound(),
        None => sum_of(of_server, Record::stranded),
    };
    let mut most = size + by_server;
    let clean = backup_is_clean(world);
    if !clean {
        most += size
            + match &world.nodes[BACKUP].machine {
                Some(Machine::Backup(backup)) => backup.oversubscription_bound(),
                _ => sum_of(of_backup, Record::stranded),
            };
    }
    ensure!(held <= most, "the bound: {held} held, {most} at most (clean: {clean})");
    // With a backup there are two pools for a while, and a transfer is not limited.
    let alone = !world.setup.has_backup && world.figures.transfers == 0;
    if let (true, Some(overlap)) = (alone, world.setup.overlap) {
        let most = size + u64::from(overlap);
        ensure!(held <= most, "the overlap: {held} held, {most} at most");
    }
    let beyond = held.saturating_sub(size);
    Ok((beyond, beyond > 0 && clean && held == most))
}

/// Nobody is short while there is something for it.
pub(crate) fn everyone_is_served_as_far_as_the_pool_goes(world: &World) -> Result<(), String> {
    let server = server(world).ok_or("the server does not run")?;
    ensure!(server.is_serving(), "the server does not serve");
    let usage = server.usage();
    for node in &world.nodes {
        if node.place == BACKUP && !world.setup.has_backup {
            continue;
        }
        let who = name(node.place);
        let own = node.machine.as_ref().ok_or("a unit does not run")?.own();
        let served_by = own.server();
        let by_server = served_by == Some(world.nodes[SERVER].serial);
        ensure!(by_server, "{who} is served by {served_by:?}");
        let record = server.participants().find(|record| record.serial == node.serial);
        let record = record.ok_or_else(|| format!("{who} is not known"))?;
        ensure!(record.standing == Standing::Registered, "{who} is not registered");
        let held = own.held();
        ensure!(held == record.granted, "{who} holds {held} of {record:?}");
        let cap = cap_of(&world.setup, node.place).unwrap_or(u32::MAX);
        let short = own.wanted().min(cap) > held;
        let reserved = u64::from(record.allotment.reserved.saturating_sub(record.granted));
        let for_it = u64::from(usage.free).saturating_sub(usage.reserved - reserved);
        ensure!(!short || for_it == 0, "{who} holds {held} of {}; {usage:?}", own.wanted());
    }
    ensure!(usage.stranded == 0, "stranded though everyone is in contact: {usage:?}");
    Ok(())
}

/// There is enough for everyone.
pub(crate) fn everyone_has_what_it_wants(world: &World) -> Result<(), String> {
    everyone_is_served_as_far_as_the_pool_goes(world)?;
    for node in &world.nodes {
        let own = node.machine.as_ref().map(Machine::own);
        let (held, wanted) = own.map_or((0, 0), |own| (own.held(), own.wanted()));
        ensure!(held == wanted, "{} holds {held} of {wanted}", name(node.place));
    }
    Ok(())
}
