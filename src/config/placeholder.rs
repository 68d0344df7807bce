//! `${…}` in texts: what may stand there, and where.

use indexmap::IndexSet;

use super::context::Context;
use super::field::{Field, names};
use super::substitute;
use crate::diagnostics::{Diagnostic, Span, quoted};
use crate::model::{ImageName, Parent, ParentFact, Piece, Placeholder, Text};

/// What a run fills in, besides what belongs to parents and the environment.
const PLAIN: [(&str, Placeholder); 7] = [
    ("version", Placeholder::Version),
    ("date", Placeholder::Date),
    ("git.sha", Placeholder::GitSha),
    ("image", Placeholder::Image),
    ("scratch_name", Placeholder::ScratchName),
    ("output_dir", Placeholder::OutputDir),
    ("vmid", Placeholder::Vmid),
];

/// What the placeholders of an image can name.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// Its parents.
    parents: IndexSet<&'a ImageName>,
    /// The environment variables that it lists.
    env: IndexSet<&'a str>,
}

impl<'a> Scope<'a> {
    /// The scope of an image with these parents, which lists these environment variables.
    pub(super) fn new(parents: &'a [Parent], env: &'a [String]) -> Self {
        Self {
            parents: parents.iter().map(|parent| &parent.image).collect(),
            env: env.iter().map(String::as_str).collect(),
        }
    }
}

/// One piece of a text as it is written.
enum Written<'t> {
    Literal(&'t str),
    /// What stands between `${` and `}`.
    Placeholder(&'t str),
    /// `${` without an end.
    Open,
}

/// The pieces of `text`. `$${` stands for `${`.
fn pieces(text: &str) -> Vec<Written<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut literal = |piece| pieces.push(piece);
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            // What is before the doubled sign, and then `${` itself.
            literal(Written::Literal(&rest[..at - 1]));
            literal(Written::Literal("${"));
            rest = &rest[at + 2..];
            continue;
        }
        literal(Written::Literal(&rest[..at]));
        let inside = &rest[at + 2..];
        let Some((name, after)) = inside.split_once('}') else {
            literal(Written::Open);
            return pieces;
        };
        literal(Written::Placeholder(name));
        rest = after;
    }
    literal(Written::Literal(rest));
    pieces
}

/// Reads text in which everything that a run knows may stand.
pub(super) fn text(
    field: Field<'_>,
    text: &str,
    scope: &Scope<'_>,
    context: &mut Context,
) -> Option<Text> {
    let mut read = Vec::new();
    let mut fine = true;
    for piece in pieces(text) {
        match piece {
            Written::Literal("") => {}
            Written::Literal(text) => read.push(Piece::Literal(text.to_owned())),
            Written::Open => {
                context.push(not_closed(field));
                return None;
            }
            Written::Placeholder(name) => match placeholder(field, name, scope, context) {
                Some(placeholder) => read.push(Piece::Placeholder(placeholder)),
                None => fine = false,
            },
        }
    }
    fine.then(|| Text::new(read))
}

/// Tells of `${…}` in a text of the file alone: what belongs to a matrix is filled in already, and
/// there is nothing of a run.
pub(super) fn refuse(field: Field<'_>, text: &str, context: &mut Context) {
    for piece in pieces(text) {
        match piece {
            Written::Literal("${") => {
                let message = format!("{}: `${{` is not possible here", quoted(field.key));
                context.push(field.error(
                    "misplaced-placeholder",
                    message,
                    "as text only in `vars`",
                ));
            }
            Written::Literal(_) => {}
            Written::Open => context.push(not_closed(field)),
            Written::Placeholder(name) => {
                let known = PLAIN.iter().any(|(known, _)| *known == name)
                    || ["parents.", "env."].iter().any(|start| name.starts_with(start));
                if known {
                    let written = quoted(&format!("${{{name}}}"));
                    let message =
                        format!("{}: {written} is known only in a run", quoted(field.key));
                    let label = "only values of `vars` may hold it";
                    let problem = Diagnostic::error("misplaced-placeholder", message);
                    let problem = at(field, &format!("${{{name}}}"), problem, label, context);
                    context.push(problem);
                } else {
                    unknown(field, name, &Scope::default(), false, context);
                }
            }
        }
    }
}

