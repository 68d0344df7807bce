//! `docs/reference/images.md`: every key of `images.yml`, from its JSON Schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::{compare, generated};
use crate::schema::{alternatives, object, parse, says_later, schema, words};

#[test]
fn every_key_is_described() {
    let schema = schema();
    let mut page = generated("`src/config/schema/`");
    page.push_str(
        "# Every key of images.yml\n\n[images.md](../images.md) explains the format as a whole. Keys that this version cannot serve say so; a file may have \
         them, and what is to be built with them is refused. In an image with a `matrix`, `${matrix.NAME}` is possible in every value.\n",
    );
    let mut reference = Reference { schema: &schema, page, named: BTreeSet::new() };
    reference.section("Top level", None, &schema);
    reference.values();
    compare("docs/reference/images.md", &reference.page);
}

struct Reference<'s> {
    schema: &'s Value,
    page: String,
    /// The headings so far.
    named: BTreeSet<String>,
}

/// A key of a mapping, with what is said of it.
struct Row<'s> {
    key: &'s str,
    property: &'s Value,
    required: bool,
}

impl<'s> Reference<'s> {
    /// A mapping, and those that it holds. What `shared` has already is only mentioned.
    fn section(&mut self, heading: &str, shared: Option<&'s Value>, node: &'s Value) {
        assert!(self.named.insert(heading.to_owned()), "two mappings are called {heading}");
        let rows = rows(self.schema, node);
        let told = |row: &&Row<'_>| shared.is_some_and(|shared| shared[row.key] == *row.property);
        write!(self.page, "\n## {heading}\n\n").unwrap();
        if let Some(text) = description(self.schema, node) {
            write!(self.page, "{}\n\n", text.trim_start_matches("Not available yet. ")).unwrap();
        }
        self.page.push_str("| key | type | default | meaning | example |\n|---|---|---|---|---|\n");
        for row in rows.iter().filter(|row| !told(row)) {
            self.row(row);
        }
        for one in alternatives(self.schema, node) {
            if let Some((_, value)) = object(one, "patternProperties").first() {
                let meaning = description(self.schema, value).unwrap();
                let kind = kind(self.schema, heading, value);
                let example = flow(&resolved(self.schema, value)["examples"][0]);
                let row = format!("| any name | {kind} |  | {meaning} | `name: {example}` |");
                writeln!(self.page, "{row}").unwrap();
            }
        }
        if rows.iter().any(|row| told(&row)) {
            self.page.push_str("\nAnd every key of [`defaults`](#defaults).\n");
        }
        for row in rows.iter().filter(|row| !told(row)) {
            self.words(row);
        }
        for row in rows.iter().filter(|row| !told(row)) {
            let holds = holds(self.schema, row.property);
            if let Some(inner) = holds {
                let (heading, shared) = match row.key {
                    "images" => (
                        "An image".to_owned(),
                        Some(&self.schema["definitions"]["Defaults"]["properties"]),
                    ),
                    key => (format!("`{key}`"), None),
                };
                self.section(&heading, shared, inner);
            }
        }
    }

    fn row(&mut self, row: &Row<'_>) {
        let Row { key, property, required } = row;
        let text = property["description"].as_str().unwrap();
        let (meaning, of_text) = match text.split_once("\n\nDefault: ") {
            Some((meaning, default)) => (meaning, Some(default.trim_end_matches('.'))),
            None => (text, None),
        };
        let default = match (required, of_text, &property["default"]) {
            (true, ..) => "required".to_owned(),
            (_, Some(text), _) => text.to_owned(),
            (_, None, Value::Null) => String::new(),
            (_, None, value) => format!("`{}`", flow(value)),
        };
        let example = &property["examples"][0];
        let written = flow(example);
        assert_eq!(parse(written.as_bytes()).as_ref(), Ok(example), "the example of `{key}`");
        let kind = kind(self.schema, key, property);
        let cells =
            [format!("`{key}`"), kind, default, meaning.to_owned(), format!("`{key}: {written}`")];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        writeln!(self.page, "| {} |", cells.join(" | ")).unwrap();
    }

    /// What the words mean that a key may have.
    fn words(&mut self, row: &Row<'_>) {
        let words = leaves(self.schema, row.property);
        let words: Vec<String> = words
            .into_iter()
            .filter_map(|one| Some((one["const"].as_str()?, one["description"].as_str()?)))
            .map(|(word, meaning)| format!("  - `{word}`: {meaning}\n"))
            .collect();
        if !words.is_empty() {
            write!(self.page, "\n- `{}`\n{}", row.key, words.concat()).unwrap();
        }
    }

