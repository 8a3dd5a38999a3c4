//! `tollgate license-server`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::place::{Place, PlaceArgs, runtime, seconds};
use crate::cli::Failure;
use crate::cli::unit::split;
use crate::license::key::Serial;
use crate::net::{Identity, Limits, Listen, Listener, NetError, PORT, Peer, Role};
use crate::pool::{Allotment, BackupId, Membership, Server, Settings, Start};
use crate::serve::{About, Machine, Wires};

/// Runs the shared licensing server on the unit that `--state` names.
///
/// The unit needs a key with `shared-server`. The books are kept beside its file, in FILE.shared.
/// It ends in good order on SIGTERM or SIGINT, and a kill at any moment costs nothing.
#[derive(Args, Debug)]
pub(in crate::cli) struct LicenseServer {
    /// Sessions in the pool [default: what the unit's key was bought for]
    #[arg(long, value_name = "SESSIONS")]
    size: Option<u32>,
    /// Where participants and the backup connect
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([0; 4], PORT)))]
    listen: SocketAddr,
    /// How often participants refresh, 10 to 300 seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    refresh: Duration,
    /// The backup server's address, which is shown; participants are given it by `--backup`
    #[arg(long, value_name = "ADDRESS:PORT", requires = "backup_id")]
    backup: Option<String>,
    /// The backup server's serial number
    #[arg(long, value_name = "SERIAL")]
    backup_id: Option<Serial>,
    /// The serial number of the backup server's standby unit, where it is a failover pair
    #[arg(long, value_name = "SERIAL", requires = "backup_id")]
    ha_backup_id: Option<Serial>,
    /// The most sessions that may be in use beyond the pool, at participants out of contact
    /// [default: no limit, as the guides have it]
    #[arg(long, value_name = "SESSIONS")]
    overlap: Option<u32>,
    /// Keep sessions for one participant; may be given again
    #[arg(long, value_name = "SERIAL=SESSIONS")]
    reserve: Vec<String>,
    /// The most sessions for one participant; may be given again
    #[arg(long, value_name = "SERIAL=SESSIONS")]
    cap: Vec<String>,
    /// The most connections from one address, where many participants are behind one
    #[arg(long, value_name = "CONNECTIONS")]
    per_address: Option<u32>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Args, Clone, Debug)]
pub(super) struct IdentityArgs {
    /// The server's certificates in PEM, its own first [default: a new one at every start]
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Their private key in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl IdentityArgs {
    pub(super) fn read(&self) -> Result<Identity, Failure> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(Identity::generate()?);
        };
        let read = |path: &PathBuf| {
            let shown = path.display();
            let failed = |error| Failure::Failed(format!("cannot read `{shown}`: {error}"));
            fs::read(path).map(zeroize::Zeroizing::new).map_err(failed)
        };
        Ok(Identity::from_pem(&read(certificate)?, &read(key)?)?)
    }
}

/// Listens, and says where.
pub(super) fn listen(
    address: SocketAddr,
    listen: Listen,
    what: &str,
    out: &mut impl Write,
) -> Result<Listener, Failure> {
    let fingerprint = listen.identity.fingerprint();
    let listener =
        Listener::bind(address, listen).map_err(|error: NetError| Failure::from(error))?;
    writeln!(out, "{what} at {}, certificate {fingerprint}", listener.address())?;
    out.flush()?;
    Ok(listener)
}

impl LicenseServer {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let place = Place::of(&self.place, state)?;
        let license = place.license();
        let unit = place.device.ring().unit(place.device.configuration());
        let membership = Membership::server(&unit, &license)?;
        let mut settings = self.settings(membership)?;
        settings.mate = place.device.members().get(1).map(|mate| *mate.ring.serial());
        let own_license = license.of_shared_server(membership.local());
        let identity = self.identity.read()?;
        let (books, kept, own) = place.begin(membership, 0)?;
        let me = Peer { role: Role::Server, serial: own.serial };
        let (size, backup) = (settings.size, settings.backup);
        let server = Server::start(Duration::ZERO, Start::Return, own, settings, kept.records)?;
        let mut limits = Limits::default();
        limits.per_address = self.per_address.unwrap_or(limits.per_address);
        let about = About { backup_address: self.backup.clone(), server_address: None };
        runtime()?.block_on(async {
            let listen_as = Listen {
                me,
                secret: place.secret.clone(),
                identity,
                admits: Box::new(move |peer| match peer.role {
                    Role::Participant => true,
                    Role::Backup => backup.is_some_and(|backup| backup.is(peer.serial)),
                    Role::Server => false,
                }),
                limits,
            };
            let what = format!("serving {size} sessions");
            let wires = Wires::new(Some(listen(self.listen, listen_as, &what, out)?), Vec::new());
            place.run((Machine::Server(Box::new(server)), books), own_license, wires, about).await
        })
    }

    fn settings(&self, membership: Membership) -> Result<Settings, Failure> {
        let licensed = membership.pool();
        let size = match (self.size, licensed) {
            (Some(asked), Some(licensed)) if asked > licensed => {
                return Err(Failure::Failed(format!(
                    "`--size {asked}` is more than the {licensed} sessions of the unit's key; \
                     leave it out, or enter a key for more"
                )));
            }
            (asked, licensed) => asked.or(licensed).unwrap_or_default(),
        };
        let mut settings = Settings::new(size)?;
        settings.refresh = self.refresh;
        settings.overlap = self.overlap;
        let standby = self.ha_backup_id;
        settings.backup = self.backup_id.map(|primary| BackupId { primary, standby });
        settings.allotments = self.allotments()?;
        Ok(settings)
    }

    fn allotments(&self) -> Result<BTreeMap<Serial, Allotment>, Failure> {
        let mut allotments = BTreeMap::<Serial, Allotment>::new();
        let number = |text: &str, option: &str| {
            let wrong = || format!("{option} takes a number of sessions, not `{text}`");
            text.parse::<u32>().map_err(|_| Failure::NotUnderstood(wrong()))
        };
        for text in &self.reserve {
            let (serial, sessions) = split(text, "--reserve", "SERIAL=SESSIONS")?;
            allotments.entry(serial.parse()?).or_default().reserved =
                number(sessions, "--reserve")?;
        }
        for text in &self.cap {
            let (serial, sessions) = split(text, "--cap", "SERIAL=SESSIONS")?;
            allotments.entry(serial.parse()?).or_default().cap = Some(number(sessions, "--cap")?);
        }
        Ok(allotments)
    }
}
