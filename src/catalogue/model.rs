//! Guides, models, tiers, and the rows of a model's table.

use std::fmt;

use super::{Feature, Offer, Value};

/// A licensing guide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Guide {
    /// “Managing Feature Licenses” (Version 9.1).
    V91,
    /// “Licenses: Product Authorization Key Licensing”.
    Pak,
}

impl Guide {
    /// Both guides, in the order in which a model is looked for.
    pub const ALL: [Self; 2] = [Self::V91, Self::Pak];

    /// The name on the command line and in JSON: `9.1` or `pak`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V91 => "9.1",
            Self::Pak => "pak",
        }
    }

    /// The document's title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::V91 => "Managing Feature Licenses (Version 9.1)",
            Self::Pak => "Licenses: Product Authorization Key Licensing",
        }
    }
}

impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The tier of a unit: its Base licence, or Security Plus where the model has one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tier {
    /// The Base licence.
    Base,
    /// The Security Plus licence.
    SecurityPlus,
}

impl Tier {
    /// Every tier, the lower one first.
    pub const ALL: [Self; 2] = [Self::Base, Self::SecurityPlus];

    /// The name on the command line and in JSON: `base` or `security-plus`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::SecurityPlus => "security-plus",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A firewall model, by the guides' name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Model {
    /// ASA 5505.
    Asa5505,
    /// ASA 5510.
    Asa5510,
    /// ASA 5520.
    Asa5520,
    /// ASA 5540.
    Asa5540,
    /// ASA 5550.
    Asa5550,
    /// ASA 5580-20.
    Asa5580_20,
    /// ASA 5580-40.
    Asa5580_40,
    /// ASA 5512-X.
    Asa5512X,
    /// ASA 5515-X.
    Asa5515X,
    /// ASA 5525-X (in both guides).
    Asa5525X,
    /// ASA 5545-X (in both guides).
    Asa5545X,
    /// ASA 5555-X (in both guides).
    Asa5555X,
    /// ASA 5585-X with SSP-10.
    Asa5585XSsp10,
    /// ASA 5585-X with SSP-20.
    Asa5585XSsp20,
    /// ASA 5585-X with SSP-40.
    Asa5585XSsp40,
    /// ASA 5585-X with SSP-60.
    Asa5585XSsp60,
    /// ASA Services Module.
    AsaServicesModule,
    /// ASA 5506-X.
    Asa5506X,
    /// ASA 5506W-X.
    Asa5506WX,
    /// ASA 5506H-X.
    Asa5506HX,
    /// ASA 5508-X.
    Asa5508X,
    /// ASA 5516-X.
    Asa5516X,
    /// ISA 3000.
    Isa3000,
}

impl Model {
    /// Every model, in the order of the guides.
    pub const ALL: [Self; 23] = [
        Self::Asa5505,
        Self::Asa5510,
        Self::Asa5520,
        Self::Asa5540,
        Self::Asa5550,
        Self::Asa5580_20,
        Self::Asa5580_40,
        Self::Asa5512X,
        Self::Asa5515X,
        Self::Asa5525X,
        Self::Asa5545X,
        Self::Asa5555X,
        Self::Asa5585XSsp10,
        Self::Asa5585XSsp20,
        Self::Asa5585XSsp40,
        Self::Asa5585XSsp60,
        Self::AsaServicesModule,
        Self::Asa5506X,
        Self::Asa5506WX,
        Self::Asa5506HX,
        Self::Asa5508X,
        Self::Asa5516X,
        Self::Isa3000,
    ];

    /// The guides' name, for instance `ASA 5585-X with SSP-10`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asa5505 => "ASA 5505",
            Self::Asa5510 => "ASA 5510",
            Self::Asa5520 => "ASA 5520",
            Self::Asa5540 => "ASA 5540",
            Self::Asa5550 => "ASA 5550",
            Self::Asa5580_20 => "ASA 5580-20",
            Self::Asa5580_40 => "ASA 5580-40",
            Self::Asa5512X => "ASA 5512-X",
            Self::Asa5515X => "ASA 5515-X",
            Self::Asa5525X => "ASA 5525-X",
            Self::Asa5545X => "ASA 5545-X",
            Self::Asa5555X => "ASA 5555-X",
            Self::Asa5585XSsp10 => "ASA 5585-X with SSP-10",
            Self::Asa5585XSsp20 => "ASA 5585-X with SSP-20",
            Self::Asa5585XSsp40 => "ASA 5585-X with SSP-40",
            Self::Asa5585XSsp60 => "ASA 5585-X with SSP-60",
            Self::AsaServicesModule => "ASA Services Module",
            Self::Asa5506X => "ASA 5506-X",
            Self::Asa5506WX => "ASA 5506W-X",
            Self::Asa5506HX => "ASA 5506H-X",
            Self::Asa5508X => "ASA 5508-X",
            Self::Asa5516X => "ASA 5516-X",
            Self::Isa3000 => "ISA 3000",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a figure was read: the guide and the table in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Table {
    /// The guide.
    pub guide: Guide,
    /// The table: its number in the 9.1 guide (`Table 5-1`), its heading in the PAK guide.
    pub name: &'static str,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.guide {
            Guide::V91 => write!(f, "9.1 guide, {}", self.name),
            Guide::Pak => write!(f, "PAK guide, “{}”", self.name),
        }
    }
}

/// For how long a row's optional licences are sold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Term {
    /// “Optional license(s)”: permanent.
    Permanent,
    /// “Optional Time-based license”.
    TimeBased,
    /// “Optional Permanent or Time-based licenses”.
    Either,
}

impl Term {
    /// The words a person reads: `permanent`, `time-based` or `permanent or time-based`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::TimeBased => "time-based",
            Self::Either => "permanent or time-based",
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One row of a model's table, read in one tier's column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// The feature.
    pub feature: Feature,
    /// What the tier includes (plain text in the guides).
    pub value: Value,
    /// The optional licences that replace it (italics in the guides).
    pub optional: &'static [Offer],
    /// How the optional licences are sold.
    pub term: Term,
    /// What the cell or its footnote adds in words.
    pub note: Option<&'static str>,
}

/// One model in one tier, as one guide describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The model.
    pub model: Model,
    /// The tier.
    pub tier: Tier,
    /// The table the rows were read from.
    pub table: Table,
    /// The rows, in the table's order. A row that the table lacks is absent.
    pub rows: &'static [Row],
}

impl Entry {
    /// The row of `feature`, where the table has one.
    pub fn row(&self, feature: Feature) -> Option<&'static Row> {
        self.rows.iter().find(|row| row.feature == feature)
    }

    /// The largest value of a feature that the table has: what is included, or what can be
    /// licensed. None where it is no number.
    pub fn largest(&self, feature: Feature) -> Option<u32> {
        let row = self.row(feature)?;
        let offered = row.optional.iter().filter_map(|offer| match *offer {
            Offer::One(value) => value.count(),
            Offer::Range { to, .. } => Some(to),
        });
        let included = match row.value {
            Value::ByMode { routed, .. } => Some(routed),
            value => value.count(),
        };
        offered.chain(included).max()
    }

    /// The guide that describes this entry.
    pub const fn guide(&self) -> Guide {
        self.table.guide
    }
}

/// `ASA 5510/base (9.1)`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({})", self.model, self.tier, self.guide())
    }
}
