//! From a frame to what a firewall's connection table would look at.

use std::fmt;
use std::net::IpAddr;

use etherparse::{
    IpFragOffset, IpNumber, Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxIpSlice, UdpHeaderSlice,
    ip_number,
};

use super::ike::Ike;
use super::link::{self, LinkType, Tags};

/// The TCP ports on which TLS is encrypted voice signalling: SIP over TLS (RFC 3261) and secure
/// SCCP, the ports of the ASA's `inspect sip` and `inspect skinny` with a TLS proxy.
const ENCRYPTED_VOICE_PORTS: [u16; 2] = [5061, 2443];

/// The UDP ports of IKE, and of IKE behind a NAT (RFC 7296, section 2).
const IKE_PORT: u16 = 500;
const IKE_NAT_PORT: u16 = 4500;

/// Why a frame counts as nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum SkipReason {
    /// Not an IP packet: ARP, spanning tree, PPP control, ….
    NonIp,
    /// A link type that is not understood (one interface of several).
    UnsupportedLink,
    /// The capture kept too little of it: its headers are cut off.
    Truncated,
    /// Its headers contradict themselves.
    Malformed,
    /// A fragment after the first, which carries no ports.
    Fragment,
    /// An ICMP error: it belongs to the connection it reports on.
    IcmpError,
    /// IPv6 neighbour discovery, and router discovery of IPv4: never forwarded.
    NeighbourDiscovery,
    /// Multicast listener discovery and IGMP: never forwarded.
    MulticastListener,
    /// A TCP segment of a connection whose SYN is not in the capture, or that is closed.
    MidStream,
    /// The first packet of a connection for which the flow table has no room.
    FlowTableFull,
}

impl SkipReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every reason, in the order in which reports list them.
    pub const ALL: [Self; 10] = [
        Self::NonIp,
        Self::UnsupportedLink,
        Self::Truncated,
        Self::Malformed,
        Self::Fragment,
        Self::IcmpError,
        Self::NeighbourDiscovery,
        Self::MulticastListener,
        Self::MidStream,
        Self::FlowTableFull,
    ];

    /// The name in reports and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NonIp => "non-ip",
            Self::UnsupportedLink => "unsupported-link",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Fragment => "fragment",
            Self::IcmpError => "icmp-error",
            Self::NeighbourDiscovery => "neighbour-discovery",
            Self::MulticastListener => "multicast-listener",
            Self::MidStream => "mid-stream",
            Self::FlowTableFull => "flow-table-full",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who talks to whom, as the sender of a packet sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FiveTuple {
    /// The IP protocol number.
    pub protocol: IpNumber,
    /// Where the packet comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// The source port; the identifier of an ICMP query; 0 for protocols that have neither.
    pub source_port: u16,
    /// The destination port, with the same exceptions.
    pub destination_port: u16,
}

/// `TCP 10.0.0.1:1024 -> 192.0.2.1:443`; an ICMP query shows its identifier once.
impl fmt::Display for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, source, destination, source_port, destination_port } = self;
        match protocol.keyword_str() {
            Some(keyword) => f.write_str(keyword)?,
            None => write!(f, "protocol {}", protocol.0)?,
        }
        match *protocol {
            ip_number::ICMP | ip_number::IPV6_ICMP => {
                write!(f, " {source} -> {destination} id {source_port}")
            }
            _ if (*source_port, *destination_port) == (0, 0) => {
                write!(f, " {source} -> {destination}")
            }
            _ => {
                let from = std::net::SocketAddr::new(*source, *source_port);
                let to = std::net::SocketAddr::new(*destination, *destination_port);
                write!(f, " {from} -> {to}")
            }
        }
    }
}

/// One packet of one flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Whose it is.
    pub tuple: FiveTuple,
    /// What in it matters to the flow's state.
    pub content: Content,
}

/// What in a packet matters beyond its addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// A TCP segment.
    Tcp(Segment),
    /// An IKE message.
    Ike(Ike),
    /// Nothing.
    Other,
}

/// A TCP segment without its payload.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Segment {
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number; of no meaning without [`Segment::ACK`].
    pub acknowledgement: u32,
    /// How many bytes of payload it had on the wire.
    pub length: u32,
    /// The flags, as in the header.
    pub flags: u8,
    /// Whether the payload begins with a TLS handshake record on a port of encrypted voice.
    pub encrypted_voice: bool,
}

