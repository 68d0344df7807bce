//! An inventory of goldsmith's own, taken apart.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::model::Digest;

/// What no scanner matches by.
const PLAIN: [&str; 5] = ["bom-ref", "licenses", "hashes", "description", "externalReferences"];

/// Properties that say where in the artifact a package was, in a way that differs from one to the
/// next (Trivy, pkg/sbom/core).
const PLACES: [&str; 2] = ["aquasecurity:trivy:LayerDigest", "aquasecurity:trivy:LayerDiffID"];

/// An inventory, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory {
    /// What its parts can stand in one document with: the system, and who has listed them.
    pub(super) group: Group,
    /// Its parts.
    pub(super) parts: Vec<Part>,
}

impl Inventory {
    /// Whether it names an operating system with packages.
    pub fn has_system(&self) -> bool {
        self.group.system.is_some() && self.parts.iter().any(|part| part.class == Class::System)
    }
}

/// What all parts of a document have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// The operating system.
    pub(super) system: Option<Value>,
    /// Who has listed them: Trivy reads its own documents in another way than those of others.
    pub(super) tools: Option<Value>,
}

impl Group {
    /// Tells groups apart.
    pub(super) fn key(&self) -> String {
        format!("{}\n{}", text_of(self.system.as_ref()), text_of(self.tools.as_ref()))
    }
}

fn text_of(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

/// What is asked about as a whole: a package, or an application with its libraries.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where it stands in a document.
    pub(super) class: Class,
    /// Its components; of an application, that itself is the first.
    pub(super) components: Vec<Value>,
    /// Which components of an application depend on which.
    pub(super) edges: Vec<(usize, Vec<usize>)>,
}

/// Where a part stands in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// A package of the operating system.
    System,
    /// A library by itself, of this type.
    Library(String),
    /// An application.
    Application,
}

impl Part {
    /// Tells parts apart, by everything that matters to a scanner.
    pub(super) fn identity(&self) -> Digest {
        let components: Vec<String> = self.components.iter().map(Value::to_string).collect();
        Digest::of(
            format!("{:?}\n{:?}\n{}", self.class, self.edges, components.join("\n")).as_bytes(),
        )
    }

    /// What the scanner tells findings apart by, within a document. Two parts with the same of these
    /// must not stand in one: of their findings it would keep one (Trivy, pkg/result/filter.go). None
    /// for an application, whose findings are told by themselves.
    pub(super) fn slot(&self) -> Option<String> {
        let component = self.components.first().filter(|_| self.class != Class::Application)?;
        let text = |key: &str| component.get(key).and_then(Value::as_str).unwrap_or_default();
        let path = property(component, "FilePath").unwrap_or_default();
        let class = match &self.class {
            Class::Library(kind) => kind.as_str(),
            Class::System | Class::Application => "",
        };
        let (group, name, version) = (text("group"), text("name"), text("version"));
        Some([class, group, name, version, path].join("\0"))
    }

    /// Whether the scanner has to list the component at `index`: it knows the kind, and a version.
    pub(super) fn is_matched(&self, index: usize, covers: impl Fn(&str) -> bool) -> bool {
        let component = &self.components[index];
        let filled =
            |key: &str| component.get(key).and_then(Value::as_str).filter(|it| !it.is_empty());
        match &self.class {
            Class::System => true,
            Class::Application if index == 0 => false,
            Class::Library(_) | Class::Application => {
                let kind = filled("purl").and_then(|purl| purl.strip_prefix("pkg:"));
                let kind = kind.and_then(|rest| rest.split('/').next());
                filled("version").is_some() && kind.is_some_and(covers)
            }
        }
    }
}

