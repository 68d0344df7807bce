//! `images:`: every entry, and every combination of its matrix.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::combinations::Combination;
use super::context::Context;
use super::document::LaterKey;
use super::field::{Field, Named};
use super::image::{self, Entry, Reading};
use super::layer::Layer;
use super::node::{Node, Value};
use super::substitute::{in_text, substitute};
use super::{matrix, parents, places};
use crate::diagnostics::{Diagnostic, Places, Problems, Span, quoted};
use crate::model::{Image, ImageName};
use crate::side_by_side::side_by_side;

/// How an entry could look.
pub(super) const EXAMPLE: &str = r#"
  debian-12:
    template: packer/debian
    os: { family: debian, release: "12" }
    source: cloud-image"#;

/// So many images are read before what they came to is put together: what is read of them takes
/// several times the memory of what is kept.
const AT_A_TIME: usize = 1024;

/// With fewer images than this, a thread costs more than it saves.
const A_THREAD: usize = 64;

/// The images, every matrix expanded, and what of them comes later.
pub(super) struct Section {
    /// The images that are sound.
    pub(super) images: IndexMap<ImageName, Image>,
    /// What they ask for and this version cannot do.
    pub(super) later: Vec<LaterKey>,
    /// Where the values of each entry stand.
    pub(super) places: Vec<Places>,
}

/// What is known of images beside them.
#[derive(Default)]
pub(super) struct Findings {
    /// The names of images for which neither they nor `defaults` name a store.
    homeless: Vec<Span>,
    /// What this version cannot do.
    later: Vec<LaterKey>,
    /// Where each image is named, and its parents.
    pub(super) named: IndexMap<ImageName, NamedAt>,
    /// Whether there are images whose names could not be read.
    pub(super) nameless: bool,
    /// The positions of entries with which something is wrong.
    unsound: HashSet<u32>,
}

/// Where an image is named, and its parents.
pub(super) struct NamedAt {
    /// The key of its entry.
    name: Span,
    /// Where each of its parents is named.
    pub(super) parents: Vec<Span>,
}

/// An entry, and what it is read for.
struct Expanded<'n> {
    position: u32,
    entry: &'n Named<'n>,
    /// Its value, into which each combination is put. `None` without a matrix.
    template: Option<Node>,
    combinations: Vec<Combination>,
}

/// Reads `images`.
pub(super) fn read(field: Field<'_>, defaults: &Layer, context: &mut Context) -> Option<Section> {
    let entries = field.entries("image", "a mapping of images", EXAMPLE, context)?;
    if entries.is_empty() {
        let problem = field.error("no-images", "`images` is empty", "expected at least one image");
        context.push(problem.help(format!("for example:\nimages:{EXAMPLE}")));
        return None;
    }
    let mut findings = Findings::default();
    let expanded = expand_all(&entries, &mut findings, context)?;
    let mut images = IndexMap::new();
    let each = expanded.iter().flat_map(|expanded| {
        expanded.combinations.iter().map(move |combination| (expanded, combination))
    });
    let each: Vec<_> = each.collect();
    for some in each.chunks(AT_A_TIME) {
        let read = side_by_side(some, A_THREAD, |share| {
            let mut context = context.beside();
            let read = |(expanded, combination): &(&Expanded<'_>, &Combination)| {
                read_one(expanded, combination, defaults, &mut context)
            };
            (share.iter().map(read).collect::<Vec<_>>(), context.problems)
        });
        let (read, problems): (Vec<_>, Vec<Problems>) = read.into_iter().unzip();
        for problems in problems {
            context.problems.absorb(problems);
        }
        for ((expanded, _), reading) in some.iter().zip(read.into_iter().flatten()) {
            add(&mut images, reading, expanded, &mut findings, context);
        }
    }
    parents::check(&images, &findings, context);
    homes(&findings.homeless, context);
    let mut later = findings.later;
    later.sort_by_key(|later| (later.entry, later.refusal.place()));
    later.dedup();
    // Whatever was found wrong there would be told again in other words by whoever looks further.
    images.retain(|_, image: &mut Image| !findings.unsound.contains(&image.entry));
    Some(Section { images, later, places: places::read(&entries) })
}

/// All entries with the combinations of their matrices. `None` if these are too many.
fn expand_all<'n>(
    entries: &'n [Named<'n>],
    findings: &mut Findings,
    context: &mut Context,
) -> Option<Vec<Expanded<'n>>> {
    let mut all = Vec::new();
    let mut images = 0;
    for (position, entry) in (0..).zip(entries) {
        let Some(expanded) = expand(entry, position, context) else {
            findings.nameless = true;
            image::check_keys(entry.value, context);
            continue;
        };
        images += expanded.combinations.len();
        all.push(expanded);
        if images > matrix::MAX_IMAGES {
            let message = format!("there are more than {} images", matrix::MAX_IMAGES);
            let label = "the images up to here are too many already";
            context.push(entry.key.error("too-many-images", message, label));
            return None;
        }
    }
    Some(all)
}

