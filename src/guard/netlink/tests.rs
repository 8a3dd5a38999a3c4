//! Messages as the kernel writes them, cut off anywhere, and arbitrary bytes.

use std::net::IpAddr;

use proptest::prelude::*;

use super::fuzz::{messages, queued_is_read_back, read_back, verdicts};
use super::{Entry, Event};
use crate::capture::FiveTuple;

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn tuple(protocol: u8) -> impl Strategy<Value = FiveTuple> {
    let addresses = (address(), address());
    (addresses, any::<[u16; 2]>()).prop_map(move |((source, destination), ports)| {
        let [source_port, other] = ports;
        let has_ports = [6, 17, 132].contains(&protocol);
        let destination_port = if has_ports { other } else { source_port };
        FiveTuple { protocol, source, destination, source_port, destination_port }
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    let tuples = prop::sample::select(vec![1, 6, 17, 47, 58, 132])
        .prop_flat_map(|protocol| (tuple(protocol), tuple(protocol)));
    (tuples, any::<u32>(), any::<u16>(), any::<bool>())
        .prop_map(|((original, reply), id, zone, dying)| Entry { original, reply, id, zone, dying })
}

proptest! {
    #[test]
    fn an_event_is_read_as_it_was_written(entry in entry()) {
        for event in [Event::New(entry), Event::Destroy(entry)] {
            prop_assert_eq!(read_back(&event), Some(event));
        }
    }

    #[test]
    fn a_packet_is_read_as_it_was_queued(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        entry in prop::option::of(entry()),
    ) {
        prop_assert!(queued_is_read_back(&payload, entry));
    }

    #[test]
    fn no_bytes_are_believed(data in prop::collection::vec(any::<u8>(), 0..200)) {
        messages(&data);
    }

    #[test]
    fn no_length_is_believed(
        entry in entry(),
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = super::fuzz::written(&Event::New(entry));
        let place = at.index(bytes.len());
        bytes[place] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        messages(&bytes);
    }
}

#[test]
fn verdicts_that_follow_each_other_are_one_message() {
    const MESSAGE: usize = 32;
    assert_eq!(verdicts(0, &[]).len(), 0);
    assert_eq!(verdicts(0, &[true; 64]).len(), MESSAGE);
    let mixed = verdicts(5, &[true, true, false, true]);
    assert_eq!(mixed.len(), 3 * MESSAGE);
    let told: Vec<_> = mixed
        .chunks(MESSAGE)
        .map(|message| {
            assert_eq!(message[18..20], 5_u16.to_be_bytes(), "the queue");
            let number = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| message[at + i]));
            (number(28), number(24))
        })
        .collect();
    assert_eq!(told, [(2, 1), (3, 0), (4, 1)], "up to which packet, and 1 for accept");
}
