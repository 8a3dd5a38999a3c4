//! Link layers: from a frame to the IP packet in it, and the VLAN tags on the way.

use etherparse::{EtherType, Ethernet2HeaderSlice, SingleVlanHeaderSlice, ether_type};

use super::packet::SkipReason;

/// The most VLAN tags that are unwrapped: two are `QinQ`, and no more are in use.
const TAGS_MAX: usize = 4;

/// A `PPPoE` session packet (RFC 2516): a header, then a PPP protocol number.
const PPPOE_SESSION: EtherType = EtherType(0x8864);
const PPPOE_VERSION_AND_TYPE: u8 = 0x11;
const PPPOE_SESSION_DATA: u8 = 0;
const PPPOE_HEADER: usize = 6;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// The address families of IPv4 and IPv6: of the latter, BSD systems have one each.
const AF_INET: u32 = 2;
const AF_INET6_OPENBSD: u32 = 24;
const AF_INET6_FREEBSD: u32 = 28;
const AF_INET6_DARWIN: u32 = 30;

/// Where a Linux “cooked” header has the Ethernet type, and how long the header is.
struct Cooked {
    protocol_at: usize,
    length: usize,
}

const SLL: Cooked = Cooked { protocol_at: 14, length: 16 };
const SLL2: Cooked = Cooked { protocol_at: 0, length: 20 };

/// What the frames of a capture begin with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LinkType {
    /// Ethernet, with any VLAN tags.
    Ethernet,
    /// IPv4 or IPv6 without a link layer.
    Ip,
    /// The BSD loopback header: an address family in the recording machine's byte order.
    Null,
    /// The OpenBSD loopback header: an address family in network byte order.
    Loop,
    /// Linux “cooked”, version 1 (the `any` device).
    LinuxSll,
    /// Linux “cooked”, version 2.
    LinuxSll2,
    /// Anything else, by its number.
    Other(u16),
}

impl LinkType {
    /// Those that are understood, for an error message.
    pub(super) const SUPPORTED: &str = "Ethernet, raw IP, loopback and Linux cooked";

    /// Decodes a capture file's number for a link type.
    ///
    /// Source: the registry of link types of the Tcpdump Group; 12 and 14 are the numbers that BSD
    /// systems use for raw IP.
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::Ip,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }
}

/// The VLAN ids of a frame, outermost first.
///
/// Id 0 marks a frame that has a priority and no VLAN, and 4095 is reserved (IEEE 802.1Q,
/// table 9-2): neither is a VLAN.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tags {
    ids: [u16; TAGS_MAX],
    length: u8,
}

impl Tags {
    /// The ids.
    pub fn ids(&self) -> &[u16] {
        &self.ids[..usize::from(self.length)]
    }

    fn push(&mut self, id: u16) {
        if let (1..4095, Some(free)) = (id, self.ids.get_mut(usize::from(self.length))) {
            *free = id;
            self.length += 1;
        }
    }
}

/// Finds the IP packet in a frame. The tags are those that were passed, whatever came after.
pub(super) fn unwrap(link: LinkType, data: &[u8]) -> (Tags, Result<&[u8], SkipReason>) {
    let mut tags = Tags::default();
    let ip = match link {
        LinkType::Ethernet => match Ethernet2HeaderSlice::from_slice(data) {
            Ok(header) => untag(header.ether_type(), &data[header.slice().len()..], &mut tags),
            Err(_) => Err(SkipReason::Truncated),
        },
        LinkType::LinuxSll => linux_cooked(data, &SLL, &mut tags),
        LinkType::LinuxSll2 => linux_cooked(data, &SLL2, &mut tags),
        LinkType::Ip => Ok(data),
        LinkType::Null => loopback(data, |family| {
            // The recording machine's byte order is told by nothing: a family is a small number.
            if family > 0xffff { family.swap_bytes() } else { family }
        }),
        LinkType::Loop => loopback(data, |family| family),
        LinkType::Other(_) => Err(SkipReason::UnsupportedLink),
    };
    (tags, ip)
}

/// What follows an Ethernet type: VLAN tags, at most [`TAGS_MAX`] of them, then a packet.
fn untag<'a>(
    mut kind: EtherType,
    mut data: &'a [u8],
    tags: &mut Tags,
) -> Result<&'a [u8], SkipReason> {
    for _ in 0..=TAGS_MAX {
        match kind {
            ether_type::IPV4 | ether_type::IPV6 => return Ok(data),
            ether_type::VLAN_TAGGED_FRAME
            | ether_type::PROVIDER_BRIDGING
            | ether_type::VLAN_DOUBLE_TAGGED_FRAME => {
                let tag =
                    SingleVlanHeaderSlice::from_slice(data).map_err(|_| SkipReason::Truncated)?;
                tags.push(tag.vlan_identifier().value());
                kind = tag.ether_type();
                data = &data[tag.slice().len()..];
            }
            PPPOE_SESSION => return pppoe(data),
            _ => return Err(SkipReason::NonIp),
        }
    }
    Err(SkipReason::Malformed)
}

fn pppoe(data: &[u8]) -> Result<&[u8], SkipReason> {
    let Some((header, rest)) = data.split_first_chunk::<PPPOE_HEADER>() else {
        return Err(SkipReason::Truncated);
    };
    if header[0] != PPPOE_VERSION_AND_TYPE || header[1] != PPPOE_SESSION_DATA {
        return Err(SkipReason::Malformed);
    }
    let Some((protocol, packet)) = rest.split_first_chunk() else {
        return Err(SkipReason::Truncated);
    };
    match u16::from_be_bytes(*protocol) {
        PPP_IPV4 | PPP_IPV6 => Ok(packet),
        _ => Err(SkipReason::NonIp),
    }
}

/// Linux “cooked” headers. Those of `etherparse` know version 1 on Ethernet alone, and the device
/// `any` records loopback and tunnels too.
fn linux_cooked<'a>(
    data: &'a [u8],
    layout: &Cooked,
    tags: &mut Tags,
) -> Result<&'a [u8], SkipReason> {
    let kind = data.get(layout.protocol_at..).and_then(<[u8]>::first_chunk);
    match (kind, data.get(layout.length..)) {
        (Some(&kind), Some(packet)) => untag(EtherType(u16::from_be_bytes(kind)), packet, tags),
        _ => Err(SkipReason::Truncated),
    }
}

fn loopback(data: &[u8], order: impl Fn(u32) -> u32) -> Result<&[u8], SkipReason> {
    match data.split_first_chunk() {
        None => Err(SkipReason::Truncated),
        Some((family, packet)) => match order(u32::from_be_bytes(*family)) {
            AF_INET | AF_INET6_OPENBSD | AF_INET6_FREEBSD | AF_INET6_DARWIN => Ok(packet),
            _ => Err(SkipReason::NonIp),
        },
    }
}
