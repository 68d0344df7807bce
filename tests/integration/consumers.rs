//! The examples for consumers: they can be read, and every field that they read is in the files that a
//! registry makes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::model::Address;
use goldsmith::registry::{self, Reach};
use goldsmith::template::{self, Body, Expr, ExprKind, MemoryTree, Piece, Request, Step};
use indexmap::IndexMap;
use serde_json::{Value, json};

/// What a registry makes of an image whose `stable` names a version that is revoked from a day on, by
/// the beginnings of paths.
struct Files(BTreeMap<&'static str, Value>);

fn files() -> Files {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    let image = root.join("images/debian-12");
    fs_err::create_dir_all(image.join("log")).unwrap();
    let (digest, version) = (format!("sha256:{}", "0".repeat(64)), "1.0.20261101");
    let file = format!("debian-12-v{version}.qcow2");
    let entries = [
        json!({ "entry": "reserved", "version": version }),
        json!({
            "entry": "published", "version": version, "definition": digest, "materials": [],
            "started_at": "2026-11-01T02:00:00Z", "tools": {}, "packages": 3,
            "package_set": digest, "inventory": digest, "report": digest, "verdict": "passed",
            "fresh_until": "2026-12-16T02:00:00Z",
            "artifacts": [{
                "name": file, "size": 3, "sha256": digest,
                "locations": [format!("file:///srv/images/debian-12/{version}/{file}")],
            }],
        }),
        json!({ "entry": "moved", "channel": "stable", "to": version }),
        json!({
            "entry": "revoked", "version": version, "reason": "leaked key",
            "from": "2026-12-31T00:00:00Z",
        }),
    ];
    for (seq, mut entry) in (1..).zip(entries) {
        let common = json!({
            "schema": 1, "seq": seq, "at": "2026-11-01T03:00:00Z", "image": "debian-12",
            "run": "20261101t020000z-5f3a9c",
        });
        entry.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        fs_err::write(image.join(format!("log/{seq:08}.json")), entry.to_string()).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address = Address::Directory(root.clone());
        let registry = registry::open(&address, &Reach::folders()).await.unwrap();
        registry::rebuild(&*registry, &"debian-12".parse().unwrap()).await.unwrap();
    });
    let read =
        |path: &str| serde_json::from_slice(&fs_err::read(image.join(path)).unwrap()).unwrap();
    Files(BTreeMap::from([
        ("/channels/", read("channels/stable.json")),
        ("/versions/", read(&format!("versions/{version}.json"))),
        ("goldsmith.auto.tfvars.json", read("goldsmith.auto.tfvars.json")),
    ]))
}

/// What is known of the value of an expression.
#[derive(Clone)]
enum Shape {
    /// It is this, or like this.
    Like(Value),
    /// A mapping of such values.
    Each(Box<Shape>),
    /// Nobody knows.
    Open,
}

/// Follows what a file of Terraform's language reads.
struct Follower<'a> {
    files: &'a Files,
    locals: BTreeMap<&'a str, &'a Expr>,
    /// The fields that were read, and those that are not there.
    read: RefCell<BTreeSet<String>>,
    missing: RefCell<BTreeSet<String>>,
}

type Scope<'a> = Vec<(&'a str, Shape)>;

impl<'a> Follower<'a> {
    fn of(files: &'a Files, body: &'a Body) -> Self {
        let locals = body.blocks_named("locals").flat_map(|block| block.body.attributes());
        let locals = locals.map(|local| (local.name.text.as_str(), &local.value)).collect();
        Self { files, locals, read: RefCell::default(), missing: RefCell::default() }
    }

    fn body(&self, body: &'a Body, scope: &Scope<'a>) {
        let mut scope = scope.clone();
        if let Some(each) = body.attribute("for_each") {
            scope.push(("each", self.shape(&each.value, &scope)));
        }
        for attribute in body.attributes() {
            self.visit(&attribute.value, &scope);
        }
        for block in body.blocks() {
            self.body(&block.body, &scope);
        }
    }

    /// Looks at everything that is read in an expression.
    fn visit(&self, expr: &'a Expr, scope: &Scope<'a>) {
        if let ExprKind::For(all) = &expr.kind {
            self.visit(&all.collection, scope);
            let element = match self.shape(&all.collection, scope) {
                Shape::Each(element) => *element,
                _ => Shape::Open,
            };
            let mut scope = scope.clone();
            scope.extend(all.key_name.as_deref().map(|key| (key, Shape::Open)));
            scope.push((&all.value_name, element));
            let inside = [all.key.as_ref(), Some(&all.value), all.condition.as_ref()];
            for inside in inside.into_iter().flatten() {
                self.visit(inside, &scope);
            }
            return;
        }
        self.shape(expr, scope);
        for child in expr.children() {
            self.visit(child, scope);
        }
    }