    /// What single values look like.
    fn values(&mut self) {
        self.page.push_str("\n## Values\n\n| value | meaning | examples |\n|---|---|---|\n");
        for (name, definition) in object(self.schema, "definitions") {
            let examples = definition["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
            if examples.is_empty() || !is_value(definition) {
                continue;
            }
            let examples: Vec<String> =
                examples.iter().map(|example| format!("`{}`", flow(example))).collect();
            let meaning = definition["description"].as_str().unwrap();
            writeln!(self.page, "| {} | {meaning} | {} |", words_of(name), examples.join(", "))
                .unwrap();
        }
    }
}

/// The keys of a mapping: first those that are required, last those that come later.
fn rows<'s>(schema: &'s Value, node: &'s Value) -> Vec<Row<'s>> {
    let mut mappings = alternatives(schema, node);
    mappings.retain(|one| !object(one, "properties").is_empty());
    let mut rows = Vec::new();
    for one in &mappings {
        let required: Vec<&str> =
            one["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        rows.extend(object(one, "properties").into_iter().map(|(key, property)| {
            // Where there are several kinds of mappings, each is one of the others' alternatives.
            let rank = required.iter().position(|name| *name == key);
            let rank = rank.filter(|_| mappings.len() == 1);
            (rank.unwrap_or(usize::MAX), Row { key, property, required: rank.is_some() })
        }));
    }
    rows.sort_by_key(|(rank, row)| (*rank, says_later(row.property)));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What is said of a value where it stands, or else of its kind.
fn description<'s>(schema: &'s Value, node: &'s Value) -> Option<&'s str> {
    node["description"].as_str().or_else(|| resolved(schema, node)["description"].as_str())
}

/// What `node` refers to, or itself.
fn resolved<'s>(schema: &'s Value, node: &'s Value) -> &'s Value {
    let name = node["$ref"].as_str().map(|name| name.trim_start_matches('#'));
    name.and_then(|name| schema.pointer(name)).unwrap_or(node)
}

/// The mapping with fixed keys that a value holds: itself, its entries or its values.
fn holds<'s>(schema: &'s Value, node: &'s Value) -> Option<&'s Value> {
    let all = alternatives(schema, node);
    if all.iter().any(|one| !object(one, "properties").is_empty()) {
        return Some(node);
    }
    all.into_iter().find_map(|one| {
        let values = object(one, "patternProperties").into_iter().map(|(_, value)| value);
        one.get("items").into_iter().chain(values).find_map(|inner| holds(schema, inner))
    })
}

/// Everything that is neither a choice nor a list.
fn leaves<'s>(schema: &'s Value, node: &'s Value) -> Vec<&'s Value> {
    let all = alternatives(schema, node).into_iter();
    all.flat_map(|one| match one.get("items") {
        Some(items) => leaves(schema, items),
        None => vec![one],
    })
    .collect()
}

/// What a value is, in words.
fn kind(schema: &Value, key: &str, node: &Value) -> String {
    let mut kinds = kinds(schema, key, node);
    kinds.dedup();
    match kinds.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => kinds.concat(),
    }
}

/// What a value can be, in words. Nothing for what only narrows down something else.
fn kinds(schema: &Value, key: &str, node: &Value) -> Vec<String> {
    if let Some(name) = node["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        let definition = &schema["definitions"][name];
        return match name {
            // Possible everywhere.
            "Placeholder" => Vec::new(),
            _ if is_value(definition) => vec![format!("[{}](#values)", words_of(name))],
            _ => kinds(schema, key, definition),
        };
    }
    for choice in ["allOf", "anyOf", "oneOf"] {
        if let Some(choices) = node[choice].as_array() {
            return choices.iter().flat_map(|one| kinds(schema, key, one)).collect();
        }
    }
    let words = words(node);
    if !words.is_empty() {
        return words.into_iter().map(|word| format!("`{}`", flow(word))).collect();
    }
    if let Some(items) = node.get("items") {
        return vec![format!("list of {}", grouped(kind(schema, key, items)))];
    }
    if !object(node, "properties").is_empty() {
        let anchor = if key == "images" { "an-image" } else { key };
        return vec![format!("[mapping](#{anchor})")];
    }
    let values = object(node, "patternProperties").first().map(|(_, value)| *value);
    if let Some(value) = values.or(node.get("additionalProperties")) {
        return vec![format!("names, each with {}", grouped(kind(schema, key, value)))];
    }
    match (node["type"].as_str(), node["minimum"].as_u64(), node["maximum"].as_u64()) {
        (Some("boolean"), ..) => vec!["`true`".to_owned(), "`false`".to_owned()],
        (_, Some(least), Some(most)) => vec![format!("whole number from {least} to {most}")],
        _ => Vec::new(),
    }
}

/// A choice in parentheses, where it is part of something.
fn grouped(kind: String) -> String {
    if kind.contains(" or ") { format!("({kind})") } else { kind }
}

/// Whether a definition is of a single value.
fn is_value(definition: &Value) -> bool {
    let kind = &definition["type"];
    kind.is_array() || kind == "string" && words(definition).is_empty()
}

/// `VersionBase` as `version base`.
fn words_of(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

/// A value as people write it on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
            let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || "./".contains(c));
            let plain = starts && text.chars().all(plain);
            // `45m` is text to every reader; `1e3` and `12` are none.
            let measure = text.starts_with(|c: char| c.is_ascii_digit())
                && text.ends_with(|c: char| "smhdKMGT".contains(c));
            if plain || measure { text.clone() } else { value.to_string() }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
