//! `rebuild:` of an image: how often it is built again.

use croner::Cron;
use jiff::civil::{DateTime, date};

use super::context::Context;
use super::duration;
use super::field::Field;
use super::keys::Keys;
use super::node::Value;
use crate::diagnostics::quoted;
use crate::model::{Cadence, MaxAge, Os, Rebuild, Source};

/// What a file says of `rebuild`.
#[derive(Debug, Clone, Default)]
pub(super) struct RebuildLayer {
    every: Option<Every>,
    max_age: Option<MaxAge>,
}

/// `every:` as it is written.
#[derive(Debug, Clone)]
enum Every {
    /// By the source of the image.
    Auto,
    /// As said.
    At(Cadence),
}

impl RebuildLayer {
    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            every: self.every.or_else(|| below.every.clone()),
            max_age: self.max_age.or(below.max_age),
        }
    }

    /// The cadence; by the source and the system of the image where nothing is said.
    pub(super) fn resolve(self, source: Source, os: &Os) -> Rebuild {
        let every = match (self.every, source) {
            (Some(Every::At(cadence)), _) => cadence,
            (_, Source::Factory) => Cadence::Never,
            _ if os.family == "windows" => Cadence::PatchTuesday,
            (_, Source::CloudImage | Source::Image) => Cadence::Monthly,
            (_, Source::Iso) => Cadence::Quarterly,
        };
        Rebuild { every, max_age: self.max_age.unwrap_or(MaxAge::Auto) }
    }
}

/// Reads `rebuild`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<RebuildLayer> {
    let mut keys = Keys::of(field, "in `rebuild`", "every: monthly", context)?;
    let layer = RebuildLayer {
        every: keys.read("every", context, every),
        max_age: keys.read("max_age", context, max_age),
    };
    keys.finish(context);
    Some(layer)
}

fn max_age(field: Field<'_>, context: &mut Context) -> Option<MaxAge> {
    match field.text("a duration, `auto` or `unlimited`", "60d", context)? {
        "auto" => Some(MaxAge::Auto),
        "unlimited" => Some(MaxAge::Unlimited),
        _ => duration::read(field, context).map(MaxAge::After),
    }
}

fn every(field: Field<'_>, context: &mut Context) -> Option<Every> {
    const WORDS: [&str; 6] = ["auto", "weekly", "monthly", "quarterly", "patch-tuesday", "never"];
    if matches!(field.node.value, Value::Mapping(_)) {
        let mut keys = Keys::of(field, "in `every`", r#"cron: "0 2 1 * *""#, context)?;
        let help = r#"write `every: { cron: "0 2 1 * *" }`, or one of the words"#;
        let expression = keys.required("cron", help, context, cron);
        keys.finish(context);
        return expression.map(|expression| Every::At(Cadence::Cron(expression)));
    }
    let text = field.text("a cadence", "monthly", context)?;
    match text {
        "auto" => Some(Every::Auto),
        "weekly" => Some(Every::At(Cadence::Weekly)),
        "monthly" => Some(Every::At(Cadence::Monthly)),
        "quarterly" => Some(Every::At(Cadence::Quarterly)),
        "never" => Some(Every::At(Cadence::Never)),
        "patch-tuesday" => Some(Every::At(Cadence::PatchTuesday)),
        _ => {
            let problem = field.not_a(text, "a cadence", WORDS, context);
            context.push(problem.help(r#"other times: `every: { cron: "0 2 1 * *" }`"#));
            None
        }
    }
}

/// The fields of a cron expression, and what they may hold.
const CRON_FIELDS: [(&str, &str); 5] = [
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31 or `L` for the last"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT"),
];

/// A cron expression of five fields that some day comes true.
fn cron(field: Field<'_>, context: &mut Context) -> Option<String> {
    let text = field.text("a cron expression", r#""0 2 1 * *""#, context)?;
    let message = format!("{} is not a cron expression", quoted(text));
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != CRON_FIELDS.len() {
        let label = format!("expected five fields, found {}", parts.len());
        let help = "the fields are minute, hour, day of month, month and day of week";
        context.push(field.error("bad-cron", message, label).help(help));
        return None;
    }
    if text.parse::<Cron>().is_err() {
        let label = wrong_cron_field(&parts).unwrap_or_default();
        context.push(field.error("bad-cron", message, label));
        return None;
    }
    // A search costs milliseconds: not for thousands of expressions.
    if !context.problems.is_full() && !comes_true(text) {
        let message = format!("the cron expression {} never comes true", quoted(text));
        context.push(field.error("bad-cron", message, "no day of the calendar matches"));
        return None;
    }
    Some(text.to_owned())
}

/// Whether five fields that can be read ever match. Not so `0 0 31 2 *`.
///
/// Looks at 28 years, within which every date falls on every day of the week. The clock is not
/// needed for that, and a search without end would walk to the year 5000.
fn comes_true(fields: &str) -> bool {
    let start: DateTime = date(2024, 1, 1).at(0, 0, 0, 0);
    let bounded = format!("0 {fields} 2024-2051").parse::<Cron>();
    bounded.is_ok_and(|cron| cron.find_next_occurrence(&start, true).is_ok())
}

/// Which of five fields cannot be read, found by reading each one alone.
fn wrong_cron_field(parts: &[&str]) -> Option<String> {
    let fields = CRON_FIELDS.iter().zip(parts).enumerate();
    let wrong = fields.map(|(index, ((name, range), part))| {
        let mut alone = ["*"; CRON_FIELDS.len()];
        alone[index] = part;
        let refused = alone.join(" ").parse::<Cron>().is_err();
        refused.then(|| format!("the {name} {} is not possible: expected {range}", quoted(part)))
    });
    wrong.flatten().next()
}
