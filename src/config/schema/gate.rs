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
    /// How long findings may wait: since there is a fix, else since they were published. `CRITICAL`
    /// has no grace, and neither has what `kev` names. An image adds to what `defaults` says, severity
    /// by severity; `off` takes that away.
    #[schemars(example = json!({ "HIGH": "7d" }), extend("default" = "off"))]
    fix_grace: Option<FixGrace>,
    /// Judges only what a version that is out does not have. Never excuses `CRITICAL`.
    #[schemars(example = json!({ "since": "stable" }), extend("default" = "off"))]
    new_only: Option<NewOnly>,
    /// What the golden rules lead to: one level for all of them, or levels for some. `auto`: each
    /// rule's own.
    #[schemars(example = json!({ "machine-id": "warn" }), extend("default" = "auto"))]
    generalize: Option<Generalize>,
    /// The file with waivers: permissions for single findings. A file that is named must exist;
    /// without a name, `waivers.yml` beside this file counts, if there is one.
    #[schemars(example = &"waivers.yml")]
    waivers: Option<Path>,
    /// How far away the last day of a waiver may be.
    #[schemars(example = &"30d", extend("default" = "90d"))]
    max_waiver: Option<Duration>,
    /// How long before its end a waiver is announced.
    #[schemars(example = &"14d", extend("default" = "7d"))]
    waiver_notice: Option<Duration>,
    /// Whose word on a severity counts.
    #[schemars(example = &"highest", extend("default" = "vendor"))]
    severity_source: Option<Or<SeveritySource>>,
    /// A file with vulnerabilities that are known to be exploited, which have no grace: CISA's
    /// catalog as JSON or CSV, or a list of ids, one a line.
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

/// How long findings may wait.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum FixGrace {
    /// Not at all.
    Off(Or<Off>),
    /// So long, by severity.
    Of(BTreeMap<GraceSeverity, Duration>),
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

/// The levels of the golden rules.
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
    /// That of the distribution; where it does not rate a finding, that of whoever the scanner turns
    /// to.
    Vendor,
    /// That of the National Vulnerability Database; where it does not rate a finding, the
    /// distribution's.
    Nvd,
    /// The gravest of all ratings.
    Highest,
}
