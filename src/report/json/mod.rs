//! JSON for programs. A version once released keeps its meaning; incompatible changes get a new one.

pub mod v1;
