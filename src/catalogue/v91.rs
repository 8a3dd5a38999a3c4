//! Tables 5-1 to 5-15 of “Managing Feature Licenses” (Version 9.1), row by row in their order.

mod asa_5500;
mod asa_5500_x;

use super::Feature::UcProxySessions;
use super::Model::{
    Asa5505, Asa5510, Asa5512X, Asa5515X, Asa5520, Asa5525X, Asa5540, Asa5545X, Asa5550, Asa5555X,
    Asa5580_20, Asa5580_40, Asa5585XSsp10, Asa5585XSsp20, Asa5585XSsp40, Asa5585XSsp60,
    AsaServicesModule,
};
use super::Tier::{Base, SecurityPlus};
use super::row::{count_or, sizes};
use super::{Entry, Guide, Model, Row, Table, Tier};
use asa_5500::{
    ASA_5505_BASE, ASA_5505_SECURITY_PLUS, ASA_5510_BASE, ASA_5510_SECURITY_PLUS, ASA_5520,
    ASA_5540, ASA_5550, asa_5580,
};
use asa_5500_x::{
    ASA_5512X_BASE, ASA_5512X_SECURITY_PLUS, ASA_5515X, ASA_5525X, ASA_5545X, ASA_5555X,
    ASA_SERVICES_MODULE, FIBER_AT_1_GE, FIBER_AT_10_GE, ssp_10, ssp_20, ssp_40_and_60,
};

/// Every model and tier of the 9.1 guide.
pub(super) static ENTRIES: &[Entry] = &[
    entry(Asa5505, Base, "Table 5-1", ASA_5505_BASE),
    entry(Asa5505, SecurityPlus, "Table 5-1", ASA_5505_SECURITY_PLUS),
    entry(Asa5510, Base, "Table 5-2", ASA_5510_BASE),
    entry(Asa5510, SecurityPlus, "Table 5-2", ASA_5510_SECURITY_PLUS),
    entry(Asa5520, Base, "Table 5-3", ASA_5520),
    entry(Asa5540, Base, "Table 5-4", ASA_5540),
    entry(Asa5550, Base, "Table 5-5", ASA_5550),
    entry(Asa5580_20, Base, "Table 5-6", &asa_5580(2_000_000)),
    entry(Asa5580_40, Base, "Table 5-6", &asa_5580(4_000_000)),
    entry(Asa5512X, Base, "Table 5-7", ASA_5512X_BASE),
    entry(Asa5512X, SecurityPlus, "Table 5-7", ASA_5512X_SECURITY_PLUS),
    entry(Asa5515X, Base, "Table 5-8", ASA_5515X),
    entry(Asa5525X, Base, "Table 5-9", ASA_5525X),
    entry(Asa5545X, Base, "Table 5-10", ASA_5545X),
    entry(Asa5555X, Base, "Table 5-11", ASA_5555X),
    entry(Asa5585XSsp10, Base, "Table 5-12", &ssp_10(FIBER_AT_1_GE)),
    entry(Asa5585XSsp10, SecurityPlus, "Table 5-12", &ssp_10(FIBER_AT_10_GE)),
    entry(Asa5585XSsp20, Base, "Table 5-13", &ssp_20(FIBER_AT_1_GE)),
    entry(Asa5585XSsp20, SecurityPlus, "Table 5-13", &ssp_20(FIBER_AT_10_GE)),
    entry(Asa5585XSsp40, Base, "Table 5-14", &ssp_40_and_60(4_000_000)),
    entry(Asa5585XSsp60, Base, "Table 5-14", &ssp_40_and_60(10_000_000)),
    entry(AsaServicesModule, Base, "Table 5-15", ASA_SERVICES_MODULE),
];

const fn entry(model: Model, tier: Tier, table: &'static str, rows: &'static [Row]) -> Entry {
    Entry { model, tier, table: Table { guide: Guide::V91, name: table }, rows }
}

/// The UC row of the largest models, with its footnote.
const UC_UP_TO_10_000: Row = count_or(
    UcProxySessions,
    2,
    sizes![24, 50, 100, 250, 500, 750, 1000, 2000, 3000, 5000, 10_000],
)
.noting("with the 10,000-session licence, at most 5000 of them are Phone Proxy sessions");
