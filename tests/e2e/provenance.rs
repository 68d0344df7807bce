//! What a version says about where it comes from, to programs that know nothing of goldsmith.

use goldsmith::model::Digest;
use serde_json::{Value, json};

use crate::build::{COPY, project_with, run};
use crate::project::{Project, today};

/// A template that has Packer write manifests, one of them beside itself.
fn with_manifests() -> String {
    COPY.replace(
        "build { sources = [\"source.file.debian\"] }",
        r#"
variable "motd" { default = "" }
build {
  sources = ["source.file.debian"]
  post-processor "manifest" {
    custom_data = { kernel = "6.1.0-40" }
  }
  post-processor "manifest" {
    output      = "${path.root}/beside.json"
    custom_data = { built_as = "${source.name}" }
  }
}
"#,
    )
}

fn published(project: &Project) -> Value {
    let folder = "registry/images/debian-12/log";
    let mut entries =
        project.list(folder).into_iter().map(|name| project.json(&format!("{folder}/{name}")));
    entries.rfind(|entry| entry["entry"] == "published").unwrap()
}

#[test]
fn a_version_tells_where_it_comes_from() {
    let project = project_with(&with_manifests());
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &format!("{images}    vars: {{ motd: \"${{version}}\" }}\n"));
    // What others have left in the file, and left half done.
    project.write("packer/packer-manifest.json", r#"{"builds":[{"name":"debian","files":null,"custom_data":{"kernel":"theirs"}}],"last_run_uuid":"x"}"#);
    run(&project, &[]).expect(0);

    let version = today();
    let record = published(&project);
    assert_eq!(record["custom_data"], json!({ "kernel": "6.1.0-40", "built_as": "debian" }));
    let store = format!("store/debian-12/{version}");
    let manifest = project.json(&format!("{store}/manifest.json"));
    for key in [
        "run",
        "definition",
        "started_at",
        "tools",
        "advisories_updated_at",
        "os",
        "packages",
        "package_set",
        "verdict",
        "custom_data",
    ] {
        assert!(!manifest[key].is_null(), "`{key}` is missing in {manifest:#}");
    }
    let line =
        fs_err::read_to_string(project.path(&format!("{store}/provenance.intoto.jsonl"))).unwrap();
    let statement: Value = serde_json::from_str(&line).unwrap();
    let disk = fs_err::read(project.path(&format!("{store}/debian-12-v{version}.raw"))).unwrap();
    let subject = json!([{
        "name": format!("debian-12-v{version}.raw"),
        "digest": { "sha256": Digest::of(&disk).hex() },
    }]);
    assert_eq!(statement["subject"], subject);
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["variables"], json!({ "motd": "${version}" }));
    assert_eq!(definition["externalParameters"]["definition"], record["definition"]);
    let run = &statement["predicate"]["runDetails"];
    assert_eq!(run["metadata"]["invocationId"], record["run"]);
    let report = fs_err::read(project.path(&format!("{store}/report.json"))).unwrap();
    assert_eq!(run["byproducts"][1]["digest"]["sha256"], Digest::of(&report).hex());
    let sums = fs_err::read_to_string(project.path(&format!("{store}/SHA256SUMS"))).unwrap();
    assert!(
        sums.contains(&format!("{}  provenance.intoto.jsonl", Digest::of(line.as_bytes()).hex()))
    );
}

#[test]
fn a_manifest_that_is_damaged_fails_no_build() {
    let template = with_manifests().replace("\"${path.root}/beside.json\"", "\"elsewhere.json\"");
    // Packer would refuse a manifest that it cannot read, so it comes to be so afterwards.
    let template = template.replace(
        "custom_data = { built_as = \"${source.name}\" }\n  }",
        "}\n  post-processor \"shell-local\" {\n    inline = [\"echo '{' > packer-manifest.json; rm elsewhere.json\"]\n  }",
    );
    let project = project_with(&template);
    run(&project, &[]).expect(0);
    assert_eq!(published(&project)["custom_data"], Value::Null);
}
