//! The format of `images.yml` as types, from which the JSON Schema for editors and the reference for
//! people come.
//!
//! Nothing is read into them: the reader knows places and tells all problems at once. They are
//! compiled for tests alone, which hold the schema of the repository against them and against the
//! reader, key by key.

mod document;
mod drift;
mod evidence;
mod gate;
mod image;
mod later;
mod layer;
mod retain;
mod scalars;
mod steps;