impl Segment {
    /// The sender has sent everything.
    pub const FIN: u8 = 0x01;
    /// The sender opens a connection, or accepts one.
    pub const SYN: u8 = 0x02;
    /// The connection is gone.
    pub const RST: u8 = 0x04;
    /// The acknowledgement number is valid.
    pub const ACK: u8 = 0x10;

    /// Whether all of `flags` are set.
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Whether this asks for a connection: a SYN that neither accepts nor ends one.
    pub const fn opens(&self) -> bool {
        self.flags & (Self::SYN | Self::ACK | Self::RST | Self::FIN) == Self::SYN
    }

    /// The sequence number after this segment.
    pub const fn end(&self) -> u32 {
        let syn = self.has(Self::SYN) as u32;
        let fin = self.has(Self::FIN) as u32;
        self.sequence.wrapping_add(self.length).wrapping_add(syn + fin)
    }
}

/// Reads a frame: its VLAN tags, and its packet or the reason why it counts as nothing.
///
/// The tags are read whatever becomes of the rest, because an ARP request shows a VLAN as well as a
/// connection does. Pure, and allocates nothing.
pub fn parse(link: LinkType, data: &[u8]) -> (Tags, Result<Packet, SkipReason>) {
    let (tags, ip) = link::unwrap(link, data);
    (tags, ip.and_then(parse_ip))
}

/// The payload of an IP packet, as far as it was captured.
struct Transport<'a> {
    payload: &'a [u8],
    /// How long it was on the wire.
    length: usize,
}

impl Transport<'_> {
    /// Why `payload` is too short for the header that should be in it.
    const fn short(&self) -> SkipReason {
        if self.payload.len() < self.length { SkipReason::Truncated } else { SkipReason::Malformed }
    }
}

fn parse_ip(data: &[u8]) -> Result<Packet, SkipReason> {
    let (ip, broken) = LaxIpSlice::from_slice(data).map_err(|error| match error {
        etherparse::err::ip::LaxHeaderSliceError::Len(_) => SkipReason::Truncated,
        etherparse::err::ip::LaxHeaderSliceError::Content(_) => SkipReason::Malformed,
    })?;
    let LaxIpPayloadSlice { incomplete, ip_number: protocol, fragmented, payload, .. } =
        *ip.payload();
    if broken.is_some() {
        return Err(if incomplete { SkipReason::Truncated } else { SkipReason::Malformed });
    }
    if fragmented && fragment_offset(&ip) != IpFragOffset::ZERO {
        return Err(SkipReason::Fragment);
    }
    let headers = payload.as_ptr().addr() - data.as_ptr().addr();
    let length =
        if incomplete { packet_length(&ip).saturating_sub(headers) } else { payload.len() };
    let transport = Transport { payload, length };
    let (ports, content) = match protocol {
        ip_number::TCP => tcp(&transport)?,
        ip_number::UDP => udp(&transport)?,
        ip_number::SCTP => (sctp_ports(&transport)?, Content::Other),
        ip_number::ICMP => (icmpv4_identifier(&transport)?, Content::Other),
        ip_number::IPV6_ICMP => (icmpv6_identifier(&transport)?, Content::Other),
        ip_number::IGMP => return Err(SkipReason::MulticastListener),
        _ => ([0, 0], Content::Other),
    };
    let (source, destination) = (ip.source_addr(), ip.destination_addr());
    let [source_port, destination_port] = ports;
    let tuple = FiveTuple { protocol, source, destination, source_port, destination_port };
    Ok(Packet { tuple, content })
}

/// How long the IP packet was on the wire, by its own account.
fn packet_length(ip: &LaxIpSlice) -> usize {
    match ip {
        LaxIpSlice::Ipv4(ip) => usize::from(ip.header().total_len()),
        LaxIpSlice::Ipv6(ip) => {
            ip.header().header_len() + usize::from(ip.header().payload_length())
        }
    }
}

fn fragment_offset(ip: &LaxIpSlice) -> IpFragOffset {
    match ip {
        LaxIpSlice::Ipv4(ip) => ip.header().fragments_offset(),
        LaxIpSlice::Ipv6(ip) => ip
            .extensions()
            .clone()
            .into_iter()
            .find_map(|extension| match extension {
                Ipv6ExtensionSlice::Fragment(fragment) => Some(fragment.fragment_offset()),
                _ => None,
            })
            .unwrap_or(IpFragOffset::ZERO),
    }
}

