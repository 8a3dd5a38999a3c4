//! A load of sessions for trials.

use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;

use crate::gate::Gate;
use crate::license::Kind;

/// How often sessions are begun and ended.
const TICK: Duration = Duration::from_millis(5);

/// Sessions for trials, of users that there are not.
#[derive(Args, Clone, Debug)]
pub(super) struct LoadArgs {
    /// For trials: hold so many AnyConnect sessions, 120, or rise and fall between two numbers,
    /// 20..200
    #[arg(long, value_name = "SESSIONS")]
    load: Option<Load>,
    /// How long it takes to rise and fall once
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = super::place::seconds)]
    load_period: Duration,
}

/// Sessions: from, to.
#[derive(Clone, Copy, Debug)]
struct Load {
    low: u32,
    high: u32,
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no number of sessions, 120, nor two, 20..200");
        let number = |text: &str| text.parse().map_err(|_| wrong());
        let (low, high) = match text.split_once("..") {
            Some((low, high)) => (number(low)?, number(high)?),
            None => (number(text)?, number(text)?),
        };
        if low <= high { Ok(Self { low, high }) } else { Err(wrong()) }
    }
}

impl Load {
    /// The sessions after so long: up in the first half of a period, down in the second.
    fn at(self, elapsed: Duration, period: Duration) -> usize {
        let whole = period.as_millis().max(2);
        let phase = elapsed.as_millis() % whole;
        let half = whole / 2;
        let up = if phase < half { phase } else { whole - phase };
        let range = u128::from(self.high - self.low);
        let above = usize::try_from(range * up.min(half) / half).unwrap_or(usize::MAX);
        above.saturating_add(self.low as usize)
    }
}

impl LoadArgs {
    /// Holds sessions at the gate until the process ends.
    pub(super) fn start(&self, gate: &Gate) {
        let Some(load) = self.load else { return };
        let (mut worker, period) = (gate.worker(), self.load_period);
        std::thread::spawn(move || {
            let (start, mut held) = (Instant::now(), Vec::new());
            loop {
                let target = load.at(start.elapsed(), period);
                while held.len() > target
                    && let Some(token) = held.pop()
                {
                    worker.release(token);
                }
                while held.len() < target
                    && let Ok(token) = worker.admit(Kind::Anyconnect)
                {
                    held.push(token);
                }
                std::thread::sleep(TICK);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_and_falls() {
        let load: Load = "20..200".parse().unwrap();
        let at = |seconds| load.at(Duration::from_secs(seconds), Duration::from_secs(10));
        assert_eq!([0, 1, 5, 9, 10].map(at), [20, 56, 200, 56, 20]);
        let steady: Load = "120".parse().unwrap();
        assert_eq!(steady.at(Duration::from_secs(3), Duration::from_secs(10)), 120);
        for wrong in ["", "..", "20..", "200..20", "many", "-1"] {
            assert!(wrong.parse::<Load>().is_err(), "{wrong}");
        }
    }
}
