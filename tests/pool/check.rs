//! What holds after every step, and at the end.

use std::collections::BTreeMap;

use tollgate::license::key::Serial;
use tollgate::pool::{Record, Server, Standing};

use crate::node::{Machine, Node, cap_of};
use crate::script::{BACKUP, SERVER, name};
use crate::world::World;

macro_rules! ensure {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}

/// What an authority answers for: its records, live or as stored.
fn books(node: &Node) -> BTreeMap<Serial, Record> {
    let records: Vec<Record> = match &node.machine {
        Some(Machine::Server(server)) => server.participants().cloned().collect(),
        Some(Machine::Backup(backup)) => backup.participants().cloned().collect(),
        _ => node.disk.records(),
    };
    records.into_iter().map(|record| (record.serial, record)).collect()
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
    let of_server = books(&world.nodes[SERVER]);
    let of_backup = books(&world.nodes[BACKUP]);
    grants_are_conserved(world, &of_server, &of_backup)?;
    stored_is_what_is_known(world)?;
    for node in &world.nodes {
        let (who, held, room) = (name(node.place), node.held(), node.room());
        ensure!(held <= room, "P3: {who} holds {held}, its platform has room for {room}");
        let cap = cap_of(&world.setup, node.place).unwrap_or(u32::MAX);
        ensure!(held <= cap, "{who} holds {held}, its cap is {cap}");
    }
    if world.setup.wild_clocks {
        return Ok(());
    }
    what_is_held_is_known(world, &of_server, &of_backup)?;
    the_bound_holds(world, &of_server, &of_backup)
}

/// P1.
fn grants_are_conserved(
    world: &World,
    of_server: &BTreeMap<Serial, Record>,
    of_backup: &BTreeMap<Serial, Record>,
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
        let sum: u64 = records.values().map(|record| u64::from(record.granted)).sum();
        let stranded: u64 = records.values().map(|record| u64::from(record.stranded())).sum();
        ensure!(usage.granted == sum, "P1: {who} counts {} granted, of {sum}", usage.granted);
        ensure!(usage.stranded == stranded, "{who} counts {}, not {stranded}", usage.stranded);
        ensure!(sum <= u64::from(size), "P1: {who} granted {sum} of {size}");
        ensure!(sum + u64::from(usage.free) == u64::from(size), "{who}: {usage:?}");
        for record in records.values() {
            let limit = record.allotment.cap.unwrap_or(u32::MAX).min(record.room);
            ensure!(record.granted <= limit, "P3: {who} granted too much: {record:?}");
            ensure!(record.exposed >= record.granted, "{who}: {record:?}");
        }
    }
    Ok(())
}

/// P4: were it killed now, an authority would know what it knows but for who was heard.
fn stored_is_what_is_known(world: &World) -> Result<(), String> {
    for node in world.nodes.iter().take(2).filter(|node| node.machine.is_some()) {
        let stored = node.disk.records();
        let known = books(node);
        ensure!(stored.len() == known.len(), "P4: {} stored another list", name(node.place));
        for record in &stored {
            let now = known.get(&record.serial);
            let same = now.is_some_and(|now| {
                let heard = Record { number: record.number, used: record.used, ..now.clone() };
                heard == *record && now.number >= record.number
            });
            ensure!(same, "P4: {} stored {record:?} and knows {now:?}", name(node.place));
        }
    }
    Ok(())
}

/// P2: whatever is held is on the books of the server, or of a backup that answers for it.
fn what_is_held_is_known(
    world: &World,
    of_server: &BTreeMap<Serial, Record>,
    of_backup: &BTreeMap<Serial, Record>,
) -> Result<(), String> {
    let clean = backup_is_clean(world);
    for node in &world.nodes {
        let exposed =
            |books: &BTreeMap<_, Record>| books.get(&node.serial).map_or(0, |it| it.exposed);
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
    world: &mut World,
    of_server: &BTreeMap<Serial, Record>,
    of_backup: &BTreeMap<Serial, Record>,
) -> Result<(), String> {
    let size = u64::from(world.setup.size);
    let held: u64 = world.nodes.iter().map(|node| u64::from(node.held())).sum();
    let stranded = |books: &BTreeMap<_, Record>| -> u64 {
        books.values().map(|record| u64::from(record.stranded())).sum()
    };
    let by_server = match server(world) {
        Some(server) => server.oversubscription_bound(),
        None => stranded(of_server),
    };
    let mut most = size + by_server;
    let clean = backup_is_clean(world);
    if !clean {
        most += size
            + match &world.nodes[BACKUP].machine {
                Some(Machine::Backup(backup)) => backup.oversubscription_bound(),
                _ => stranded(of_backup),
            };
    }
    ensure!(held <= most, "the bound: {held} held, {most} at most (clean: {clean})");
    if let (false, Some(overlap)) = (world.setup.has_backup, world.setup.overlap) {
        let most = size + u64::from(overlap);
        ensure!(held <= most, "the overlap: {held} held, {most} at most");
    }
    let beyond = held.saturating_sub(size);
    world.figures.oversubscribed = world.figures.oversubscribed.max(beyond);
    world.figures.bound_reached += u64::from(beyond > 0 && clean && held == most);
    Ok(())
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
