//! Formats of other tools that more than one stage reads. Pure.

pub(crate) mod cyclonedx;
pub(crate) mod operating_system;
pub(crate) mod purl;
pub(crate) mod version_order;