    fn shape(&self, expr: &'a Expr, scope: &Scope<'a>) -> Shape {
        match &expr.kind {
            ExprKind::Access(base, steps) => self.access(base, steps, scope),
            ExprKind::Call { function, arguments, .. } if function == "jsondecode" => {
                let file = arguments.iter().flat_map(Expr::children).find_map(path_of);
                let found = file
                    .and_then(|path| self.files.0.iter().find(|(part, _)| path.contains(*part)));
                found.map_or(Shape::Open, |(_, content)| Shape::Like(content.clone()))
            }
            ExprKind::For(all) if all.key.is_some() => {
                Shape::Each(Box::new(self.shape(&all.value, scope)))
            }
            _ => Shape::Open,
        }
    }

    fn access(&self, base: &'a Expr, steps: &'a [Step], scope: &Scope<'a>) -> Shape {
        let ExprKind::Name(name) = &base.kind else { return Shape::Open };
        let mut steps = steps.iter();
        let known = scope.iter().rev().find(|(known, _)| known == name);
        let (mut shape, start) = match (known, name.as_str()) {
            (Some((_, Shape::Each(value))), "each") => match steps.next() {
                Some(Step::Attribute(part)) if part == "value" => ((**value).clone(), "each.value"),
                _ => return Shape::Open,
            },
            (Some((name, shape)), _) => (shape.clone(), *name),
            (None, "local") => match steps.next() {
                Some(Step::Attribute(local)) => {
                    let Some(value) = self.locals.get(local.as_str()) else {
                        self.missing.borrow_mut().insert(format!("local.{local}"));
                        return Shape::Open;
                    };
                    (self.shape(value, &Vec::new()), local.as_str())
                }
                _ => return Shape::Open,
            },
            _ => return Shape::Open,
        };
        let mut told = start.to_owned();
        for step in steps {
            let next = match (&shape, step) {
                (Shape::Open, _) => return Shape::Open,
                (Shape::Each(value), Step::Index(_)) => Some((**value).clone()),
                (Shape::Like(Value::Array(all)), Step::Index(_) | Step::Splat) => {
                    all.first().cloned().map(Shape::Like)
                }
                (Shape::Like(value), Step::Attribute(field)) => {
                    told = format!("{told}.{field}");
                    self.read.borrow_mut().insert(told.clone());
                    value.get(field).cloned().map(Shape::Like)
                }
                _ => None,
            };
            let Some(next) = next else {
                self.missing.borrow_mut().insert(told);
                return Shape::Open;
            };
            shape = next;
        }
        shape
    }
}

/// The text of a path, with what is filled in left out.
fn path_of(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Text(text) => Some(text.clone()),
        ExprKind::Template(pieces) => Some(
            pieces
                .iter()
                .map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "*" })
                .collect(),
        ),
        _ => None,
    }
}

/// Reads a text of Terraform's language, which is that of Packer's templates.
fn read_hcl(text: &str) -> Body {
    let tree = MemoryTree::default().file("/example/main.pkr.hcl", text);
    let request = Request {
        template: Utf8Path::new("/example/main.pkr.hcl"),
        workdir: Utf8Path::new("/example"),
        var_files: &[],
        vars: &IndexMap::new(),
    };
    let template = template::read(&tree, &request);
    let body = template.files.into_iter().next().and_then(|file| file.body);
    body.unwrap_or_else(|| panic!("it is no HCL:\n{text}"))
}

