//! What all documents have in common.

use serde::Serialize;

use crate::model;
use crate::report;

use super::{Compared, Image, Plan, Promotion, Reap, Rescan, Run};

/// The report of a run.
pub fn report(report: &report::Report) -> String {
    document("run", &Run::of(report))
}

/// The report of one image: what `scan` shows and what is kept beside every version.
pub fn image(image: &report::ImageReport) -> String {
    let image = Image::of(image);
    document("image", &OneImage { image })
}

/// The plan.
pub fn plan(plan: &model::Plan) -> String {
    document("plan", &Plan::of(plan))
}

/// What was done after runs that were stopped half-way, and what else is the matter.
pub fn reap(reaped: &[report::Reaped], problems: &[String]) -> String {
    document("reap", &Reap::of(reaped, problems))
}

/// What published versions are worth by today's advisories.
pub fn rescan(rescan: &report::rescan::Rescan) -> String {
    document("rescan", &Rescan::of(rescan))
}

/// What has changed between two versions.
pub fn compared(compared: &report::Compared) -> String {
    document("diff", &Compared::of(compared))
}

/// The waivers that there are.
pub fn waivers(waivers: &report::waivers::Waivers) -> String {
    document("waivers", waivers)
}

/// What was done with channels.
pub fn steered(steered: &report::steered::Steered) -> String {
    document("channels", steered)
}

/// What has moved on to another channel by itself.
pub fn promotions(promotions: &[report::Promotion]) -> String {
    let promotions = promotions.iter().map(Promotion::of).collect();
    document("promotions", &Promotions { promotions })
}

/// What was withdrawn, or taken back.
pub fn revoked(revoked: &report::revoked::Revoked) -> String {
    document("revoke", revoked)
}

/// What consumers need to know of versions.
pub fn shown(shown: &[report::shown::Shown]) -> String {
    document("show", &ShownVersions { versions: shown })
}

/// What was fetched.
pub fn pulled(pulled: &report::pulled::Pulled) -> String {
    document("pull", pulled)
}

/// What is stored of a version, compared with what is recorded.
pub fn verified(verified: &report::verified::Verified) -> String {
    document("verify", verified)
}

/// What is published of an image.
pub fn versions(versions: &report::versions::Versions) -> String {
    document("versions", versions)
}

/// What has become of the channels of an image.
pub fn channel_history(history: &report::versions::ChannelHistory) -> String {
    document("history", history)
}

/// Which versions keep their bytes.
pub fn pruned(pruned: &report::pruned::Pruned) -> String {
    document("prune", pruned)
}

/// What is wrong with a registry.
pub fn checked(checked: &report::checked::CheckedRegistry) -> String {
    document("registry-check", checked)
}

/// What of a registry was made again.
pub fn repaired(repaired: &report::checked::RepairedRegistry) -> String {
    document("registry-repair", repaired)
}

/// What all documents begin with.
#[derive(Serialize)]
struct Document<'a, T> {
    /// The version of the format.
    version: u32,
    /// What it is: `run`, `image`, `plan`, `diff`, `reap`, `rescan`, `waivers`, `channels`, `promotions`,
    /// `revoke`, `versions`, `show`, `pull`, `verify`, `history`, `prune`, `registry-check` or
    /// `registry-repair`.
    kind: &'static str,
    #[serde(flatten)]
    content: &'a T,
}

/// Versions that were asked for.
#[derive(Serialize)]
struct ShownVersions<'a> {
    versions: &'a [report::shown::Shown],
}

/// Versions that were to move on.
#[derive(Serialize)]
struct Promotions<'a> {
    promotions: Vec<Promotion<'a>>,
}

/// A document about one image.
#[derive(Serialize)]
struct OneImage<'a> {
    image: Image<'a>,
}

fn document(kind: &'static str, content: &impl Serialize) -> String {
    let document = Document { version: 1, kind, content };
    let mut text = serde_json::to_string_pretty(&document)
        .expect("plain data with string keys always serialises");
    text.push('\n');
    text
}

/// A duration in seconds, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 52 bits")]
pub(super) fn seconds(duration: std::time::Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use crate::report::samples;

    use super::*;

    #[test]
    fn every_document_says_what_it_is() {
        let sample = samples::blocked();
        for (kind, text) in [
            ("run", report(&sample)),
            ("image", image(&sample.images[0])),
            ("plan", plan(&samples::plan())),
            ("diff", compared(&samples::compared())),
            ("reap", reap(&[], &[])),
        ] {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["version"], 1);
            assert_eq!(json["kind"], kind);
            assert_eq!(text.matches("\n  \"version\"").count(), 1, "{kind}");
        }
    }
}
