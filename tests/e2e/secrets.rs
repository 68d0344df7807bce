//! What children know and nobody else may see.

use crate::build::run;
use crate::project::{DEBIAN, Project};

/// Says its secrets in many ways, as tools and guests do.
const TALKATIVE: &str = r#"
variable "goldsmith_output_dir" { default = "output" }
variable "goldsmith_scratch_name" { default = "disk" }
variable "api_token" { sensitive = true }
variable "builder_password" {
  default   = "pa55-in-the-template"
  sensitive = true
}
source "file" "debian" {
  source = "../disk.raw"
  target = "${var.goldsmith_output_dir}/${var.goldsmith_scratch_name}.raw"
}
build {
  sources = ["source.file.debian"]
  provisioner "shell-local" {
    environment_vars = ["T=${var.api_token}", "P=${var.builder_password}"]
    inline = [
      "echo \"plain: $T $P\"",
      "printf '%s' \"user:$T\" | base64",
      "printf 'json: {\"token\": \"%s\"}\\n' \"$T\"",
      "printf 'in pieces: %.6s' \"$T\"; printf '%s\\n' \"$${T#??????}\"",
      "echo \"to standard error: $T\" >&2",
      "echo \"$CLOUD_TOKEN, a,b\"",
      "printf '%s' \"$T\" >../seen",
    ]
  }
  post-processor "manifest" {
    custom_data = { note = "built with ${var.api_token}" }
  }
}
variable "motd" { default = "" }
"#;

#[test]
fn secrets_reach_the_build_and_are_in_no_output_log_report_or_record() {
    let images = format!(
        "{DEBIAN}    secret_vars: {{ api_token: API }}\n    vars: {{ builder_password: pa55-in-images-yml, motd: welcome to cloud-c0ffee }}\n    env: [CLOUD_TOKEN]\n    prepare: {{ run: 'echo \"prepare knows $CLOUD_TOKEN\"' }}\n"
    );
    let project = Project::new(&images);
    project.write("packer/debian.pkr.hcl", TALKATIVE);
    project.disk();
    project.advisories(|_, _| {});
    let secrets = [("API", "tok/en,1 \"x\" 22"), ("CLOUD_TOKEN", "cloud-c0ffee")];

    let missing = run(&project, &["--force"]).expect(2);
    assert!(missing.stderr.contains("`API`, which is not set"), "{}", missing.stderr);
    assert!(!project.path("seen").exists(), "nothing is built without it");

    let output = project
        .goldsmith()
        .args(["run", "--db", "advisories", "--force", "-v"])
        .envs(secrets)
        .output()
        .unwrap();
    let said =
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("***, a,b"), "{said}");
    let seen = fs_err::read_to_string(project.path("seen")).unwrap();
    assert_eq!(seen, secrets[0].1);

    let mut written = vec![(project.path("output"), said.into_bytes())];
    for folder in ["state", "registry", "store"] {
        for entry in walk(&project.path(folder)) {
            match entry.extension() {
                Some("raw") => {}
                Some("zst") => {
                    let file = fs_err::File::open(&entry).unwrap();
                    written.push((entry, zstd::decode_all(file).unwrap()));
                }
                _ => written.push((entry.clone(), fs_err::read(&entry).unwrap())),
            }
        }
    }
    for name in ["debian-12.log.zst", "provenance.intoto.jsonl", "manifest.json"] {
        assert!(written.iter().any(|(path, _)| path.as_str().ends_with(name)), "{name}");
    }
    let base64 = "dXNlcjp0b2svZW4sMSAieCIg";
    for (path, bytes) in written {
        let text = String::from_utf8_lossy(&bytes);
        for secret in ["tok/en", "en,1", "c0ffee", "pa55", &base64[8..]] {
            assert!(!text.contains(secret), "`{secret}` is in {path}: {text}");
        }
    }
}

fn walk(folder: &camino::Utf8Path) -> Vec<camino::Utf8PathBuf> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(walk(entry.path()));
        } else {
            files.push(entry.into_path());
        }
    }
    files
}

#[test]
fn what_packer_quotes_of_a_secret_is_in_no_problem_that_lint_tells() {
    let images = format!(
        "{DEBIAN}    env: [CLOUD_TOKEN]\n    vars: {{ token: \"${{env.CLOUD_TOKEN}}\" }}\n"
    );
    let project = Project::new(&images);
    // Packer refuses the value, and says which it is.
    project.write(
        "packer/debian.pkr.hcl",
        "variable \"token\" {}\nsource \"null\" \"n\" {\n  communicator = var.token\n}\nbuild {\n  sources = [\"null.n\"]\n}\n",
    );
    let mut lint = project.goldsmith();
    let output = lint.arg("lint").env("CLOUD_TOKEN", "cloud-c0ffee").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("Communicator type *** is invalid"), "{said}");
    assert!(!said.contains("c0ffee"), "{said}");
}
