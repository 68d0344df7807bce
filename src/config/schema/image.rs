//! An entry of `images`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::layer::Layer;
use super::scalars::{
    AxisName, BuildName, ChannelName, Command, EnvironmentName, Family, ImageName, MatrixKey, Or,
    Path, Release, Text, Value, VariableName,
};

/// An image, or with a `matrix` one for each combination.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Image {
    /// The Packer template: a folder, or one `.pkr.hcl` or `.pkr.json` file; or a `.json` file in
    /// Packer's older language.
    #[schemars(example = &"packer/debian")]
    template: TemplatePath,
    /// What the scan must find.
    #[schemars(example = json!({ "family": "debian", "release": "12" }))]
    os: Os,
    /// How the image comes about. Decides the defaults of `rebuild` and `timeout`.
    #[schemars(example = &"cloud-image")]
    source: Or<Source>,
    /// A sentence for people.
    #[schemars(example = &"Debian 12 generic cloud image")]
    description: Option<Text>,
    /// Where Packer and `prepare` run.
    ///
    /// Default: the template's folder.
    #[schemars(example = &"packer")]
    workdir: Option<Path>,
    /// The Packer build, when the template has several.
    #[schemars(example = &"qemu.debian")]
    build: Option<BuildName>,
    /// The architecture.
    #[schemars(example = &"arm64", extend("default" = "amd64"))]
    arch: Option<Or<Arch>>,
    /// A step that makes the template's inputs, afresh for every due build.
    #[schemars(example = json!({ "run": "./fetch.sh", "creates": "base/debian-12.qcow2" }))]
    prepare: Option<Prepare>,
    /// Packer variables. The text is passed on as it stands, with its placeholders filled in.
    #[schemars(example = json!({ "disk_size": "8G" }))]
    vars: Option<BTreeMap<VariableName, Value>>,
    /// Packer variables whose values are in environment variables, and secret: taken out of all output.
    #[schemars(example = json!({ "proxmox_token": "PROXMOX_TOKEN" }))]
    secret_vars: Option<BTreeMap<VariableName, EnvironmentName>>,
    /// Files with Packer variables, in the order in which Packer reads them.
    #[schemars(example = json!(["packer/common.pkrvars.hcl"]))]
    var_files: Option<Vec<Path>>,
    /// Environment variables that `prepare`, Packer and tests get, by name.
    #[schemars(example = json!(["PROXMOX_URL"]))]
    env: Option<Vec<EnvironmentName>>,
    /// Axes and their values: makes an image of every combination, as GitHub Actions makes jobs.
    #[schemars(example = json!({ "release": ["12", "13"] }))]
    matrix: Option<Matrix>,
    /// The images that this one is built upon: they are built first.
    #[schemars(example = json!([{ "image": "debian-12", "channel": "candidate" }]))]
    parents: Option<Vec<Parent>>,
    /// Not available yet. Builds of the same template that run first and are no image.
    #[schemars(example = json!(["null.fetch"]))]
    before: Option<Vec<Text>>,
    /// Not available yet. Where newer base images are looked for.
    #[schemars(example = json!({ "url": "https://example.org/debian-12.qcow2" }))]
    upstream: Option<Upstream>,
    #[schemars(flatten)]
    layer: Layer,
}

/// A path of a template.
pub(super) struct TemplatePath;

impl JsonSchema for TemplatePath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TemplatePath".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let path = generator.subschema_for::<Path>();
        let other = r"^(?!.*\.pkr\.hcl$).*(\.(hcl|yml|yaml)|\.pkrvars\.json)$";
        schemars::json_schema!({ "allOf": [path, { "not": { "type": "string", "pattern": other } }] })
    }
}

/// What the scan must find.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Os {
    /// The family.
    #[schemars(example = &"debian")]
    family: Family,
    /// The release. It admits its point releases.
    #[schemars(example = &"12")]
    release: Release,
}

/// How an image comes about.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Source {
    /// A distribution's ready-made cloud image.
    CloudImage,
    /// An installer.
    Iso,
    /// An image factory that delivers finished images.
    Factory,
    /// Another image of this file.
    Image,
}

/// An architecture, in Debian's words.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

/// A step that makes the template's inputs.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Prepare {
    /// What runs, in `workdir`. Its `${NAME}` are the shell's.
    #[schemars(example = &"./fetch.sh")]
    run: Command,
    /// The file that it must have made, relative to `workdir`.
    #[schemars(example = &"base/debian-12.qcow2")]
    creates: Option<Path>,
}

/// Axes and their values.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = false, "minProperties" = 1))]
struct Matrix {
    /// Combinations that are left out: those that have all of an entry's values.
    #[schemars(example = json!([{ "release": "12" }]))]
    exclude: Option<Vec<BTreeMap<AxisName, AxisValue>>>,
    /// What is added: to every combination in which it changes no value of an axis, else as a
    /// combination of its own.
    #[schemars(example = json!([{ "release": "14" }]))]
    include: Option<Vec<BTreeMap<AxisName, AxisValue>>>,
    /// The axes by name.
    #[schemars(flatten)]
    axes: BTreeMap<MatrixKey, Axis>,
}

/// The values of an axis.
#[derive(JsonSchema)]
#[schemars(transparent, example = json!(["12", "13"]))]
struct Axis(#[schemars(length(min = 1))] Vec<AxisValue>);

/// A value of an axis.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum AxisValue {
    /// Text: `${matrix.release}`.
    Text(Text),
    /// Named texts: `${matrix.system.family}`.
    Named(BTreeMap<AxisName, Text>),
}

/// An image that this one is built upon.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Parent {
    /// Its name alone.
    Name(ImageName),
    /// Its name and a channel.
    Form(ParentForm),
}

/// An image that this one is built upon.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ParentForm {
    /// Its name.
    #[schemars(example = &"debian-12")]
    image: ImageName,
    /// The channel whose version is taken.
    ///
    /// Default: the one that the image enters by itself.
    #[schemars(example = &"stable")]
    channel: Option<ChannelName>,
}

/// Where newer base images are looked for.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Upstream {
    /// The address of the base image.
    #[schemars(example = &"https://example.org/debian-12.qcow2")]
    url: Text,
    /// The address of its checksums.
    #[schemars(example = &"https://example.org/SHA512SUMS")]
    checksums: Option<Text>,
}
