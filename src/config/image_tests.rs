//! `tests:` of an image: what a build must pass besides the gate.

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::node::Value;
use crate::model::Test;

/// Reads `tests`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Vec<Test>> {
    let example = "[boot, { run: ./smoke.sh }]";
    let entries = field.list("a list of tests", example, context)?;
    Some(entries.into_iter().filter_map(|entry| test(entry, context)).collect())
}

fn test(entry: Field<'_>, context: &mut Context) -> Option<Test> {
    if !matches!(entry.node.value, Value::Mapping(_)) {
        return entry.choice("a test", &[("boot", ())], context).map(|()| Test::Boot);
    }
    let mut keys = Keys::of(entry, "in a test", "run: ./smoke.sh", context)?;
    let run = keys.required("run", "for example `run: ./smoke.sh`", context, |field, context| {
        field.command("a command line", "./smoke.sh", context).map(str::to_owned)
    });
    keys.finish(context);
    run.map(Test::Run)
}
