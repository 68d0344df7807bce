//! What an expression comes to, as far as paths need it: literals, variables, locals, `path.…`,
//! `for` over known lists, and the functions of [`super::functions`]. Everything else is unknown, with
//! a reason.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use camino::Utf8PathBuf;
use indexmap::IndexMap;

use super::functions;
use super::syntax::{Expr, ExprKind, For, Piece, Step};
use super::tree::SourceTree;
use super::value::{Unknown, Value};

/// What all evaluations of a template may cost together: an expression costs one, so a template
/// that is written by hand needs some hundreds.
const BUDGET: u32 = 500_000;

/// Deepest evaluation, through locals: bounds the stack, and how deep values nest.
const MAX_DEPTH: u32 = 100;

/// Evaluates the expressions of a template.
pub(super) struct Evaluator<'t> {
    /// Where `fileset` looks.
    pub(super) tree: &'t dyn SourceTree,
    /// What `path.root` is for Packer: relative to `workdir` if the template lies in there.
    pub(super) root: String,
    /// Where `file`, `templatefile`, `fileexists` and `fileset` start: Packer joins a relative path
    /// to the template's folder, also one that starts with `path.root` already.
    pub(super) base: Utf8PathBuf,
    /// Where Packer runs: everything else that is relative starts there, `filebase64` too.
    pub(super) workdir: Utf8PathBuf,
    /// The variables by name.
    variables: HashMap<String, Result<Value, Unknown>>,
    locals: HashMap<&'t str, &'t Expr>,
    /// Locals that were asked for.
    known: RefCell<HashMap<&'t str, Known>>,
    left: Cell<u32>,
    depth: Cell<u32>,
    /// The deepest that an evaluation has got to since somebody began to measure.
    peak: Cell<u32>,
}

/// A local that was asked for.
#[derive(Clone)]
enum Known {
    /// Somebody is at it: to ask for it now means that it refers to itself.
    UnderWay,
    /// Its value, and how deep its evaluation went. Whoever uses it goes as deep.
    Is(Result<Value, Unknown>, u32),
}

/// A name that holds inside of an expression or a block, and the names around it.
pub(super) struct Scope<'s> {
    pub(super) name: &'s str,
    pub(super) value: Result<Value, Unknown>,
    pub(super) outer: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    fn get(&self, name: &str) -> Option<&Result<Value, Unknown>> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if here.name == name {
                return Some(&here.value);
            }
            scope = here.outer;
        }
        None
    }
}

impl<'t> Evaluator<'t> {
    pub(super) fn new(
        tree: &'t dyn SourceTree,
        root: String,
        base: Utf8PathBuf,
        workdir: Utf8PathBuf,
    ) -> Self {
        Self {
            tree,
            root,
            base,
            workdir,
            variables: HashMap::new(),
            locals: HashMap::new(),
            known: RefCell::default(),
            left: Cell::new(BUDGET),
            depth: Cell::new(0),
            peak: Cell::new(0),
        }
    }

    /// Says what a variable is.
    pub(super) fn variable(&mut self, name: &str, value: Result<Value, Unknown>) {
        self.variables.insert(name.to_owned(), value);
    }

    /// Says what a local is. The first of a name counts: Packer refuses a second one.
    pub(super) fn local(&mut self, name: &'t str, value: &'t Expr) {
        self.locals.entry(name).or_insert(value);
    }

    /// Takes `cost` from the budget.
    pub(super) fn spend(&self, cost: usize) -> Result<(), Unknown> {
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        let Some(left) = self.left.get().checked_sub(cost) else {
            self.left.set(0);
            return Err(Unknown::because("the template is too involved"));
        };
        self.left.set(left);
        Ok(())
    }

    /// The value of `expr` inside of `scope`.
    pub(super) fn evaluate(
        &self,
        expr: &Expr,
        scope: Option<&Scope<'_>>,
    ) -> Result<Value, Unknown> {
        self.spend(1)?;
        let depth = self.depth.get();
        self.deepen(1)?;
        self.depth.set(depth + 1);
        let value = self.kind(&expr.kind, scope);
        self.depth.set(depth);
        value
    }

    /// Notes that an evaluation goes deeper by `levels`.
    fn deepen(&self, levels: u32) -> Result<(), Unknown> {
        let deepest = self.depth.get() + levels;
        self.peak.set(self.peak.get().max(deepest));
        if deepest > MAX_DEPTH {
            return Err(Unknown::because("the template is too involved"));
        }
        Ok(())
    }

