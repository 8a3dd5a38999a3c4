//! `22/tcp=5`: units of the connection limit that are kept for flows that match.

use std::fmt;
use std::str::FromStr;

use etherparse::{IpNumber, ip_number};

use crate::capture::FiveTuple;

/// Units that are kept for connections to one port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reserve {
    /// The destination port.
    pub port: u16,
    /// The protocol's number.
    pub protocol: u8,
    /// How many units are kept.
    pub units: u32,
}

impl Reserve {
    /// Whether a connection is one that units are kept for.
    pub fn matches(&self, tuple: &FiveTuple) -> bool {
        (tuple.protocol, tuple.destination_port) == (self.protocol, self.port)
    }
}

/// The most reserves that a guard keeps.
pub const RESERVES: usize = 64;

/// Why a reserve is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The text is not of its form.
    #[error("a reserve is PORT/PROTOCOL=UNITS with tcp, udp or sctp, such as 22/tcp=5; not `{0}`")]
    Form(String),
    /// Two are for the same connections: the units of the second could never be used.
    #[error("`{0}` and `{1}` are for the same connections; give one with the units of both")]
    Twice(Reserve, Reserve),
    /// There are too many.
    #[error("at most {RESERVES} reserves, not {0}")]
    Many(usize),
}

/// Whether a guard can keep these reserves together.
///
/// # Errors
///
/// Where two are for the same connections, or there are more than [`RESERVES`].
pub(super) fn check(reserves: &[Reserve]) -> Result<(), ReserveError> {
    if reserves.len() > RESERVES {
        return Err(ReserveError::Many(reserves.len()));
    }
    for (nth, one) in reserves.iter().enumerate() {
        let same = |other: &&Reserve| (other.port, other.protocol) == (one.port, one.protocol);
        if let Some(other) = reserves[..nth].iter().find(same) {
            return Err(ReserveError::Twice(*other, *one));
        }
    }
    Ok(())
}

impl FromStr for Reserve {
    type Err = ReserveError;

    fn from_str(text: &str) -> Result<Self, ReserveError> {
        let read = || {
            let (flows, units) = text.split_once('=')?;
            let (port, protocol) = flows.split_once('/')?;
            let IpNumber(protocol) = match protocol {
                "tcp" => ip_number::TCP,
                "udp" => ip_number::UDP,
                "sctp" => ip_number::SCTP,
                _ => return None,
            };
            let (port, units) = (port.parse().ok()?, units.parse().ok()?);
            (port > 0 && units > 0).then_some(Self { port, protocol, units })
        };
        read().ok_or_else(|| ReserveError::Form(text.to_owned()))
    }
}

impl fmt::Display for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match IpNumber(self.protocol) {
            ip_number::UDP => "udp",
            ip_number::SCTP => "sctp",
            _ => "tcp",
        };
        write!(f, "{}/{protocol}={}", self.port, self.units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_reads_as_it_is_written() {
        for text in ["22/tcp=5", "53/udp=1", "3868/sctp=65535"] {
            assert_eq!(text.parse::<Reserve>().unwrap().to_string(), text);
        }
        for text in
            ["", "22=5", "tcp/22=5", "22/tcp", "22/tcp=0", "0/tcp=1", "22/icmp=1", "22/tcp=x"]
        {
            let error = text.parse::<Reserve>().unwrap_err();
            assert!(error.to_string().ends_with(&format!("not `{text}`")), "{error}");
        }
    }

    #[test]
    fn reserves_are_for_different_connections() {
        let read = |texts: &[&str]| texts.iter().map(|it| it.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(check(&read(&["22/tcp=5", "22/udp=5", "23/tcp=5"])), Ok(()));
        let error = check(&read(&["22/tcp=5", "53/udp=1", "22/tcp=3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`22/tcp=5` and `22/tcp=3` are for the same connections; \
             give one with the units of both"
        );
        let many: Vec<_> = (1..=65).map(|port| Reserve { port, protocol: 6, units: 1 }).collect();
        assert_eq!(check(&many[..64]), Ok(()));
        assert_eq!(check(&many), Err(ReserveError::Many(65)));
    }
}
