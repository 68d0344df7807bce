//! Where a version comes from, for programs that have never heard of goldsmith: an in-toto statement
//! with a SLSA predicate, one line beside the bytes.
//!
//! Ours and not that of Packer's post-processor, which could destroy the artifact over it. It is not
//! signed: it says as much as whoever can write to the store. Pure.
//!
//! Formats: <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>,
//! <https://slsa.dev/spec/v1.0/provenance>.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::Serialize;

use crate::model::{Digest, Document, Image, Provenance, Publication};

/// File name of the statement.
pub const PROVENANCE: &str = "provenance.intoto.jsonl";

/// How the parameters of a build are to be understood: docs/provenance.md. A new number if they are
/// not what they were.
pub const BUILD_TYPE: &str = "urn:goldsmith:build:packer:v1";

/// Who says so: goldsmith, on a machine of its user.
pub const BUILDER: &str = "urn:goldsmith:builder:self-hosted:v1";

/// What a statement is made from, beside the version itself.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// The image, as it was when it was built.
    pub image: &'a Image,
    /// The folder that its paths are told from.
    pub folder: &'a Utf8Path,
    /// How the artifact came about.
    pub provenance: &'a Provenance,
    /// The image's variables that may be seen, as they are written; nothing if they are others now.
    pub variables: Option<BTreeMap<String, String>>,
    /// The names of those that may not.
    pub secret_variables: Vec<String>,
    /// Where the run can be looked at, if anywhere.
    pub run_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: Vec<Descriptor>,
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: Predicate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    build_type: &'static str,
    external_parameters: ExternalParameters,
    internal_parameters: InternalParameters,
    resolved_dependencies: Vec<Descriptor>,
}

/// What people have decided.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalParameters {
    image: String,
    definition: Digest,
    template: Utf8PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    variable_files: Vec<Utf8PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret_variables: Vec<String>,
}

/// What goldsmith has decided.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InternalParameters {
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parents: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_url: Option<String>,
}

#[derive(Serialize)]
struct RunDetails {
    builder: Builder,
    metadata: Metadata,
    byproducts: Vec<Descriptor>,
}

#[derive(Serialize)]
struct Builder {
    id: &'static str,
    version: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<String>,
    started_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_on: Option<String>,
}

/// A thing and its digest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    name: String,
    digest: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

impl Descriptor {
    fn of(name: impl Into<String>, digest: Digest) -> Self {
        let digest = [("sha256", digest.hex())].into();
        Self { name: name.into(), digest, media_type: None, annotations: BTreeMap::new() }
    }

    fn annotated(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.annotations.insert(name, value.into());
        self
    }
}

/// The statement about `publication`, whose other documents are complete. None for an artifact that
/// was handed in: nobody knows where it comes from.
pub fn statement(publication: &Publication, origin: &Origin<'_>) -> Option<Document> {
    let Origin { image, folder, provenance, variables, secret_variables, run_url } = origin;
    if provenance.handed_in {
        return None;
    }
    let shown = |path: &Utf8PathBuf| path.strip_prefix(folder).unwrap_or(path.as_path()).to_owned();
    let names = publication.file_names().into_iter().zip(&publication.artifact.files);
    let statement = Statement {
        kind: "https://in-toto.io/Statement/v1",
        subject: names.map(|((_, name), file)| Descriptor::of(name, file.digest)).collect(),
        predicate_type: "https://slsa.dev/provenance/v1",
        predicate: Predicate {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE,
                external_parameters: ExternalParameters {
                    image: publication.image.to_string(),
                    definition: provenance.definition,
                    template: shown(&image.template),
                    build: image.build.clone(),
                    variable_files: image.var_files.iter().map(shown).collect(),
                    variables: variables.clone(),
                    secret_variables: secret_variables.clone(),
                },
                internal_parameters: InternalParameters {
                    version: publication.version.to_string(),
                    parents: provenance
                        .parents
                        .iter()
                        .map(|parent| format!("{} {}", parent.image, parent.version))
                        .collect(),
                    run_url: run_url.map(str::to_owned),
                },
                resolved_dependencies: dependencies(provenance),
            },
            run_details: RunDetails {
                builder: Builder { id: BUILDER, version: provenance.tools.clone() },
                metadata: Metadata {
                    invocation_id: provenance.built_by.as_ref().map(ToString::to_string),
                    started_on: second(provenance.started_at),
                    finished_on: provenance.built_at.map(second),
                },
                byproducts: publication.documents.iter().map(byproduct).collect(),
            },
        },
    };
    let mut content = serde_json::to_vec(&statement).expect("names and numbers always serialize");
    content.push(b'\n');
    Some(Document { name: PROVENANCE.to_owned(), content })
}

