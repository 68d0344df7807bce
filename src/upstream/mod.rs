//! Asks those whom templates download from whether everything is still as the templates have it.

mod check;
mod checksums;
#[cfg(test)]
mod tests;

pub use check::{Limits, check};
