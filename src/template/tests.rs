//! Templates, and what is read of them.

use std::fmt::Write as _;

use super::{MemoryTree, Request, Target, Template, Yield, read};
use crate::diagnostics::{Span, Style};

/// Reads `template`; Packer runs in `/w`.
fn read_in_w(tree: &MemoryTree, template: &str, vars: &[(&str, Option<&str>)]) -> Template {
    let vars = vars.iter();
    let vars = vars.map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
    let request = Request {
        template: template.into(),
        workdir: "/w".into(),
        var_files: &["/w/site.pkrvars.hcl".into()],
        vars: &vars.collect(),
    };
    read(tree, &request)
}

/// Where a span is, and what stands there.
fn at(template: &Template, span: Span) -> String {
    let file = template.problems.sources().get(span.source).unwrap();
    let text = &file.text[span.start..span.end];
    let line = file.position(span.start).line;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = text.chars().take(40).collect();
    format!("{}:{line} {shown}", file.path.file_name().unwrap())
}

fn builds(template: &Template) -> String {
    let mut shown = String::new();
    for build in &template.builds {
        let yields = match build.yields {
            Yield::Image => "image",
            Yield::Step => "step",
        };
        let reference = at(template, build.reference);
        writeln!(shown, "{} ({yields}) <- {reference}", build.name).unwrap();
        for setting in build.sets_itself() {
            let value = match &setting.values {
                Some(values) => values.join(", "),
                None => "?".to_owned(),
            };
            writeln!(shown, "    {} = {value}", setting.name).unwrap();
        }
    }
    for open in &template.open_builds {
        writeln!(shown, "open: {}", at(template, *open)).unwrap();
    }
    shown
}

fn references(template: &Template) -> String {
    let mut shown = String::new();
    for reference in &template.references {
        let target = match &reference.target {
            Target::Path(path) => path.to_string(),
            Target::Pattern(pattern) => format!("{} | {}", pattern.folder, pattern.glob),
        };
        writeln!(shown, "{target} <- {}", at(template, reference.span)).unwrap();
    }
    for untracked in &template.untracked {
        let place = at(template, untracked.span);
        writeln!(shown, "untracked: {place}: {}", untracked.why).unwrap();
    }
    shown
}

