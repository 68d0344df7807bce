//! `goldsmith lint` with the real Packer.

use crate::project::Project;

const IMAGES: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
images:
";

#[test]
fn what_packer_says_of_templates_is_told_with_file_and_line() {
    let image = |name: &str, template: &str, more: &str| {
        format!(
            "  {name}:\n    template: {template}\n    os: {{ family: debian, release: \"12\" }}\n    source: cloud-image\n{more}"
        )
    };
    let images = [
        IMAGES.to_owned(),
        image("crooked", "crooked", "    var_files: [shared.pkrvars.hcl]\n"),
        image("refused", "refused.pkr.hcl", "    secret_vars: { token: TOKEN }\n"),
        image("broken", "broken", ""),
        image("lacking", "lacking", ""),
        image("fine", "fine", "    vars: { base: \"${output_dir}\" }\n"),
    ];
    let project = Project::new(&images.concat());
    let null = "source \"null\" \"n\" {\n  communicator = \"none\"\n}\nbuild {\n  sources = [\"null.n\"]\n}\n";
    project.write(
        "crooked/a.pkr.hcl",
        &format!("variable \"size\" {{\n  default=\"a\"\n type = string\n}}\n{null}"),
    );
    project.write("shared.pkrvars.hcl", "size=\"8G\"\n\na=1\n\nb=2\n\nc=3\n\nd=4\n");
    let inlin = "  provisioner \"shell-local\" {\n    inlin = [var.token]\n  }\n}\n";
    project.write(
        "refused.pkr.hcl",
        &format!("variable \"token\" {{}}\n{}{inlin}", null.trim_end_matches("}\n")),
    );
    project.write("broken/a.pkr.hcl", "source \"null\" \"n\" {\n  communicator = \"none\n}\n");
    project.write("lacking/a.pkr.hcl", &null.replace("null", "amazon-ebs"));
    project.write("fine/a.pkr.hcl", &format!("variable \"base\" {{}}\n{null}"));

    let said = project.run(&["lint"]).expect(1);
    insta::assert_snapshot!(said.stdout, @r#"
    warning[packer]: Undefined variable: The variable "a" was set but was not declared as an input variable
     --> images.yml:7:15
      |
    7 |     template: crooked
      |               ^^^^^^^
      |
      = help: To declare variable "a" place this block in one of your .pkr.hcl files, such as variables.pkr.hcl variable "a" { type    = string default = null }

    warning[packer]: Undefined variable: The variable "b" was set but was not declared as an input variable
     --> images.yml:7:15
      |
    7 |     template: crooked
      |               ^^^^^^^
      |
      = help: To declare variable "b" place this block in one of your .pkr.hcl files, such as variables.pkr.hcl variable "b" { type    = string default = null }

    warning[packer]: Undefined variable: The variable "c" was set but was not declared as an input variable
     --> images.yml:7:15
      |
    7 |     template: crooked
      |               ^^^^^^^
      |
      = help: To declare variable "c" place this block in one of your .pkr.hcl files, such as variables.pkr.hcl variable "c" { type    = string default = null }

    warning[packer]: Undefined variable: The variable "d" was set but was not declared as an input variable
     --> images.yml:7:15
      |
    7 |     template: crooked
      |               ^^^^^^^
      |
      = help: To declare variable "d" place this block in one of your .pkr.hcl files, such as variables.pkr.hcl variable "d" { type    = string default = null }

    warning[not-validated]: the template is not validated: Packer lacks the one with source `amazon-ebs`
      --> images.yml:21:15
       |
    21 |     template: lacking
       |               ^^^^^^^
       |
       = help: run `packer init lacking`

    error[packer]: Failed preparing provisioner-block "shell-local" ""
     --> refused.pkr.hcl:8:9
      |
    8 |     inlin = [var.token]
      |         ^^^^^
      |
      = help: refused.pkr.hcl:8,5-10: Unsupported argument; An argument named "inlin" is not expected here. Did you mean "inline"?

    error[packer]: Invalid multi-line string
     --> broken/a.pkr.hcl:2:3
      |
    2 |   communicator = "none
      |   ^^^^^^^^^^^^^^^^^^^^
      |
      = help: Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the escape to represent a newline character or use the "heredoc" multi-line template syntax.

    error[packer]: Unterminated template string
     --> broken/a.pkr.hcl:2:3
      |
    2 |   communicator = "none
      |   ^^^^^^^^^^^^^^^^^^^^
      |
      = help: No closing marker was found for the string.

    error[packer]: Invalid multi-line string
     --> broken/a.pkr.hcl:3:1
      |
    3 | }
      | ^
      |
      = help: Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the escape to represent a newline character or use the "heredoc" multi-line template syntax.

    warning[unformatted]: the file is not in Packer's form
     --> crooked/a.pkr.hcl:2:3
      |
    2 |   default="a"
      |   ^^^^^^^^^^^ should be `default = "a"`
      |
      = help: `packer fmt` writes it so

    warning[unformatted]: the file is not in Packer's form
     --> shared.pkrvars.hcl:1:1
      |
    1 | size="8G"
      | ^^^^^^^^^ should be `size = "8G"`
      |
      = help: `packer fmt` writes it so

    warning[unformatted]: the file is not in Packer's form
     --> shared.pkrvars.hcl:3:1
      |
    3 | a=1
      | ^^^ should be `a = 1`
      |
      = help: `packer fmt` writes it so

    warning[unformatted]: the file is not in Packer's form
     --> shared.pkrvars.hcl:5:1
      |
    5 | b=2
      | ^^^ should be `b = 2`
      |
      = help: `packer fmt` writes it so
      = help: so it does at 2 other places of this file

    error: 4 problems and 9 warnings in images.yml, refused.pkr.hcl, broken/a.pkr.hcl, crooked/a.pkr.hcl, shared.pkrvars.hcl
    every kind of problem is explained in docs/problems.md
    "#);
    assert_eq!(said.stderr, "");
    assert_eq!(project.list("registry"), Vec::<String>::new(), "nothing is written");
}

