//! The images and what they are built upon as a picture: a flowchart in Mermaid's language, which
//! forges draw.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::model::{Catalog, ImageName, Plan, Planned, Version};

/// Lines between images that forges still draw.
const MAX_EDGES: usize = 500;
/// Characters of a flowchart that forges still draw.
const MAX_LENGTH: usize = 50_000;

/// Whether forges draw a flowchart, and do not show an error in its place.
pub fn is_drawn(flowchart: &str) -> bool {
    // A `>` in a name is written as its number.
    flowchart.matches(" -->").count() <= MAX_EDGES && flowchart.len() <= MAX_LENGTH
}

/// The flowchart. Images that are built have a thick frame and their version; those that are
/// disabled have a dashed one.
pub fn mermaid(plan: &Plan, catalog: &Catalog) -> String {
    let versions: HashMap<&ImageName, Version> =
        plan.build.iter().map(|Planned { image, version, .. }| (image, *version)).collect();
    let places: HashMap<&ImageName, usize> = catalog.images.keys().zip(0..).collect();
    let mut text = "flowchart LR\n".to_owned();
    for (place, image) in catalog.images.values().enumerate() {
        let name = label(image.name.as_str());
        let (name, class) = match versions.get(&image.name) {
            Some(version) => (format!("{name}<br>{version}"), ":::due"),
            None if image.enabled => (name, ""),
            None => (name, ":::disabled"),
        };
        let _ = writeln!(text, "  n{place}[\"{name}\"]{class}");
    }
    for (place, image) in catalog.images.values().enumerate() {
        for parent in &image.parents {
            let Some(above) = places.get(&parent.image) else { continue };
            let channel = parent.channel.as_ref();
            let channel = channel.map_or_else(String::new, |c| format!("|{}|", label(c.as_str())));
            let _ = writeln!(text, "  n{above} -->{channel} n{place}");
        }
    }
    text.push_str("  classDef due stroke-width:4px\n  classDef disabled stroke-dasharray:4\n");
    text
}

/// Text that means nothing to Mermaid: whatever is no letter, digit, `.`, `-` or `_` is named by its
/// number.
fn label(text: &str) -> String {
    let mut label = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || ".-_".contains(c) {
            label.push(c);
        } else {
            let _ = write!(label, "#{};", u32::from(c));
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn images_are_drawn_below_their_parents() {
        insta::assert_snapshot!(mermaid(&samples::plan(), &samples::catalog()), @r#"
        flowchart LR
          n0["debian-12<br>1.0.20261123"]:::due
          n1["ubuntu-2404<br>1.0.20261123"]:::due
          n2["rocky-9<br>2.1.20261123"]:::due
          n3["k8s-1.35-debian-12<br>1.0.20261123.2"]:::due
          n4["alpine-3"]
          n5["talos-1.11"]
          n6["windows-2025"]:::disabled
          n0 --> n3
          n4 -->|stable| n3
          classDef due stroke-width:4px
          classDef disabled stroke-dasharray:4
        "#);
    }

    #[test]
    fn forges_draw_five_hundred_lines_and_fifty_thousand_characters() {
        let edges = |number| is_drawn(&"  n0 -->|stable| n1\n".repeat(number));
        assert!(edges(500) && !edges(501));
        assert!(is_drawn(&"x".repeat(50_000)) && !is_drawn(&"x".repeat(50_001)));
    }

    #[test]
    fn labels_mean_nothing_to_mermaid() {
        assert_eq!(label("a-1.b_\"]; x<b>"), "a-1.b_#34;#93;#59;#32;x#60;b#62;");
    }
}
