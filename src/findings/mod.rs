//! Scanners' reports → the findings of the model. Pure.

mod any;
mod bounds;
mod cyclonedx;
mod error;
mod fuzz;
mod kev;
mod sarif;
mod sarif_checks;
mod sarif_package;
mod secrets;
#[cfg(test)]
mod tests;
mod trivy_json;

pub use any::{ReportFormat, Reported, read_any};
pub use error::ReadError;
#[doc(hidden)]
pub use fuzz::fuzz;
pub use kev::{KevError, MAX_KEV, kev};
pub use sarif_checks::read as read_checks;
pub use secrets::read as read_secrets;
pub use trivy_json::{ReferencedReport, TrivyReport, read, read_referenced};
