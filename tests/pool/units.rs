//! The units of the rules and the claims.

use std::sync::OnceLock;

use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::key::Serial;
use tollgate::license::{RunningLicense, Unit};
use tollgate::pool::Membership;

pub(crate) fn serial_of(place: usize) -> Serial {
    format!("SIM{place:08}").parse().expect("a serial number")
}

pub(crate) fn membership() -> Membership {
    static MEMBERSHIP: OnceLock<Membership> = OnceLock::new();
    *MEMBERSHIP.get_or_init(|| {
        let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).expect("a model"));
        unit.add(Feature::SharedParticipant, Value::Enabled).expect("sold");
        Membership::participant(&RunningLicense::of(&unit)).expect("a participant")
    })
}

pub(crate) fn server_membership(size: u32) -> Membership {
    let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).expect("a model"));
    unit.add(Feature::SharedServer, Value::Count(size)).expect("sold");
    Membership::server(&unit, &RunningLicense::of(&unit)).expect("a server")
}
