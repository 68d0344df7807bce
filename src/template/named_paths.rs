//! What single expressions name: the values of attributes, and the calls that read files.

use camino::Utf8Path;

use super::attributes::Names;
use super::evaluate::Scope;
use super::glob::{Dialect, Pattern};
use super::paths;
use super::references::{Anchor, Collector, In, Target};
use super::syntax::{Expr, ExprKind, For, Piece};
use super::value::{MAX_TEXT, Unknown, Value};
use crate::diagnostics::Span;

/// Longest path that Linux accepts, in bytes.
pub(super) const MAX_PATH: usize = 4096;

/// Stands in a text for what nobody can tell.
pub(super) const UNKNOWN: char = '\u{fffd}';

/// The functions that read files.
const READS: [&str; 5] = ["file", "filebase64", "fileexists", "fileset", "templatefile"];

impl Collector<'_, '_> {
    /// The calls in `expr` that read files.
    pub(super) fn calls(&mut self, expr: &Expr, scope: In<'_>) {
        match &expr.kind {
            ExprKind::Call { function, arguments, .. } => {
                self.call(function, arguments, expr.span, scope);
                for argument in arguments {
                    self.calls(argument, scope);
                }
            }
            ExprKind::For(all) if reads_files(expr) => {
                self.calls(&all.collection, scope);
                self.unroll(all, scope, |collector, scope| {
                    let inside = [all.key.as_ref(), Some(&all.value), all.condition.as_ref()];
                    for inside in inside.into_iter().flatten() {
                        collector.calls(inside, Some(scope));
                    }
                });
            }
            _ => {
                for child in expr.children() {
                    self.calls(child, scope);
                }
            }
        }
    }

    fn call(&mut self, function: &str, arguments: &[Expr], span: Span, scope: In<'_>) {
        let base = match function {
            "file" | "templatefile" | "fileexists" | "fileset" => &self.evaluator.base,
            "filebase64" => &self.evaluator.workdir,
            _ => return,
        };
        match (function, arguments) {
            ("fileset", [folder, pattern, ..]) => {
                let texts = [folder, pattern].map(|argument| {
                    self.evaluator.evaluate(argument, scope).and_then(|value| value.in_text())
                });
                match texts {
                    [Ok(folder), Ok(pattern)] => {
                        let folder = paths::resolve(base, &folder);
                        self.pattern(&folder, &pattern, Dialect::Fileset, span);
                    }
                    [Err(why), _] | [_, Err(why)] => self.untracked(span, why),
                }
            }
            (_, [path, ..]) => {
                self.paths(path, scope, Anchor { base, names: Names::Paths });
                if function == "templatefile"
                    && let Ok(Value::Text(path)) = self.evaluator.evaluate(path, scope)
                {
                    self.template_file(&paths::resolve(base, &path), span);
                }
            }
            _ => {}
        }
    }

