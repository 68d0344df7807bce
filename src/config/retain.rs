//! `retain:` what is kept of an image's versions.

use std::time::Duration;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::{duration, number, path};
use crate::diagnostics::quoted;
use crate::model::{InUse, Retain};

/// What a file says of `retain`.
#[derive(Debug, Clone, Default)]
pub(super) struct RetainLayer {
    last: Option<u32>,
    within: Option<Duration>,
    delay: Option<Duration>,
    in_use: Option<Vec<InUse>>,
}

impl RetainLayer {
    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            last: self.last.or(below.last),
            within: self.within.or(below.within),
            delay: self.delay.or(below.delay),
            in_use: self.in_use.or_else(|| below.in_use.clone()),
        }
    }

    /// What is kept, with what is usual where nothing is said.
    pub(super) fn resolve(self) -> Retain {
        let usual = Retain::default();
        Retain {
            last: self.last.unwrap_or(usual.last),
            within: self.within.unwrap_or(usual.within),
            delay: self.delay.unwrap_or(usual.delay),
            in_use: self.in_use.unwrap_or_default(),
        }
    }
}

/// Reads `retain`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<RetainLayer> {
    let mut keys = Keys::of(field, "in `retain`", "last: 4, within: 120d", context)?;
    let layer = RetainLayer {
        last: keys.read("last", context, |field, context| number::read(field, (1, 1000), context)),
        within: keys.read("within", context, duration::read),
        delay: keys.read("delay", context, duration::read),
        in_use: keys.read("in_use", context, in_use),
    };
    keys.read("rejected", context, rejected);
    keys.finish(context);
    Some(layer)
}

/// Stores keep the last build that did not pass, and no other.
fn rejected(field: Field<'_>, context: &mut Context) -> Option<()> {
    let number = number::read(field, (0, 100), context)?;
    if number != 1 {
        let message = format!("`rejected`: {} is not possible", quoted(&number.to_string()));
        let label = "one is kept, the last: the only number for now is 1";
        context.push(field.error("bad-number", message, label));
    }
    Some(())
}

fn in_use(field: Field<'_>, context: &mut Context) -> Option<Vec<InUse>> {
    let example = "[{ terraform: terraform.tfstate }, { run: ./list.sh }]";
    let folder = context.folder.clone();
    let mut all = Vec::new();
    for entry in field.list("a list of sources", example, context)? {
        let Some(mut keys) = Keys::of(entry, "in `in_use`", "run: ./list.sh", context) else {
            continue;
        };
        let terraform = keys.read("terraform", context, |field, context| {
            path::read(field, &folder, "terraform.tfstate", context).map(InUse::Terraform)
        });
        let file = keys.read("file", context, |field, context| {
            path::read(field, &folder, "in-use.txt", context).map(InUse::File)
        });
        let run = keys.read("run", context, |field, context| {
            let command = field.command("a command line", "./list.sh", context)?;
            Some(InUse::Run(command.to_owned()))
        });
        keys.finish(context);
        let mut given = [terraform, file, run].into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(source), None) => all.push(source),
            (None, _) if context.failed => {}
            _ => {
                let message = "a source of `in_use` is one of `terraform`, `file` and `run`";
                context.push(entry.error("bad-choice", message, "expected exactly one of them"));
            }
        }
    }
    Some(all)
}
