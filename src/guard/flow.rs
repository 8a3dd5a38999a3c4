//! What is known of one connection, and what each piece of news makes of it. Pure: no clock, no
//! lock, no kernel.
//!
//! A packet is judged before conntrack puts its connection into its table, and conntrack's news
//! come by a socket of their own, later than packets of the same connection may. So:
//!
//! * a connection that was let through may never come to be, because something behind the guard
//!   drops its packet: it is *asked for* until conntrack tells of it, by a beginning where somebody
//!   listens to those, or by a dump. Dumps that began less than [`GRACE`] later say nothing of it;
//! * an end is one of the entry with the same id. Between an entry's end and the news of it, the
//!   next connection with the same addresses may have been let through on the old one's unit: where
//!   a packet was judged within the last [`GRACE`], the unit stays for that one;
//! * what a dump lacks is gone, once two dumps in a row lack it.

use crate::capture::FiveTuple;
use crate::gate::Token;

/// Milliseconds since the guard began.
pub type Millis = u64;

/// How long news may be under way: from a verdict to conntrack's own word on it, in milliseconds.
pub const GRACE: Millis = 2_000;

/// Who a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// Addresses and ports of its first packet.
    pub tuple: FiveTuple,
    /// The zone of conntrack; 0 where packets do not tell it.
    pub zone: u16,
}

/// What a connection holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Units {
    /// Its unit under the licence; none where the guard only observes and would have refused it.
    pub licensed: Option<Token>,
    /// Its unit of what is demanded, where the guard observes.
    pub demanded: Option<Token>,
    /// The reserve that it is of.
    pub reserve: Option<u8>,
}

/// One dump of conntrack's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dump {
    /// Its number, from 1.
    pub number: u32,
    /// When it was asked for.
    pub began: Millis,
}

/// One connection that was let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// What it holds.
    pub units: Units,
    /// The id of its entry; none until conntrack has told of it.
    id: Option<u32>,
    /// When a packet of it was judged, or conntrack told that it began.
    touched: Millis,
    /// How many packets were judged that may each have been the first of another connection of the
    /// same name, of which conntrack has not told yet.
    again: u32,
    /// How many dumps in a row have lacked it.
    missed: u8,
    /// The number of the last dump that had it.
    seen: u32,
}

/// What the news of an end means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The connection is over.
    Over,
    /// Its unit is that of the next connection, which has been let through already.
    Passed,
    /// It is of an earlier connection: nothing changes.
    Stale,
}

/// What a dump means for a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Swept {
    /// It stays.
    Stays,
    /// It was let through, and conntrack has told nothing of it since.
    Unconfirmed,
    /// It ended, and nobody told.
    Vanished,
}

impl Flow {
    /// A connection whose first packet has just been let through.
    pub const fn asked(units: Units, now: Millis) -> Self {
        Self { units, id: None, touched: now, again: 0, missed: 0, seen: 0 }
    }

    /// A connection that conntrack has, and that nobody asked for.
    pub const fn found(units: Units, id: u32, now: Millis) -> Self {
        Self { id: Some(id), ..Self::asked(units, now) }
    }

    /// Whether conntrack has not told of it, `GRACE` after its packet was judged.
    pub const fn is_overdue(&self, now: Millis) -> bool {
        self.id.is_none() && now >= self.touched + GRACE
    }

    /// Another packet was judged that opens a connection of this name: one sent again, or the first
    /// of the next connection.
    pub const fn asked_again(&mut self, now: Millis) {
        self.touched = now;
        self.again = self.again.saturating_add(1);
    }

    /// Conntrack tells that entry `id` began.
    pub fn began(&mut self, id: u32, now: Millis) {
        if self.id.is_some_and(|known| known != id) {
            // It is the next connection that was asked for.
            self.again = self.again.saturating_sub(1);
        }
        self.id = Some(id);
        self.touched = now;
    }

    /// Conntrack tells that entry `id` ended.
    pub fn ended(&mut self, id: u32, now: Millis) -> End {
        if self.id.is_some_and(|known| known != id) {
            return End::Stale;
        }
        if self.again > 0 && now < self.touched + GRACE {
            self.id = None;
            self.again -= 1;
            return End::Passed;
        }
        End::Over
    }

