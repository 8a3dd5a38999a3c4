//! Arbitrary bytes as netlink messages, and messages as the kernel writes them read back.

use super::conntrack::{self, Entry, Event};
use super::packet::{self, Queued, Verdicts};
use super::wire::{Messages, Writer};

/// Reads `data` as what a socket of netfilter received: no length in it is believed.
pub fn messages(data: &[u8]) {
    for message in Messages::in_bytes(data) {
        let _outcome = message.outcome();
        let event = conntrack::event(&message);
        let queued = packet::queued(&message);
        assert!(event.is_none() || queued.is_none(), "one message is of one kind");
        if let Some(event) = event {
            assert_eq!(read_back(&event), Some(event));
        }
        if let Some(queued) = queued {
            assert!(queued.payload.len() < data.len());
        }
    }
}

/// The message that tells of `event`.
pub(super) fn written(event: &Event) -> Vec<u8> {
    let mut writer = Writer::default();
    conntrack::write(&mut writer, event);
    writer.bytes().to_vec()
}

/// What is read of `event` as the kernel tells it.
pub fn read_back(event: &Event) -> Option<Event> {
    let bytes = written(event);
    let mut messages = Messages::in_bytes(&bytes);
    let read = messages.next().and_then(|message| conntrack::event(&message));
    assert!(messages.next().is_none(), "one message was written");
    read
}

/// Whether a packet that is queued with and without its `entry` is read as it was written.
pub fn queued_is_read_back(payload: &[u8], entry: Option<Entry>) -> bool {
    let packet = Queued { number: 7, interface: 3, payload, entry };
    let mut writer = Writer::default();
    packet::write(&mut writer, &packet);
    let mut messages = Messages::in_bytes(writer.bytes());
    messages.next().and_then(|message| packet::queued(&message)) == Some(packet)
}

/// The bytes of the verdicts on packets 1, 2, …, by whether each passes.
pub fn verdicts(queue: u16, passes: &[bool]) -> Vec<u8> {
    let mut verdicts = Verdicts::on(queue);
    (1..).zip(passes).for_each(|(number, pass)| verdicts.push(number, *pass));
    let mut bytes = Vec::new();
    verdicts.take(|sent| bytes.extend(sent));
    bytes
}
