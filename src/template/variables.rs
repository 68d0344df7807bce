//! The variables of a template, and what they are.

use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::evaluate::Evaluator;
use super::hcl;
use super::load::{self, TemplateFile, VarFile, VarValues};
use super::syntax::{Attribute, Block, Body, Expr, Word};
use super::tree::SourceTree;
use super::value::{Unknown, Value};
use crate::diagnostics::{SourceFile, SourceId, Sources, Span};

/// A variable that a template declares.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where it is declared: its name.
    pub span: Span,
    /// Whether it has a default.
    pub has_default: bool,
    /// The default, if it is a text, a number or a truth value and nothing has to be worked out.
    pub default: Option<String>,
    /// Whether Packer hides its value.
    pub sensitive: bool,
    /// Its type, as it is written.
    pub type_text: Option<String>,
    /// The file that sets it, the last one if there are several: one that Packer reads by itself,
    /// or one that it is told to read.
    pub set_by: Option<Utf8PathBuf>,
    /// What it is, given all of that, if it is one value and can be told.
    pub value: Option<String>,
}

/// A local value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its name.
    pub name: String,
    /// Where it is defined: its name.
    pub span: Span,
}

/// A declaration under way.
pub(super) struct Declared<'t> {
    pub(super) variable: Variable,
    default: Option<&'t Expr>,
    source: SourceId,
}

/// The names of the variables that the file at `path` sets; none if it cannot be read.
pub fn set_in(tree: &dyn SourceTree, path: &Utf8Path) -> Vec<String> {
    match load::var_file(tree, path).map(|file| file.values) {
        Some(VarValues::Hcl(Some(body))) => {
            body.attributes().map(|attribute| attribute.name.text.clone()).collect()
        }
        Some(VarValues::Json(values)) => values.keys().cloned().collect(),
        Some(VarValues::Hcl(None)) | None => Vec::new(),
    }
}

/// The variables that `files` declare.
pub(super) fn declared<'t>(files: &'t [TemplateFile], sources: &Sources) -> Vec<Declared<'t>> {
    let mut found = Vec::new();
    for file in files {
        let Some(body) = &file.body else { continue };
        let shown = sources.get(file.source);
        for block in body.blocks() {
            match block.name.text.as_str() {
                "variable" => found.extend(variable(block, file.source, shown)),
                // The old short form: names and defaults.
                "variables" => {
                    found.extend(block.body.attributes().map(|a| short(a, file.source)));
                }
                _ => {}
            }
        }
    }
    found
}

fn variable<'t>(
    block: &'t Block,
    source: SourceId,
    shown: Option<&SourceFile>,
) -> Option<Declared<'t>> {
    let name = block.labels.first()?;
    let attribute = |name| block.body.attribute(name).map(|attribute| &attribute.value);
    let default = attribute("default");
    let type_text = attribute("type").and_then(|of| {
        // The old spelling has it in quotes.
        let written = || Some(shown?.text.get(of.span.start..of.span.end)?.to_owned());
        of.as_text().map(str::to_owned).or_else(written)
    });
    let sensitive = attribute("sensitive").and_then(Expr::literal).is_some_and(|it| it == "true");
    let variable = Variable {
        name: name.text.clone(),
        span: name.span,
        has_default: default.is_some(),
        default: default.and_then(Expr::literal),
        sensitive,
        type_text,
        set_by: None,
        value: None,
    };
    Some(Declared { variable, default, source })
}

fn short(attribute: &Attribute, source: SourceId) -> Declared<'_> {
    let variable = Variable {
        name: attribute.name.text.clone(),
        span: attribute.name.span,
        has_default: true,
        default: attribute.value.literal(),
        sensitive: false,
        type_text: None,
        set_by: None,
        value: None,
    };
    Declared { variable, default: Some(&attribute.value), source }
}

/// Tells `evaluator` what the variables are: what is given, else what the last of `var_files` that
/// sets them says, else their default.
pub(super) fn settle(
    declared: Vec<Declared<'_>>,
    var_files: &[VarFile],
    given: &IndexMap<String, Option<String>>,
    evaluator: &mut Evaluator<'_>,
) -> Vec<Variable> {
    let mut variables = Vec::new();
    for Declared { mut variable, default, source } in declared {
        let mut value = match default {
            Some(default) => evaluator.evaluate(default, None),
            None => Err(Unknown::because(format!("`var.{}` has no value", variable.name))),
        };
        for file in var_files {
            let set = match &file.values {
                VarValues::Hcl(body) => body
                    .as_ref()
                    .and_then(|body| body.attribute(&variable.name))
                    .map(|attribute| evaluator.evaluate(&attribute.value, None)),
                VarValues::Json(values) => values.get(&variable.name).map(|value| Ok(json(value))),
            };
            if let Some(set) = set {
                value = set;
                variable.set_by = Some(file.path.clone());
            }
        }
        match given.get(&variable.name) {
            Some(Some(text)) => value = from_text(text, &variable, source, evaluator),
            Some(None) => {
                let why = format!("`var.{}` gets its value only in a run", variable.name);
                value = Err(Unknown(why));
            }
            None => {}
        }
        let one = value.as_ref().ok().and_then(|value| value.in_text().ok());
        variable.value = one.map(|value| value.to_string());
        evaluator.variable(&variable.name, value);
        variables.push(variable);
    }
    variables
}

/// The value that Packer makes of `-var name=text`: the text itself where the type is text, a number,
/// `any` or not said; else what it says as HCL.
fn from_text(
    text: &str,
    variable: &Variable,
    source: SourceId,
    evaluator: &Evaluator<'_>,
) -> Result<Value, Unknown> {
    match variable.type_text.as_deref() {
        None | Some("string" | "any") => Value::text(text),
        Some("number") => Ok(Value::Number(text.into())),
        Some(_) => match hcl::parse_expr(text, source) {
            Ok(expr) => evaluator.evaluate(&expr, None),
            Err(_) => Err(Unknown::because(format!("`var.{}` is set to no HCL", variable.name))),
        },
    }
}

/// The parser bounds how deep JSON nests.
fn json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Number(number.to_string().into()),
        serde_json::Value::String(text) => Value::Text(text.as_str().into()),
        serde_json::Value::Array(elements) => Value::list(elements.iter().map(json).collect()),
        serde_json::Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), json(value)));
            Value::Object(Rc::new(entries.collect()))
        }
    }
}

/// Every local: its name and its value.
pub(super) fn locals(files: &[TemplateFile]) -> Vec<(&Word, &Expr)> {
    let mut found = Vec::new();
    let bodies = files.iter().filter_map(|file| file.body.as_ref());
    for block in bodies.flat_map(Body::blocks) {
        match (block.name.text.as_str(), block.labels.first()) {
            ("locals", _) => {
                found.extend(block.body.attributes().map(|local| (&local.name, &local.value)));
            }
            ("local", Some(name)) => {
                let value = block.body.attribute("expression");
                found.extend(value.map(|value| (name, &value.value)));
            }
            _ => {}
        }
    }
    found
}
