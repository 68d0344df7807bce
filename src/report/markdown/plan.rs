//! A plan for the job summary of a pull request or a planning job.

use std::fmt::Write as _;

use crate::model::{Catalog, NotDue, Plan};

use super::super::quantity::count;
use super::super::{mermaid, sentence};
use super::document::lower_first;
use super::escape::prose;
use super::fit::{Document, Weight};

/// The plan in at most `limit` bytes: what would be built and why, what not, and how the images hang
/// together.
pub fn plan(plan: &Plan, catalog: &Catalog, limit: usize) -> String {
    let mut document = Document::default();
    let all = count(plan.build.len() + plan.skip.len(), "image");
    let headline = match plan.build.len() {
        0 => lower_first(sentence::idle(&plan.skip)),
        due => format!("{due} of {all} would be built"),
    };
    document.push(Weight::Headline, format!("## goldsmith: {headline}\n\n"));
    if !plan.build.is_empty() {
        document.push(Weight::Attention, "| Image | Version | Wave | Why |\n|:--|:--|--:|:--|\n");
    }
    for planned in &plan.build {
        let why = prose(&sentence::due(&planned.why));
        let wave = planned.wave + 1;
        let row = format!("| **{}** | {} | {wave} | {why} |\n", planned.image, planned.version);
        document.push(Weight::Attention, row);
    }
    document.push(Weight::Attention, "\n");
    let mut others = String::new();
    for skipped in plan.skip.iter().filter(|skipped| skipped.why != NotDue::NotSelected) {
        let why = prose(&sentence::not_due(&skipped.why));
        let _ = writeln!(others, "- **{}** is not due: {why}", skipped.image);
    }
    let unselected = plan.skip.iter().filter(|skipped| skipped.why == NotDue::NotSelected).count();
    if unselected > 0 {
        let _ = writeln!(others, "- {} not selected", count(unselected, "image"));
    }
    document.push(Weight::Detail, format!("{others}\n"));
    let mut soaking = String::new();
    for it in &plan.soaking {
        let said = prose(&sentence::soaking(it, plan.at));
        let _ = writeln!(soaking, "- **{}**: {said}", it.image);
    }
    if !soaking.is_empty() {
        document.push(Weight::Detail, format!("Channels that move by themselves:\n\n{soaking}\n"));
    }
    let mut upstream = String::new();
    for change in &plan.upstream {
        let _ = writeln!(upstream, "- {}", prose(&sentence::upstream(change)));
    }
    if !upstream.is_empty() {
        document.push(
            Weight::Attention,
            format!("Upstream has changed, or does not answer:\n\n{upstream}\n"),
        );
    }
    if catalog.images.values().any(|image| !image.parents.is_empty()) {
        let graph = mermaid::mermaid(plan, catalog);
        let graph = if mermaid::is_drawn(&graph) {
            format!("```mermaid\n{}\n```\n", graph.trim_end())
        } else {
            "The graph is larger than forges draw: `goldsmith plan --format mermaid` prints it.\n"
                .to_owned()
        };
        document.push(Weight::Background, graph);
    }
    document.fit(limit)
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;
    use crate::model::{Image, ImageName};

    #[test]
    fn a_graph_that_forges_do_not_draw_is_left_out_and_that_is_said() {
        let (sample, mut catalog) = (samples::plan(), samples::catalog());
        assert!(plan(&sample, &catalog, 100_000).contains("```mermaid\n"));
        let child = catalog.images[&sample.build[3].image].clone();
        for number in 0..500 {
            let name: ImageName = format!("k8s-{number}").parse().unwrap();
            catalog.images.insert(name.clone(), Image { name, ..child.clone() });
        }
        let text = plan(&sample, &catalog, 100_000);
        insta::assert_snapshot!(text.lines().last().unwrap(), @"The graph is larger than forges draw: `goldsmith plan --format mermaid` prints it.");
        assert!(!text.contains("```"), "{text}");
    }
}
