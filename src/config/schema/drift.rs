//! Holds the schema of the repository against the types.

use camino::Utf8Path;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::document::Document;
use crate::config;
use crate::environment::Environment;

/// The schema that the types make.
fn generate() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    tidy(&mut schema);
    schema.sort_all_objects();
    schema
}

/// Takes out that a value may be left empty (`null`), which no value may, and the line ends of
/// comments.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(keys) => {
            keys.values_mut().for_each(tidy);
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    keys.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(mut options)) = keys.remove("anyOf") {
                options.retain(|option| option["type"] != "null");
                match options.as_mut_slice() {
                    [Value::Object(only)] if !only.contains_key("$ref") => {
                        for (key, value) in std::mem::take(only) {
                            keys.entry(key).or_insert(value);
                        }
                    }
                    [_] => drop(keys.insert("allOf".to_owned(), options.into())),
                    _ => drop(keys.insert("anyOf".to_owned(), options.into())),
                }
            }
            if let Some(Value::String(text)) = keys.get_mut("description") {
                let paragraphs: Vec<String> = text
                    .split("\n\n")
                    .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
                    .collect();
                *text = paragraphs.join("\n\n");
            }
        }
        _ => {}
    }
}

#[test]
fn the_schema_of_the_repository_is_that_of_the_types() {
    let schema = serde_json::to_string_pretty(&generate()).unwrap() + "\n";
    if Environment::of_process().get("UPDATE_EXPECTED").is_some() {
        let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/images.schema.json");
        fs_err::write(path, schema).unwrap();
    } else {
        assert!(
            schema == config::SCHEMA,
            "schema/images.schema.json is out of date: run with UPDATE_EXPECTED=1 to write it"
        );
    }
}
