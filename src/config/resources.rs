//! `resources:` of an image: what its build needs of the machine; and `--budget`: what all builds
//! together may take.

use thiserror::Error;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::{number, size};
use crate::model::{Budget, Resources};

/// What a build needs where nobody says it.
const USUAL: Resources = Resources { cpus: 1, memory: 2 << 30, disk: 4 << 30 };
/// More processors than this are a slip.
const MOST_CPUS: u32 = 1024;

/// What a file says of `resources`.
#[derive(Debug, Clone, Default)]
pub(super) struct ResourcesLayer(Budget);

impl ResourcesLayer {
    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self(Budget {
            cpus: self.0.cpus.or(below.0.cpus),
            memory: self.0.memory.or(below.0.memory),
            disk: self.0.disk.or(below.0.disk),
        })
    }

    /// The resources, with what is usual where nothing is said.
    pub(super) fn resolve(self) -> Resources {
        self.0.on(USUAL)
    }
}

/// Reads `resources`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<ResourcesLayer> {
    let mut keys = Keys::of(field, "in `resources`", "cpus: 2, memory: 2G", context)?;
    let layer = ResourcesLayer(Budget {
        cpus: keys.read("cpus", context, |f, c| number::read(f, (1, MOST_CPUS), c)),
        memory: keys.read("memory", context, size::read),
        disk: keys.read("disk", context, size::read),
    });
    keys.finish(context);
    Some(layer)
}

/// Why a text is no budget. The user's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadBudget {
    /// Not `NAME=VALUE` with a known name.
    #[error("`{0}` is none of `cpus=…`, `memory=…` and `disk=…`")]
    Part(String),
    /// No whole number, or none that makes sense.
    #[error("`{0}` is no number of processors: expected a whole number from 1 to {MOST_CPUS}")]
    Cpus(String),
    /// No size.
    #[error("`{0}` is not a size: expected a whole number and `K`, `M`, `G` or `T`")]
    Size(String),
    /// Twice the same.
    #[error("`{0}` is there twice")]
    Twice(String),
}

/// The budget that `text` says: `cpus=4,memory=8G,disk=50G`, or some of these.
pub fn budget(text: &str) -> Result<Budget, BadBudget> {
    let mut budget = Budget::default();
    for part in text.split(',').map(str::trim) {
        let (name, value) = part.split_once('=').ok_or_else(|| BadBudget::Part(part.to_owned()))?;
        let size = || size::parse(value).ok_or_else(|| BadBudget::Size(value.to_owned()));
        let twice = match name {
            "cpus" => {
                let cpus = value.parse().ok().filter(|cpus| (1..=MOST_CPUS).contains(cpus));
                let cpus = cpus.ok_or_else(|| BadBudget::Cpus(value.to_owned()))?;
                budget.cpus.replace(cpus).is_some()
            }
            "memory" => budget.memory.replace(size()?).is_some(),
            "disk" => budget.disk.replace(size()?).is_some(),
            _ => return Err(BadBudget::Part(part.to_owned())),
        };
        if twice {
            return Err(BadBudget::Twice(name.to_owned()));
        }
    }
    Ok(budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_names_what_it_limits() {
        let all = Budget { cpus: Some(4), memory: Some(8 << 30), disk: Some(50 << 30) };
        assert_eq!(budget("cpus=4,memory=8G,disk=50G"), Ok(all));
        assert_eq!(budget("cpus=4"), Ok(Budget { cpus: Some(4), ..Budget::default() }));
        let told = ["", "cpu=4", "cpus=0", "cpus=+", "memory=8", "cpus=1,cpus=2", "cpus=2,"]
            .map(|text| budget(text).unwrap_err().to_string());
        insta::assert_snapshot!(told.join("\n"), @"
        `` is none of `cpus=…`, `memory=…` and `disk=…`
        `cpu=4` is none of `cpus=…`, `memory=…` and `disk=…`
        `0` is no number of processors: expected a whole number from 1 to 1024
        `+` is no number of processors: expected a whole number from 1 to 1024
        `8` is not a size: expected a whole number and `K`, `M`, `G` or `T`
        `cpus` is there twice
        `` is none of `cpus=…`, `memory=…` and `disk=…`
        ");
    }
}
