//! Finding an entry by the words a person types.

use super::{Entry, Guide, Model, Tier, entries};

/// Why a model, tier or guide was not found.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No guide has such a model.
    #[error("unknown model `{given}`; models are: {}", Model::ALL.map(Model::name).join(", "))]
    UnknownModel {
        /// What was given.
        given: String,
    },
    /// The model does not come in this tier, or there is no such tier at all.
    #[error("{model} has no tier `{given}`; its tiers are: {}", tiers(*.model))]
    NoSuchTier {
        /// The model.
        model: Model,
        /// What was given.
        given: String,
    },
    /// There is no such guide.
    #[error("unknown guide `{given}`; guides are: {}", Guide::ALL.map(Guide::name).join(", "))]
    UnknownGuide {
        /// What was given.
        given: String,
    },
    /// The model's text names one, and another one is given besides.
    #[error("the {what} is `{named}` by the model and `{given}` besides; leave one out")]
    Contradiction {
        /// Tier or guide.
        what: &'static str,
        /// What the model's text names.
        named: String,
        /// What is given besides.
        given: String,
    },
    /// The guide exists and does not describe the model.
    #[error("the `{guide}` guide does not describe {model}; its guide is: {}", guides(*.model))]
    NotInGuide {
        /// The model.
        model: Model,
        /// The guide that was asked for.
        guide: Guide,
    },
}

/// Finds the entry of `model` in `tier` and `guide`, each as a person types it.
///
/// The model may name tier and guide too, as an entry prints them: `MODEL[/TIER][ (GUIDE)]`. What
/// is named twice has to be the same.
///
/// Capitals, blanks, hyphens, the word “with” and a leading “ASA” make no difference, nor does
/// leaving out the “X” of a model; `SSP-10` alone and `ASASM` are understood. The tier is base
/// where none is given, the guide 9.1 where none is given and the model is in it.
///
/// ```
/// use tollgate::catalogue::{self, Guide, LookupError, Model, Tier};
///
/// let entry = catalogue::find("asa5510", Some("Security Plus"), None)?;
/// assert_eq!((entry.model, entry.tier), (Model::Asa5510, Tier::SecurityPlus));
/// let entry = catalogue::find("5525-X", None, Some("pak"))?;
/// assert_eq!((entry.model, entry.guide()), (Model::Asa5525X, Guide::Pak));
/// # Ok::<(), LookupError>(())
/// ```
///
/// # Errors
///
/// When there is no such model, tier or guide, when the model lacks the tier, and when the guide
/// does not describe the model; the error names what there is instead.
pub fn find(
    model: &str,
    tier: Option<&str>,
    guide: Option<&str>,
) -> Result<&'static Entry, LookupError> {
    let (model, tier, guide) = together(model, tier, guide)?;
    let model = model_named(model)?;
    let guide = guide.map(guide_named).transpose()?;
    // The 9.1 guide's entries come first, so they are found first where no guide is named.
    let candidates = || {
        entries()
            .filter(move |it| it.model == model && guide.is_none_or(|guide| it.guide() == guide))
    };
    if let (Some(guide), None) = (guide, candidates().next()) {
        return Err(LookupError::NotInGuide { model, guide });
    }
    let tier = tier.unwrap_or(Tier::Base.name());
    candidates()
        .find(|entry| plain(entry.tier.name()) == plain(tier))
        .ok_or_else(|| LookupError::NoSuchTier { model, given: tier.to_owned() })
}

/// Finds an entry by one text, `MODEL[/TIER][ (GUIDE)]`: what an entry prints as, or less of it.
///
/// ```
/// use tollgate::catalogue::{self, LookupError};
/// let entry = catalogue::parse_entry("5510/security-plus")?;
/// assert_eq!(entry.to_string(), "ASA 5510/security-plus (9.1)");
/// assert_eq!(catalogue::parse_entry(&entry.to_string())?, entry);
/// # Ok::<(), LookupError>(())
/// ```
///
/// # Errors
///
/// As [`find`].
pub fn parse_entry(text: &str) -> Result<&'static Entry, LookupError> {
    find(text, None, None)
}

