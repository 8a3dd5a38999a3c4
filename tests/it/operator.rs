//! The commands of the authority and of the operator.
