//! From text to [`Body`]: the only file that names the HCL crate.
//!
//! The crate bounds how deep a text may nest (64 levels, 128 operators in a row), and answers with
//! an error beyond that; its stack needs less than 2 MiB then, also unoptimised. It compares every
//! key of an object with every other one, so [`MAX_ASSIGNMENTS`] bounds them.

use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ForExpr, ObjectKey, TraversalOperator};
use hcl_edit::structure::{self, Structure};
use hcl_edit::template::{self, Directive, Element};

use super::syntax::{Attribute, Block, Body, Expr, ExprKind, For, Item, Piece, Step, Word};
use crate::diagnostics::{SourceId, Span};

/// Most `=` and `:` in a file: the time for an object grows with the square of its keys. A template
/// of a thousand lines has about five hundred.
const MAX_ASSIGNMENTS: usize = 8_192;

/// Why a text is not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HclError {
    /// It is no HCL.
    Syntax {
        /// What was expected.
        message: String,
        /// Where, in bytes.
        at: Range<usize>,
    },
    /// It has more assignments than anybody writes.
    TooManyAssignments,
}

/// Reads a file.
pub(super) fn parse_body(text: &str, source: SourceId) -> Result<Body, HclError> {
    parse(text, str::parse).map(|body: structure::Body| Reader { source, text }.body(&body))
}

/// Reads an expression that stands alone.
pub(super) fn parse_expr(text: &str, source: SourceId) -> Result<Expr, HclError> {
    let whole = 0..text.len();
    parse(text, str::parse).map(|expr: Expression| Reader { source, text }.expr(&expr, &whole))
}

/// Reads a file for `templatefile`: a text with something to fill in. Its places are not those of
/// `source`, so nobody may ask for what stands there.
pub(super) fn parse_template(text: &str, source: SourceId) -> Result<Expr, HclError> {
    let whole = 0..text.len();
    parse(text, str::parse).map(|template: template::Template| {
        let reader = Reader { source, text };
        let pieces = reader.pieces(template.iter(), &whole);
        Expr { kind: ExprKind::Template(pieces), span: reader.span(&whole) }
    })
}

/// How many assignments the text can have at most.
pub(super) fn assignments(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b'=' | b':')).count()
}

fn parse<T>(
    text: &str,
    parser: impl FnOnce(&str) -> Result<T, hcl_edit::parser::Error>,
) -> Result<T, HclError> {
    if assignments(text) > MAX_ASSIGNMENTS {
        return Err(HclError::TooManyAssignments);
    }
    parser(text).map_err(|error| {
        let start = text.floor_char_boundary(error.location().offset());
        let length = text[start..].chars().next().map_or(0, char::len_utf8);
        HclError::Syntax { message: error.message().to_owned(), at: start..start + length }
    })
}

struct Reader<'t> {
    source: SourceId,
    text: &'t str,
}