    fn kind(&self, kind: &ExprKind, scope: Option<&Scope<'_>>) -> Result<Value, Unknown> {
        match kind {
            ExprKind::Null => Ok(Value::Null),
            ExprKind::Bool(value) => Ok(Value::Bool(*value)),
            ExprKind::Number(number) => Ok(Value::Number(number.as_str().into())),
            ExprKind::Text(text) => self.text(text.as_str().into()),
            ExprKind::Template(pieces) => self.template(pieces, scope),
            ExprKind::List(elements) => {
                let elements = elements.iter().map(|element| self.evaluate(element, scope));
                Ok(Value::list(elements.collect::<Result<_, _>>()?))
            }
            ExprKind::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = self.evaluate(key, scope)?.in_text()?;
                    Ok((key.to_string(), self.evaluate(value, scope)?))
                });
                Ok(Value::Object(Rc::new(entries.collect::<Result<_, _>>()?)))
            }
            ExprKind::Name(name) => match scope.and_then(|scope| scope.get(name)) {
                Some(value) => value.clone(),
                None => Err(Unknown::because(format!("`{name}` is known only to Packer"))),
            },
            ExprKind::Access(value, steps) => self.access(value, steps, scope),
            ExprKind::Call { function, arguments, spread } => {
                self.call(function, arguments, *spread, scope)
            }
            ExprKind::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                match self.evaluate(condition, scope)? {
                    Value::Bool(true) => self.evaluate(then, scope),
                    Value::Bool(false) => self.evaluate(otherwise, scope),
                    _ => Err(Unknown::because("the condition is neither true nor false")),
                }
            }
            ExprKind::Unary("!", operand) => match self.evaluate(operand, scope)? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                _ => Err(Unknown::because("it is neither true nor false")),
            },
            ExprKind::Binary(operator, operands) => self.binary(operator, operands, scope),
            ExprKind::Unary(..) => Err(Unknown::because("goldsmith does not calculate")),
            ExprKind::For(all) => self.all(all, scope),
        }
    }

    fn text(&self, text: Rc<str>) -> Result<Value, Unknown> {
        self.spend(text.len() / 64)?;
        Value::text(text)
    }

    /// A template. One that is nothing but `${…}` is the value itself.
    fn template(&self, pieces: &[Piece], scope: Option<&Scope<'_>>) -> Result<Value, Unknown> {
        if let [Piece::Value(value)] = pieces {
            return self.evaluate(value, scope);
        }
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value(value) => text.push_str(&self.evaluate(value, scope)?.in_text()?),
                Piece::Directive(_) => {
                    return Err(Unknown::because("goldsmith does not follow `%{…}`"));
                }
            }
            self.spend(text.len() / 64)?;
        }
        self.text(text.into())
    }

    fn access(
        &self,
        value: &Expr,
        steps: &[Step],
        scope: Option<&Scope<'_>>,
    ) -> Result<Value, Unknown> {
        let (mut value, steps) = match (&value.kind, steps) {
            (ExprKind::Name(name), [Step::Attribute(of), rest @ ..])
                if scope.is_none_or(|scope| scope.get(name).is_none()) =>
            {
                (self.global(name, of)?, rest)
            }
            _ => (self.evaluate(value, scope)?, steps),
        };
        for step in steps {
            let key = match step {
                Step::Attribute(name) => Value::Text(name.as_str().into()),
                Step::Index(index) => self.evaluate(index, scope)?,
                Step::Splat => return Err(Unknown::because("goldsmith does not follow `[*]`")),
            };
            value = functions::element(&value, &key)?;
        }
        Ok(value)
    }

    /// What Packer defines: `var.a`, `local.a`, `path.root`.
    fn global(&self, name: &str, of: &str) -> Result<Value, Unknown> {
        match (name, of) {
            ("var", of) => match self.variables.get(of) {
                Some(value) => value.clone(),
                None => Err(Unknown::because(format!("`var.{of}` is not declared"))),
            },
            ("local", of) => self.value_of_local(of),
            ("path", "root") => Ok(Value::Text(self.root.as_str().into())),
            ("path", "cwd") => Ok(Value::Text(self.workdir.as_str().into())),
            ("data", _) => Err(Unknown::because("a data source is asked only in a run")),
            (name, of) => Err(Unknown::because(format!("`{name}.{of}` is known only to Packer"))),
        }
    }

    /// The expression of a local, if `expr` is nothing but its name and nothing else hides it.
    pub(super) fn local_named(&self, expr: &Expr, scope: Option<&Scope<'_>>) -> Option<&'t Expr> {
        let ExprKind::Access(value, steps) = &expr.kind else { return None };
        let (ExprKind::Name(name), [Step::Attribute(of)]) = (&value.kind, steps.as_slice()) else {
            return None;
        };
        let is_global = name == "local" && scope.is_none_or(|scope| scope.get(name).is_none());
        is_global.then(|| self.locals.get(of.as_str()).copied()).flatten()
    }

    fn value_of_local(&self, name: &str) -> Result<Value, Unknown> {
        let Some((&name, &expr)) = self.locals.get_key_value(name) else {
            return Err(Unknown::because(format!("`local.{name}` is not declared")));
        };
        let known = self.known.borrow().get(name).cloned();
        match known {
            Some(Known::Is(value, height)) => {
                self.deepen(height)?;
                return value;
            }
            Some(Known::UnderWay) => {
                return Err(Unknown::because(format!("`local.{name}` refers to itself")));
            }
            None => {}
        }
        self.known.borrow_mut().insert(name, Known::UnderWay);
        let peak = self.peak.replace(self.depth.get());
        let value = self.evaluate(expr, None);
        let height = self.peak.get() - self.depth.get();
        self.peak.set(peak.max(self.peak.get()));
        self.known.borrow_mut().insert(name, Known::Is(value.clone(), height));
        value
    }

    fn call(
        &self,
        function: &str,
        arguments: &[Expr],
        spread: bool,
        scope: Option<&Scope<'_>>,
    ) -> Result<Value, Unknown> {
        if !functions::is_known(function) {
            return Err(Unknown::because(format!("`{function}()` is left to Packer")));
        }
        let arguments = arguments.iter().map(|argument| self.evaluate(argument, scope));
        let mut arguments: Vec<Value> = arguments.collect::<Result<_, _>>()?;
        if spread && let Some(last) = arguments.pop() {
            arguments.extend(last.elements()?.iter().cloned());
        }
        let value = functions::call(self, function, &arguments)?;
        match &value {
            Value::List(elements) => self.spend(elements.len())?,
            Value::Text(text) => self.spend(text.len() / 64)?,
            _ => {}
        }
        Ok(value)
    }

    fn binary(
        &self,
        operator: &str,
        operands: &[Expr; 2],
        scope: Option<&Scope<'_>>,
    ) -> Result<Value, Unknown> {
        let [left, right] = operands;
        let (left, right) = (self.evaluate(left, scope)?, self.evaluate(right, scope)?);
        match (operator, &left, &right) {
            ("&&", Value::Bool(left), Value::Bool(right)) => Ok(Value::Bool(*left && *right)),
            ("||", Value::Bool(left), Value::Bool(right)) => Ok(Value::Bool(*left || *right)),
            // Nothing is equal to nothing only.
            ("==" | "!=", Value::Null, _)
            | ("==" | "!=", _, Value::Null)
            | ("==" | "!=", Value::Text(_), Value::Text(_))
            | ("==" | "!=", Value::Bool(_), Value::Bool(_)) => {
                Ok(Value::Bool((left == right) == (operator == "==")))
            }
            (_, Value::Number(left), Value::Number(right)) => compared(operator, left, right),
            _ => Err(Unknown::because("goldsmith does not calculate")),
        }
    }

    fn all(&self, all: &For, scope: Option<&Scope<'_>>) -> Result<Value, Unknown> {
        let mut list = Vec::new();
        let mut object = IndexMap::new();
        for (key, value) in self.evaluate(&all.collection, scope)?.entries()? {
            let scope =
                Scope { name: all.key_name.as_deref().unwrap_or(""), value: Ok(key), outer: scope };
            let scope = Scope { name: &all.value_name, value: Ok(value), outer: Some(&scope) };
            if let Some(condition) = &all.condition {
                match self.evaluate(condition, Some(&scope))? {
                    Value::Bool(true) => {}
                    Value::Bool(false) => continue,
                    _ => return Err(Unknown::because("the condition is neither true nor false")),
                }
            }
            let value = self.evaluate(&all.value, Some(&scope))?;
            match &all.key {
                None => list.push(value),
                Some(_) if all.grouping => {
                    return Err(Unknown::because("goldsmith does not follow `...`"));
                }
                Some(key) => {
                    let key = self.evaluate(key, Some(&scope))?.in_text()?;
                    object.insert(key.to_string(), value);
                }
            }
        }
        Ok(match all.key {
            None => Value::list(list),
            Some(_) => Value::Object(Rc::new(object)),
        })
    }
}

/// What a comparison of numbers comes to.
fn compared(operator: &str, left: &str, right: &str) -> Result<Value, Unknown> {
    let unknown = || Unknown::because("goldsmith does not calculate");
    let number = |text: &str| text.parse::<f64>().map_err(|_| unknown());
    let order = number(left)?.total_cmp(&number(right)?);
    match operator {
        "==" => Ok(Value::Bool(order.is_eq())),
        "!=" => Ok(Value::Bool(order.is_ne())),
        "<" => Ok(Value::Bool(order.is_lt())),
        "<=" => Ok(Value::Bool(order.is_le())),
        ">" => Ok(Value::Bool(order.is_gt())),
        ">=" => Ok(Value::Bool(order.is_ge())),
        _ => Err(unknown()),
    }
}