/// Whether a command for a shell holds a placeholder of a matrix that is not there. Everything else
/// in `${…}` is the shell's own.
pub(super) fn left_in_command(field: Field<'_>, text: &str, context: &mut Context) -> bool {
    let left = substitute::left(text);
    if let Some(name) = left {
        unknown(field, name, &Scope::default(), false, context);
    }
    left.is_some()
}

fn not_closed(field: Field<'_>) -> Diagnostic {
    let message = format!("{}: `${{` has no `}}`", quoted(field.key));
    let label = "a placeholder begins here and does not end";
    field.error("bad-placeholder", message, label).help("for the text itself write `$${`")
}

fn placeholder(
    field: Field<'_>,
    name: &str,
    scope: &Scope<'_>,
    context: &mut Context,
) -> Option<Placeholder> {
    if let Some((_, placeholder)) = PLAIN.iter().find(|(known, _)| *known == name) {
        return Some(placeholder.clone());
    }
    if let Some(variable) = name.strip_prefix("env.")
        && scope.env.contains(variable)
    {
        return Some(Placeholder::Env(variable.to_owned()));
    }
    // Names of images have dots: the last one ends the name.
    if let Some((parent, fact)) =
        name.strip_prefix("parents.").and_then(|rest| rest.rsplit_once('.'))
        && let Ok(parent) = parent.parse::<ImageName>()
        && scope.parents.contains(&parent)
        && let Some((_, what)) = ParentFact::ALL.iter().find(|(word, _)| *word == fact)
    {
        return Some(Placeholder::Parent { image: parent, what: *what });
    }
    unknown(field, name, scope, true, context);
    None
}

/// Tells of a placeholder that stands for nothing.
fn unknown(field: Field<'_>, name: &str, scope: &Scope<'_>, in_run: bool, context: &mut Context) {
    let written = format!("${{{name}}}");
    let message = format!("{}: unknown placeholder {}", quoted(field.key), quoted(&written));
    let problem = Diagnostic::error("unknown-placeholder", message);
    if context.problems.is_full() {
        // It is only counted: what it could have meant is much to look through.
        context.push(problem);
        return;
    }
    let mut known: Vec<String> = context.matrix.iter().map(|key| format!("matrix.{key}")).collect();
    if in_run {
        known.extend(PLAIN.iter().map(|(name, _)| (*name).to_owned()));
        known.extend(scope.env.iter().map(|name| format!("env.{name}")));
        for parent in &scope.parents {
            let facts = ParentFact::ALL.iter();
            known.extend(facts.map(|(fact, _)| format!("parents.{parent}.{fact}")));
        }
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = context.did_you_mean(name, known.iter().copied());
    let label = meant.clone().unwrap_or_else(|| "stands for nothing".to_owned());
    let mut problem = at(field, &written, problem, label, context);
    problem = match name.split_once('.').map(|(first, _)| first) {
        Some("env") => problem.help("`env` of the image lists the variables that may be used"),
        Some("parents") => problem.help(
            "`parents` of the image lists what it is built upon; `version`, `path`, `digest` and `vmid` of each are known",
        ),
        Some("matrix") if context.matrix.is_empty() => problem.help("the image has no `matrix`"),
        _ => problem,
    };
    if meant.is_none() {
        if !known.is_empty() {
            problem = problem.help(format!("known here: {}", names(&known, "and")));
        }
        problem = problem.help("for the text itself write `$${`");
    }
    context.push(problem);
}

/// `problem` at `written` within the text, if it is found there as it is written; else at all of it.
fn at(
    field: Field<'_>,
    written: &str,
    problem: Diagnostic,
    label: impl Into<String>,
    context: &Context,
) -> Diagnostic {
    let span = field.node.span;
    let file = context.problems.sources().get(span.source);
    let text = file.and_then(|file| file.text.get(span.start..span.end));
    match text.and_then(|text| text.find(written)) {
        Some(offset) if field.node.alias.is_none() => {
            let start = span.start + offset;
            problem.at(Span { start, end: start + written.len(), ..span }, label)
        }
        _ => field.place(problem, label),
    }
}
