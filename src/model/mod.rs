//! The words of the project as data: names, versions, digests, what a build left, what was found
//! inside it, what was decided about it and what is remembered of it.
//!
//! Values only. Nothing here reads a file, a clock or the environment.

mod address;
mod advice;
mod advisories;
mod artifact;
mod artifact_record;
mod as_text;
mod before;
mod build_record;
mod catalog;
mod change;
mod configuration;
mod definition;
mod definition_parts;
mod digest;
mod event;
mod evidence;
mod evidence_document;
mod facts;
mod failure;
mod findings;
mod findings_document;
mod flaw;
mod glob;
mod golden_rules;
mod history;
mod inventory_diff;
mod judging;
mod log_entry;
mod names;
mod os;
mod plan;
mod plugin;
mod policy;
mod provenance;
mod publication;
mod resources;
mod retain;
mod rule;
#[cfg(test)]
pub(crate) mod samples;
mod severity;
mod since;
mod soak;
mod strategy;
mod test_result;
mod text;
mod tool;
mod upstream;
mod verdict;
mod version;
mod waiver;

pub use address::{
    Address, AddressError, GitAddress, GitRepository, ObjectsAddress, OciReference, StoreAddress,
};
pub use advice::{Advice, AdviceKind};
pub use advisories::{Advisories, Probe};
pub use artifact::{Artifact, ArtifactFile};
pub use artifact_record::ArtifactRecord;
pub use before::{Before, BuildAccess, Expected, FindingKey, KnownFindings, KnownPackages};
pub use build_record::BuildRecord;
pub use catalog::{
    Arch, Cadence, Catalog, Check, Image, MaxAge, Parent, Prepare, Rebuild, Signing, SigningKey,
    Source, Test, Timeouts, VersionScheme, is_legacy_template,
};
pub use change::Change;
pub use configuration::{Configuration, SettingChange, Settings};
pub use definition::{Definition, DefinitionFiles};
pub use definition_parts::DefinitionParts;
pub use digest::{Digest, Hasher, ParseDigestError};
pub use event::{Event, ImageOutcome, NoteLevel, Stage, StageOutcome};
pub use evidence::{Basis, Evidence, Inventory, Obstacle, Package};
pub use evidence_document::EvidenceDocument;
pub use facts::{
    Account, AuthorizedKey, CloudInit, Facts, FileFact, FolderSize, ImageRelease, Line, MachineId,
    Password, PasswordHash, SecretFact, Sizes,
};
pub use failure::{ExitCode, Failure, FailureClass};
pub use findings::{Finding, Scan, Status};
pub use findings_document::FindingsDocument;
pub use flaw::{Flaw, Gravity};
pub use glob::NameGlob;
pub use golden_rules::{GOLDEN_RULES, GoldenRule};
pub use history::{Attempt, FailedAttempt, HISTORY_FORMAT, History, Revocation, Satisfied};
pub use inventory_diff::{ChangeKind, InventoryDiff, PackageChange};
pub use judging::Judging;
pub use log_entry::{
    Act, BlockingFinding, Commit, Entry, FailedRecord, LogEntry, Material, Move, Named,
    ParentRecord, RejectedRecord, SCHEMA, VerifiedRecord, VersionRecord,
};
pub use names::{ChannelName, ImageName, InvalidName, RunId};
pub use os::{Os, OsIdentity};
pub use plan::{Due, NotDue, Plan, Planned, Regate, Skipped};
pub use plugin::{
    BadPluginName, LockedPrograms, Platform, PluginLock, PluginMirror, PluginRecord, PluginSource,
    PluginVersion,
};
pub use policy::{EolRule, GatePolicy, SeveritySource};
pub use provenance::Provenance;
pub use publication::{About, Document, Publication, Stored};
pub use resources::{Budget, Resources};
pub use retain::{InUse, Retain};
pub use rule::{CheckResult, Hardening, Level, RuleLevels, RuleName, Violation};
pub use severity::{ParseSeverityError, Severity};
pub use since::Since;
pub use soak::{Soak, Soaking};
pub use strategy::{EvidencePolicy, SbomSource, Scope, Strategy, StrategyName};
pub use test_result::{CaseOutcome, TestCase, TestResult, TestTally};
pub use text::{ParentFact, Piece, Placeholder, Text};
pub use tool::{PACKER_INSTALL, Tool};
pub use upstream::{Checksum, Download, Upstream, UpstreamChange};
pub use verdict::{Bucket, Decision, Fate, Judged, Reason, ReasonId, Verdict};
pub use version::{ParseVersionError, Version, VersionBase};
pub use waiver::{GateLists, Waiver};
