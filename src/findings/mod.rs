//! Scanners' reports → the findings of the model. Pure.

mod any;
mod trivy_json;

pub use any::{Format, Reported, read_any};
pub use trivy_json::{ReadError, TrivyReport, read};
