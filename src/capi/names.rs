//! The kinds and the limits by number and by name.

use std::ffi::{CString, c_char};
use std::sync::LazyLock;

use crate::license::{Kind, Limit};

/// What asks to be admitted. Functions take the number, so that one that is none is answered and
/// not undefined.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TgKind {
    /// A firewall connection.
    Connection = 0,
    /// An AnyConnect client session (SSL).
    Anyconnect,
    /// An AnyConnect client session (IPsec IKEv2 remote access).
    AnyconnectIkev2,
    /// A browser-based (clientless) SSL VPN session.
    Clientless,
    /// An IPsec remote access session with IKEv1.
    Ikev1Ra,
    /// An IPsec site-to-site session with IKEv1.
    Ikev1L2l,
    /// An IPsec site-to-site session with IKEv2.
    Ikev2L2l,
    /// A TLS proxy session of Phone Proxy.
    PhoneProxy,
    /// A TLS proxy session of Presence Federation Proxy.
    PresenceFederation,
    /// A TLS proxy session of Encrypted Voice Inspection.
    EncryptedVoice,
    /// A TLS proxy session of Mobility Advantage Proxy.
    MobilityAdvantage,
    /// A TLS proxy session of the Intercompany Media Engine.
    Ime,
    /// A call whose media is encrypted or decrypted here.
    Srtp,
    /// A call whose media is passed through: never counted.
    SrtpPassthrough,
    /// An interface without a VLAN.
    Interface,
    /// An interface with a VLAN.
    Vlan,
    /// A VLAN trunk.
    Trunk,
    /// A security context.
    Context,
}

impl TgKind {
    pub(super) const ALL: [Self; 18] = [
        Self::Connection,
        Self::Anyconnect,
        Self::AnyconnectIkev2,
        Self::Clientless,
        Self::Ikev1Ra,
        Self::Ikev1L2l,
        Self::Ikev2L2l,
        Self::PhoneProxy,
        Self::PresenceFederation,
        Self::EncryptedVoice,
        Self::MobilityAdvantage,
        Self::Ime,
        Self::Srtp,
        Self::SrtpPassthrough,
        Self::Interface,
        Self::Vlan,
        Self::Trunk,
        Self::Context,
    ];
}

/// What is limited. The order is that of reports.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TgLimit {
    /// Firewall connections, concurrent.
    FirewallConns = 0,
    /// Inside hosts, concurrent (ASA 5505): hosts, not their connections.
    InsideHosts,
    /// AnyConnect sessions of every type.
    Anyconnect,
    /// Browser-based (clientless) sessions among them.
    Clientless,
    /// Other VPN sessions.
    OtherVpn,
    /// VPN sessions of all types together.
    TotalVpn,
    /// TLS proxy sessions that count against the UC licence.
    UcProxy,
    /// Phone Proxy sessions among them.
    PhoneProxy,
    /// TLS proxy sessions of every application.
    TlsProxy,
    /// Intercompany Media Engine sessions among them.
    Ime,
    /// SRTP encryption sessions.
    Srtp,
    /// Interfaces of all types.
    Interfaces,
    /// Interfaces that have a VLAN.
    Vlans,
    /// VLAN trunks.
    VlanTrunks,
    /// Security contexts.
    Contexts,
}

impl TgLimit {
    pub(super) const ALL: [Self; 15] = [
        Self::FirewallConns,
        Self::InsideHosts,
        Self::Anyconnect,
        Self::Clientless,
        Self::OtherVpn,
        Self::TotalVpn,
        Self::UcProxy,
        Self::PhoneProxy,
        Self::TlsProxy,
        Self::Ime,
        Self::Srtp,
        Self::Interfaces,
        Self::Vlans,
        Self::VlanTrunks,
        Self::Contexts,
    ];
}

/// How many limits there are.
pub const TG_LIMITS: usize = 15;

const _: () = assert!(TG_LIMITS == Limit::COUNT);

pub(super) fn kind(number: u32) -> Option<Kind> {
    Kind::ALL.get(usize::try_from(number).ok()?).copied()
}

pub(super) fn limit(number: u32) -> Option<Limit> {
    Limit::ALL.get(usize::try_from(number).ok()?).copied()
}

static KINDS: LazyLock<Vec<CString>> = LazyLock::new(|| texts(Kind::ALL.map(Kind::name)));
static LIMITS: LazyLock<Vec<CString>> = LazyLock::new(|| texts(Limit::ALL.map(Limit::name)));

fn texts<const N: usize>(names: [&str; N]) -> Vec<CString> {
    names.map(|name| CString::new(name).unwrap_or_default()).into()
}

fn name(names: &[CString], number: u32) -> *const c_char {
    let name = usize::try_from(number).ok().and_then(|number| names.get(number));
    name.map_or(std::ptr::null(), |name| name.as_ptr())
}

/// The name of an enum tg_kind on the command line and in scenarios, there for ever; null where no
/// kind has this number.
#[unsafe(no_mangle)]
pub extern "C" fn tg_kind_name(kind: u32) -> *const c_char {
    name(&KINDS, kind)
}

/// The name of an enum tg_limit on the command line and in scenarios, there for ever; null where no
/// limit has this number.
#[unsafe(no_mangle)]
pub extern "C" fn tg_limit_name(limit: u32) -> *const c_char {
    name(&LIMITS, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_library() {
        for (number, (ours, theirs)) in (0..).zip(TgKind::ALL.into_iter().zip(Kind::ALL)) {
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
            assert_eq!((ours as u32, kind(number)), (number, Some(theirs)));
        }
        for (number, (ours, theirs)) in (0..).zip(TgLimit::ALL.into_iter().zip(Limit::ALL)) {
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
            assert_eq!((ours as u32, limit(number)), (number, Some(theirs)));
        }
        assert_eq!((TgKind::ALL.len(), kind(18), kind(u32::MAX)), (Kind::COUNT, None, None));
        assert_eq!((TgLimit::ALL.len(), limit(15), limit(u32::MAX)), (TG_LIMITS, None, None));
    }
}
