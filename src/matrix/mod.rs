//! The graph of parents, and selection. Pure.

mod graph;
mod select;

pub use graph::{Graph, GraphError};
pub use select::{SelectionError, most_similar, select, with_labels};
