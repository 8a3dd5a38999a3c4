//! The loom tests, named by the claim they prove.
