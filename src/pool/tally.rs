//! How many messages there were, by request: the lines of `show shared license`.

use super::event::Request;

/// Messages of one request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Sent: requests by a participant, answers by a server.
    pub sent: u64,
    /// Received: answers by a participant, requests by a server.
    pub received: u64,
    /// Refused, or not understood.
    pub errors: u64,
}

/// Messages by request, since the machine started or they were cleared.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tallies([Tally; Request::ALL.len()]);

impl Tallies {
    /// The messages of one request.
    pub const fn of(&self, request: Request) -> Tally {
        self.0[request as usize]
    }

    pub(super) const fn of_mut(&mut self, request: Request) -> &mut Tally {
        &mut self.0[request as usize]
    }
}
