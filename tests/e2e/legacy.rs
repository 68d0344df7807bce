//! Templates in Packer's older language, with the real Packer.

use crate::build::run;
use crate::project::{Project, today};

const IMAGES: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
images:
  old:
    template: packer/old.json
    build: the disk
    vars: { from: ../disk.raw }
    var_files: [values.json]
    env: [OLD_TOKEN]
    os: { family: debian, release: \"12\" }
    source: cloud-image
";

/// It says where the artifact goes as old templates do: in its own words.
const TEMPLATE: &str = r#"{
  "variables": {
    "from": null,
    "ending": null,
    "token": "{{env `OLD_TOKEN`}}",
    "goldsmith_version": ""
  },
  "sensitive-variables": ["token"],
  "builders": [
    { "type": "null", "communicator": "none" },
    { "type": "file", "name": "the disk", "source": "{{user `from`}}", "target": "out/disk.{{user `ending`}}" }
  ],
  "provisioners": [
    { "type": "shell-local", "script": "look.sh", "environment_vars": ["IT={{user `goldsmith_version`}} {{user `token`}}"] }
  ]
}
"#;

#[test]
fn a_template_in_the_older_language_is_built_in_goldsmiths_folder_and_published() {
    let project = Project::new(IMAGES);
    project.write("packer/old.json", TEMPLATE);
    project.write("packer/look.sh", "#!/bin/sh\necho \"this is $IT\" >../looked\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(project.path("packer/look.sh"), mode).unwrap();
    project.write("values.json", r#"{ "ending": "raw" }"#);
    project.disk();
    project.advisories(|_, _| {});
    let output = project
        .goldsmith()
        .args(["run", "--db", "advisories"])
        .env("OLD_TOKEN", "the-secret-token")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("warning[legacy-template]"), "{said}");
    assert!(said.contains("packer hcl2_upgrade old.json"), "{said}");
    let looked = fs_err::read_to_string(project.path("looked")).unwrap();
    assert_eq!(looked, format!("this is {} the-secret-token\n", today()));
    let (store, disk) = (format!("store/old/{}", today()), format!("old-v{}.raw", today()));
    assert!(project.list(&store).contains(&disk), "{said}");
    // Nothing is left of the edited copy, and the template's own folder was not built in.
    assert_eq!(project.list("packer"), ["look.sh", "old.json"]);

    // Scripts that it names are a part of its definition.
    run(&project, &[]).expect(0);
    project.write("packer/look.sh", "#!/bin/sh\necho other\n");
    let planned = project.run(&["plan"]).expect(0);
    assert!(planned.stdout.contains("look.sh"), "{}", planned.stdout);
}

#[test]
fn what_cannot_be_done_with_the_older_language_is_refused() {
    let images = IMAGES
        .replace("    env: [OLD_TOKEN]\n", "    secret_vars: { token: OLD_TOKEN }\n")
        .replace("source: cloud-image", "source: cloud-image\n    enforce: [packer/look.sh]");
    let project = Project::new(&images);
    project.write("packer/old.json", TEMPLATE);
    project.write("packer/look.sh", "");
    project.write("values.json", r#"{ "ending": "raw" }"#);
    project.advisories(|_, _| {});
    let said = run(&project, &[]).expect(2).stderr;
    for problem in ["error[legacy-secret]", "error[cannot-enforce]"] {
        assert!(said.contains(problem), "{said}");
    }
    project.write("packer/old.json", &TEMPLATE.replace("\"source\"", "\"sorce\""));
    let images = IMAGES.replace("    env: [OLD_TOKEN]\n", "");
    project.write("images.yml", &images);
    let said = project.run(&["lint"]).expect(1).stdout;
    assert!(said.contains("sorce"), "{said}");
}