/// The combinations of the matrix of `entry`; one without values if it has none. `None` if the
/// matrix is wrong.
fn expand<'n>(entry: &'n Named<'n>, position: u32, context: &mut Context) -> Option<Expanded<'n>> {
    let matrix = match &entry.value.node.value {
        Value::Mapping(keys) => keys
            .iter()
            .position(|key| matches!(&key.key.value, Value::Scalar(name) if name.text == "matrix"))
            .map(|place| (place, &keys[place].value)),
        _ => None,
    };
    let Some((place, found)) = matrix else {
        let combinations = vec![Combination::new()];
        return Some(Expanded { position, entry, template: None, combinations });
    };
    let template = without_value(entry.value.node, place);
    let combinations = matrix::read(Field { key: "matrix", node: found }, &template, context)?;
    Some(Expanded { position, entry, template: Some(template), combinations })
}

/// The mapping `node` with nothing at `place`: there stands the matrix, which is long, and read.
fn without_value(node: &Node, place: usize) -> Node {
    let mut node = node.clone();
    if let Value::Mapping(entries) = &mut node.value {
        entries[place].value.value = Value::Null;
    }
    node
}

fn read_one(
    expanded: &Expanded<'_>,
    combination: &Combination,
    defaults: &Layer,
    context: &mut Context,
) -> Reading {
    let Expanded { position, entry: Named { key, value }, template, .. } = expanded;
    let substituted = template.as_ref().map(|template| substitute(template, combination));
    context.matrix.clear();
    context.matrix.extend(combination.keys().cloned());
    let entry = Entry {
        position: *position,
        key: *key,
        name: in_text(value.key, combination),
        value: Field { key: value.key, node: substituted.as_ref().unwrap_or(value.node) },
        combination: combination.clone(),
    };
    image::read(&entry, defaults, context)
}

/// Adds what was read of an image, unless there is one of its name.
fn add(
    images: &mut IndexMap<ImageName, Image>,
    reading: Reading,
    expanded: &Expanded<'_>,
    findings: &mut Findings,
    context: &mut Context,
) {
    let Reading { image, name, parents, homeless, later, failed } = reading;
    let key = expanded.entry.key;
    let at = key.node.span;
    if failed {
        findings.unsound.insert(expanded.position);
    }
    if homeless {
        findings.homeless.push(at);
    }
    findings.later.extend(later);
    let Some(name) = name else {
        findings.nameless = true;
        return;
    };
    let first = findings.named.get(&name).map(|named| named.name);
    if first.is_none() {
        // Of one that is wrong elsewhere nobody looks at the parents.
        let parents = if image.is_some() { parents } else { Vec::new() };
        findings.named.insert(name.clone(), NamedAt { name: at, parents });
    }
    let Some(image) = image else { return };
    let Some(other) = images.get(&name) else {
        images.insert(name, image);
        return;
    };
    // The same key twice is told already.
    if other.matrix.is_empty() && image.matrix.is_empty() {
        return;
    }
    let message = format!("two images are called {}", quoted(name.as_str()));
    let mut problem = key.error("same-name", message, "this name comes out twice");
    if let Some(place) = first.filter(|place| *place != at) {
        problem = problem.context(place, "first here");
    }
    let problem = match placements(other, &image) {
        Some(told) => problem.help(told),
        None => problem,
    };
    context.push(problem.help("names need every value of the matrix: `k8s-${matrix.release}`"));
}

/// Which combinations give two images the same name.
fn placements(first: &Image, second: &Image) -> Option<String> {
    let told = |image: &Image| {
        let values = image.matrix.iter().map(|(key, value)| format!("{key}: {value}"));
        quoted(&format!("{{ {} }}", values.collect::<Vec<_>>().join(", ")))
    };
    (!first.matrix.is_empty() && !second.matrix.is_empty())
        .then(|| format!("once from {} and once from {}", told(first), told(second)))
}

/// Tells of images without a store, whose keys stand there.
fn homes(homeless: &[Span], context: &mut Context) {
    let [first, others @ ..] = homeless else { return };
    let message = match others.len() {
        0 => "an image has no store: its versions would have nowhere to go".to_owned(),
        n => format!("{} images have no store: their versions would have nowhere to go", n + 1),
    };
    let problem = Diagnostic::error("no-store", message)
        .at(*first, "neither this image nor `defaults` has `stores`")
        .help(
            r#"for example under `defaults`: `stores: [{ dir: { url: "file:///srv/images" } }]`"#,
        );
    let others = others.iter().take(5);
    context.push(others.fold(problem, |problem, other| problem.context(*other, "nor this one")));
}