    /// Does `inside` once for each element that `all` goes through; once for all if they are not
    /// known.
    fn unroll(&mut self, all: &For, scope: In<'_>, mut inside: impl FnMut(&mut Self, &Scope<'_>)) {
        let entries = self.evaluator.evaluate(&all.collection, scope);
        let entries = entries.and_then(|collection| collection.entries());
        let iterations: Vec<(Result<Value, Unknown>, Result<Value, Unknown>)> = match entries {
            Ok(entries) => entries.into_iter().map(|(key, value)| (Ok(key), Ok(value))).collect(),
            Err(why) => vec![(Err(why.clone()), Err(why))],
        };
        for (key, value) in iterations {
            let name = all.key_name.as_deref().unwrap_or("");
            let key = Scope { name, value: key, outer: scope };
            let scope = Scope { name: &all.value_name, value, outer: Some(&key) };
            inside(self, &scope);
        }
    }

    /// Everything that `expr` names. What cannot be told as a whole is taken apart: both ways of a
    /// choice count, and the elements of a list one by one.
    pub(super) fn paths(&mut self, expr: &Expr, scope: In<'_>, anchor: Anchor<'_>) {
        let why = match self.evaluator.evaluate(expr, scope) {
            Ok(value) => {
                self.value(&value, expr.span, anchor);
                return;
            }
            Err(why) => why,
        };
        match &expr.kind {
            ExprKind::Choice(parts) => {
                let [_, then, otherwise] = &**parts;
                self.paths(then, scope, anchor);
                self.paths(otherwise, scope, anchor);
            }
            ExprKind::List(elements) => {
                for element in elements {
                    self.paths(element, scope, anchor);
                }
            }
            ExprKind::Object(entries) => {
                for (_, value) in entries {
                    self.paths(value, scope, anchor);
                }
            }
            ExprKind::Call { function, arguments, .. }
                if matches!(
                    function.as_str(),
                    "coalesce"
                        | "coalescelist"
                        | "compact"
                        | "concat"
                        | "distinct"
                        | "flatten"
                        | "setunion"
                        | "sort"
                        | "try"
                ) =>
            {
                for argument in arguments {
                    self.paths(argument, scope, anchor);
                }
            }
            ExprKind::For(all) => self.unroll(all, scope, |collector, scope| {
                collector.paths(&all.value, Some(scope), anchor);
            }),
            ExprKind::Template(pieces) if anchor.names.are_words() => {
                let mut text = String::new();
                for piece in pieces {
                    let value = match piece {
                        Piece::Text(piece) => Ok(piece.as_str().into()),
                        Piece::Value(value) => {
                            self.evaluator.evaluate(value, scope).and_then(|value| value.in_text())
                        }
                        Piece::Directive(_) => Err(Unknown::because("")),
                    };
                    match value {
                        Ok(piece) => text.push_str(&piece),
                        Err(_) => text.push(UNKNOWN),
                    }
                    if text.len() > MAX_TEXT {
                        return self.untracked(expr.span, why);
                    }
                }
                self.words(&text, expr.span, anchor, Some(&why));
            }
            ExprKind::Access(..) if self.evaluator.local_named(expr, scope).is_some() => {
                // What a local can be counts here, where it is used.
                let local = self.evaluator.local_named(expr, scope).filter(|_| self.enter());
                match local {
                    Some(local) => {
                        let outer = self.named_at.replace(self.named_at.unwrap_or(expr.span));
                        self.paths(local, None, anchor);
                        self.named_at = outer;
                        self.leave();
                    }
                    None => self.untracked(expr.span, why),
                }
            }
            // Most of what is not known names no files.
            _ if matches!(anchor.names, Names::Words | Names::WordsForFolders) => {}
            _ => self.untracked(expr.span, why),
        }
    }

    fn value(&mut self, value: &Value, span: Span, anchor: Anchor<'_>) {
        match value {
            Value::Text(text) => self.text(text, span, anchor),
            Value::List(elements) => {
                for element in elements.iter() {
                    if let Err(why) = self.evaluator.spend(1) {
                        return self.untracked(span, why);
                    }
                    self.value(element, span, anchor);
                }
            }
            Value::Object(entries) => {
                for element in entries.values() {
                    if let Err(why) = self.evaluator.spend(1) {
                        return self.untracked(span, why);
                    }
                    self.value(element, span, anchor);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, span: Span, anchor: Anchor<'_>) {
        if anchor.names.are_words() {
            return self.words(text, span, anchor, None);
        }
        let text = match anchor.names {
            Names::Checksum => match text.strip_prefix("file:") {
                Some(path) => path,
                None => return,
            },
            _ => text,
        };
        if text.is_empty() || text.contains("://") {
            return;
        }
        let objection = if text.contains("{{") {
            "`{{…}}` is filled in by a plugin"
        } else if text.starts_with('~') {
            "`~` depends on who runs Packer"
        } else if text.contains(char::is_control) || text.len() > MAX_PATH {
            "it is no path"
        } else if let Names::Patterns(dialect) = anchor.names {
            return self.pattern(anchor.base, text, dialect, span);
        } else {
            let path = paths::resolve(anchor.base, text);
            if anchor.names == Names::Playbooks {
                self.playbook(&path, span);
            }
            return self.reference(Target::Path(path), span);
        };
        self.untracked(span, Unknown::because(objection));
    }

    fn pattern(&mut self, base: &Utf8Path, text: &str, dialect: Dialect, span: Span) {
        let pattern = Pattern::new(base, text, dialect);
        if pattern.glob.is_empty() {
            self.reference(Target::Path(pattern.folder), span);
        } else if pattern.matcher().is_some() {
            self.reference(Target::Pattern(pattern), span);
        } else {
            self.untracked(span, Unknown::because("it is no pattern"));
        }
    }
}

/// Whether `expr` calls a function that reads files.
fn reads_files(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call { function, .. } if READS.contains(&function.as_str()))
        || expr.children().into_iter().any(reads_files)
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use crate::template::{MemoryTree, Request, Target, read};

    #[test]
    fn conditions_are_followed_where_they_are_known_and_both_ways_where_not() {
        let template = r#"
            variable "count" { default = 2 }
            variable "chosen" { default = null }
            locals {
              first  = var.count >= 2 && var.count != 3 ? "two.sh" : "one.sh"
              second = data.host.this.os == "linux" ? "linux.sh" : [local.third, local.fourth]
              third  = var.chosen == null ? "default.sh" : var.chosen
              fourth = data.host.this.os
              a      = local.b
              b      = [local.a, "x.sh"]
            }
            build {
              provisioner "shell" {
                scripts = [local.first, local.second]
              }
              provisioner "shell" {
                scripts = local.a
              }
            }
        "#;
        let tree = MemoryTree::default().file("/w/a.pkr.hcl", template);
        let vars = IndexMap::new();
        let folder = "/w".into();
        let request = Request { template: folder, workdir: folder, var_files: &[], vars: &vars };
        let template = read(&tree, &request);
        let found = template.references.iter().map(|reference| match &reference.target {
            Target::Path(path) => path.to_string(),
            Target::Pattern(pattern) => pattern.glob.clone(),
        });
        let untracked = template.untracked.iter().map(|it| format!("{}: {}", it.text, it.why));
        insta::assert_snapshot!(found.chain(untracked).collect::<Vec<_>>().join("\n"), @"
        /w/two.sh
        /w/linux.sh
        /w/default.sh
        /w/x.sh
        local.second: a data source is asked only in a run
        local.a: `local.a` refers to itself
        ");
    }
}
