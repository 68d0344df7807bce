//! Scanners' reports → the findings of the model. Pure.

mod trivy_json;

pub use trivy_json::{ReadError, TrivyReport, read};
