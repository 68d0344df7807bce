//! `timeout:` of an image: how long its stages may take.

use std::time::Duration;

use super::context::Context;
use super::duration;
use super::field::Field;
use super::keys::Keys;
use crate::model::{Os, Source, Timeouts};

/// What a file says of `timeout`.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeoutLayer {
    prepare: Option<Duration>,
    build: Option<Duration>,
    test: Option<Duration>,
}

impl TimeoutLayer {
    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            prepare: self.prepare.or(below.prepare),
            build: self.build.or(below.build),
            test: self.test.or(below.test),
        }
    }

    /// The times; by the source and the system of the image where nothing is said.
    pub(super) fn resolve(self, source: Source, os: &Os) -> Timeouts {
        let build = match source {
            _ if os.family == "windows" => Duration::from_hours(4),
            Source::CloudImage | Source::Image | Source::Factory => Duration::from_mins(30),
            Source::Iso => Duration::from_hours(2),
        };
        Timeouts {
            prepare: self.prepare.unwrap_or(Duration::from_mins(15)),
            build: self.build.unwrap_or(build),
            test: self.test.unwrap_or(Duration::from_mins(15)),
        }
    }
}

/// Reads `timeout`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<TimeoutLayer> {
    let mut keys = Keys::of(field, "in `timeout`", "build: 45m", context)?;
    let layer = TimeoutLayer {
        prepare: keys.read("prepare", context, duration::read),
        build: keys.read("build", context, duration::read),
        test: keys.read("test", context, duration::read),
    };
    keys.finish(context);
    Some(layer)
}
