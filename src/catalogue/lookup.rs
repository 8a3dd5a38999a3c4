//! Finding an entry by the words a person types.

use super::{Entry, Guide, Tier};

/// Why a model, tier or guide was not found.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No guide has such a model.
    #[error("unknown model `{given}`; models are: {known}")]
    Model {
        /// What was given.
        given: String,
        /// Every model there is.
        known: String,
    },
}

/// Finds the entry of `model` in `tier` (base where none is given) and `guide`.
pub fn find(
    _model: &str,
    _tier: Option<&str>,
    _guide: Option<&str>,
) -> Result<&'static Entry, LookupError> {
    let _ = (Guide::V91, Tier::Base);
    Err(LookupError::Model { given: String::new(), known: String::new() })
}
