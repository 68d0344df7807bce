//! The JSON Schema of `images.yml` beside its reader: they accept the same files, know the same keys,
//! and agree on what is not available yet.

use std::collections::BTreeSet;

use goldsmith::config;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use serde_saphyr::options::NonFiniteFloatPolicy;

use crate::configs::samples;

/// Invalid samples that the schema accepts, and why it does.
const NOT_FOR_A_SCHEMA: &[(&str, &str)] = &[
    ("matrix-too-large", "how many combinations a matrix has is not counted"),
    ("merge-key", "YAML has merged the mappings before a schema sees them"),
    ("mirror-with-password", "whether an address will do is not looked at"),
    ("no-store", "a store is needed in `defaults` or in the image"),
    ("same-name-hostile", "names are compared once their placeholders are filled in"),
];

pub(crate) fn schema() -> Value {
    serde_json::from_str(config::SCHEMA).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// YAML as editors hand it to a schema; an error for what is no YAML.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let options = serde_saphyr::options! {
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
    };
    let text = text.trim_start_matches('\u{feff}');
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

#[test]
fn the_schema_accepts_every_valid_sample() {
    let validator = validator();
    let wrong = samples("valid").into_iter().flat_map(|sample| {
        let bytes = fs_err::read(&sample).unwrap();
        let value = parse(&bytes).unwrap_or_else(|error| panic!("{sample}: {error}"));
        let errors = validator.iter_errors(&value);
        errors
            .map(|error| format!("{sample}: {}: {error}", error.instance_path()))
            .collect::<Vec<_>>()
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_rejects_every_invalid_sample_that_it_can() {
    let validator = validator();
    let accepted = samples("invalid").into_iter().filter(|sample| {
        let value = parse(&fs_err::read(sample).unwrap());
        value.is_ok_and(|value| validator.is_valid(&value))
    });
    let accepted: Vec<String> =
        accepted.map(|sample| sample.file_stem().unwrap().to_owned()).collect();
    let known: Vec<&str> = NOT_FOR_A_SCHEMA.iter().map(|(sample, _)| *sample).collect();
    assert_eq!(accepted, known, "accepted samples on the left, `NOT_FOR_A_SCHEMA` on the right");
}

/// The words with which the description of a key begins that this version cannot serve.
const LATER: &str = "Not available yet";

#[test]
fn the_reader_knows_every_key_and_word_of_the_schema_and_no_other() {
    let schema = schema();
    let mut walk = Walk { schema: &schema, validator: validator(), wrong: Vec::new() };
    let place = Place { path: String::new(), later: false, wrap: &|value| value };
    walk.visit(&schema, &Value::Null, &place);
    assert!(walk.wrong.is_empty(), "{}", walk.wrong.join("\n"));
}

/// A walk through all places of a document.
struct Walk<'s> {
    schema: &'s Value,
    validator: Validator,
    wrong: Vec<String>,
}

/// A place in a document.
struct Place<'p> {
    path: String,
    /// Whether it belongs to a key that this version cannot serve.
    later: bool,
    /// Makes a document of a value at this place.
    wrap: &'p dyn Fn(Value) -> Value,
}

impl<'s> Walk<'s> {
    /// Looks at everything that can stand at `place`. `example` is one such thing.
    fn visit(&mut self, node: &'s Value, example: &Value, place: &Place<'_>) {
        let alternatives = alternatives(self.schema, node);
        let mut keys = BTreeSet::new();
        let mut mapping = None;
        for one in &alternatives {
            for word in words(one) {
                let path = format!("{}: {word}", place.path);
                let later = place.later || says_later(one);
                self.check(&path, (place.wrap)(word.clone()), later, !place.later);
            }
            if let Some(items) = one.get("items") {
                let wrap = |value| (place.wrap)(json!([value]));
                let path = format!("{}[]", place.path);
                let example = &example[0];
                self.visit(items, example, &Place { path, later: place.later, wrap: &wrap });
            }
            for (_, value) in object(one, "patternProperties") {
                let wrap = |value: Value| {
                    let name =
                        if value.get("matrix").is_some() { "k8s-${matrix.release}" } else { "k8s" };
                    (place.wrap)(json!({ name: value }))
                };
                let path = format!("{}.*", place.path);
                self.visit(value, &Value::Null, &Place { path, later: place.later, wrap: &wrap });
            }
            let properties = object(one, "properties");
            if !properties.is_empty() {
                let base = base(one, example);
                for (key, property) in &properties {
                    keys.insert((*key).to_owned());
                    self.key(key, property, &base, place);
                }
                let open = one.get("patternProperties").is_some();
                mapping = mapping.or((!open).then_some(base));
            }
        }
        if let Some(mut base) = mapping {
            base["zzzzzzzzzz"] = Value::Null;
            self.known_keys(&place.path, (place.wrap)(base), &keys);
        }
    }

    fn key(&mut self, key: &str, property: &'s Value, base: &Value, place: &Place<'_>) {
        let path = format!("{}.{key}", place.path);
        if property["description"].as_str().is_none_or(str::is_empty) {
            self.wrong.push(format!("{path} has no description"));
        }
        let example = &property["examples"][0];
        if example.is_null() {
            self.wrong.push(format!("{path} has no example"));
            return;
        }
        let later = place.later || says_later(property);
        let wrap = |value| {
            let mut mapping = base.clone();
            mapping[key] = value;
            (place.wrap)(mapping)
        };
        self.check(&path, wrap(example.clone()), later, true);
        self.visit(property, example, &Place { path, later, wrap: &wrap });
    }

    /// Reads a document. If `strict`, it must be refused exactly if it asks for what comes `later`.
    fn check(&mut self, path: &str, document: Value, later: bool, strict: bool) {
        let document = complete(document);
        let errors = self.validator.iter_errors(&document);
        let errors: Vec<String> = errors.map(|error| format!("{path}: schema: {error}")).collect();
        self.wrong.extend(errors);
        match config::read("/repo/images.yml".into(), document.to_string().as_bytes()) {
            Err(problems) => self.wrong.push(format!("{path}: reader: {problems}")),
            Ok(checked) => {
                let asks = checked.later;
                let refused = !asks.everywhere.is_empty() || !asks.images.is_empty();
                if strict && refused != later {
                    let says = if later { "is" } else { "is not" };
                    self.wrong.push(format!("{path} {says} `{LATER}` in the schema alone"));
                }
            }
        }
    }

    /// Compares with the keys that the reader names when it finds an unknown one.
    fn known_keys(&mut self, path: &str, document: Value, keys: &BTreeSet<String>) {
        let document = complete(document).to_string();
        let problems = config::read("/repo/images.yml".into(), document.as_bytes()).unwrap_err();
        let unknown = problems.diagnostics().iter().find(|problem| problem.id == "unknown-key");
        let help = unknown.and_then(|problem| problem.help.first()).map_or("", String::as_str);
        let (_, names) = help.rsplit_once(": ").unwrap_or_default();
        let known: BTreeSet<String> =
            names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if known != *keys {
            self.wrong.push(format!("{path}: the reader knows {known:?}, the schema {keys:?}"));
        }
    }
}

/// What a value may be: everything that is not a choice itself.
pub(crate) fn alternatives<'s>(schema: &'s Value, node: &'s Value) -> Vec<&'s Value> {
    if let Some(name) = node["$ref"].as_str() {
        return alternatives(schema, schema.pointer(name.trim_start_matches('#')).unwrap());
    }
    let choices = ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| node[key].as_array());
    let choices: Vec<&Value> = choices.flatten().collect();
    if choices.is_empty() {
        return vec![node];
    }
    choices.into_iter().flat_map(|choice| alternatives(schema, choice)).collect()
}

