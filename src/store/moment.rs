//! What time it is for a unit: its system clock, and how long its machine has been up.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use super::StoreError;
use crate::license::ring::Clock;

/// One moment on the machine that is the unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The system clock, which people set.
    pub clock: Clock,
    /// The name of this boot: another one means that the machine was off in between.
    pub boot: String,
    /// The time since the boot, which nobody sets.
    pub uptime: Duration,
}

impl Moment {
    /// Now, on this machine.
    ///
    /// # Errors
    ///
    /// When the machine does not tell how long it has been up, as only Linux does in this way.
    pub fn now() -> Result<Self, StoreError> {
        let read = |path| fs::read_to_string(path).map_err(StoreError::NoUptime);
        let boot = read("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let uptime = uptime(&read("/proc/uptime")?)
            .ok_or_else(|| StoreError::NoUptime(io::ErrorKind::InvalidData.into()))?;
        let clock = Clock::from_unix(0);
        let clock = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => clock.plus(since),
            Err(before) => clock.minus(before.duration()),
        };
        Ok(Self { clock, boot, uptime })
    }
}

/// The first number of `/proc/uptime`: seconds since the boot, those asleep among them.
fn uptime(text: &str) -> Option<Duration> {
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_as_the_kernel_writes_it() {
        assert_eq!(uptime("350735.47 234388.90\n"), Some(Duration::from_millis(350_735_470)));
        for text in ["", "\n", "up 3 days", "-1 0", "NaN", "inf 0", "1e300"] {
            assert_eq!(uptime(text), None, "{text}");
        }
    }
}
