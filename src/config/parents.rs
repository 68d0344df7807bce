//! `parents:` of an image, and what all of them together must be: images of the file, without a
//! circle.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};

use super::context::Context;
use super::field::Field;
use super::images::Findings;
use super::keys::Keys;
use super::node::Value;
use crate::diagnostics::{Diagnostic, Span, quoted};
use crate::model::{ChannelName, Image, ImageName, Parent};

/// Circles that are told, and images of one that are named: a hostile file could have any number.
const MAX_CIRCLES: usize = 100;
const MAX_NAMED: usize = 10;

const EXAMPLE: &str = "[{ image: debian-12 }]";

/// Reads `parents`, each with its place. A name alone stands for the image in the channel that it
/// enters by itself.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Vec<(Parent, Span)>> {
    let mut parents: Vec<(Parent, Span)> = Vec::new();
    let mut places: HashMap<ImageName, Span> = HashMap::new();
    for entry in field.list("a list of images", EXAMPLE, context)? {
        let Some(parent) = parent(entry, context) else {
            continue;
        };
        if let Some(first) = places.get(&parent.image) {
            let message = format!("`parents` names {} twice", quoted(parent.image.as_str()));
            let problem = entry.error("duplicate-value", message, "again here");
            context.push(problem.context(*first, "first here"));
            continue;
        }
        places.insert(parent.image.clone(), entry.node.span);
        parents.push((parent, entry.node.span));
    }
    Some(parents)
}

fn parent(entry: Field<'_>, context: &mut Context) -> Option<Parent> {
    if !matches!(entry.node.value, Value::Mapping(_)) {
        return Some(Parent { image: entry.name("an image", EXAMPLE, context)?, channel: None });
    }
    let mut keys = Keys::of(entry, "in a parent", "image: debian-12", context)?;
    let help = "for example `image: debian-12`";
    let image = keys.required("image", help, context, |field, context| {
        field.name::<ImageName>("an image", "debian-12", context)
    });
    let channel = keys.read("channel", context, |field, context| {
        field.name::<ChannelName>("a channel", "candidate", context)
    });
    keys.finish(context);
    Some(Parent { image: image?, channel })
}

/// Tells of parents that are no images of the file, and of circles: every place of each. `findings`
/// have also the images that are wrong elsewhere.
pub(super) fn check(
    images: &IndexMap<ImageName, Image>,
    findings: &Findings,
    context: &mut Context,
) {
    let Findings { named, .. } = findings;
    let channels: IndexSet<&str> = images.values().map(|image| image.channel.as_str()).collect();
    for image in images.values() {
        let spans = named.get(&image.name).map_or(&[][..], |named| &named.parents);
        for (parent, span) in image.parents.iter().zip(spans) {
            if let Some(channel) = parent.channel.as_ref().map(ChannelName::as_str)
                && !channels.contains(channel)
                && let Some(label) = context.did_you_mean(channel, channels.iter().copied())
            {
                let message = format!("no image enters the channel {} by itself", quoted(channel));
                context.push(Diagnostic::warning("unknown-channel", message).at(*span, label));
            }
            if named.contains_key(&parent.image) || findings.nameless {
                continue;
            }
            let names = named.keys().map(ImageName::as_str);
            let label = context
                .did_you_mean(parent.image.as_str(), names)
                .unwrap_or_else(|| "no image of this file".to_owned());
            let message = format!("no image is called {}", quoted(parent.image.as_str()));
            context.push(Diagnostic::error("unknown-image", message).at(*span, label));
        }
    }
    for circle in circles(images) {
        let mut names: Vec<&str> = circle.iter().map(|name| name.as_str()).collect();
        if names.len() > MAX_NAMED {
            names.truncate(MAX_NAMED);
            names.push("…");
        }
        let message = match names.as_slice() {
            [one] => format!("{} is its own parent", quoted(one)),
            names => {
                format!("images are each other's parents: {} → {}", names.join(" → "), names[0])
            }
        };
        let mut problem = Diagnostic::error("parent-circle", message);
        for (index, name) in circle.iter().enumerate() {
            let next = &circle[(index + 1) % circle.len()];
            let Some(at) = named.get(*name).and_then(|named| {
                let parents = &images[*name].parents;
                let index = parents.iter().position(|parent| parent.image == **next)?;
                named.parents.get(index).copied()
            }) else {
                continue;
            };
            let label =
                format!("{} is built upon {}", quoted(name.as_str()), quoted(next.as_str()));
            problem = match index {
                0 => problem.at(at, label),
                _ => problem.context(at, label),
            };
        }
        context.push(problem.help("an image can be built only after all of its parents"));
    }
}

/// The circles that there are, up to [`MAX_CIRCLES`], each once, beginning with the image that comes first in the file.
fn circles(images: &IndexMap<ImageName, Image>) -> Vec<Vec<&ImageName>> {
    /// How far an image is looked at.
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnTheWay,
        Done,
    }
    let mut seen = vec![Seen::Not; images.len()];
    let mut circles = Vec::new();
    for start in 0..images.len() {
        if seen[start] != Seen::Not {
            continue;
        }
        // Images on the way, each with its parent that is to be looked at next.
        let mut way = vec![(start, 0)];
        seen[start] = Seen::OnTheWay;
        while let Some((image, next)) = way.last_mut() {
            let Some(parent) = images[*image].parents.get(*next) else {
                seen[*image] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let Some(parent) = images.get_index_of(&parent.image) else {
                continue;
            };
            match seen[parent] {
                Seen::Done => {}
                Seen::Not => {
                    seen[parent] = Seen::OnTheWay;
                    way.push((parent, 0));
                }
                Seen::OnTheWay if circles.len() == MAX_CIRCLES => {}
                Seen::OnTheWay => {
                    let from = way.iter().position(|(image, _)| *image == parent).unwrap_or(0);
                    let mut circle: Vec<usize> =
                        way[from..].iter().map(|(image, _)| *image).collect();
                    let first = circle.iter().enumerate().min_by_key(|(_, image)| **image);
                    let first = first.map_or(0, |(index, _)| index);
                    circle.rotate_left(first);
                    circles.push(circle);
                }
            }
        }
    }
    let name = |index: usize| images.get_index(index).map(|(name, _)| name);
    circles.into_iter().map(|circle| circle.into_iter().filter_map(name).collect()).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    #[test]
    fn circles_without_number_are_told_in_a_few_words() {
        let mut text = "version: 1\nregistry: ./r\nimages:\n".to_owned();
        for image in 0..200 {
            let parents = if image == 0 { String::new() } else { "a0, ".to_owned() };
            let parents = format!("[{parents}a{}]", (image + 1) % 200);
            let os = r#"{ family: debian, release: "12" }"#;
            writeln!(text, "  a{image}: {{ template: t, os: {os}, source: image, parents: {parents}, stores: [{{ dir: {{ url: ./s }} }}] }}").unwrap();
        }
        let problems = crate::config::read("/repo/images.yml".into(), text.as_bytes()).unwrap_err();
        let problems = problems.diagnostics();
        assert!(problems.len() > 10 && problems.len() <= 100);
        assert!(problems.iter().all(|one| one.message.len() < 200 && one.labels.len() <= 20));
    }
}
