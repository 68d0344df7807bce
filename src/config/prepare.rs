//! `prepare:` of an image: the step that makes the template's inputs.

use camino::Utf8Path;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::path;
use crate::model::Prepare;

/// Reads `prepare`; `creates` starts at `workdir`.
pub(super) fn read(field: Field<'_>, workdir: &Utf8Path, context: &mut Context) -> Option<Prepare> {
    let mut keys = Keys::of(field, "in `prepare`", "run: ./fetch.sh", context)?;
    let run = keys.required("run", "for example `run: ./fetch.sh`", context, |field, context| {
        let command = field.command("a command line", "./fetch.sh", context)?;
        Some(command.to_owned())
    });
    let creates = keys.read("creates", context, |field, context| {
        path::read(field, workdir, "base/disk.qcow2", context)
    });
    keys.finish(context);
    Some(Prepare { run: run?, creates })
}
