//! Selection of images. Expansion, the graph of parents and waves come here with the keys that
//! need them. Pure.

mod select;

pub use select::{SelectionError, select};
