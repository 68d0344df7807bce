//! `os:` of an image: what the scan must find.

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use crate::diagnostics::quoted;
use crate::model::Os;

/// Families that Trivy has advisories for, and others that images are made of. Only slips are
/// caught with it: a family that is not here is accepted.
const FAMILIES: [&str; 28] = [
    "alma",
    "alpine",
    "amazon",
    "arch",
    "azurelinux",
    "bottlerocket",
    "cbl-mariner",
    "centos",
    "chainguard",
    "debian",
    "echo",
    "fedora",
    "flatcar",
    "freebsd",
    "minimos",
    "nixos",
    "opensuse-leap",
    "opensuse-tumbleweed",
    "oracle",
    "photon",
    "redhat",
    "rocky",
    "sles",
    "slem",
    "talos",
    "ubuntu",
    "windows",
    "wolfi",
];

/// Reads `os`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Os> {
    let mut keys = Keys::of(field, "in `os`", r#"family: debian, release: "12""#, context)?;
    let family = keys.required("family", "for example `family: debian`", context, family);
    let release = keys.required("release", r#"for example `release: "12"`"#, context, release);
    keys.finish(context);
    Some(Os { family: family?, release: release? })
}

fn family(field: Field<'_>, context: &mut Context) -> Option<String> {
    let text = field.text("an operating system's family", "debian", context)?;
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if !text.chars().all(inside) {
        let message = format!("{} is not an operating system's family", quoted(text));
        let lower = text.to_lowercase();
        let label = if lower.chars().all(inside) {
            format!("write `{lower}`")
        } else {
            "expected one word in lower case, such as `debian`".to_owned()
        };
        context.push(field.error("bad-os", message, label));
        return None;
    }
    if !FAMILIES.contains(&text)
        && let Some(label) = context.did_you_mean(text, FAMILIES)
    {
        let message = format!("no operating system's family is known as {}", quoted(text));
        context.push(
            field
                .warning("unknown-os", message, label)
                .help("the gate trusts a scan only if it finds this family"),
        );
    }
    Some(text.to_owned())
}

fn release(field: Field<'_>, context: &mut Context) -> Option<String> {
    let text = field.text("a release", r#""12""#, context)?;
    let inside = |c: char| c.is_ascii_alphanumeric() || "._-+~".contains(c);
    if !text.chars().all(inside) {
        let message = format!("{} is not a release", quoted(text));
        let label = "expected a release or its leading part, such as `12` or `24.04`";
        context.push(field.error("bad-os", message, label));
        return None;
    }
    Some(text.to_owned())
}
