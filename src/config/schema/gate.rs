//! `gate`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::scalars::{ChannelName, Duration, GraceSeverity, Or, Path, RuleName};

/// What keeps a build from being published.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Gate {
    /// The severities of findings that block. `UNKNOWN` is one of its own. None: no finding ever
    /// blocks.
    #[schemars(example = json!(["CRITICAL"]), extend("default" = ["HIGH", "CRITICAL"]))]
    fail_on: Option<Vec<Or<Severity>>>,
    /// Whether findings without a fix never block.
    #[schemars(example = false, extend("default" = true))]
    ignore_unfixed: Option<Or<bool>>,
    /// How old the advisory database may be.
    #[schemars(example = &"24h", extend("default" = "48h"))]
    max_db_age: Option<Duration>,
    /// What a release past its end of life leads to.
    #[schemars(example = &"warn", extend("default" = "untrusted"))]
    eol: Option<Or<EolRule>>,
    /// Not available yet. How long findings may wait: since there is a fix, else since they were
    /// published. `CRITICAL` has no grace.
    #[schemars(example = json!({ "HIGH": "7d" }))]
    fix_grace: Option<BTreeMap<GraceSeverity, Duration>>,
    /// Not available yet, but for `off`. Judges only what a version that is out does not have.
    /// Never excuses `CRITICAL`.
    #[schemars(example = json!({ "since": "stable" }), extend("default" = "off"))]
    new_only: Option<NewOnly>,
    /// Not available yet, but for `off`. What an image leads to that carries an identity or an
    /// access of its maker.
    #[schemars(example = json!({ "machine-id": "warn" }), extend("default" = "off"))]
    generalize: Option<Generalize>,
    /// Not available yet. A file with permissions for single findings.
    #[schemars(example = &"waivers.yml")]
    waivers: Option<Path>,
    /// Not available yet. How long a permission may last.
    #[schemars(example = &"90d")]
    max_waiver: Option<Duration>,
    /// Not available yet. How long before its end a permission is announced.
    #[schemars(example = &"7d")]
    waiver_notice: Option<Duration>,
    /// Not available yet. Whose word on a severity counts.
    #[schemars(example = &"vendor")]
    severity_source: Option<Or<SeveritySource>>,
    /// Not available yet. A file with vulnerabilities that are known to be used.
    #[schemars(example = &"kev.json")]
    kev: Option<Path>,
}

/// A severity, as Trivy spells it.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
enum Severity {
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

/// What a release past its end of life leads to.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum EolRule {
    /// The scan is not trusted.
    Untrusted,
    /// A warning.
    Warn,
    /// Nothing.
    Off,
}

/// Which findings are judged.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum NewOnly {
    /// All.
    Off(Or<Off>),
    /// New ones.
    Since(NewSince),
}

/// Nothing of this.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Off {
    /// Nothing of this.
    Off,
}

/// Judges only what a version that is out does not have.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NewSince {
    /// The channel whose version is compared with.
    #[schemars(example = &"stable")]
    since: ChannelName,
}

/// The levels of the rules for identity and access.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Generalize {
    /// One level for all rules.
    All(Or<GeneralizeLevel>),
    /// A level for some rules.
    Rules(Levels),
}

/// What broken rules lead to.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum GeneralizeLevel {
    /// To each rule's own level.
    Auto,
    /// The build is not published.
    Block,
    /// A warning.
    Warn,
    /// Nothing.
    Off,
}

/// The levels of rules, by name.
pub(super) type Levels = BTreeMap<RuleName, Or<Level>>;

/// What a broken rule leads to.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum Level {
    /// Nothing.
    Off,
    /// A warning.
    Warn,
    /// The build is not published.
    Block,
}

/// Whose word on a severity counts.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum SeveritySource {
    /// That of the distribution.
    Vendor,
    /// That of the National Vulnerability Database.
    Nvd,
    /// The gravest of all.
    Highest,
}
