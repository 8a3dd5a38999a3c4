//! Shared licensing: the server, the participant, and what they tell.

mod load;
mod participant;
mod place;
mod secret;
mod server;
mod show;
mod watch;

use std::io::Write;
use std::path::Path;

use clap::Subcommand;

pub(super) use show::SharedShow;

use super::Failure;
use super::operator::named;

#[derive(Subcommand, Debug)]
pub(super) enum Shared {
    LicenseServer(server::LicenseServer),
    Participant(participant::ParticipantCommand),
}

impl Shared {
    pub(super) fn run(&self, state: Option<&Path>, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::LicenseServer(server) => server.run(named(state)?, out),
            Self::Participant(participant) => participant.run(named(state)?, out),
        }
    }
}
