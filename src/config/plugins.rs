//! `plugins:`, where Packer's plugins come from.

use url::Url;

use super::address::folder_address;
use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use crate::diagnostics::quoted;
use crate::model::{AddressError, PluginMirror};

/// Reads `plugins`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<PluginMirror> {
    const EXAMPLE: &str = "mirror: /srv/plugins";
    let mut keys = Keys::of(field, "in `plugins`", EXAMPLE, context)?;
    let mirror = keys.required("mirror", format!("for example `{EXAMPLE}`"), context, mirror);
    keys.finish(context);
    mirror
}

fn mirror(field: Field<'_>, context: &mut Context) -> Option<PluginMirror> {
    let text = field.text("a folder or an address", "/srv/plugins", context)?;
    let found = match text.split_once("://") {
        Some(("http" | "https", _)) => address(text).map(PluginMirror::Http),
        _ => folder_address(text, &context.folder)
            .map(PluginMirror::Directory)
            .map_err(AddressError::why),
    };
    match found {
        Ok(mirror) => Some(mirror),
        Err(why) => {
            let message = format!("{} is no place for a mirror", quoted(text));
            let help = "expected a folder, or an address that begins with `https://`";
            context.push(field.error("bad-mirror", message, why).help(help));
            None
        }
    }
}

fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "this is no address")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password does not belong into this file");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a mirror has no `?` and no `#`: paths are appended to it");
    }
    Ok(url)
}
