//! `sign:` how the checksums of versions are signed.

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::{env, path};
use crate::model::{Signing, SigningKey};

const EXAMPLE: &str = "minisign: { key: /etc/goldsmith/minisign.key }";

/// Reads `sign`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Signing> {
    let mut keys = Keys::of(field, "in `sign`", EXAMPLE, context)?;
    let signing = keys.required("minisign", EXAMPLE, context, minisign);
    keys.finish(context);
    signing
}

fn minisign(field: Field<'_>, context: &mut Context) -> Option<Signing> {
    let example = "key: /etc/goldsmith/minisign.key";
    let mut keys = Keys::of(field, "in `minisign`", example, context)?;
    let folder = context.folder.clone();
    let file = keys.read("key", context, |field, context| {
        Some((field, path::read(field, &folder, "/etc/goldsmith/minisign.key", context)))
    });
    let variable =
        keys.read("key_env", context, |field, context| Some((field, env::name(field, context))));
    let password_env = keys.read("password_env", context, env::name);
    keys.finish(context);
    let key = match (file, variable) {
        (Some(_), Some((field, _))) => {
            let message = "`minisign` names two secret keys: `key` and `key_env`";
            context.push(field.error("misplaced-key", message, "only one of them is possible"));
            return None;
        }
        (Some((_, file)), None) => SigningKey::File(file?),
        (None, Some((_, variable))) => SigningKey::Environment(variable?),
        (None, None) => {
            let message = "`key` or `key_env` is missing in `minisign`";
            let problem = field.error("missing-key", message, "with which key?");
            context.push(problem.help("`key` names a file, `key_env` an environment variable"));
            return None;
        }
    };
    Some(Signing { key, password_env })
}
