//! The only file that names atomics: std in a normal build, loom under `tollgate_loom`.
