//! Units that give themselves back.

use std::sync::Arc;

use super::{Inner, Part, Token};
use crate::license::Kind;

/// One admitted unit that is released when it is dropped.
#[must_use = "a permit that is dropped gives its unit back at once"]
#[derive(Debug)]
pub struct Permit {
    inner: Arc<Inner>,
    token: Token,
}

impl Permit {
    pub(super) const fn new(inner: Arc<Inner>, token: Token) -> Self {
        Self { inner, token }
    }

    /// What was admitted.
    pub const fn kind(&self) -> Kind {
        self.token.kind()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.inner.with_own_stats(|stats| self.inner.release(stats, self.token));
    }
}

/// A clientless session whose client may be started from its portal: one unit in all (E1), given
/// back when its last part has ended (E4).
///
/// ```
/// # use tollgate::catalogue;
/// # use tollgate::gate::{Gate, Part};
/// # use tollgate::license::{Kind, Limit, RunningLicense, Unit};
/// let unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
/// let gate = Gate::new(RunningLicense::of(&unit));
///
/// let mut session = gate.reserve_clientless()?;
/// session.start_client();
/// assert_eq!(gate.usage(Limit::Anyconnect).in_use, 1);
/// let session = session.end(Part::Portal).expect("the client is still open");
/// assert_eq!(gate.usage(Limit::Anyconnect).in_use, 1);
/// assert!(session.end(Part::Client).is_none());
/// assert_eq!(gate.usage(Limit::Anyconnect).in_use, 0);
///
/// // The client first, then the portal: two sessions (E2).
/// let client = gate.reserve(Kind::Anyconnect)?;
/// let portal = gate.reserve_clientless()?;
/// assert_eq!(gate.usage(Limit::Anyconnect).in_use, 2);
/// # drop((client, portal));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a session that is dropped gives its unit back at once"]
#[derive(Debug)]
pub struct ClientlessSession(Permit);

impl ClientlessSession {
    pub(super) const fn new(permit: Permit) -> Self {
        Self(permit)
    }

    /// The client has been started from the portal.
    ///
    /// Without an open portal it cannot be, and nothing changes.
    pub const fn start_client(&mut self) {
        self.0.token = self.0.token.start_client();
    }

    /// Whether `part` is open.
    pub const fn is_open(&self, part: Part) -> bool {
        self.0.token.is_open(part)
    }

    /// A part has ended: what is left of the session, or none when that was the last part.
    pub fn end(mut self, part: Part) -> Option<Self> {
        self.0.token = self.0.token.without(part)?;
        Some(self)
    }
}