impl Reader<'_> {
    /// A place in the file. Ends on character boundaries whatever the crate says.
    fn span(&self, range: &Range<usize>) -> Span {
        let start = self.text.floor_char_boundary(range.start);
        let end = self.text.floor_char_boundary(range.end).max(start);
        Span { source: self.source, start, end }
    }

    fn body(&self, body: &structure::Body) -> Body {
        let whole = body.span().unwrap_or_default();
        let items = body.iter().map(|structure| {
            let range = structure.span();
            match structure {
                Structure::Attribute(attribute) => {
                    let range = range
                        .or_else(|| Some(attribute.key.span()?.start..attribute.value.span()?.end))
                        .unwrap_or_else(|| whole.clone());
                    Item::Attribute(Attribute {
                        name: self.word(attribute.key.as_str(), attribute.key.span(), &range),
                        value: self.expr(&attribute.value, &range),
                        span: self.span(&range),
                    })
                }
                Structure::Block(block) => {
                    let range = range.unwrap_or_else(|| whole.clone());
                    let labels = block.labels.iter();
                    Item::Block(Block {
                        name: self.word(block.ident.as_str(), block.ident.span(), &range),
                        labels: labels
                            .map(|label| self.word(label.as_str(), label.span(), &range))
                            .collect(),
                        body: self.body(&block.body),
                        span: self.span(&range),
                    })
                }
            }
        });
        Body { items: items.collect() }
    }

    fn word(&self, text: &str, range: Option<Range<usize>>, around: &Range<usize>) -> Word {
        Word { text: text.to_owned(), span: self.span(&range.unwrap_or_else(|| around.clone())) }
    }

    /// The expression; `around` is where it stands if the crate does not say.
    fn expr(&self, expr: &Expression, around: &Range<usize>) -> Expr {
        let range = expr.span().unwrap_or_else(|| around.clone());
        let inner = |expr: &Expression| self.expr(expr, &range);
        let boxed = |expr: &Expression| Box::new(inner(expr));
        let kind = match expr {
            Expression::Null(_) => ExprKind::Null,
            Expression::Bool(value) => ExprKind::Bool(*value.value()),
            Expression::Number(number) => ExprKind::Number(number.value().to_string()),
            Expression::String(text) => ExprKind::Text(text.value().clone()),
            Expression::Array(elements) => ExprKind::List(elements.iter().map(inner).collect()),
            Expression::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = match key {
                        ObjectKey::Ident(name) => {
                            let span = self.span(&name.span().unwrap_or_else(|| range.clone()));
                            Expr { kind: ExprKind::Text(name.as_str().to_owned()), span }
                        }
                        ObjectKey::Expression(key) => inner(key),
                    };
                    (key, inner(value.expr()))
                });
                ExprKind::Object(entries.collect())
            }
            Expression::StringTemplate(template) => {
                ExprKind::Template(self.pieces(template.iter(), &range))
            }
            Expression::HeredocTemplate(heredoc) => {
                let mut pieces = self.pieces(heredoc.template.iter(), &range);
                match pieces.as_mut_slice() {
                    [] => ExprKind::Text(String::new()),
                    [Piece::Text(text)] => ExprKind::Text(std::mem::take(text)),
                    _ => ExprKind::Template(pieces),
                }
            }
            Expression::Parenthesis(expr) => self.expr(expr.inner(), &range).kind,
            Expression::Variable(name) => ExprKind::Name(name.as_str().to_owned()),
            Expression::Conditional(choice) => ExprKind::Choice(Box::new([
                inner(&choice.cond_expr),
                inner(&choice.true_expr),
                inner(&choice.false_expr),
            ])),
            Expression::FuncCall(call) => {
                let namespace =
                    call.name.namespace.iter().map(|part| format!("{}::", part.as_str()));
                let function = namespace.collect::<String>() + call.name.name.as_str();
                let arguments = call.args.iter().map(inner).collect();
                ExprKind::Call { function, arguments, spread: call.args.expand_final() }
            }
            Expression::Traversal(traversal) => {
                let steps = traversal.operators.iter();
                let steps = steps.map(|step| self.step(step.value(), &range)).collect();
                ExprKind::Access(boxed(&traversal.expr), steps)
            }
            Expression::UnaryOp(unary) => {
                ExprKind::Unary(unary.operator.value().as_str(), boxed(&unary.expr))
            }
            Expression::BinaryOp(binary) => ExprKind::Binary(
                binary.operator.value().as_str(),
                Box::new([inner(&binary.lhs_expr), inner(&binary.rhs_expr)]),
            ),
            Expression::ForExpr(all) => ExprKind::For(Box::new(self.all(all, &range))),
        };
        Expr { kind, span: self.span(&range) }
    }

    fn step(&self, step: &TraversalOperator, around: &Range<usize>) -> Step {
        match step {
            TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
            TraversalOperator::GetAttr(name) => Step::Attribute(name.as_str().to_owned()),
            TraversalOperator::Index(index) => Step::Index(self.expr(index, around)),
            TraversalOperator::LegacyIndex(index) => Step::Index(Expr {
                kind: ExprKind::Number(index.value().to_string()),
                span: self.span(&index.span().unwrap_or_else(|| around.clone())),
            }),
        }
    }

    fn all(&self, all: &ForExpr, around: &Range<usize>) -> For {
        let inner = |expr: &Expression| self.expr(expr, around);
        For {
            key_name: all.intro.key_var.as_ref().map(|name| name.as_str().to_owned()),
            value_name: all.intro.value_var.as_str().to_owned(),
            collection: inner(&all.intro.collection_expr),
            key: all.key_expr.as_ref().map(inner),
            value: inner(&all.value_expr),
            condition: all.cond.as_ref().map(|condition| inner(&condition.expr)),
            grouping: all.grouping,
        }
    }

    fn pieces<'e>(
        &self,
        elements: impl Iterator<Item = &'e Element>,
        around: &Range<usize>,
    ) -> Vec<Piece> {
        elements
            .map(|element| match element {
                Element::Literal(text) => Piece::Text(text.value().clone()),
                Element::Interpolation(value) => Piece::Value(self.expr(&value.expr, around)),
                Element::Directive(directive) => {
                    let mut inside = Vec::new();
                    self.directive(directive, around, &mut inside);
                    Piece::Directive(inside)
                }
            })
            .collect()
    }

    /// Collects the expressions of a directive.
    fn directive(&self, directive: &Directive, around: &Range<usize>, inside: &mut Vec<Expr>) {
        let mut template = |template: &template::Template| {
            for piece in self.pieces(template.iter(), around) {
                match piece {
                    Piece::Text(_) => {}
                    Piece::Value(value) => inside.push(value),
                    Piece::Directive(more) => inside.extend(more),
                }
            }
        };
        match directive {
            Directive::If(choice) => {
                template(&choice.if_expr.template);
                if let Some(otherwise) = &choice.else_expr {
                    template(&otherwise.template);
                }
                inside.push(self.expr(&choice.if_expr.cond_expr, around));
            }
            Directive::For(all) => {
                template(&all.for_expr.template);
                inside.push(self.expr(&all.for_expr.collection_expr, around));
            }
        }
    }
}