type Ports = [u16; 2];

/// Reads the fixed part of a TCP header. `etherparse` asks for the options too, which are often cut
/// off where a capture kept the first 68 bytes of each packet.
fn tcp(transport: &Transport) -> Result<(Ports, Content), SkipReason> {
    const FIXED: usize = 20;
    let Some(&header) = transport.payload.first_chunk::<FIXED>() else {
        return Err(transport.short());
    };
    let options_end = usize::from(header[12] >> 4) * 4;
    let Some(length) = transport.length.checked_sub(options_end) else {
        return Err(SkipReason::Malformed);
    };
    if options_end < FIXED {
        return Err(SkipReason::Malformed);
    }
    let [a, b, c, d, numbers @ ..] = header;
    let ports = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    let number = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| numbers[at + i]));
    let payload = transport.payload.get(options_end..).unwrap_or_default();
    let segment = Segment {
        sequence: number(0),
        acknowledgement: number(4),
        length: u32::try_from(length).unwrap_or(u32::MAX),
        flags: header[13],
        encrypted_voice: ports.iter().any(|port| ENCRYPTED_VOICE_PORTS.contains(port))
            && is_tls_handshake(payload),
    };
    Ok((ports, Content::Tcp(segment)))
}

/// Whether `payload` begins with a record of content type “handshake” of SSL 3.0 or any TLS
/// (RFC 8446, section 5.1).
fn is_tls_handshake(payload: &[u8]) -> bool {
    matches!(payload, [22, 3, 0..=4, ..])
}

fn udp(transport: &Transport) -> Result<(Ports, Content), SkipReason> {
    let header = UdpHeaderSlice::from_slice(transport.payload).map_err(|_| transport.short())?;
    let ports = [header.source_port(), header.destination_port()];
    let payload = &transport.payload[header.slice().len()..];
    // A first fragment has the length of the whole datagram in its header.
    let length = usize::from(header.length()).saturating_sub(header.slice().len());
    let ike = match ports {
        _ if ports.contains(&IKE_PORT) => Ike::parse(payload, length),
        _ if ports.contains(&IKE_NAT_PORT) => Ike::parse_behind_nat(payload, length),
        _ => None,
    };
    Ok((ports, ike.map_or(Content::Other, Content::Ike)))
}

fn sctp_ports(transport: &Transport) -> Result<Ports, SkipReason> {
    match *transport.payload {
        [a, b, c, d, ..] => Ok([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]),
        _ => Err(transport.short()),
    }
}

/// The identifier of an ICMP query or reply, in both places.
///
/// Source: the registry of ICMP type numbers; RFC 1122, section 3.2.2 for which are errors.
fn icmpv4_identifier(transport: &Transport) -> Result<Ports, SkipReason> {
    const WITH_IDENTIFIER: [u8; 10] = [0, 8, 13, 14, 15, 16, 17, 18, 42, 43];
    let kind = *transport.payload.first().ok_or(transport.short())?;
    match kind {
        3 | 4 | 5 | 11 | 12 => Err(SkipReason::IcmpError),
        9 | 10 => Err(SkipReason::NeighbourDiscovery),
        _ if WITH_IDENTIFIER.contains(&kind) => identifier(transport),
        _ => Ok([0, 0]),
    }
}

/// As for IPv4. Source: the registry of `ICMPv6` type numbers; errors are those below 128
/// (RFC 4443, section 2.1).
fn icmpv6_identifier(transport: &Transport) -> Result<Ports, SkipReason> {
    let kind = *transport.payload.first().ok_or(transport.short())?;
    match kind {
        0..128 => Err(SkipReason::IcmpError),
        128 | 129 => identifier(transport),
        130..=132 | 143 => Err(SkipReason::MulticastListener),
        133..=137 | 141 | 142 | 148 | 149 => Err(SkipReason::NeighbourDiscovery),
        _ => Ok([0, 0]),
    }
}

fn identifier(transport: &Transport) -> Result<Ports, SkipReason> {
    match *transport.payload {
        [_, _, _, _, high, low, ..] => Ok([u16::from_be_bytes([high, low]); 2]),
        _ => Err(transport.short()),
    }
}

#[cfg(test)]
mod tests;
