//! What `defaults` and an image can both say.

use schemars::JsonSchema;
use serde_json::json;

use super::evidence::Evidence;
use super::gate::{Gate, Levels};
use super::later::{Check, Proxmox};
use super::retain::Retain;
use super::scalars::{
    ChannelName, Cron, Duration, EnvironmentName, Folder, Label, Objects, OciReference, Or, Path,
    Size, Text, Timezone, VersionBase,
};
use super::steps::{Resources, Test};

/// What `defaults` and an image can both say: the image's word counts, key by key.
#[derive(JsonSchema)]
pub(super) struct Layer {
    /// How versions are named: `BASE.YYYYMMDD`, and `.N` from the second of a day on.
    #[schemars(example = json!({ "base": "1.0", "timezone": "Europe/Berlin" }))]
    version: Option<Version>,
    /// How often an image is built again although nothing has changed.
    #[schemars(example = json!({ "every": "weekly" }))]
    rebuild: Option<Rebuild>,
    /// What keeps a build from being published.
    #[schemars(example = json!({ "fail_on": ["HIGH", "CRITICAL"] }))]
    gate: Option<Gate>,
    /// Where the bytes go. The first also keeps what was rejected.
    #[schemars(length(min = 1), example = json!([{ "dir": { "url": "file:///srv/images" } }]))]
    stores: Option<Vec<Store>>,
    /// How `SHA256SUMS` of a version is signed.
    #[schemars(example = json!({ "minisign": { "key_env": "MINISIGN_KEY" } }))]
    sign: Option<Sign>,
    /// The channel that a version which passes enters.
    #[schemars(example = &"candidate", extend("default" = "candidate"))]
    channel: Option<ChannelName>,
    /// How long the stages may take.
    #[schemars(example = json!({ "build": "45m" }))]
    timeout: Option<Timeout>,
    /// Whether the image is built at all.
    #[schemars(example = false, extend("default" = true))]
    enabled: Option<Or<bool>>,
    /// Words by which people select images.
    #[schemars(example = json!(["cloud", "team=web"]))]
    labels: Option<Vec<Label>>,
    /// The labels of the runner that builds it, for jobs that are made from a plan.
    ///
    /// Default: those of the workflow.
    #[schemars(example = json!(["self-hosted", "kvm"]))]
    runs_on: Option<RunsOn>,
    /// Where the gate looks.
    #[schemars(example = &"disk", extend("default" = "auto"))]
    evidence: Option<Evidence>,
    /// Which versions keep their bytes when `goldsmith prune` removes what nobody needs.
    #[schemars(example = json!({ "last": 4, "within": "120d" }))]
    retain: Option<Retain>,
    /// Not available yet. Who answers for the image.
    #[schemars(example = &"platform-team")]
    owner: Option<Text>,
    /// Scripts that run in the guest at the end of every build, whatever the template says: `.ps1`
    /// with PowerShell, others as they are. Templates without a guest are refused.
    #[schemars(example = json!(["scripts/harden.sh"]))]
    enforce: Option<Vec<Path>>,
    /// Other checkers, whose SARIF the gate judges: errors block, warnings are told. They run in
    /// `workdir`, after the build, and with the environment of a test.
    #[schemars(example = json!([{ "run": "./check.sh", "sarif": "results.sarif" }]))]
    checks: Option<Vec<Check>>,
    /// A profile of rules beyond the golden ones; breaking them is told, or keeps the build from
    /// being published.
    #[schemars(example = &"cis-debian", extend("default" = "off"))]
    hardening: Option<Hardening>,
    /// Not available yet. The levels of the rules for templates.
    #[schemars(example = json!({ "pinned-plugins": "warn" }))]
    lint: Option<Levels>,
    /// Which versions move on to another channel by themselves: a daily `run` promotes those that still
    /// pass.
    #[schemars(example = json!([{ "from": "candidate", "to": "stable", "after": "3d" }]))]
    promote: Option<Vec<Promotion>>,
    /// What a build must pass besides the gate, in this order. Each gets a copy of the artifact,
    /// never the artifact itself.
    #[schemars(example = json!(["boot", { "run": "./smoke.sh" }]))]
    tests: Option<Vec<Test>>,
    /// What a build needs of the machine, and each test that is a command: as many run at once as all of
    /// them together find room.
    #[schemars(example = json!({ "cpus": 2, "memory": "2G", "disk": "10G" }))]
    resources: Option<Resources>,
    /// Not available yet. Where images are built and kept on Proxmox VE.
    #[schemars(example = json!({ "url_env": "PROXMOX_URL", "nodes": ["pve1"], "storage": "local-lvm", "vmid": "9100-9199" }))]
    proxmox: Option<Proxmox>,
    /// The budget of the files of an artifact together. More is told (rule `image-size`).
    #[schemars(example = &"8G")]
    max_size: Option<Size>,
    /// How much of the log of a build is kept, uncompressed: the beginning and the end of a longer
    /// one.
    #[schemars(example = &"64M", extend("default" = "256M"))]
    max_log: Option<Size>,
}

/// How checksums are signed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Sign {
    /// With the program minisign, which has to be on the search path.
    #[schemars(example = json!({ "key": "/etc/goldsmith/minisign.key" }))]
    minisign: Minisign,
}

/// A secret key of minisign.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Minisign {
    /// In a file.
    File(KeyInFile),
    /// In an environment variable.
    Environment(KeyInEnvironment),
}

/// A secret key in a file.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct KeyInFile {
    /// The file with the secret key.
    #[schemars(example = &"/etc/goldsmith/minisign.key")]
    key: Path,
    /// The environment variable with the password of the key, if it has one.
    #[schemars(example = &"MINISIGN_PASSWORD")]
    password_env: Option<EnvironmentName>,
}

