//! `secret_vars:` of an image: Packer variables whose values are in environment variables.

use indexmap::IndexMap;

use super::context::Context;
use super::field::Field;
use super::{env, vars};
use crate::diagnostics::quoted;
use crate::model::Text;

/// Reads `secret_vars`: the name of an environment variable for each Packer variable. One that
/// `vars` sets too would be no secret.
pub(super) fn read(
    field: Field<'_>,
    vars: &IndexMap<String, Text>,
    context: &mut Context,
) -> Option<IndexMap<String, String>> {
    let example = "{ proxmox_token: PROXMOX_TOKEN }";
    let expected = "a mapping of Packer variables to environment variables";
    let mut secrets = IndexMap::new();
    for entry in field.entries("variable", expected, example, context)? {
        vars::name(&entry, context);
        let name = entry.value.key;
        if vars.contains_key(name) {
            let message = format!("the variable {} is set twice", quoted(name));
            context.push(entry.key.error("duplicate-key", message, "`vars` sets it already"));
        }
        if let Some(variable) = env::name(entry.value, context) {
            secrets.insert(name.to_owned(), variable);
        }
    }
    Some(secrets)
}
