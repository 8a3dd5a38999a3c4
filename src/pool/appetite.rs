//! How many shared sessions a unit wants.

use super::STEP;

/// When a participant asks for more sessions, and when it gives back.
///
/// The default is the guides' behaviour: ask when a session is needed that there is no licence for
/// (G23). A unit that has to admit without waiting for the network asks `ahead`.
///
/// ```
/// use tollgate::pool::Appetite;
/// let guides = Appetite::default();
/// assert_eq!(guides.want(0, 100, 100, 650), 0); // 100 sessions, 100 of its own
/// assert_eq!(guides.want(0, 101, 100, 650), 50); // G23
/// assert_eq!(guides.want(50, 99, 100, 650), 50); // not yet: it might come back
/// assert_eq!(guides.want(50, 75, 100, 650), 0); // G29
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appetite {
    /// Sessions that are to be free: with fewer, it asks for more.
    pub ahead: u32,
    /// Sessions that are to stay free besides, when it gives back. A step that would leave fewer is
    /// kept.
    pub keep: u32,
}

impl Default for Appetite {
    fn default() -> Self {
        Self { ahead: 0, keep: STEP / 2 }
    }
}

impl Appetite {
    /// The shared sessions wanted: whole steps, or `room` where that is less. `current` is what was
    /// wanted before, `demand` the sessions in use or asked for, `local` the unit's own licence.
    pub fn want(&self, current: u32, demand: u32, local: u32, room: u32) -> u32 {
        let with_free = |free: u32| {
            let beyond = demand.saturating_add(free).saturating_sub(local);
            beyond.div_ceil(STEP).saturating_mul(STEP).min(room)
        };
        let least = with_free(self.ahead);
        // Without this a unit without sessions of its own would keep the last step for ever.
        let keep = if demand == 0 { 0 } else { self.keep };
        let most = with_free(self.ahead.saturating_add(keep));
        current.clamp(least, most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shared_sessions_come_after_the_local_ones_in_steps_of_50() {
        let guides = Appetite::default();
        // G22: local 100, 120 needed. G25: an ASA 5520 (750) with local 500 has room for 250.
        assert_eq!(guides.want(0, 120, 100, 650), 50);
        assert_eq!(guides.want(0, 151, 100, 650), 100);
        assert_eq!(guides.want(0, 10_000, 500, 250), 250);
        assert_eq!(guides.want(0, 730, 500, 240), 240);
    }

    #[test]
    fn a_low_water_mark_asks_before_it_is_dry() {
        let ahead = Appetite { ahead: 20, keep: 25 };
        assert_eq!(ahead.want(0, 80, 100, 650), 0);
        assert_eq!(ahead.want(0, 81, 100, 650), 50);
        assert_eq!(ahead.want(100, 131, 100, 650), 100);
        assert_eq!(ahead.want(100, 105, 100, 650), 50);
    }

    #[test]
    fn the_last_step_is_given_back_without_sessions() {
        assert_eq!(Appetite::default().want(50, 1, 0, 100), 50);
        assert_eq!(Appetite::default().want(50, 0, 0, 100), 0);
    }

    proptest! {
        #[test]
        fn it_covers_the_demand_and_does_not_flap(
            demand in 0_u32..2_000, step in 0_u32..25, local in 0_u32..500, room in 0_u32..1_000,
            current in 0_u32..1_000, ahead in 0_u32..60,
        ) {
            let appetite = Appetite { ahead, keep: 25 };
            let want = appetite.want(current, demand, local, room);
            prop_assert!(want <= room);
            prop_assert!(want == room || local + want >= demand + ahead);
            // A demand that wavers by less than what is kept gives nothing back.
            let up = appetite.want(want, demand + step, local, room);
            prop_assert!(demand == 0 || appetite.want(up, demand, local, room) == up);
        }
    }
}
