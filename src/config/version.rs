//! `version:` of an image: how its versions are named.

use jiff::tz::TimeZoneDatabase;

use super::context::Context;
use super::field::Field;
use super::keys::Keys;
use crate::diagnostics::quoted;
use crate::model::{VersionBase, VersionScheme};

/// What a file says of `version`.
#[derive(Debug, Clone, Default)]
pub(super) struct VersionLayer {
    base: Option<VersionBase>,
    timezone: Option<String>,
}

impl VersionLayer {
    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            base: self.base.or(below.base),
            timezone: self.timezone.or_else(|| below.timezone.clone()),
        }
    }

    /// The scheme; `1.0` in UTC where nothing is said.
    pub(super) fn resolve(self) -> VersionScheme {
        VersionScheme {
            base: self.base.unwrap_or_default(),
            timezone: self.timezone.unwrap_or_else(|| "UTC".to_owned()),
        }
    }
}

/// Reads `version`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<VersionLayer> {
    let mut keys = Keys::of(field, "in `version`", r#"base: "1.0", timezone: UTC"#, context)?;
    let layer = VersionLayer {
        base: keys.read("base", context, base),
        timezone: keys.read("timezone", context, timezone),
    };
    keys.finish(context);
    Some(layer)
}

fn base(field: Field<'_>, context: &mut Context) -> Option<VersionBase> {
    let text = field.text("a version base", r#""1.0""#, context)?;
    let base = text.parse().ok();
    if base.is_none() {
        let message = format!("{} is not a version base", quoted(text));
        let label = "expected two numbers, such as `1.0`";
        context.push(
            field
                .error("bad-version-base", message, label)
                .help("goldsmith appends the day and a count: `1.0.20261123.2`"),
        );
    }
    base
}

fn timezone(field: Field<'_>, context: &mut Context) -> Option<String> {
    let text = field.text("a time zone", "Europe/Berlin", context)?;
    // The bundled database: the same file means the same on every machine.
    let zones = TimeZoneDatabase::bundled();
    if let Ok(zone) = zones.get(text)
        && let Some(name) = zone.iana_name()
    {
        return Some(name.to_owned());
    }
    let label = meant_zone(text, &zones, context).map_or_else(
        || "expected an IANA name, such as `UTC` or `Europe/Berlin`".to_owned(),
        |name| format!("did you mean `{name}`?"),
    );
    let message = format!("{} is not a time zone", quoted(text));
    context.push(field.error("bad-timezone", message, label));
    None
}

/// The zone that `text` was probably meant to be: `Europe/Berlin` for `Europe/Berln` or `berlin`.
fn meant_zone(text: &str, zones: &TimeZoneDatabase, context: &Context) -> Option<String> {
    if context.problems.is_full() {
        return None;
    }
    let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
    let city = |name: &str| name.rsplit_once('/').map(|(_, city)| city.to_lowercase());
    let of_city = || names.iter().find(|name| city(name) == Some(text.to_lowercase()));
    let meant = context.suggest(text, names.iter().map(String::as_str));
    meant.or_else(|| of_city().map(String::as_str)).map(str::to_owned)
}