fn page(path: &str) -> String {
    fs_err::read_to_string(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn what_terraform_reads_is_there_and_machines_have_their_versions_written_down() {
    let body = read_hcl(&page("examples/consume/opentofu/main.tf"));
    let files = files();
    let follower = Follower::of(&files, &body);
    follower.body(&body, &Vec::new());
    assert_eq!(follower.missing.take(), BTreeSet::new());
    let read: Vec<String> = follower.read.take().into_iter().collect();
    insta::assert_snapshot!(read.join("\n"), @"
    stable.fresh_until
    stable.moved_at
    stable.version
    version.revoked
    version.revoked.from
    version.revoked.reason
    versions.artifacts
    versions.artifacts.locations
    versions.artifacts.name
    ");

    // Nothing that lasts is made of what a channel names: only checks and outputs look at it.
    for block in body.blocks_named("resource") {
        let mut names = Vec::new();
        mentions(&block.body, &mut names);
        assert!(!names.contains(&"stable".to_owned()), "{:?} follows a channel", block.label(1));
    }
    let checks: Vec<&str> = body.blocks_named("check").filter_map(|check| check.label(0)).collect();
    assert_eq!(checks, ["the_schedule_is_alive", "nothing_is_withdrawn", "nothing_is_waiting"]);
    let ignoring = body.blocks_named("resource").filter(|resource| {
        let mut lifecycles = resource.body.blocks_named("lifecycle");
        lifecycles.any(|lifecycle| lifecycle.body.attribute("ignore_changes").is_some())
    });
    let ignoring: Vec<&str> = ignoring.filter_map(|resource| resource.label(1)).collect();
    assert_eq!(ignoring, ["golden", "database"]);
}

/// The names of local values that are read in a body.
fn mentions(body: &Body, names: &mut Vec<String>) {
    fn of(expr: &Expr, names: &mut Vec<String>) {
        if let ExprKind::Access(base, steps) = &expr.kind
            && base.kind == ExprKind::Name("local".to_owned())
            && let Some(Step::Attribute(name)) = steps.first()
        {
            names.push(name.clone());
        }
        expr.children().into_iter().for_each(|child| of(child, names));
    }
    body.attributes().for_each(|attribute| of(&attribute.value, names));
    body.blocks().for_each(|block| mentions(&block.body, names));
}

/// The fields of `root` that a text reads: `root.artifacts[0].name`, as most languages have it.
fn fields<'t>(text: &'t str, root: &str) -> BTreeSet<&'t str> {
    let start = format!("{root}.");
    let found = text.match_indices(&start).filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"_./".contains(before))
    });
    let path = |(at, _): (usize, &str)| {
        let rest = &text[at + start.len()..];
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.[]".contains(c);
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        rest[..end].trim_end_matches('.')
    };
    found.map(path).filter(|path| !path.starts_with("json")).collect()
}

fn is_in(value: &Value, path: &str) -> bool {
    let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
    value.pointer(&pointer).is_some()
}

#[test]
fn what_ansible_and_shells_read_is_there() {
    let files = files();
    let (channel, version) = (&files.0["/channels/"], &files.0["/versions/"]);
    let playbook = page("examples/consume/ansible/playbook.yml");
    let read: Vec<Value> = serde_saphyr::from_str(&playbook).unwrap();
    let tasks = read[0]["tasks"].as_array().unwrap();
    let modules = tasks.iter().flat_map(|task| task.as_object().unwrap().keys());
    let modules: Vec<&str> =
        modules.filter_map(|key| key.strip_prefix("ansible.builtin.")).collect();
    assert_eq!(modules, ["slurp", "set_fact", "assert", "debug", "get_url", "command"]);
    let consumers = page("docs/consumers.md");
    let read = &fields(&playbook, "named") | &fields(&consumers, "stable");
    insta::assert_snapshot!(read.iter().copied().collect::<Vec<_>>().join("\n"), @"
    artifacts[0].locations[0]
    artifacts[0].name
    artifacts[0].sha256
    fresh_until
    moved_at
    revoked
    revoked.from
    revoked.reason
    version
    ");
    for field in read {
        assert!(is_in(channel, field), "{field} is not in the file of a channel");
    }
    for field in fields(&consumers, "pinned") {
        assert!(is_in(version, field), "{field} is not in the file of a version");
    }
    for named in ["version", "artifacts", "fresh_until", "moved_at", "run", "act", "held"] {
        assert!(is_in(channel, named) && consumers.contains(&format!("`{named}`")), "{named}");
    }
    let variables = &files.0["goldsmith.auto.tfvars.json"]["goldsmith_images"]["debian-12"];
    for field in variables["stable"].as_object().unwrap().keys() {
        assert!(consumers.contains(&format!("`{field}`")), "{field} is not described");
    }
    // What is written in HCL on the page can be read as well.
    for block in consumers.split("```hcl\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let body = read_hcl(text);
        let follower = Follower::of(&files, &body);
        follower.body(&body, &Vec::new());
        assert_eq!(follower.missing.take(), BTreeSet::new(), "{text}");
    }
}
