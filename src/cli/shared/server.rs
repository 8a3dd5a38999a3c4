//! `tollgate license-server`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::place::{self, Opened, Place, PlaceArgs, address, listening, runtime, seconds};
use super::watch::Standing;
use crate::cli::Failure;
use crate::cli::unit::split;
use crate::license::key::Serial;
use crate::net::{Identity, Limits, Listen, Listener, NetError, PORT, Peer, Role};
use crate::pool::{Allotment, BackupId, Machine, Membership, Server, Settings, Start};
use crate::serve::{About, Wires};
use crate::store::Device;

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
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value_t = SocketAddr::from(([0; 4], PORT)),
        value_parser = listening
    )]
    listen: SocketAddr,
    /// How often participants refresh, 10 to 300 seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    refresh: Duration,
    /// The backup server's address, which participants are told when they register
    #[arg(long, value_name = "ADDRESS:PORT", requires = "backup_id", value_parser = address)]
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
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..))]
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
        let identity = Identity::from_pem(&read(certificate)?, &read(key)?);
        identity.map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            Failure::NotUnderstood(format!("`{certificate}` with `{key}`: {error}"))
        })
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
        let standing = standing(&place.device, self.size)?;
        // What is wrong with the settings is told before anything is waited for.
        self.settings(standing.membership, place.mate)?;
        runtime()?.block_on(async {
            let Some(opened) = place.books("server", out).await? else { return Ok(()) };
            self.serve(place.looked_at_again()?, opened, out).await
        })
    }

    async fn serve(
        &self,
        place: Place,
        opened: Opened,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let standing = standing(&place.device, self.size)?;
        let settings = self.settings(standing.membership, place.mate)?;
        let own = place.own(standing.membership, opened.kept.incarnation, 0)?;
        let me = Peer { role: Role::Server, serial: own.serial };
        let (size, backup) = (settings.size, settings.backup);
        let about = About { backup_address: self.backup.clone(), server_address: None };
        // A standby unit that was there when the active one ended serves at once (G67).
        let start = if opened.waited { Start::Failover } else { Start::Return };
        let records = opened.kept.records.clone();
        let server = Server::start(Duration::ZERO, start, own, settings, records)?;
        let mut limits = Limits::default();
        limits.per_address = self.per_address.unwrap_or(limits.per_address);
        let listen_as = Listen {
            me,
            secret: place.secret.clone(),
            identity: self.identity.read()?,
            admits: Box::new(move |peer| match peer.role {
                Role::Participant => true,
                Role::Backup => backup.is_some_and(|backup| backup.is(peer.serial)),
                Role::Server => false,
            }),
            limits,
        };
        let what = format!("serving {size} sessions");
        let wires = Wires::new(Some(listen(self.listen, listen_as, &what, out)?), Vec::new());
        let asked = self.size;
        let role = place::Role {
            machine: Machine::Server(Box::new(server)),
            opened: Some(opened),
            standing,
            judge: Box::new(move |device| self::standing(device, asked)),
            wires,
            dial: None,
            about,
        };
        place.run(role).await
    }

    fn settings(&self, membership: Membership, mate: Option<Serial>) -> Result<Settings, Failure> {
        let mut settings = Settings::new(size(self.size, membership)?)?;
        settings.mate = mate;
        settings.refresh = self.refresh;
        settings.overlap = self.overlap;
        let standby = self.ha_backup_id;
        settings.backup = self.backup_id.map(|primary| BackupId { primary, standby });
        settings.backup_address = self.backup.as_deref().map(str::parse).transpose()?;
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

/// What a server is by its file: its permanent Premium sessions are not used (G46).
fn standing(device: &Device, asked: Option<u32>) -> Result<Standing, Failure> {
    let license = device.running(device.configuration());
    let unit = device.ring().unit(device.configuration());
    let membership = Membership::server(&unit, &license)?;
    let size = size(asked, membership)?;
    let own = license.of_shared_server(membership.local());
    Ok(Standing { own, membership, size: Some(size) })
}

/// The pool: as many sessions as were asked for, or as the key is for.
fn size(asked: Option<u32>, membership: Membership) -> Result<u32, Failure> {
    match (asked, membership.pool()) {
        (Some(asked), Some(licensed)) if asked > licensed => Err(Failure::Failed(format!(
            "`--size {asked}` is more than the {licensed} sessions of the unit's key; leave it \
             out, or enter a key for more"
        ))),
        (asked, licensed) => Ok(asked.or(licensed).unwrap_or_default()),
    }
}
