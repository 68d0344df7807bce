//! `matrix:` of an image: one image for each combination.

use indexmap::IndexMap;

use super::combinations::{AxisValue, Cells, Combination, Matrix};
use super::context::Context;
use super::field::{Field, Named};
use super::node::Value;
use crate::diagnostics::quoted;

/// So many images a file can have.
pub(super) const MAX_IMAGES: usize = 20_000;

const EXAMPLE: &str = r#"{ release: ["12", "13"] }"#;

/// Reads `matrix`: its combinations, at least one.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Vec<Combination>> {
    let mut matrix = Matrix::default();
    let mut exclude = Vec::new();
    let mut fine = true;
    for entry in field.entries("axis", "a mapping of axes", EXAMPLE, context)? {
        match entry.value.key {
            "include" => match cells_list(entry.value, context) {
                Some(list) => matrix.include = list.into_iter().map(|(_, cells)| cells).collect(),
                None => fine = false,
            },
            "exclude" => match cells_list(entry.value, context) {
                Some(list) => exclude = list,
                None => fine = false,
            },
            _ => match axis(&entry, context) {
                Some(values) => {
                    matrix.axes.insert(entry.value.key.to_owned(), values);
                }
                None => fine = false,
            },
        }
    }
    if !fine {
        return None;
    }
    if !known_axes(&matrix, &exclude, context) {
        return None;
    }
    let places: Vec<Field<'_>> = exclude.iter().map(|(place, _)| *place).collect();
    matrix.exclude = exclude.into_iter().map(|(_, cells)| cells).collect();
    for index in matrix.idle_exclusions() {
        let message = "an entry of `exclude` leaves nothing out";
        let label = "no combination has these values";
        context.push(places[index].warning("idle-exclusion", message, label));
    }
    match matrix.size() {
        Some(size) if size <= MAX_IMAGES => {}
        size => {
            let message = match size {
                Some(size) => format!("`matrix` has {size} combinations"),
                None => "`matrix` has more combinations than can be counted".to_owned(),
            };
            let label = format!("a file has at most {MAX_IMAGES} images");
            context.push(field.error("too-many-images", message, label));
            return None;
        }
    }
    let combinations = matrix.combinations();
    if combinations.is_empty() {
        let message = "`matrix` has no combination: there is no image";
        let problem = field.error("empty-matrix", message, "nothing is left of it");
        context.push(problem.help(format!("for example `matrix: {EXAMPLE}`")));
        return None;
    }
    Some(combinations)
}

/// Tells of values in `exclude` whose axis there is not.
fn known_axes(matrix: &Matrix, exclude: &[(Field<'_>, Cells)], context: &mut Context) -> bool {
    let axes: Vec<&str> = matrix.axes.keys().map(String::as_str).collect();
    let mut all_known = true;
    for (place, cells) in exclude {
        for axis in cells.keys().filter(|axis| !matrix.axes.contains_key(*axis)) {
            all_known = false;
            let label = context
                .did_you_mean(axis, axes.iter().copied())
                .unwrap_or_else(|| "only combinations of axes can be left out".to_owned());
            let message = format!("`exclude` names {}, which is no axis", quoted(axis));
            context.push(place.error("unknown-axis", message, label));
        }
    }
    all_known
}

fn axis(entry: &Named<'_>, context: &mut Context) -> Option<Vec<AxisValue>> {
    name(entry.key, entry.value.key, context)?;
    let values = entry.value.list("a list of values", r#"["12", "13"]"#, context)?;
    if values.is_empty() {
        let message =
            format!("the axis {} has no values: there is no image", quoted(entry.value.key));
        context.push(entry.value.error("empty-matrix", message, "names no value"));
        return None;
    }
    let mut read = Vec::new();
    for value in values {
        let found = axis_value(value, context)?;
        if read.contains(&found) {
            let message = format!("a value of {} is there twice", quoted(entry.value.key));
            context.push(value.error("duplicate-value", message, "already in this list"));
            return None;
        }
        read.push(found);
    }
    Some(read)
}

fn name(key: Field<'_>, text: &str, context: &mut Context) -> Option<()> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !text.is_empty() && text.chars().all(inside) {
        return Some(());
    }
    let message = format!("{} is not the name of an axis", quoted(text));
    context.push(key.error("bad-name", message, "expected letters, digits, `_` and `-`"));
    None
}

fn axis_value(field: Field<'_>, context: &mut Context) -> Option<AxisValue> {
    if !matches!(field.node.value, Value::Mapping(_)) {
        let text = field.text("a text or a mapping of texts", EXAMPLE, context)?;
        return Some(AxisValue::Text(text.to_owned()));
    }
    let mut texts = IndexMap::new();
    for entry in field.entries("key", "a mapping of texts", "{ family: debian }", context)? {
        name(entry.key, entry.value.key, context)?;
        let text = entry.value.text("text", "debian", context)?;
        texts.insert(entry.value.key.to_owned(), text.to_owned());
    }
    Some(AxisValue::Map(texts))
}

/// The entries of `include` or `exclude`.
fn cells_list<'n>(field: Field<'n>, context: &mut Context) -> Option<Vec<(Field<'n>, Cells)>> {
    let example = r#"[{ release: "12" }]"#;
    let mut list = Vec::new();
    for item in field.list("a list of combinations", example, context)? {
        let mut cells = Cells::new();
        for entry in item.entries("axis", "a mapping of values", example, context)? {
            name(entry.key, entry.value.key, context)?;
            cells.insert(entry.value.key.to_owned(), axis_value(entry.value, context)?);
        }
        list.push((item, cells));
    }
    Some(list)
}
