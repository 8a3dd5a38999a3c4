//! The authority's file: its secret, and what was bought for every serial number.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::Stored;
use crate::catalogue::{Feature, Value};
use crate::license::Export;
use crate::license::key::{Authority, Grant, Register, SECRET_LEN, Serial};

/// What the vendor's side keeps.
///
/// The secret is wiped when the value goes, and never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    secret: [u8; SECRET_LEN],
    registers: BTreeMap<String, Registered>,
}

/// What is stored of one serial number's register.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registered {
    licences: BTreeMap<String, String>,
    k9: Option<bool>,
    next_issue: u16,
}

impl Stored for Office {
    const KIND: &'static str = "an authority";
    const CREATE: &'static str = "authority init";
}

impl Office {
    /// An authority with this secret that has issued nothing yet.
    pub const fn new(secret: [u8; SECRET_LEN]) -> Self {
        Self { secret, registers: BTreeMap::new() }
    }

    /// The authority.
    pub fn authority(&self) -> Authority {
        Authority::from_secret(self.secret)
    }

    /// What is registered for the serial number; none where the stored licences are none.
    pub fn register(&self, serial: &Serial) -> Option<Register> {
        let Some(stored) = self.registers.get(&serial.to_string()) else {
            return Some(Register::default());
        };
        let mut permanent = Grant::permanent();
        for (feature, value) in &stored.licences {
            permanent.add(feature.parse().ok()?, value.parse().ok()?).ok()?;
        }
        let export = stored.k9.map(|k9| if k9 { Export::K9 } else { Export::K8 });
        Some(Register::restore(permanent.with_export(export), stored.next_issue))
    }

    /// Keeps what is registered for the serial number now.
    pub fn keep(&mut self, serial: &Serial, register: &Register) {
        let permanent = register.registered();
        let text = |(feature, value): (&Feature, &Value)| (feature.to_string(), value.to_string());
        let stored = Registered {
            licences: permanent.licences().iter().map(text).collect(),
            k9: permanent.export().map(|export| export == Export::K9),
            next_issue: register.next_issue(),
        };
        self.registers.insert(serial.to_string(), stored);
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").field("registers", &self.registers).finish_non_exhaustive()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::key::Purchase;

    #[test]
    fn a_register_is_kept() {
        let mut office = Office::new([7; SECRET_LEN]);
        let serial = "JMX0912K04J".parse().unwrap();
        let unit = office.authority().unit(&serial);
        let mut register = office.register(&serial).unwrap();
        let licences = ["anyconnect-premium=500", "encryption=3des-aes", "inside-hosts=unlimited"];
        let licences = licences.map(|licence| licence.split_once('=').unwrap());
        let licences = licences.map(|(f, v)| (f.parse().unwrap(), v.parse().unwrap())).into();
        register.permanent(&unit, &Purchase { licences, export: Some(Export::K9) }).unwrap();
        office.keep(&serial, &register);
        let json = serde_json::to_string(&office).unwrap();
        let office: Office = serde_json::from_str(&json).unwrap();
        assert_eq!(office.register(&serial), Some(register));
        assert!(!format!("{office:?}").contains("7, 7"));
    }
}