    /// `dump` has entry `id` of this name.
    pub const fn seen(&mut self, id: u32, dump: Dump) {
        self.seen = dump.number;
        if self.touched < dump.began {
            self.id = Some(id);
        }
    }

    /// `dump` has come to its end.
    pub const fn swept(&mut self, dump: Dump) -> Swept {
        if self.seen == dump.number || self.touched + GRACE > dump.began {
            self.missed = 0;
            return Swept::Stays;
        }
        self.missed += 1;
        match (self.missed, self.id) {
            (1, _) => Swept::Stays,
            (_, None) => Swept::Unconfirmed,
            (_, Some(_)) => Swept::Vanished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: Units = Units { licensed: None, demanded: None, reserve: None };
    const LONG: Millis = 10 * GRACE;

    fn known(id: u32) -> Flow {
        let mut flow = Flow::asked(UNITS, 0);
        flow.began(id, 1);
        flow
    }

    #[test]
    fn the_end_of_the_entry_ends_the_connection() {
        assert_eq!(known(7).ended(7, 2), End::Over);
        assert_eq!(Flow::asked(UNITS, 0).ended(7, 2), End::Over, "its beginning was not told");
    }

    #[test]
    fn the_end_of_an_earlier_entry_changes_nothing() {
        let mut flow = known(7);
        assert_eq!(flow.ended(6, 2), End::Stale);
        assert_eq!(flow, known(7));
    }

    #[test]
    fn a_name_is_used_again_before_its_end_is_told() {
        let mut flow = known(7);
        flow.asked_again(LONG);
        assert_eq!(flow.ended(7, LONG + 1), End::Passed);
        flow.began(8, LONG + 2);
        assert_eq!(flow.ended(7, LONG + 3), End::Stale);
        assert_eq!(flow.ended(8, LONG + 4), End::Over);
    }

    #[test]
    fn a_name_is_used_again_and_again_before_anything_is_told() {
        let mut flow = Flow::asked(UNITS, LONG);
        flow.asked_again(LONG + 1);
        flow.asked_again(LONG + 2);
        for id in 7..9 {
            flow.began(id, LONG + 3);
            assert_eq!(flow.ended(id, LONG + 3), End::Passed);
        }
        flow.began(9, LONG + 3);
        assert_eq!(flow.ended(9, LONG + 3), End::Over);
    }

    #[test]
    fn the_next_beginning_comes_before_the_end() {
        let mut flow = known(7);
        flow.asked_again(LONG);
        flow.began(8, LONG + 1);
        assert_eq!(flow.ended(7, LONG + 2), End::Stale);
        assert_eq!(flow.ended(8, LONG + 3), End::Over);
    }

    #[test]
    fn a_packet_that_was_sent_again_long_ago_keeps_nothing() {
        let mut flow = known(7);
        flow.asked_again(5);
        assert_eq!(flow.ended(7, 5 + GRACE), End::Over);
    }

    #[test]
    fn what_was_let_through_and_never_came_to_be_is_given_up() {
        let mut flow = Flow::asked(UNITS, LONG);
        let dump = |number, began| Dump { number, began };
        assert!(!flow.is_overdue(LONG + GRACE - 1) && flow.is_overdue(LONG + GRACE));
        assert_eq!(flow.swept(dump(1, LONG + GRACE - 1)), Swept::Stays);
        assert_eq!(flow.swept(dump(2, LONG + GRACE)), Swept::Stays);
        assert_eq!(flow.swept(dump(3, LONG + GRACE)), Swept::Unconfirmed);
    }

    #[test]
    fn two_dumps_have_to_lack_it() {
        let mut flow = known(7);
        let dump = |number| Dump { number, began: LONG };
        assert_eq!(flow.swept(dump(1)), Swept::Stays);
        flow.seen(7, dump(2));
        assert_eq!(flow.swept(dump(2)), Swept::Stays);
        assert_eq!(flow.swept(dump(3)), Swept::Stays);
        assert_eq!(flow.swept(dump(4)), Swept::Vanished);
    }

    #[test]
    fn a_dump_tells_what_events_did_not() {
        let mut flow = Flow::asked(UNITS, 0);
        flow.seen(9, Dump { number: 1, began: 1 });
        assert!(!flow.is_overdue(LONG));
        assert_eq!(flow.ended(8, LONG), End::Stale);
        assert_eq!(flow.ended(9, LONG), End::Over);
    }
}