/// The words that `node` lists.
pub(crate) fn words(node: &Value) -> Vec<&Value> {
    let several = node["enum"].as_array().into_iter().flatten();
    node.get("const").into_iter().chain(several).collect()
}

pub(crate) fn says_later(node: &Value) -> bool {
    node["description"].as_str().is_some_and(|text| text.starts_with(LATER))
}

pub(crate) fn object<'s>(node: &'s Value, key: &str) -> Vec<(&'s str, &'s Value)> {
    let entries = node[key].as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.as_str(), value)).collect()
}

/// A mapping of the kind `node`: the example if it is one, else what is required.
fn base(node: &Value, example: &Value) -> Value {
    let properties = &node["properties"];
    let required: Vec<&str> =
        node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(example) = example.as_object() {
        let open = node.get("patternProperties").is_some();
        let fits = required.iter().all(|key| example.contains_key(*key))
            && example.keys().all(|key| open || properties.get(key).is_some());
        if fits {
            return example.clone().into();
        }
    }
    let entries =
        required.into_iter().map(|key| (key.to_owned(), properties[key]["examples"][0].clone()));
    entries.collect::<Map<String, Value>>().into()
}

/// A document with the image that examples are built upon, and a store for every image.
fn complete(mut document: Value) -> Value {
    let store = json!([{ "dir": { "url": "./store" } }]);
    let has_stores = document.pointer("/defaults/stores").is_some();
    if let Some(images) = document["images"].as_object_mut() {
        images.entry("debian-12").or_insert(json!({
            "template": "packer/debian",
            "os": { "family": "debian", "release": "12" },
            "source": "cloud-image",
        }));
        for image in images.values_mut().filter_map(Value::as_object_mut).filter(|_| !has_stores) {
            image.entry("stores").or_insert(store.clone());
        }
    }
    document
}
