//! `enforce:` scripts that run in every build, whatever the template says.

use camino::Utf8PathBuf;

use super::context::Context;
use super::field::Field;
use super::path;
use crate::diagnostics::quoted;

const EXAMPLE: &str = "[scripts/harden.sh]";

/// Reads the scripts, in the order in which they run.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Vec<Utf8PathBuf>> {
    let folder = context.folder.clone();
    let mut scripts: Vec<Utf8PathBuf> = Vec::new();
    for entry in field.list("a list of scripts", EXAMPLE, context)? {
        let Some(script) = path::read(entry, &folder, EXAMPLE, context) else {
            continue;
        };
        if scripts.contains(&script) {
            let shown = script.strip_prefix(&folder).unwrap_or(&script);
            let message = format!("`enforce`: {} stands here twice", quoted(shown.as_str()));
            context.push(entry.error("duplicate-value", message, "again here"));
        } else {
            scripts.push(script);
        }
    }
    Some(scripts)
}