/// What a person typed of model, tier and guide.
type Words<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// The words of `MODEL[/TIER][ (GUIDE)]` and those that were given besides.
fn together<'a>(
    text: &'a str,
    tier: Option<&'a str>,
    guide: Option<&'a str>,
) -> Result<Words<'a>, LookupError> {
    let text = text.trim();
    let (text, its_guide) = match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((text, guide)) => (text.trim_end(), Some(guide)),
        None => (text, None),
    };
    let (model, its_tier) = match text.split_once('/') {
        Some((model, tier)) => (model, Some(tier)),
        None => (text, None),
    };
    let same = |what, named: Option<&'a str>, given: Option<&'a str>| match (named, given) {
        (Some(named), Some(given)) if plain(named) != plain(given) => {
            let (named, given) = (named.to_owned(), given.to_owned());
            Err(LookupError::Contradiction { what, named, given })
        }
        _ => Ok(named.or(given)),
    };
    Ok((model, same("tier", its_tier, tier)?, same("guide", its_guide, guide)?))
}

fn model_named(given: &str) -> Result<Model, LookupError> {
    let wanted = model_key(given);
    Model::ALL
        .into_iter()
        .find(|model| {
            let key = model_key(model.name());
            wanted == key || wanted == key.replace('x', "") || short_key(*model) == Some(&wanted)
        })
        .ok_or_else(|| LookupError::UnknownModel { given: given.to_owned() })
}

fn guide_named(given: &str) -> Result<Guide, LookupError> {
    Guide::ALL
        .into_iter()
        .find(|guide| plain(guide.name()) == plain(given))
        .ok_or_else(|| LookupError::UnknownGuide { given: given.to_owned() })
}

/// The text without what people leave out or add: capitals, blanks and hyphens.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn model_key(text: &str) -> String {
    let key = plain(text).replace("with", "");
    match key.strip_prefix("asa") {
        Some(rest) => rest.to_owned(),
        None => key,
    }
}

/// What some models are called for short.
const fn short_key(model: Model) -> Option<&'static str> {
    match model {
        Model::Asa5585XSsp10 => Some("ssp10"),
        Model::Asa5585XSsp20 => Some("ssp20"),
        Model::Asa5585XSsp40 => Some("ssp40"),
        Model::Asa5585XSsp60 => Some("ssp60"),
        // “ASASM” without its “ASA”.
        Model::AsaServicesModule => Some("sm"),
        _ => None,
    }
}

fn tiers(model: Model) -> String {
    joined(model, |entry| entry.tier.name())
}

fn guides(model: Model) -> String {
    joined(model, |entry| entry.guide().name())
}

