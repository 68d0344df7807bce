//! x
pub mod clock;
pub mod environment;
pub mod model;
