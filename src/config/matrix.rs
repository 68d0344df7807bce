//! `matrix:` of an image: one image for each combination.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::combinations::{AxisValue, Cells, Combination, Matrix};
use super::context::Context;
use super::field::{Field, Named};
use super::node::{Node, Value};
use super::substitute;
use crate::diagnostics::quoted;

/// So many images a file can have.
pub(super) const MAX_IMAGES: usize = 20_000;
/// So many bytes the images of one matrix can take when they are written out. A few lines could fill
/// the memory otherwise.
const MAX_BYTES: usize = 128 * 1024 * 1024;

const EXAMPLE: &str = r#"{ release: ["12", "13"] }"#;

/// Reads `matrix`: its combinations, at least one. `image` is what each of them is put into.
pub(super) fn read(
    field: Field<'_>,
    image: &Node,
    context: &mut Context,
) -> Option<Vec<Combination>> {
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
    if let Some((message, label)) = too_large(&matrix, &exclude, image) {
        context.push(field.error("too-many-images", message, label));
        return None;
    }
    let places: Vec<Field<'_>> = exclude.iter().map(|(place, _)| *place).collect();
    matrix.exclude = exclude.into_iter().map(|(_, cells)| cells).collect();
    for index in matrix.idle_exclusions() {
        let message = "an entry of `exclude` leaves nothing out";
        let label = "no combination has these values";
        context.push(places[index].warning("idle-exclusion", message, label));
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

/// Why the images of a matrix would be too many or too long, as message and label: looked at before
/// anything of it is multiplied.
fn too_large(
    matrix: &Matrix,
    exclude: &[(Field<'_>, Cells)],
    image: &Node,
) -> Option<(String, String)> {
    let images = matrix.size().and_then(|size| size.checked_add(matrix.include.len()));
    let Some(images) = images.filter(|images| *images <= MAX_IMAGES) else {
        let message = match images {
            Some(images) => format!("`matrix` has up to {images} combinations"),
            None => "`matrix` has more combinations than can be counted".to_owned(),
        };
        return Some((message, format!("a file has at most {MAX_IMAGES} images")));
    };
    let texts = |value: &AxisValue| match value {
        AxisValue::Text(text) => (size_of_val(text) + text.len(), text.len()),
        AxisValue::Map(texts) => texts.iter().fold((0, 0), |(sum, longest), (key, text)| {
            (sum + size_of_val(text) + key.len() + text.len(), longest.max(text.len()))
        }),
    };
    let axes = matrix.axes.values().flatten();
    let cells = matrix.include.iter().flat_map(|cells| cells.values());
    let longest = axes.chain(cells.clone()).map(|value| texts(value).1).max().unwrap_or(0);
    let of_axis = |values: &Vec<AxisValue>| values.iter().map(|value| texts(value).0).max();
    let of_axes: usize = matrix.axes.values().filter_map(of_axis).sum();
    // Each of these is compared with every combination, and may be added to it.
    let excluded = exclude.iter().flat_map(|(_, cells)| cells.values());
    let of_entries: usize = cells.chain(excluded).map(|value| texts(value).0).sum();
    let of_image = image.extent().bytes + substitute::placeholders(image).saturating_mul(longest);
    let bytes = images.saturating_mul(of_image.saturating_add(of_axes).saturating_add(of_entries));
    (bytes > MAX_BYTES).then(|| {
        let mib = |bytes: usize| bytes.div_ceil(1024 * 1024);
        let message = format!("written out, `matrix` would take {} MiB", mib(bytes));
        (message, format!("at most {} MiB are possible", mib(MAX_BYTES)))
    })
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
    if let Some(meant) = context.did_you_mean(entry.value.key, ["include", "exclude"]) {
        let message = format!("unknown key {} in `matrix`", quoted(entry.value.key));
        context.push(entry.key.error("unknown-key", message, meant));
        return None;
    }
    let named = name(entry.key, entry.value.key, context);
    let values = entry.value.list("a list of values", r#"["12", "13"]"#, context)?;
    if values.is_empty() {
        let message =
            format!("the axis {} has no values: there is no image", quoted(entry.value.key));
        context.push(entry.value.error("empty-matrix", message, "names no value"));
        return None;
    }
    let count = values.len();
    let mut places = HashMap::new();
    let mut read = Vec::new();
    for value in values {
        let Some(found) = axis_value(value, context) else {
            continue;
        };
        if let Some(first) = places.insert(found.identity(), value.node.span) {
            let message = format!("a value of {} is there twice", quoted(entry.value.key));
            let problem = value.error("duplicate-value", message, "again here");
            context.push(problem.context(first, "first here"));
            continue;
        }
        read.push(found);
    }
    named.filter(|()| read.len() == count).map(|()| read)
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
    let mut fine = true;
    for entry in field.entries("key", "a mapping of texts", "{ family: debian }", context)? {
        let named = name(entry.key, entry.value.key, context);
        match (named, entry.value.text("text", "debian", context)) {
            (Some(()), Some(text)) => {
                texts.insert(entry.value.key.to_owned(), text.to_owned());
            }
            _ => fine = false,
        }
    }
    fine.then_some(AxisValue::Map(texts))
}

/// The entries of `include` or `exclude`.
fn cells_list<'n>(field: Field<'n>, context: &mut Context) -> Option<Vec<(Field<'n>, Cells)>> {
    let example = r#"[{ release: "12" }]"#;
    let mut list = Vec::new();
    let mut fine = true;
    for item in field.list("a list of combinations", example, context)? {
        let mut cells = Cells::new();
        let entries = item.entries("axis", "a mapping of values", example, context);
        fine &= entries.is_some();
        if entries.as_ref().is_some_and(Vec::is_empty) {
            let message = format!("an entry of {} has no values", quoted(field.key));
            let problem = item.error("empty-matrix", message, "names no value");
            context.push(problem.help(format!("for example `{}: {example}`", field.key)));
            fine = false;
        }
        for entry in entries.unwrap_or_default() {
            let named = name(entry.key, entry.value.key, context);
            match (named, axis_value(entry.value, context)) {
                (Some(()), Some(value)) => {
                    cells.insert(entry.value.key.to_owned(), value);
                }
                _ => fine = false,
            }
        }
        list.push((item, cells));
    }
    fine.then_some(list)
}
