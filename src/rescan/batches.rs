//! Documents of bounded size that have every part of many inventories once.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::parts::{Class, Group, Inventory, Part};
use crate::model::Digest;

/// How many components a document has. What a scanner needs for one grows with the number of findings,
/// and starting it takes as long as a few hundred components.
pub const PARTS_OF_A_BATCH: usize = 2_000;

/// Collects inventories.
#[derive(Debug, Default)]
pub struct Batches {
    groups: HashMap<String, usize>,
    open: Vec<OpenGroup>,
    /// The number of each part.
    known: HashMap<(usize, Digest), u32>,
    /// The class of each part, by number: see [`Batches::class`].
    classes: Vec<u32>,
    libraries: HashMap<String, u32>,
    closed: usize,
}

#[derive(Debug)]
struct OpenGroup {
    group: Group,
    documents: Vec<OpenDocument>,
}

#[derive(Debug, Default)]
struct OpenDocument {
    components: Vec<Value>,
    /// The part that each component belongs to, or none for an application itself.
    parts: Vec<u32>,
    matched: Vec<bool>,
    at_root: Vec<String>,
    of_system: Vec<String>,
    edges: Vec<Value>,
    slots: HashSet<String>,
}

/// A document that is to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number, from 0.
    pub number: usize,
    /// The document: CycloneDX 1.6.
    pub document: String,
    /// The part that each component is of, by the number in its reference.
    pub(super) parts: Vec<u32>,
    /// Whether the scanner has to list that component.
    pub(super) matched: Vec<bool>,
}

/// The class of all packages of systems.
const SYSTEM: u32 = 0;
/// The class of applications: each is a class by itself.
pub(super) const APPLICATION: u32 = u32::MAX;

impl Batches {
    /// Adds an inventory. The numbers of its parts, and the documents that are full now. `covers` says
    /// which types of package URLs there are advisories for.
    pub fn add(
        &mut self,
        inventory: Inventory,
        covers: impl Fn(&str) -> bool + Copy,
    ) -> (Vec<u32>, Vec<Batch>) {
        let Inventory { group, parts } = inventory;
        let next = self.open.len();
        let at = *self.groups.entry(group.key()).or_insert(next);
        if at == next {
            self.open.push(OpenGroup { group, documents: Vec::new() });
        }
        let mut numbers = Vec::with_capacity(parts.len());
        let mut full = Vec::new();
        for part in parts {
            let identity = (at, part.identity());
            if let Some(number) = self.known.get(&identity) {
                numbers.push(*number);
                continue;
            }
            let number =
                u32::try_from(self.classes.len()).expect("fewer parts than memory has bytes");
            self.known.insert(identity, number);
            let class = self.class(&part.class);
            self.classes.push(class);
            numbers.push(number);
            let documents = &mut self.open[at].documents;
            let slot = part.slot();
            let free = |document: &OpenDocument| {
                slot.as_ref().is_none_or(|slot| !document.slots.contains(slot))
            };
            let document = documents.iter().position(free).unwrap_or_else(|| {
                documents.push(OpenDocument::default());
                documents.len() - 1
            });
            documents[document].put(number, part, slot, covers);
            if documents[document].components.len() >= PARTS_OF_A_BATCH {
                let document = documents.remove(document);
                full.push(document.close(&self.open[at].group, self.closed));
                self.closed += 1;
            }
        }
        // Of an inventory that lists a package twice, each counts once.
        numbers.sort_unstable();
        numbers.dedup();
        (numbers, full)
    }

    /// The documents that are not full.
    pub fn finish(&mut self) -> Vec<Batch> {
        let mut rest = Vec::new();
        for OpenGroup { group, documents } in &mut self.open {
            for document in documents.drain(..) {
                rest.push(document.close(group, self.closed));
                self.closed += 1;
            }
        }
        rest
    }

    /// How many different parts there are.
    pub fn parts(&self) -> usize {
        self.classes.len()
    }

    /// The class of each part.
    pub(super) fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// The scanner tells a finding once a class, however often a package is there.
    fn class(&mut self, class: &Class) -> u32 {
        match class {
            Class::System => SYSTEM,
            Class::Application => APPLICATION,
            Class::Library(kind) => {
                let next = u32::try_from(self.libraries.len() + 1).unwrap_or(APPLICATION - 1);
                *self.libraries.entry(kind.clone()).or_insert(next)
            }
        }
    }
}

impl OpenDocument {
    fn put(
        &mut self,
        number: u32,
        part: Part,
        slot: Option<String>,
        covers: impl Fn(&str) -> bool + Copy,
    ) {
        let first = self.components.len();
        let name = |at: usize| format!("c{}", first + at);
        match part.class {
            Class::System => self.of_system.push(name(0)),
            Class::Library(_) | Class::Application => self.at_root.push(name(0)),
        }
        for (from, to) in &part.edges {
            let to: Vec<String> = to.iter().map(|at| name(*at)).collect();
            self.edges.push(json!({ "ref": name(*from), "dependsOn": to }));
        }
        self.slots.extend(slot);
        for at in 0..part.components.len() {
            self.matched.push(part.is_matched(at, covers));
            self.parts.push(number);
        }
        let application = part.class == Class::Application;
        for (at, mut component) in part.components.into_iter().enumerate() {
            if let Some(fields) = component.as_object_mut() {
                fields.insert("bom-ref".to_owned(), name(at).into());
                // Of two applications with one name, the scanner would see one.
                if application && at == 0 {
                    let own = fields.get("name").and_then(Value::as_str).unwrap_or_default();
                    let named = format!("{first}/{own}");
                    fields.insert("name".to_owned(), named.into());
                }
            }
            self.components.push(component);
        }
    }

    fn close(self, group: &Group, number: usize) -> Batch {
        let Self { mut components, parts, matched, at_root, of_system, mut edges, .. } = self;
        let mut top = at_root;
        if let Some(system) = &group.system {
            let mut system = system.clone();
            if let Some(fields) = system.as_object_mut() {
                fields.insert("bom-ref".to_owned(), "system".into());
            }
            components.push(system);
            top.push("system".to_owned());
            edges.push(json!({ "ref": "system", "dependsOn": of_system }));
        } else {
            top.extend(of_system);
        }
        edges.push(json!({ "ref": "root", "dependsOn": top }));
        let mut metadata = json!({
            "component": { "bom-ref": "root", "type": "application", "name": "inventories" },
        });
        if let Some(tools) = &group.tools {
            metadata["tools"] = tools.clone();
        }
        let document = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": metadata,
            "components": components,
            "dependencies": edges,
        });
        Batch { number, document: document.to_string(), parts, matched }
    }
}
