//! Keys of the format whose feature this version does not have yet: read and checked like all
//! others, so that a file is right or wrong once and for all, and refused when something is to be
//! built with them.

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use super::{env, number};
use crate::diagnostics::quoted;

/// Reads the value of `key`. Says whether it asks for anything that is not there.
pub(super) fn read(key: &str, field: Field<'_>, context: &mut Context) -> bool {
    match key {
        "owner" | "build_label" => drop(field.text("text", "platform-team", context)),
        "lint" => levels(field, context),
        "proxmox" => proxmox(field, context),
        "before" => texts(field, "a list of builds", "[null.fetch]", context),
        "upstream" => upstream(field, context),
        "notify" => notify(field, context),
        "report" => return report(field, context),
        "strict_report" => return field.boolean(context).unwrap_or_default(),
        "issue_after" => drop(number::read(field, (1, 1000), context)),
        _ => {}
    }
    true
}

/// A list of texts that are not looked into further.
fn texts(field: Field<'_>, expected: &str, example: &str, context: &mut Context) {
    for entry in field.list(expected, example, context).unwrap_or_default() {
        entry.text("text", example, context);
    }
}

const LEVELS: [(&str, &str); 3] = [("off", "off"), ("warn", "warn"), ("block", "block")];

fn level(field: Field<'_>, what: &str, context: &mut Context) -> Option<&'static str> {
    field.choice(what, &LEVELS, context)
}

/// Rules and their levels.
fn levels(field: Field<'_>, context: &mut Context) {
    let example = "{ machine-id: warn }";
    for entry in field.entries("rule", "a mapping of rules", example, context).unwrap_or_default() {
        level(entry.value, "a level", context);
    }
}

fn proxmox(field: Field<'_>, context: &mut Context) {
    let example = "url_env: PROXMOX_URL, storage: local-lvm";
    let Some(mut keys) = Keys::of(field, "in `proxmox`", example, context) else {
        return;
    };
    let help = "names the environment variable with the address: `url_env: PROXMOX_URL`";
    keys.required("url_env", help, context, env::name);
    keys.read("token_env", context, env::name);
    keys.read("nodes", context, |field, context| {
        texts(field, "a list of nodes", "[pve1]", context);
        Some(())
    });
    for key in ["storage", "pool"] {
        keys.read(key, context, |f, c| f.text("a name", "local-lvm", c).map(drop));
    }
    keys.read("vmid", context, vmids);
    keys.finish(context);
}

/// A range of ids: `9100-9199`.
fn vmids(field: Field<'_>, context: &mut Context) -> Option<()> {
    let text = field.text("a range of ids", "9100-9199", context)?;
    let range = text.split_once('-').and_then(|(first, last)| {
        // `parse` admits a sign.
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let id = |text: &str| digits(text).then(|| text.parse::<u32>().ok()).flatten();
        let (first, last) = (id(first)?, id(last)?);
        (100 <= first && first <= last && last <= 999_999_999).then_some(())
    });
    if range.is_none() {
        let message = format!("{} is not a range of ids", quoted(text));
        let label = "expected two ids from 100 to 999999999, such as `9100-9199`";
        context.push(field.error("bad-number", message, label));
    }
    range
}

fn upstream(field: Field<'_>, context: &mut Context) {
    let example = "url: https://cloud.example.org/debian-12.qcow2";
    let Some(mut keys) = Keys::of(field, "in `upstream`", example, context) else {
        return;
    };
    let help = format!("for example `{example}`");
    keys.required("url", help, context, |f, c| f.text("an address", "https://…", c));
    keys.read("checksums", context, |f, c| f.text("an address", "https://…", c));
    keys.finish(context);
}

fn notify(field: Field<'_>, context: &mut Context) {
    let example = "[{ url_env: WEBHOOK_URL }]";
    for entry in field.list("a list of webhooks", example, context).unwrap_or_default() {
        let Some(mut keys) = Keys::of(entry, "in a webhook", "url_env: WEBHOOK_URL", context)
        else {
            continue;
        };
        let help = "names the environment variable with the address: `url_env: WEBHOOK_URL`";
        keys.required("url_env", help, context, env::name);
        keys.finish(context);
    }
}

fn report(field: Field<'_>, context: &mut Context) -> bool {
    let Some(mut keys) = Keys::of(field, "in `report`", "release: per-run", context) else {
        return false;
    };
    let asks = keys.read("release", context, |field, context| {
        field.choice("a kind of release", &[("per-run", true), ("per-image", true)], context)
    });
    keys.finish(context);
    asks.unwrap_or_default()
}
