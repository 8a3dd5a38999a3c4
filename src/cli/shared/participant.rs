//! `tollgate participant`, which may be the backup server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::place::{self, Opened, Place, PlaceArgs, address, listening, moment, runtime};
use super::server::{IdentityArgs, listen};
use super::watch::Standing;
use crate::cli::{Failure, text};
use crate::net::{Backoff, Dial, Dialer, Fingerprint, Limits, Listen, PORT, Peer, Role, Secret};
use crate::pool::{Backup, Machine, Membership, Participant};
use crate::serve::{self, About, Wires};
use crate::store::Device;

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
    /// The server; may be given again for the other unit of a failover pair
    #[arg(long, value_name = "ADDRESS:PORT", required = true, value_parser = address)]
    server: Vec<String>,
    /// The backup server [default: where the server says it is]; may be given again
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "as_backup", value_parser = address)]
    backup: Vec<String>,
    /// The SHA-256 fingerprint of the server's certificate: connect to no other
    #[arg(long, value_name = "HEX")]
    pin: Option<Fingerprint>,
    /// The SHA-256 fingerprint of the backup server's certificate
    #[arg(long, value_name = "HEX", conflicts_with = "as_backup")]
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
        value_parser = listening,
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
        standing(&place.device)?;
        if self.pin.is_some() && self.backup_pin.is_none() && !self.as_backup {
            text::note(
                &"`--pin` is the server's: whoever has the backup's address can take a proof to \
                  try guesses of the secret on; `--backup-pin` prevents that too",
            );
        }
        runtime()?.block_on(async {
            if !self.as_backup {
                let opened = place.books_or_standby()?;
                return self.take_part(place, opened, out).await;
            }
            let Some(opened) = place.books("backup", out).await? else { return Ok(()) };
            self.take_part(place.looked_at_again()?, Some(opened), out).await
        })
    }

    async fn take_part(
        &self,
        place: Place,
        opened: Option<Opened>,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let standing = standing(&place.device)?;
        let kept = opened.as_ref().map(|opened| opened.kept.clone()).unwrap_or_default();
        // On standby it has no books to count its lives in.
        let life = if opened.is_some() { kept.incarnation } else { moment() };
        let own = place.own(standing.membership, life, AHEAD)?;
        let role = if self.as_backup { Role::Backup } else { Role::Participant };
        let me = Peer { role, serial: own.serial };
        let told = kept.backup_address.filter(|_| self.follows());
        let given = (!self.backup.is_empty()).then(|| self.backup.join(", "));
        let about =
            About { server_address: Some(self.server.join(", ")), backup_address: given.or(told) };
        let machine = if self.as_backup {
            let backup = Backup::start(Duration::ZERO, own, kept.backup, kept.records);
            Machine::Backup(Box::new(backup))
        } else {
            let mut participant = Participant::new(Duration::ZERO, own);
            if opened.is_none() {
                participant.stand_by(Duration::ZERO);
            }
            Machine::Participant(Box::new(participant))
        };
        let standby = if opened.is_none() { ", on standby" } else { "" };
        let wires = self.wires(&place, me, standby, out)?;
        let role = place::Role {
            machine,
            opened,
            standing,
            judge: Box::new(self::standing),
            wires,
            dial: self.follows().then(|| self.dial(&place, me)),
            about,
        };
        place.run(role).await
    }

    /// Whether it goes by what the server says of the backup.
    const fn follows(&self) -> bool {
        !self.as_backup && self.backup.is_empty()
    }

    /// How it connects to the backup that it is told of.
    fn dial(&self, place: &Place, me: Peer) -> serve::Dial {
        let (secret, backoff, pin) = (place.secret.clone(), place.backoff(), self.backup_pin);
        Box::new(move |address| Dialer::start(dial(address, me, pin, secret.clone(), backoff)))
    }

    fn wires(
        &self,
        place: &Place,
        me: Peer,
        standby: &str,
        out: &mut impl Write,
    ) -> Result<Wires, Failure> {
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
            writeln!(out, "participant {} of {}{standby}", me.serial, self.server.join(", "))?;
            out.flush()?;
            None
        };
        let servers = self.server.iter().map(|address| (address, self.pin));
        let backups = self.backup.iter().map(|address| (address, self.backup_pin));
        let dialers = servers.chain(backups).map(|(address, pin)| {
            Dialer::start(dial(address, me, pin, place.secret.clone(), place.backoff()))
        });
        Ok(Wires::new(listener, dialers.collect::<Result<_, _>>()?))
    }
}

fn dial(
    address: &str,
    me: Peer,
    pin: Option<Fingerprint>,
    secret: Secret,
    backoff: Backoff,
) -> Dial {
    let address = address.to_owned();
    Dial { address, me, secret, server: None, pin, limits: Limits::default(), backoff }
}

/// What a participant is by its file.
fn standing(device: &Device) -> Result<Standing, Failure> {
    let own = device.running(device.configuration());
    let membership = Membership::participant(&own)?;
    Ok(Standing { own, membership, size: None })
}