/// A secret key in an environment variable.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct KeyInEnvironment {
    /// The environment variable with the content of a file with a secret key.
    #[schemars(example = &"MINISIGN_KEY")]
    key_env: EnvironmentName,
    /// The environment variable with the password of the key, if it has one.
    #[schemars(example = &"MINISIGN_PASSWORD")]
    password_env: Option<EnvironmentName>,
}

/// Profiles of rules.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Hardening {
    /// A profile, whose rules are told when they are broken; or none.
    Word(Or<HardeningWord>),
    /// What breaking the rules of a profile leads to.
    Levels(HardeningLevels),
}

/// A profile.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum HardeningWord {
    /// Ten items of the CIS Debian Linux 12 Benchmark that files alone decide.
    CisDebian,
    /// None.
    Off,
}

/// What breaking the rules of a profile leads to.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "kebab-case")]
struct HardeningLevels {
    /// The level of the rules of this profile.
    #[schemars(example = &"block")]
    cis_debian: Option<Or<super::gate::Level>>,
}

/// How versions are named.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Version {
    /// The part that people choose.
    #[schemars(example = &"2.1", extend("default" = "1.0"))]
    base: Option<VersionBase>,
    /// The time zone that decides what day it is, and when slots begin.
    #[schemars(example = &"Europe/Berlin", extend("default" = "UTC"))]
    timezone: Option<Timezone>,
}

/// How often an image is built again although nothing has changed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Rebuild {
    /// The calendar: an image is due when a slot has begun since its newest build did.
    #[schemars(example = &"weekly", extend("default" = "auto"))]
    every: Option<Every>,
    /// How old the newest build may become, whatever the calendar says: `auto` is one and a half
    /// times the distance between slots.
    #[schemars(example = &"60d", extend("default" = "auto"))]
    max_age: Option<MaxAge>,
}

/// A calendar.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Every {
    /// A calendar by name.
    Word(Or<Cadence>),
    /// A calendar of one's own.
    Cron(CronCadence),
}

/// A calendar by name.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Cadence {
    /// Monthly; for `iso` quarterly, for `factory` never, for Windows patch-tuesday.
    Auto,
    /// Mondays, 02:00.
    Weekly,
    /// The first of the month, 02:00.
    Monthly,
    /// The first of January, April, July and October, 03:00.
    Quarterly,
    /// The day after the second Tuesday of the month, 02:00.
    PatchTuesday,
    /// Time alone never makes the image due.
    Never,
}

/// A calendar of one's own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CronCadence {
    /// When slots begin.
    #[schemars(example = &"0 2 * * MON#1")]
    cron: Cron,
}

/// How old a build may become.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum MaxAge {
    /// By a word.
    Word(Or<MaxAgeWord>),
    /// This old.
    After(Duration),
}

/// How old a build may become.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum MaxAgeWord {
    /// One and a half times the distance between slots.
    Auto,
    /// As old as it likes.
    Unlimited,
}

/// How long the stages of a build may take.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Timeout {
    /// The step `prepare`.
    #[schemars(example = &"5m", extend("default" = "15m"))]
    prepare: Option<Duration>,
    /// The Packer build.
    ///
    /// Default: `30m`, for `iso` `2h`, for Windows `4h`.
    #[schemars(example = &"45m")]
    build: Option<Duration>,
    /// Each of the `tests`.
    #[schemars(example = &"5m", extend("default" = "15m"))]
    test: Option<Duration>,
}

/// A rule by which versions move on to another channel.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Promotion {
    /// The channel that names them.
    #[schemars(example = &"candidate")]
    from: ChannelName,
    /// The channel that is to name them.
    #[schemars(example = &"stable")]
    to: ChannelName,
    /// How long the first must have named a version without a break.
    #[schemars(example = &"3d")]
    after: Duration,
}

/// The labels of a runner.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum RunsOn {
    /// One label.
    One(Text),
    /// All of these labels.
    All(Vec<Text>),
}

/// A store.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Store {
    /// A store without settings.
    Word(Or<StoreWord>),
    /// A folder.
    Dir(DirStore),
    /// An object store.
    Object(ObjectStore),
    /// An OCI registry.
    Oci(OciStore),
    /// A package registry of the forge.
    Package(PackageStore),
}

/// A store without settings.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum StoreWord {
    /// Not available yet. Assets of a release of the forge.
    Release,
    /// Not available yet. Templates on Proxmox VE.
    Proxmox,
}

/// A folder.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DirStore {
    /// A folder of this machine.
    #[schemars(example = json!({ "url": "file:///srv/images" }))]
    dir: Dir,
}

/// A folder of this machine.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Dir {
    /// Its address.
    #[schemars(example = &"file:///srv/images")]
    url: Folder,
}

/// An object store.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ObjectStore {
    /// A place in an object store.
    #[schemars(example = json!({ "url": "s3://bucket/images" }))]
    object: Object,
}

/// A place in an object store.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Object {
    /// Its address.
    #[schemars(example = &"s3://bucket/images")]
    url: Objects,
}

/// An OCI registry.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OciStore {
    /// Repositories of an OCI registry.
    #[schemars(example = json!({ "ref": "registry.example.org/images" }))]
    oci: Oci,
}

/// Repositories of an OCI registry.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Oci {
    /// Its name.
    #[schemars(example = &"registry.example.org/images")]
    r#ref: OciReference,
}

/// A package registry of the forge.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PackageStore {
    /// Not available yet. The package registry of the forge.
    #[schemars(example = json!({ "token_env": "PACKAGE_TOKEN" }))]
    package: Package,
}

/// The package registry of the forge.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Package {
    /// The environment variable that has a token which may publish.
    #[schemars(example = &"PACKAGE_TOKEN")]
    token_env: EnvironmentName,
}
