//! `tollgate participant`, which may be the backup server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::place::{Place, PlaceArgs, runtime};
use super::server::{IdentityArgs, listen};
use crate::cli::Failure;
use crate::net::{Dial, Dialer, Fingerprint, Limits, Listen, PORT, Peer, Role};
use crate::pool::{Backup, Membership, Participant};
use crate::serve::{About, Machine, Wires};

/// Free sessions with fewer of which a participant asks for more. What is admitted within one
/// answer's time has to fit.
const AHEAD: u32 = 10;

/// Runs the unit that `--state` names as a participant of a shared licence, with a gate.
///
/// The unit needs a key with `shared-participant`. The gate admits AnyConnect sessions on the
/// unit's own licence first and on shared sessions that are held; more are asked for before they
/// are needed. It ends in good order on SIGTERM or SIGINT: what it holds is given back.
#[derive(Args, Debug)]
pub(in crate::cli) struct ParticipantCommand {
    /// The server
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: String,
    /// The backup server
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "as_backup")]
    backup: Option<String>,
    /// The SHA-256 fingerprint of the server's certificate: connect to no other
    #[arg(long, value_name = "HEX")]
    pin: Option<Fingerprint>,
    /// The SHA-256 fingerprint of the backup server's certificate
    #[arg(long, value_name = "HEX", requires = "backup")]
    backup_pin: Option<Fingerprint>,
    /// Serve in the server's place while it is down; the server has to name this unit by
    /// `--backup-id`
    #[arg(long)]
    as_backup: bool,
    /// Where participants connect to the backup
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value_t = SocketAddr::from(([0; 4], PORT)),
        requires = "as_backup"
    )]
    listen: SocketAddr,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl ParticipantCommand {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let place = Place::of(&self.place, state)?;
        let license = place.license();
        let membership = Membership::participant(&license)?;
        let (books, kept, own) = place.begin(membership, AHEAD)?;
        let serial = own.serial;
        let role = if self.as_backup { Role::Backup } else { Role::Participant };
        let me = Peer { role, serial };
        let machine = if self.as_backup {
            let backup = Backup::start(Duration::ZERO, own, kept.backup, kept.records);
            Machine::Backup(Box::new(backup))
        } else {
            Machine::Participant(Box::new(Participant::new(Duration::ZERO, own)))
        };
        let about = About {
            server_address: Some(self.server.clone()),
            backup_address: self.backup.clone(),
        };
        runtime()?.block_on(async {
            let wires = self.wires(&place, me, out)?;
            place.run((machine, books), license, wires, about).await
        })
    }

    fn wires(&self, place: &Place, me: Peer, out: &mut impl Write) -> Result<Wires, Failure> {
        let listener = if self.as_backup {
            let listen_as = Listen {
                me,
                secret: place.secret.clone(),
                identity: self.identity.read()?,
                admits: Box::new(|peer| peer.role == Role::Participant),
                limits: Limits::default(),
            };
            Some(listen(self.listen, listen_as, "backup", out)?)
        } else {
            writeln!(out, "participant {} of {}", me.serial, self.server)?;
            out.flush()?;
            None
        };
        let dial = |address: &str, pin| {
            Dialer::start(Dial {
                address: address.to_owned(),
                me,
                secret: place.secret.clone(),
                server: None,
                pin,
                limits: Limits::default(),
                backoff: place.backoff(),
            })
        };
        let mut dialers = vec![dial(&self.server, self.pin)?];
        if let Some(backup) = &self.backup {
            dialers.push(dial(backup, self.backup_pin)?);
        }
        Ok(Wires::new(listener, dialers))
    }
}
