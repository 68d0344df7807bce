//! The top level.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::image::Image;
use super::layer::Layer;
use super::scalars::{EnvironmentName, ImageName, Number, Or, Registry, Text};

/// The golden images of a repository. Paths are relative to this file; unknown and duplicate keys
/// are errors.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "images.yml")]
pub(super) struct Document {
    /// The version of the format.
    #[schemars(example = 1)]
    version: Format,
    /// Where versions, channels and history are recorded.
    #[schemars(example = &"./registry")]
    registry: Registry,
    /// What holds for every image that does not say otherwise.
    #[schemars(example = json!({ "stores": [{ "dir": { "url": "file:///srv/images" } }] }))]
    defaults: Option<Defaults>,
    /// The images by name.
    #[schemars(extend("minProperties" = 1), example = json!({ "debian-12": {
        "template": "packer/debian",
        "os": { "family": "debian", "release": "12" },
        "source": "cloud-image",
    } }))]
    images: BTreeMap<ImageName, Image>,
    /// After so many failed attempts in a row, a build is not tried again by itself.
    #[schemars(example = 5, extend("default" = 3))]
    retry_limit: Option<Number<1, 100>>,
    /// Where Packer's plugins come from, instead of their publishers.
    #[schemars(example = json!({ "mirror": "/srv/plugins" }))]
    plugins: Option<Plugins>,
    /// Not available yet. Webhooks that are told what a run did.
    #[schemars(example = json!([{ "url_env": "WEBHOOK_URL" }]))]
    notify: Option<Vec<Webhook>>,
    /// Not available yet. How a run is reported on the forge.
    #[schemars(example = json!({ "release": "per-run" }))]
    report: Option<Report>,
    /// Not available yet. Whether a report that cannot be delivered fails the run.
    #[schemars(example = true, extend("default" = false))]
    strict_report: Option<Or<bool>>,
    /// Not available yet. The label by which a maintainer lets a pull request be built.
    #[schemars(example = &"build-images")]
    build_label: Option<Text>,
    /// Not available yet. After so many failed attempts in a row, an issue is opened.
    #[schemars(example = 3)]
    issue_after: Option<Number<1, 1000>>,
}

/// The version of the format.
pub(super) struct Format;

impl JsonSchema for Format {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": 1 })
    }
}

/// What holds for every image that does not say otherwise, key by key.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Defaults {
    #[schemars(flatten)]
    layer: Layer,
}

/// Where Packer's plugins come from.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Plugins {
    /// A folder, or an address that answers HTTP, that has them as releases.
    #[schemars(example = &"/srv/plugins")]
    mirror: Text,
}

/// A webhook that is told what a run did.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Webhook {
    /// The environment variable that has its address.
    #[schemars(example = &"WEBHOOK_URL")]
    url_env: EnvironmentName,
}

/// How a run is reported on the forge.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Report {
    /// What a release of the forge stands for.
    #[schemars(example = &"per-run", extend("default" = "per-run"))]
    release: Option<Or<ReleaseKind>>,
}

/// What a release of the forge stands for.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum ReleaseKind {
    /// All images that a run has published.
    PerRun,
    /// One image.
    PerImage,
}