#[test]
fn builds_have_the_names_that_only_knows() {
    let tree = MemoryTree::default()
            .file(
                "/w/t/builds.pkr.hcl",
                r#"
                local "release" { expression = "12" }
                build {
                  sources = ["source.qemu.debian", "null.fetch"]
                }
                build {
                  name = "base-${local.release}"
                  source "source.qemu.debian" {
                    name    = "small"
                    vm_name = "small.qcow2"
                  }
                  source "proxmox-clone.missing" {}
                  dynamic "source" {
                    for_each = var.more
                    labels   = [source.value]
                    content {}
                  }
                }
                build {
                  name    = uuidv4()
                  sources = ["qemu.debian"]
                }
                build { sources = [for name in ["a", "b"] : "file.${name}"] }
                "#,
            )
            .file(
                "/w/t/sources.pkr.hcl",
                "source \"qemu\" \"debian\" {\r\n  vm_name          = \"${source.name}.qcow2\"\r\n  \
                 output_directory = var.goldsmith_output_dir\r\n  communicator = \"ssh\"\r\n}\r\n\
                 source \"null\" \"fetch\" {}\r\nsource \"file\" \"a\" {}\r\nsource \"file\" \"b\" {}\r\n",
            );
    let template = read_in_w(&tree, "/w/t", &[]);
    insta::assert_snapshot!(builds(&template), @r#"
        qemu.debian (image) <- builds.pkr.hcl:4 "source.qemu.debian"
            vm_name = debian.qcow2
            output_directory = ?
            communicator = ssh
        null.fetch (step) <- builds.pkr.hcl:4 "null.fetch"
        base-12.qemu.small (image) <- builds.pkr.hcl:8 "source.qemu.debian"
            vm_name = small.qcow2
            output_directory = ?
            communicator = ssh
        base-12.proxmox-clone.missing (image) <- builds.pkr.hcl:12 "proxmox-clone.missing"
        file.a (step) <- builds.pkr.hcl:23 [for name in ["a", "b"] : "file.${name}"
        file.b (step) <- builds.pkr.hcl:23 [for name in ["a", "b"] : "file.${name}"
        open: builds.pkr.hcl:13 dynamic "source" { for_each = var.more l
        open: builds.pkr.hcl:20 name = uuidv4()
        "#);
    insta::assert_snapshot!(template.problems.shown_from("/w".into()).render(Style::Plain), @r#"
        error[unknown-source]: the source of build `base-12.proxmox-clone.missing` is not declared
          --> t/builds.pkr.hcl:12:26
           |
        12 |                   source "proxmox-clone.missing" {}
           |                          ^^^^^^^^^^^^^^^^^^^^^^^ there is no such `source` block

        error[unreadable-file]: the file cannot be read: there is no such file
        --> site.pkrvars.hcl

        error: 2 problems in t/builds.pkr.hcl, t/sources.pkr.hcl, site.pkrvars.hcl
        "#);
}

#[test]
fn variables_are_what_is_given_else_what_files_say_else_their_default() {
    let tree = MemoryTree::default()
        .file(
            "/w/t/a.pkr.hcl",
            r#"
                variable "one" {
                  type    = string
                  default = "default"
                }
                variable "two" { default = "default" }
                variable "three" { default = 3 }
                variable "four" {
                  type      = list(string)
                  sensitive = true
                }
                variable "five" { type = map(object({ a = string })) }
                variable "six" { default = env("SIX") }
                variables {
                  seven = "default"
                }
                locals { all = [for v in [var.one, var.two, var.three, var.seven] : "v/${v}"] }
                source "null" "n" {
                  cd_files = concat(local.all, var.four, [var.five, var.six, var.eight])
                }
                "#,
        )
        .file("/w/t/b.auto.pkrvars.hcl", "one = \"auto\"\ntwo = \"auto\"\n")
        .file("/w/t/c.auto.pkrvars.json", r#"{ "two": "json", "seven": "json" }"#)
        .file("/w/site.pkrvars.hcl", "seven = \"site\"\n");
    let given = [("one", Some("given")), ("four", Some(r#"["x", "y*"]"#)), ("five", None)];
    let template = read_in_w(&tree, "/w/t", &given);
    let mut shown = String::new();
    for variable in &template.variables {
        writeln!(
            shown,
            "{}: {} = {}{}{}",
            variable.name,
            variable.type_text.as_deref().unwrap_or("-"),
            match (&variable.default, variable.has_default) {
                (Some(default), _) => default,
                (None, true) => "?",
                (None, false) => "required",
            },
            if variable.sensitive { " sensitive" } else { "" },
            variable.set_by.as_ref().map_or(String::new(), |path| format!(" set by {path}")),
        )
        .unwrap();
    }
    insta::assert_snapshot!(shown, @"
        one: string = default set by /w/t/b.auto.pkrvars.hcl
        two: - = default set by /w/t/c.auto.pkrvars.json
        three: - = 3
        four: list(string) = required sensitive
        five: map(object({ a = string })) = required
        six: - = ?
        seven: - = default set by /w/site.pkrvars.hcl
        ");
    insta::assert_snapshot!(references(&template), @"
        /w/v/given <- a.pkr.hcl:19 local.all
        /w/v/json <- a.pkr.hcl:19 local.all
        /w/v/3 <- a.pkr.hcl:19 local.all
        /w/v/site <- a.pkr.hcl:19 local.all
        /w/x <- a.pkr.hcl:19 var.four
        /w | y* <- a.pkr.hcl:19 var.four
        untracked: a.pkr.hcl:19 var.five: `var.five` gets its value only in a run
        untracked: a.pkr.hcl:19 var.six: `env()` is left to Packer
        untracked: a.pkr.hcl:19 var.eight: `var.eight` is not declared
        ");
}

#[test]
fn references_are_resolved_as_packer_resolves_them() {
    let tree = MemoryTree::default()
            .file(
                "/w/t/a.pkr.hcl",
                r#"
                variable "os" { default = "debian" }
                variable "unset" {}
                locals {
                  http = "${path.root}/http"
                  data = {
                    for name in fileset(path.root, "../http/*.tpl") :
                    trimsuffix(basename(name), ".tpl") => templatefile("${path.cwd}/x/${name}", { a = 1 })
                  }
                  again = local.again
                }
                source "qemu" "small" {
                  http_directory   = local.http
                  floppy_files     = ["${path.root}/floppy/*.{cfg}", "answer/${var.os}.xml"]
                  iso_checksum     = "file:sums/SHA256SUMS"
                  iso_url          = "https://example.org/a.iso"
                  user_data_file   = var.unset
                  http_content     = { "/a" = file("seed/a"), "/b" = file("${path.root}/seed/b") }
                  boot_command     = ["file(nothing)"]
                  boot_iso {
                    cd_files = [filebase64("sums/key"), "./cloud/"]
                  }
                }
                source "qemu" "big" {}
                build {
                  name    = "base"
                  sources = ["qemu.small", "qemu.big"]
                  provisioner "shell" {
                    scripts = [
                      "scripts/${source.name}.sh", "scripts/${build.name}.sh",
                      var.unset == "x" ? "scripts/x.sh" : "scripts/y.sh",
                      "~/mine.sh", "{{template_dir}}/old.sh", local.again,
                    ]
                    inline = ["cat scripts/no.sh"]
                    override = { "qemu.big" = { script = "scripts/override.sh" } }
                  }
                  provisioner "file" {
                    source      = "files/"
                    destination = "/tmp/files"
                  }
                  provisioner "file" {
                    direction   = "download"
                    source      = "/var/log/guest.log"
                    destination = "logs/"
                  }
                  provisioner "ansible" { playbook_file = "../ansible/site.yml" }
                  dynamic "provisioner" {
                    for_each = ["one", "two"]
                    labels   = ["shell"]
                    content { script = "scripts/${provisioner.value}.sh" }
                  }
                  dynamic "provisioner" {
                    for_each = var.unset
                    iterator = it
                    labels   = ["shell-local"]
                    content { script = it.value }
                  }
                  post-processors {
                    post-processor "shell-local" { script = format("%s/after.sh", abspath("bin")) }
                  }
                }
                "#,
            )
            .file("/w/http/one.tpl", "")
            .file("/ansible/site.yml", "")
            .file("/ansible/roles/a/tasks/main.yml", "");
    insta::assert_snapshot!(references(&read_in_w(&tree, "/w/t", &[])), @r#"
        /w/t/http | *.tpl <- a.pkr.hcl:7 fileset(path.root, "../http/*.tpl")
        /w/t/http <- a.pkr.hcl:13 local.http
        /w/t/floppy | *.\{cfg\} <- a.pkr.hcl:14 ["${path.root}/floppy/*.{cfg}", "answer/
        /w/answer/debian.xml <- a.pkr.hcl:14 ["${path.root}/floppy/*.{cfg}", "answer/
        /w/sums/SHA256SUMS <- a.pkr.hcl:15 "file:sums/SHA256SUMS"
        /w/t/seed/a <- a.pkr.hcl:18 "seed/a"
        /w/t/t/seed/b <- a.pkr.hcl:18 "${path.root}/seed/b"
        /w/sums/key <- a.pkr.hcl:21 "sums/key"
        /w/cloud <- a.pkr.hcl:21 "./cloud/"
        /w/scripts/small.sh <- a.pkr.hcl:30 "scripts/${source.name}.sh"
        /w/scripts/base.sh <- a.pkr.hcl:30 "scripts/${build.name}.sh"
        /w/scripts/x.sh <- a.pkr.hcl:31 "scripts/x.sh"
        /w/scripts/y.sh <- a.pkr.hcl:31 "scripts/y.sh"
        /w/scripts/override.sh <- a.pkr.hcl:35 "scripts/override.sh"
        /w/files <- a.pkr.hcl:38 "files/"
        /ansible/roles <- a.pkr.hcl:46 "../ansible/site.yml"
        /ansible/site.yml <- a.pkr.hcl:46 "../ansible/site.yml"
        /w/scripts/one.sh <- a.pkr.hcl:50 "scripts/${provisioner.value}.sh"
        /w/scripts/two.sh <- a.pkr.hcl:50 "scripts/${provisioner.value}.sh"
        /w/bin/after.sh <- a.pkr.hcl:59 format("%s/after.sh", abspath("bin"))
        /w/scripts/big.sh <- a.pkr.hcl:30 "scripts/${source.name}.sh"
        untracked: a.pkr.hcl:17 var.unset: `var.unset` has no value
        untracked: a.pkr.hcl:21 filebase64("sums/key"): `filebase64()` is left to Packer
        untracked: a.pkr.hcl:32 "~/mine.sh": `~` depends on who runs Packer
        untracked: a.pkr.hcl:32 "{{template_dir}}/old.sh": `{{…}}` is filled in by a plugin
        untracked: a.pkr.hcl:32 local.again: `local.again` refers to itself
        untracked: a.pkr.hcl:56 it.value: `var.unset` has no value
        "#);
}

#[test]
fn a_file_stands_for_itself_and_a_folder_for_what_packer_takes_of_it() {
    let tree = MemoryTree::default()
        .file("/w/t/a.pkr.hcl", "variable \"a\" {}\n")
        .file("/w/t/b.pkr.hcl", "\u{feff}variable \"b\" {}\r\n")
        .file("/w/t/c.pkr.json", "{}")
        .file("/w/t/d.hcl", "variable \"d\" {}\n")
        .file("/w/t/below/e.pkr.hcl", "variable \"e\" {}\n")
        .link("/w/t/f.pkr.hcl", "/w/shared/f.pkr.hcl")
        .file("/w/shared/f.pkr.hcl", "variable \"f\" {}\n")
        .file("/w/t/x.auto.pkrvars.hcl", "a = 1\nb = 1\n");
    let found = |template: &str| {
        let template = read_in_w(&tree, template, &[]);
        let names = template.variables.iter();
        let names = names.map(|v| v.name.clone() + v.set_by.as_ref().map_or("", |_| "="));
        let not_read = template.not_read.iter().map(ToString::to_string);
        names.chain(not_read).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("/w/t"), "a= b= f /w/t/c.pkr.json");
    assert_eq!(found("/w/t/a.pkr.hcl"), "a");
    assert_eq!(found("/w/t/c.pkr.json"), "/w/t/c.pkr.json");
}

#[test]
fn a_file_that_cannot_be_read_says_nothing_and_the_others_count() {
    let tree = MemoryTree::default()
        .file("/w/t/a.pkr.hcl", "build {\n  sources = [\"qemu.a\"]\n}\n")
        .file("/w/t/b.pkr.hcl", "source \"qemu\" \"a\" {\n  vm_name = \"é\" oops\n}\n")
        .file("/w/t/c.pkr.hcl", b"variable \"\xff\" {}\n")
        .file("/w/t/d.pkr.hcl", "x".repeat(600 * 1024))
        .link("/w/t/e.pkr.hcl", "/w/nowhere")
        .file("/w/t/f.pkr.hcl", "variable \"f\" {}\n")
        .file("/w/t/g.pkr.hcl", "a = 1\n".repeat(9_000))
        .file("/w/t/h.auto.pkrvars.json", "{ \"f\" ")
        .file("/w/site.pkrvars.hcl", "a = {\n  b = 1\n  b = 2\n}\n");
    let template = read_in_w(&tree, "/w/t", &[]);
    assert_eq!(builds(&template), "qemu.a (image) <- a.pkr.hcl:2 \"qemu.a\"\n");
    assert_eq!(template.variables.len(), 1);
    insta::assert_snapshot!(template.problems.shown_from("/w".into()).render(Style::Plain), @r#"
        error[hcl-syntax]: the file cannot be read as HCL
         --> t/b.pkr.hcl:2:17
          |
        2 |   vm_name = "é" oops
          |                 ^ expected newline or eof

        error[not-text]: the file is not UTF-8
         --> t/c.pkr.hcl:1:11
          |
        1 | variable "�" {}
          |           ^ this byte is no text
          |
          = help: save the file as UTF-8

        error[too-large]: the file is too large: it is larger than templates are
        --> t/d.pkr.hcl

        error[unreadable-file]: the file cannot be read: there is no such file
        --> t/e.pkr.hcl

        error[too-large]: the file is too large: it has more assignments than templates have
         --> t/g.pkr.hcl:1:1
          |
        1 | a = 1
          | ^

        error[json-syntax]: no JSON object: EOF while parsing an object at line 1 column 6
         --> t/h.auto.pkrvars.json:1:1
          |
        1 | { "f" 
          | ^ in this file

        error[hcl-syntax]: the file cannot be read as HCL
         --> site.pkrvars.hcl:3:3
          |
        3 |   b = 2
          |   ^ invalid object item; expected unique object key; found redefined object key

        error: 7 problems in t/a.pkr.hcl, t/b.pkr.hcl, t/c.pkr.hcl, t/d.pkr.hcl, t/e.pkr.hcl, t/f.pkr.hcl, t/g.pkr.hcl, t/h.auto.pkrvars.json, site.pkrvars.hcl
        "#);
    let nothing = read_in_w(&tree, "/w/nothing", &[]);
    insta::assert_snapshot!(nothing.problems.render(Style::Plain), @"
        error[unreadable-file]: there is no `/w/nothing`

        error[hcl-syntax]: the file cannot be read as HCL
         --> /w/site.pkrvars.hcl:3:3
          |
        3 |   b = 2
          |   ^ invalid object item; expected unique object key; found redefined object key

        error: 2 problems in /w/site.pkrvars.hcl
        ");
}

#[test]
fn plugins_are_found() {
    let text = r#"
            packer {
              required_plugins {
                qemu = {
                  source  = "github.com/hashicorp/qemu"
                  version = "~> 1.1"
                }
                odd = "1.0"
              }
            }
        "#;
    let template = read_in_w(&MemoryTree::default().file("/w/t/a.pkr.hcl", text), "/w/t", &[]);
    let plugins = template.required_plugins.iter();
    let plugins: Vec<_> =
        plugins.map(|it| (&*it.name, it.source.as_deref(), it.version.as_deref())).collect();
    let qemu = ("qemu", Some("github.com/hashicorp/qemu"), Some("~> 1.1"));
    assert_eq!(plugins, [qemu, ("odd", None, None)]);
}

#[test]
fn manifests_are_found_as_far_as_they_can_be_told() {
    let text = r#"
            variable "name" { default = "named" }
            locals { when = timestamp() }
            build {
              sources = ["source.null.a"]
              post-processor "manifest" {}
              post-processors {
                post-processor "compress" { output = "x.gz" }
                post-processor "manifest" { output = "${path.root}/${var.name}.json" }
                post-processor "manifest" { output = "${local.when}.json" }
                post-processor "manifest" { output = "/srv/all.json" }
              }
            }
        "#;
    let template = read_in_w(&MemoryTree::default().file("/w/t/a.pkr.hcl", text), "/w/t", &[]);
    assert_eq!(template.manifests, ["/w/packer-manifest.json", "/w/t/named.json", "/srv/all.json"]);
}

#[test]
fn the_older_language_is_read_as_the_newer_one_is() {
    let text = r#"{
  "_comment": "as in old times",
  "variables": { "need": null, "empty": "", "iso": "{{user `base`}}/a.iso", "home": "{{env `HOME`}}", "base": "isos" },
  "sensitive-variables": ["empty"],
  "builders": [
    { "type": "qemu", "name": "debian 12", "iso_url": "{{user `iso`}}", "Output_Directory": "out/{{isotime}}", "http_directory": "{{template_dir}}/http" },
    { "type": "null", "communicator": "none" }
  ],
  "provisioners": [
    { "type": "shell", "scripts": ["a.sh", "{{user `need`}}.sh"], "execute_command": "{{.Vars}} {{.Path}}", "only": ["null"] },
    { "type": "file", "source": "conf/", "destination": "/etc" }
  ],
  "post-processors": [ "compress", [ { "type": "manifest", "output": "m.json" }, { "type": "shell-local", "script": "done.sh" } ] ]
}"#;
    let tree = MemoryTree::default()
        .file("/w/t/old.json", text)
        .file("/w/site.pkrvars.hcl", "")
        .file("/w/t/http/user-data", "");
    let template = read_in_w(&tree, "/w/t/old.json", &[]);
    assert!(template.is_legacy());
    assert!(!template.problems.has_errors(), "{}", template.problems.render(Style::Plain));
    insta::assert_snapshot!(builds(&template), @r#"
    debian 12 (image) <- old.json:6 "debian 12"
        output_directory = ?
    null (step) <- old.json:7 "null"
        communicator = none
    "#);
    insta::assert_snapshot!(references(&template), @r#"
    /w/t/http <- old.json:6 "{{template_dir}}/http"
    /w/a.sh <- old.json:10 "a.sh"
    /w/conf <- old.json:11 "conf/"
    /w/done.sh <- old.json:13 "done.sh"
    untracked: old.json:10 "{{user `need`}}.sh": `var.need` has no value
    "#);
    let variables = template.variables.iter().map(|variable| {
        let has = |is, what| if is { what } else { "" };
        format!(
            "{} {:?}{}{}",
            variable.name,
            variable.value,
            has(!variable.has_default, " required"),
            has(variable.sensitive, " sensitive")
        )
    });
    insta::assert_snapshot!(variables.collect::<Vec<_>>().join("\n"), @r#"
    need None required
    empty Some("") sensitive
    iso None
    home None
    base Some("isos")
    "#);
    assert_eq!(template.manifests, ["/w/m.json"]);
}

#[test]
fn what_is_wrong_with_json_is_told_with_its_place() {
    let told = |text: &str| {
        let tree =
            MemoryTree::default().file("/w/t/old.json", text).file("/w/site.pkrvars.hcl", "");
        let template = read_in_w(&tree, "/w/t/old.json", &[]);
        let found = template.problems.diagnostics().iter().map(|problem| {
            let label = &problem.labels[0];
            format!("{} | {}", at(&template, label.span), label.text)
        });
        found.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told("{\n  \"builders\": [ {,} ]\n}"), @"old.json:2 , | key must be a string");
    insta::assert_snapshot!(told("{ \"builders\": "), @"old.json:1  | EOF while parsing a value");
    insta::assert_snapshot!(told("[]"), @"old.json:1 [] | a template is an object");
    insta::assert_snapshot!(told(r#"{ "builders": [ { "name": "a" } ] }"#), @"old.json:1 { | a builder has a `type`");
    insta::assert_snapshot!(told(r#"{ "provisioners": [], "Provisioners": [] }"#), @r#"old.json:1 "Provisioners" | this stands here twice"#);
    insta::assert_snapshot!(told(r#"{ "provi\u017fioners": [] }"#), @r#"old.json:1 "provi\u017fioners" | expected a name of Latin letters"#);
    insta::assert_snapshot!(told(&format!("{}{}", "[".repeat(500), "]".repeat(500))), @"old.json:1 [ | it nests deeper than templates do");
}