/// What went into the build: the repository, what came from outside, the plugins.
fn dependencies(provenance: &Provenance) -> Vec<Descriptor> {
    let repository = provenance.commit.iter().map(|commit| {
        let repository = Descriptor {
            name: "repository of images.yml".to_owned(),
            digest: [("gitCommit", commit.id.clone())].into(),
            media_type: None,
            annotations: BTreeMap::new(),
        };
        if commit.dirty { repository.annotated("dirty", "true") } else { repository }
    });
    let materials =
        provenance.materials.iter().map(|material| Descriptor::of(&material.name, material.digest));
    let plugins = provenance.plugins.iter().map(|plugin| {
        let plugin_of = Descriptor::of(plugin.source.as_str(), plugin.digest);
        plugin_of.annotated("plugin", plugin.version.to_string())
    });
    repository.chain(materials).chain(plugins).collect()
}

fn byproduct(document: &Document) -> Descriptor {
    let is = |end: &str| document.name.ends_with(end);
    let media_type = if is(".cdx.json") {
        Some("application/vnd.cyclonedx+json")
    } else {
        is(".json").then_some("application/json")
    };
    Descriptor { media_type, ..Descriptor::of(&document.name, Digest::of(&document.content)) }
}

/// A time as the format has it: RFC 3339, UTC, whole seconds.
fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::image;
    use crate::model::{
        Artifact, ArtifactFile, Commit, DefinitionParts, Material, ParentRecord, PluginRecord,
    };

    fn publication() -> Publication {
        let file = |path: &str| ArtifactFile {
            path: path.into(),
            size: 3,
            digest: Digest::of(path.as_bytes()),
        };
        let document = |name: &str| Document { name: name.to_owned(), content: b"{}\n".to_vec() };
        Publication {
            image: "k8s".parse().unwrap(),
            version: "1.0.20261123".parse().unwrap(),
            artifact: Artifact { builder: None, files: vec![file("d.qcow2"), file("efivars.fd")] },
            documents: vec![document("inventory.cdx.json"), document("report.json")],
            about: None,
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            commit: Some(Commit { id: "5f3a9c".repeat(6) + "beef", dirty: true }),
            definition: Digest::of(b"definition"),
            definition_parts: DefinitionParts::new(),
            materials: vec![
                Material { name: "base/debian.qcow2".to_owned(), digest: Digest::of(b"base") },
                Material { name: "base 1.0.20261101".to_owned(), digest: Digest::of(b"parent") },
            ],
            parents: vec![ParentRecord {
                image: "base".parse().unwrap(),
                version: "1.0.20261101".parse().unwrap(),
            }],
            started_at: "2026-11-23T10:00:00.123Z".parse().unwrap(),
            handed_in: false,
            stamped: false,
            tools: [("goldsmith", "0.1.0"), ("packer", "1.16.0")]
                .map(|(name, version)| (name.to_owned(), version.to_owned()))
                .into(),
            plugins: vec![PluginRecord {
                source: "github.com/hashicorp/qemu".parse().unwrap(),
                version: "1.1.4".parse().unwrap(),
                digest: Digest::of(b"plugin"),
            }],
            custom_data: BTreeMap::new(),
            built_by: Some("20261123t100000z-5f3a9c".parse().unwrap()),
            built_at: Some("2026-11-23T10:20:00Z".parse().unwrap()),
        }
    }

    fn told(provenance: &Provenance) -> Option<String> {
        let mut image = image("k8s");
        image.template = "/repo/packer/k8s".into();
        image.build = Some("qemu.k8s".to_owned());
        image.var_files = vec!["/repo/common.pkrvars.hcl".into()];
        let origin = Origin {
            image: &image,
            folder: "/repo".into(),
            provenance,
            variables: Some([("disk_size".to_owned(), "8G".to_owned())].into()),
            secret_variables: vec!["proxmox_token".to_owned()],
            run_url: Some("https://forge.example.org/runs/7"),
        };
        let document = statement(&publication(), &origin)?;
        assert_eq!(document.name, "provenance.intoto.jsonl");
        String::from_utf8(document.content).ok()
    }

    #[test]
    fn a_statement_is_one_line_and_names_everything() {
        let line = told(&provenance()).unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap(), @r#"
        {
          "_type": "https://in-toto.io/Statement/v1",
          "predicate": {
            "buildDefinition": {
              "buildType": "urn:goldsmith:build:packer:v1",
              "externalParameters": {
                "build": "qemu.k8s",
                "definition": "sha256:4c4ed1afbfdaa1e4c3bf7bbb82d730cecb7e384da91eea4f3cc093fd545524d6",
                "image": "k8s",
                "secretVariables": [
                  "proxmox_token"
                ],
                "template": "packer/k8s",
                "variableFiles": [
                  "common.pkrvars.hcl"
                ],
                "variables": {
                  "disk_size": "8G"
                }
              },
              "internalParameters": {
                "parents": [
                  "base 1.0.20261101"
                ],
                "runUrl": "https://forge.example.org/runs/7",
                "version": "1.0.20261123"
              },
              "resolvedDependencies": [
                {
                  "annotations": {
                    "dirty": "true"
                  },
                  "digest": {
                    "gitCommit": "5f3a9c5f3a9c5f3a9c5f3a9c5f3a9c5f3a9cbeef"
                  },
                  "name": "repository of images.yml"
                },
                {
                  "digest": {
                    "sha256": "cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2"
                  },
                  "name": "base/debian.qcow2"
                },
                {
                  "digest": {
                    "sha256": "e47125968b3b71049fbc4802d1e40a71ea1359decfabacf70b34588037d4ff0c"
                  },
                  "name": "base 1.0.20261101"
                },
                {
                  "annotations": {
                    "plugin": "1.1.4"
                  },
                  "digest": {
                    "sha256": "5e689e2b01672bf33996e75d5e372ff60c536ce1599a1458e867cd8f4bef5160"
                  },
                  "name": "github.com/hashicorp/qemu"
                }
              ]
            },
            "runDetails": {
              "builder": {
                "id": "urn:goldsmith:builder:self-hosted:v1",
                "version": {
                  "goldsmith": "0.1.0",
                  "packer": "1.16.0"
                }
              },
              "byproducts": [
                {
                  "digest": {
                    "sha256": "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
                  },
                  "mediaType": "application/vnd.cyclonedx+json",
                  "name": "inventory.cdx.json"
                },
                {
                  "digest": {
                    "sha256": "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
                  },
                  "mediaType": "application/json",
                  "name": "report.json"
                }
              ],
              "metadata": {
                "finishedOn": "2026-11-23T10:20:00Z",
                "invocationId": "20261123t100000z-5f3a9c",
                "startedOn": "2026-11-23T10:00:00Z"
              }
            }
          },
          "predicateType": "https://slsa.dev/provenance/v1",
          "subject": [
            {
              "digest": {
                "sha256": "6eed4a7898455f1887e0c5645e1684508afad8c1629664676c6fab1fc0eef637"
              },
              "name": "k8s-v1.0.20261123.qcow2"
            },
            {
              "digest": {
                "sha256": "ef728bdb42ec4344ce56052f6701b7a7507674b34484009ba54f52836b605691"
              },
              "name": "k8s-v1.0.20261123-efivars.fd"
            }
          ]
        }
        "#);
    }

    /// The shape of the published formats, by hand: who must be there, and of which type.
    #[test]
    fn a_statement_has_the_published_shape() {
        use serde_json::Value;
        let schema = serde_json::json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {
                "time": { "type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$" },
                "digests": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": false,
                    "properties": {
                        "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
                        "gitCommit": { "type": "string", "pattern": "^[0-9a-f]{40}$|^[0-9a-f]{64}$" },
                    },
                },
                "descriptor": {
                    "type": "object",
                    "anyOf": [{ "required": ["uri"] }, { "required": ["digest"] }, { "required": ["content"] }],
                    "additionalProperties": false,
                    "properties": {
                        "uri": { "type": "string" },
                        "digest": { "$ref": "#/definitions/digests" },
                        "name": { "type": "string" },
                        "downloadLocation": { "type": "string" },
                        "mediaType": { "type": "string" },
                        "content": { "type": "string" },
                        "annotations": { "type": "object" },
                    },
                },
                "descriptors": { "type": "array", "items": { "$ref": "#/definitions/descriptor" } },
            },
            "type": "object",
            "required": ["_type", "subject", "predicateType", "predicate"],
            "additionalProperties": false,
            "properties": {
                "_type": { "const": "https://in-toto.io/Statement/v1" },
                "subject": {
                    "allOf": [{ "$ref": "#/definitions/descriptors" }],
                    "minItems": 1,
                    "items": { "required": ["digest"] },
                },
                "predicateType": { "const": "https://slsa.dev/provenance/v1" },
                "predicate": {
                    "type": "object",
                    "required": ["buildDefinition", "runDetails"],
                    "additionalProperties": false,
                    "properties": {
                        "buildDefinition": {
                            "type": "object",
                            "required": ["buildType", "externalParameters"],
                            "additionalProperties": false,
                            "properties": {
                                "buildType": { "type": "string", "format": "uri", "pattern": "^[a-z]+:" },
                                "externalParameters": { "type": "object" },
                                "internalParameters": { "type": "object" },
                                "resolvedDependencies": { "$ref": "#/definitions/descriptors" },
                            },
                        },
                        "runDetails": {
                            "type": "object",
                            "required": ["builder"],
                            "additionalProperties": false,
                            "properties": {
                                "builder": {
                                    "type": "object",
                                    "required": ["id"],
                                    "additionalProperties": false,
                                    "properties": {
                                        "id": { "type": "string", "pattern": "^[a-z]+:" },
                                        "version": { "type": "object", "additionalProperties": { "type": "string" } },
                                        "builderDependencies": { "$ref": "#/definitions/descriptors" },
                                    },
                                },
                                "metadata": {
                                    "type": "object",
                                    "additionalProperties": false,
                                    "properties": {
                                        "invocationId": { "type": "string" },
                                        "startedOn": { "$ref": "#/definitions/time" },
                                        "finishedOn": { "$ref": "#/definitions/time" },
                                    },
                                },
                                "byproducts": { "$ref": "#/definitions/descriptors" },
                            },
                        },
                    },
                },
            },
        });
        let validator = jsonschema::draft7::new(&schema).unwrap();
        let mut bare = provenance();
        (bare.commit, bare.built_by, bare.built_at) = (None, None, None);
        bare.plugins.clear();
        for provenance in [provenance(), bare] {
            let value: Value = serde_json::from_str(&told(&provenance).unwrap()).unwrap();
            let problems: Vec<String> =
                validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(problems, [""; 0]);
        }
    }

    #[test]
    fn of_what_was_handed_in_nothing_is_claimed() {
        assert_eq!(told(&Provenance { handed_in: true, ..provenance() }), None);
    }
}
