//! What figures were measured on.

use std::fs;

use super::crew::Cores;
use crate::gate::Fence;

/// The machine, as far as the system tells.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Processors that this process may run on.
    pub cores: usize,
    /// The system and its version.
    pub kernel: String,
    /// How workers see each other's stores in time.
    pub fence: Fence,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let unknown = || "unknown".to_owned();
        Self {
            cpu: cpu().unwrap_or_else(unknown),
            cores: Cores::all().count(),
            kernel: kernel().unwrap_or_else(unknown),
            fence: Fence::best(),
        }
    }

    /// `asymmetric (membarrier)` or `full (both sides)`.
    pub const fn fence_name(&self) -> &'static str {
        match self.fence {
            Fence::Asymmetric => "asymmetric (membarrier)",
            Fence::Full => "full (both sides)",
        }
    }
}

fn cpu() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    // x86, then others.
    let named = |key: &str| {
        let line = info.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    named("model name").or_else(|| named("Processor")).or_else(|| named("CPU part"))
}

fn kernel() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let system = fs::read_to_string("/proc/sys/kernel/ostype").ok()?;
    Some(format!("{} {}", system.trim(), release.trim()))
}