/// Takes an inventory apart, if goldsmith has written it. None for one of somebody else's, which may
/// say things in ways that nobody here knows: that is asked about as it is.
pub fn read(text: &str) -> Option<Inventory> {
    let document: Value = serde_json::from_str(text).ok()?;
    let metadata = document.get("metadata")?;
    let own = document.get("specVersion") == Some(&"1.6".into())
        && document.get("bomFormat") == Some(&"CycloneDX".into())
        && reference(metadata.get("component")?) == Some(ROOT);
    if !own {
        return None;
    }
    let components = document.get("components")?.as_array()?;
    let mut by_reference = HashMap::new();
    for component in components {
        let name = reference(component)?;
        let nested = component.get("components").is_some();
        if nested || name == ROOT || by_reference.insert(name, component).is_some() {
            return None;
        }
    }
    let graph = graph(&document)?;
    let systems: Vec<&Value> = components.iter().filter(|it| is(it, "operating-system")).collect();
    if systems.len() > 1 {
        return None;
    }
    let system = systems.first().copied();
    let of_system = system.map(|system| below(&graph, system)).unwrap_or_default();
    let mut parts = Vec::new();
    let mut taken: HashSet<&str> = HashSet::new();
    for component in components.iter().filter(|component| is(component, "application")) {
        let name = reference(component)?;
        let members: Vec<&str> = below(&graph, component)
            .into_iter()
            .filter(|it| {
                !of_system.contains(it)
                    && is(by_reference.get(it).unwrap_or(&&Value::Null), "library")
            })
            .collect();
        taken.insert(name);
        taken.extend(&members);
        parts.push(application(name, &members, &by_reference, &graph)?);
    }
    let family = system.and_then(|system| system.get("name")).and_then(Value::as_str);
    for component in components {
        let name = reference(component)?;
        if taken.contains(name) || is(component, "operating-system") {
            continue;
        }
        let kind = property(component, "PkgType").unwrap_or_default();
        let class = if of_system.contains(name) || (!kind.is_empty() && family == Some(kind)) {
            Class::System
        } else {
            Class::Library(kind.to_owned())
        };
        parts.push(Part { class, components: vec![stripped(component)], edges: Vec::new() });
    }
    let group = Group { system: system.map(stripped), tools: metadata.get("tools").cloned() };
    Some(Inventory { group, parts })
}

/// What goldsmith calls the artifact that an inventory is of.
const ROOT: &str = "image";

type Graph<'d> = BTreeMap<&'d str, BTreeSet<&'d str>>;

fn graph(document: &Value) -> Option<Graph<'_>> {
    let mut graph = Graph::new();
    for entry in document.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
        let to = entry.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
        let from = entry.get("ref")?.as_str()?;
        graph.entry(from).or_default().extend(to.filter_map(Value::as_str));
    }
    Some(graph)
}

/// Everything below the component `top`, without that itself.
fn below<'d>(graph: &Graph<'d>, top: &'d Value) -> BTreeSet<&'d str> {
    let top = reference(top).unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut left = vec![top];
    while let Some(next) = left.pop() {
        for below in graph.get(next).into_iter().flatten() {
            if *below != top && found.insert(*below) {
                left.push(below);
            }
        }
    }
    found
}

fn application(
    name: &str,
    members: &[&str],
    by_reference: &HashMap<&str, &Value>,
    graph: &Graph<'_>,
) -> Option<Part> {
    let all: Vec<&str> = std::iter::once(name).chain(members.iter().copied()).collect();
    let place: HashMap<&str, usize> = all.iter().enumerate().map(|(at, it)| (*it, at)).collect();
    let edges = all.iter().enumerate().filter_map(|(at, it)| {
        let below = graph.get(it)?.iter().filter_map(|it| place.get(it).copied());
        let below: Vec<usize> = below.collect();
        (!below.is_empty()).then_some((at, below))
    });
    let edges = edges.collect();
    let components = all.iter().map(|it| by_reference.get(it).map(|it| stripped(it)));
    Some(Part { class: Class::Application, components: components.collect::<Option<_>>()?, edges })
}

fn reference(component: &Value) -> Option<&str> {
    component.get("bom-ref").and_then(Value::as_str)
}

fn is(component: &Value, kind: &str) -> bool {
    component.get("type").and_then(Value::as_str) == Some(kind)
}

fn property<'c>(component: &'c Value, name: &str) -> Option<&'c str> {
    let properties = component.get("properties").and_then(Value::as_array)?;
    let named = |it: &&Value| {
        let full = it.get("name").and_then(Value::as_str).unwrap_or_default();
        full.strip_prefix("aquasecurity:trivy:").or(full.strip_prefix("goldsmith:")) == Some(name)
    };
    properties.iter().find(named)?.get("value")?.as_str()
}

/// A component without what does not matter.
fn stripped(component: &Value) -> Value {
    let Some(fields) = component.as_object() else { return component.clone() };
    let kept = fields.iter().filter(|(key, _)| !PLAIN.contains(&key.as_str()));
    let kept = kept.map(|(key, value)| match value.as_array() {
        Some(properties) if key == "properties" => {
            let name = |it: &Value| it.get("name").and_then(Value::as_str).map(str::to_owned);
            let kept = properties
                .iter()
                .filter(|it| name(it).is_none_or(|name| !PLACES.contains(&name.as_str())));
            (key.clone(), kept.cloned().collect::<Vec<_>>().into())
        }
        _ => (key.clone(), value.clone()),
    });
    Value::Object(kept.collect::<Map<_, _>>())
}