#[test]
fn what_is_validated_is_what_is_built_and_told_of_the_template() {
    let images = format!(
        "{IMAGES}  fixed:\n    template: packer\n    os: {{ family: debian, release: \"12\" }}\n    source: cloud-image\n    enforce: [cis.sh]\n"
    );
    let project = Project::new(&images);
    project.write("cis.sh", "");
    // In its own words, its artifact is in the way; and with a guest, it gets provisioners before this
    // one, so that Packer counts other lines.
    let template = r#"source "qemu" "debian" {
  iso_url          = "a.iso"
  iso_checksum     = "none"
  output_directory = "out"
  ssh_username     = "root"
}
build {
  sources = ["source.qemu.debian"]

  provisioner "shell-local" {
    inlin = ["true"]
  }
}
"#;
    project.write("packer/debian.pkr.hcl", template);
    project.write("packer/out/disk", "");
    let said = project.run(&["lint"]).expect(1).stdout;
    insta::assert_snapshot!(said, @r#"
    warning[packer]: A checksum of 'none' was specified. Since ISO files are so big, a checksum is highly recommended
     --> packer/debian.pkr.hcl:1:1
      |
    1 | source "qemu" "debian" {
      | ^^^^^^^^^^^^^^^^^^^^^^^^

    error[packer]: Failed preparing provisioner-block "shell-local" ""
      --> packer/debian.pkr.hcl:11:9
       |
    11 |     inlin = ["true"]
       |         ^^^^^
       |
       = help: debian.pkr.hcl:11,5-10: Unsupported argument; An argument named "inlin" is not expected here. Did you mean "inline"?

    error: 1 problem and 1 warning in images.yml, packer/debian.pkr.hcl
    every kind of problem is explained in docs/problems.md
    "#);
    assert_eq!(project.list("."), ["cis.sh", "home", "images.yml", "packer"]);
}