/// What `name` says of the model's entries, in their order and each once.
fn joined(model: Model, name: fn(&Entry) -> &'static str) -> String {
    let mut names: Vec<_> = entries().filter(|entry| entry.model == model).map(name).collect();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::iter;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn found(model: &str) -> Option<Model> {
        find(model, None, None).ok().map(|entry| entry.model)
    }

    #[test]
    fn every_entry_is_found_by_its_own_name() {
        for entry in entries() {
            assert_eq!(parse_entry(&entry.to_string()), Ok(entry));
            let (tier, guide) = (entry.tier.name(), entry.guide().name());
            assert_eq!(find(entry.model.name(), Some(tier), Some(guide)), Ok(entry));
        }
    }

    #[test]
    fn what_is_named_twice_is_the_same() {
        let entry = parse_entry("5510/security-plus").unwrap();
        assert_eq!(find("5510/Security Plus", Some("security-plus"), Some("9.1")), Ok(entry));
        assert_eq!(find("5510", Some("security-plus"), None), Ok(entry));
        assert!(find("5525-X (pak)", None, None).is_ok_and(|it| it.guide() == Guide::Pak));
        let error = find("5510/security-plus", Some("base"), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the tier is `security-plus` by the model and `base` besides; leave one out"
        );
        assert!(find("5525-X (pak)", None, Some("9.1")).is_err());
    }

    #[test]
    fn short_names() {
        let names = [
            ("5505", Model::Asa5505),
            ("asa5505", Model::Asa5505),
            ("5512", Model::Asa5512X),
            ("5506", Model::Asa5506X),
            ("5506w", Model::Asa5506WX),
            ("5506h-x", Model::Asa5506HX),
            ("5580 20", Model::Asa5580_20),
            ("5585-X SSP-10", Model::Asa5585XSsp10),
            ("ssp-60", Model::Asa5585XSsp60),
            ("ASASM", Model::AsaServicesModule),
            ("isa3000", Model::Isa3000),
        ];
        for (name, model) in names {
            assert_eq!(found(name), Some(model), "{name}");
        }
        for name in ["", "asa", "x", "5585-X", "5580", "3000", "5505x", "5505!", "ASA ASA 5505"] {
            assert_eq!(found(name), None, "{name}");
        }
    }

    #[test]
    fn no_two_models_answer_to_one_name() {
        let mut keys: Vec<_> = Model::ALL
            .into_iter()
            .flat_map(|model| {
                let key = model_key(model.name());
                let mut keys = vec![key.replace('x', ""), key];
                keys.dedup();
                keys.extend(short_key(model).map(str::to_owned));
                keys
            })
            .collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn base_and_the_9_1_guide_unless_named() {
        let name = |text| parse_entry(text).map(Entry::to_string).unwrap();
        assert_eq!(name("5525-X"), "ASA 5525-X/base (9.1)");
        assert_eq!(name("5525-X (PAK)"), "ASA 5525-X/base (pak)");
        assert_eq!(name("5516-X"), "ASA 5516-X/base (pak)");
        assert_eq!(name(" 5510 / Security Plus "), "ASA 5510/security-plus (9.1)");
    }

    #[test]
    fn errors_name_what_there_is() {
        let error = |text| parse_entry(text).unwrap_err().to_string();
        assert!(error("5511").starts_with("unknown model `5511`; models are: ASA 5505, ASA 5510,"));
        assert!(error("5511").ends_with(", ISA 3000"));
        assert_eq!(
            error("5510/gold"),
            "ASA 5510 has no tier `gold`; its tiers are: base, security-plus"
        );
        assert_eq!(
            error("5525/security-plus"),
            "ASA 5525-X has no tier `security-plus`; its tiers are: base"
        );
        assert_eq!(error("5525 (9.2)"), "unknown guide `9.2`; guides are: 9.1, pak");
        assert_eq!(
            error("5520 (pak)"),
            "the `pak` guide does not describe ASA 5520; its guide is: 9.1"
        );
    }

    proptest! {
        #[test]
        fn spelling_does_not_matter(
            entry in select(entries().collect::<Vec<_>>()),
            asa: bool,
            letters in prop::collection::vec((any::<bool>(), select(vec!["", " ", "-", "  "])), 64),
        ) {
            let name = entry.model.name();
            let name = if asa { name } else { name.strip_prefix("ASA ").unwrap_or(name) };
            let respelled: String = name
                .chars()
                .filter(|c| !matches!(c, ' ' | '-'))
                .zip(letters)
                .flat_map(|(c, (upper, blank))| {
                    let c = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                    iter::once(c).chain(blank.chars())
                })
                .collect();
            let (tier, guide) = (entry.tier.name(), entry.guide().name());
            prop_assert_eq!(find(&respelled, Some(tier), Some(guide)), Ok(entry));
        }

        #[test]
        fn no_text_is_too_strange(text in r"[ASaxX0-9() /.-]{0,24}|\PC{0,40}") {
            if let Ok(entry) = parse_entry(&text) {
                prop_assert!(entries().any(|it| it == entry));
            }
        }
    }
}
