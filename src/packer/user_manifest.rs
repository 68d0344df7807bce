//! `packer-manifest.json`, which a template may have Packer write: what it says of a build is
//! remembered, and nothing depends on it.
//!
//! The file is appended to across runs and builds, may lose entries or be cut off where several
//! Packers write it, and names sources, not builds. So an entry is ours if it names a file that only
//! our build can have written. Pure.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;

use crate::model::Artifact;

/// Largest manifest that is read, in bytes.
pub const LARGEST: u64 = 8 * 1024 * 1024;

/// More than this is no note about a build.
const MOST_ENTRIES: usize = 100;
const LONGEST: usize = 4096;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    builds: Option<Vec<Entry>>,
}

/// Arrays and maps without anything in them are `null`.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    files: Option<Vec<File>>,
    #[serde(default)]
    custom_data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct File {
    name: String,
}

/// The `custom_data` that the manifest `content` has of the build that left `artifact`, in
/// `output_directory`, which nothing else has ever written to. Packer ran in `workdir`. Empty if
/// there is none, or too much.
pub fn custom_data(
    content: &[u8],
    artifact: &Artifact,
    output_directory: &Utf8Path,
    workdir: &Utf8Path,
) -> BTreeMap<String, String> {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(content) else {
        return BTreeMap::new();
    };
    let ours = |file: &File| {
        let path = workdir.join(&file.name);
        path.starts_with(output_directory) || artifact.files.iter().any(|left| left.path == path)
    };
    let entries = manifest.builds.into_iter().flatten().rev();
    let mut ours = entries.filter(|entry| entry.files.iter().flatten().any(ours));
    let data = ours.find_map(|entry| entry.custom_data).unwrap_or_default();
    let fits = |(name, value): (&String, &String)| name.len().max(value.len()) <= LONGEST;
    if data.len() <= MOST_ENTRIES && data.iter().all(fits) { data } else { BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ArtifactFile, Digest};

    fn data(content: &str) -> String {
        let file =
            |path: &str| ArtifactFile { path: path.into(), size: 1, digest: Digest::of(b"") };
        let artifact = Artifact { builder: None, files: vec![file("/repo/packed/disk.img.gz")] };
        let (output, workdir) = ("/state/runs/1/work/a/output".into(), "/repo".into());
        format!("{:?}", custom_data(content.as_bytes(), &artifact, output, workdir))
    }

    #[test]
    fn only_what_is_said_of_this_build_counts() {
        let entry = |file: &str, data: &str| {
            format!(
                r#"{{"name":"debian","builder_type":"file","build_time":1,"files":{file},"artifact_id":"File","packer_run_uuid":"u","custom_data":{data}}}"#
            )
        };
        let ours = r#"[{"name":"/state/runs/1/work/a/output/disk.raw","size":3}]"#;
        let theirs = r#"[{"name":"/state/runs/1/work/b/output/disk.raw","size":3}]"#;
        let packed = r#"[{"name":"packed/disk.img.gz","size":3}]"#;
        let all = |entries: &[String]| {
            data(&format!(r#"{{"builds":[{}],"last_run_uuid":"u"}}"#, entries.join(",")))
        };
        let told = [
            all(&[entry(theirs, r#"{"k":"theirs"}"#), entry(ours, r#"{"k":"ours"}"#)]),
            all(&[entry(ours, r#"{"k":"first"}"#), entry(ours, r#"{"k":"last"}"#)]),
            all(&[entry(packed, r#"{"k":"packed"}"#)]),
            all(&[entry(theirs, r#"{"k":"theirs"}"#), entry(ours, "null"), entry("null", "{}")]),
            all(&[entry(ours, &format!(r#"{{"k":"{}"}}"#, "x".repeat(5000)))]),
            data(r#"{"builds":null,"last_run_uuid":""}"#),
            data(r#"{"builds":[{"name":"debian","files":[{"na"#),
            data(""),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        {"k": "ours"}
        {"k": "last"}
        {"k": "packed"}
        {}
        {}
        {}
        {}
        {}
        "#);
    }

    proptest! {
        #[test]
        fn whatever_it_holds_there_is_an_answer(text in "[\\[\\]{}:,\"a-z/ ]{0,80}") {
            data(&text);
        }
    }
}
