use std::fmt::Write as _;

use indexmap::IndexMap;
use proptest::prelude::*;

use super::super::{MemoryTree, Request, read};
use super::*;

fn template(text: &str) -> Template {
    let tree = MemoryTree::default().file("/w/t/a.pkr.hcl", text);
    let request = Request {
        template: "/w/t".into(),
        workdir: "/w".into(),
        var_files: &[],
        vars: &IndexMap::from([("goldsmith_output_dir".to_owned(), Some("/runs/1/output".into()))]),
    };
    read(&tree, &request)
}

fn wishes<'a>(build: Option<&'a str>, scripts: &'a [Utf8PathBuf]) -> Wishes<'a> {
    Wishes {
        build,
        image: "debian-12",
        version: "1.0.20261123",
        windows: false,
        workdir: "/w".into(),
        chosen: Chosen {
            scratch_name: "debian-12-v1.0.20261123-abc",
            output_directory: "/runs/1/output".into(),
            vmid: None,
        },
        carriers: &["place"],
        scripts,
        collect: None,
    }
}

fn edit(text: &str, wishes: &Wishes<'_>) -> Result<(String, Edits), NoEdits> {
    let edits = template(text).edits(wishes)?;
    let text = edits.files.first().map_or_else(|| text.to_owned(), |file| file.after.clone());
    Ok((text, edits))
}

/// What becomes of a template, with what is overridden.
fn shown(text: &str, wishes: &Wishes<'_>) -> String {
    match edit(text, wishes) {
        Err(error) => format!("no edits: {error}"),
        Ok((text, edits)) => {
            let mut shown = String::new();
            for overridden in &edits.overrides {
                let how = if overridden.place.is_some() { "overridden" } else { "added" };
                writeln!(shown, "# {} {how}", overridden.attribute).unwrap();
            }
            shown + &text
        }
    }
}

#[test]
fn what_a_template_says_for_itself_is_overridden_and_provisioners_stand_first_and_last() {
    let text = r#"
source "qemu" "debian" { # the image
  vm_name          = "debian-12.qcow2" # as people know it
  output_directory = "output-${source.name}"
}
build {
  sources = ["source.qemu.debian", "source.qemu.other"]
  provisioner "shell" {
    inline = ["true"]
  } # last
}
source "qemu" "other" {}
"#;
    let scripts = ["/repo/scripts/cis.sh".into(), "/repo/it's.ps1".into()];
    insta::assert_snapshot!(shown(text, &wishes(Some("qemu.debian"), &scripts)), @r#"
    # vm_name overridden
    # output_directory overridden

    source "qemu" "debian" { # the image
      vm_name          = "debian-12-v1.0.20261123-abc.qcow2" # as people know it
      output_directory = "/runs/1/output"
    }
    build {
      provisioner "shell" {
        execute_command = "{{ .Vars }} /bin/sh {{ .Path }}"
        inline = ["write() { \"$@\" /bin/sh -c 'umask 022; printf '\\''IMAGE_ID=%s\\nIMAGE_VERSION=%s\\n'\\'' \"$1\" \"$2\" >/etc/image-release' stamp debian-12 1.0.20261123; }", "write 2>/dev/null || write sudo -n 2>/dev/null || write doas -n 2>/dev/null ||", "  echo 'goldsmith: the version is not written down in the image: /etc/image-release needs root, and sudo without a password'"]
        only = ["qemu.debian"]
      }
      sources = ["source.qemu.debian", "source.qemu.other"]
      provisioner "shell" {
        inline = ["true"]
      } # last

      provisioner "shell" {
        script = "/repo/scripts/cis.sh"
        only = ["qemu.debian"]
      }
      provisioner "powershell" {
        script = "/repo/it's.ps1"
        only = ["qemu.debian"]
      }
    }
    source "qemu" "other" {}
    "#);
}

#[test]
fn blocks_of_one_line_get_more_lines() {
    let text =
        "source \"qemu\" \"a\" { communicator = \"none\" }\nbuild { sources = [\"qemu.a\"] }\n";
    insta::assert_snapshot!(shown(text, &wishes(None, &[])), @r#"
    # output_directory added
    source "qemu" "a" {
      output_directory = "/runs/1/output"
     communicator = "none" 
    }
    build { sources = ["qemu.a"] }
    "#);
    let text = "source \"qemu\" \"a\" {}\nbuild /* { */ { sources = [\n\"qemu.a\"] } # end\n";
    insta::assert_snapshot!(shown(text, &wishes(None, &["/cis.sh".into()])), @r#"
    # output_directory added
    source "qemu" "a" {
      output_directory = "/runs/1/output"

    }
    build /* { */ {
      provisioner "shell" {
        execute_command = "{{ .Vars }} /bin/sh {{ .Path }}"
        inline = ["write() { \"$@\" /bin/sh -c 'umask 022; printf '\\''IMAGE_ID=%s\\nIMAGE_VERSION=%s\\n'\\'' \"$1\" \"$2\" >/etc/image-release' stamp debian-12 1.0.20261123; }", "write 2>/dev/null || write sudo -n 2>/dev/null || write doas -n 2>/dev/null ||", "  echo 'goldsmith: the version is not written down in the image: /etc/image-release needs root, and sudo without a password'"]
        only = ["qemu.a"]
      }
     sources = [
    "qemu.a"] 
      provisioner "shell" {
        script = "/cis.sh"
        only = ["qemu.a"]
      }
    } # end
    "#);
}

#[test]
fn sources_inside_of_build_blocks_heredocs_and_crlf_are_met() {
    let text = "source \"virtualbox-iso\" \"a\" {\r\n  output_directory = <<E\r\nout\r\nE\r\n  # a comment\r\n}\r\nbuild {\r\n  name = \"base\"\r\n  source \"virtualbox-iso.a\" {\r\n    name    = \"small\"\r\n    vm_name = (\"x\")\r\n  }\r\n}\r\n";
    let (after, _) = edit(text, &wishes(Some("base.virtualbox-iso.small"), &[])).unwrap();
    assert!(!after.replace("\r\n", "").contains('\n'), "every line ends as those before");
    insta::assert_snapshot!(after.replace("\r\n", "\n"), @r#"
    source "virtualbox-iso" "a" {
      output_directory = "/runs/1/output"
      # a comment
    }
    build {
      provisioner "shell" {
        execute_command = "{{ .Vars }} /bin/sh {{ .Path }}"
        inline = ["write() { \"$@\" /bin/sh -c 'umask 022; printf '\\''IMAGE_ID=%s\\nIMAGE_VERSION=%s\\n'\\'' \"$1\" \"$2\" >/etc/image-release' stamp debian-12 1.0.20261123; }", "write 2>/dev/null || write sudo -n 2>/dev/null || write doas -n 2>/dev/null ||", "  echo 'goldsmith: the version is not written down in the image: /etc/image-release needs root, and sudo without a password'"]
        only = ["virtualbox-iso.small"]
      }
      name = "base"
      source "virtualbox-iso.a" {
        name    = "small"
        vm_name = "debian-12-v1.0.20261123-abc"
      }
    }
    "#);
}

#[test]
fn what_follows_goldsmith_already_stays_as_it_is() {
    let with = |output: &str, more: &str| {
        let text = format!(
            "variable \"goldsmith_output_dir\" {{ default = \"o\" }}\nvariable \"place\" {{}}\n{more}\
             source \"qemu\" \"a\" {{\n  communicator = \"none\"\n  output_directory = {output}\n}}\n\
             build {{ sources = [\"qemu.a\"] }}\n"
        );
        let (_, edits) = edit(&text, &wishes(None, &[])).unwrap();
        assert_eq!(edits.files.is_empty(), edits.overrides.is_empty());
        edits.files.is_empty()
    };
    assert!(with("var.goldsmith_output_dir", ""));
    assert!(with("\"${var.goldsmith_output_dir}/x\"", ""));
    assert!(with("local.out", "locals { out = \"${var.goldsmith_output_dir}/x\" }\n"));
    assert!(with("\"${var.place}/${uuidv4()}\"", ""), "nobody knows, but it carries it");
    assert!(with("upper(local.out)", "locals { out = md5(var.place) }\n"));
    assert!(!with("\"${var.goldsmith_output_dir}-x\"", ""), "it is known to lie elsewhere");
    assert!(!with("uuidv4()", ""), "nobody knows");
    assert!(!with("\"out\"", ""));
}

#[test]
fn what_cannot_be_changed_is_told() {
    let scripts = ["/cis.sh".into()];
    let file = "source \"file\" \"a\" {}\nbuild { sources = [\"file.a\"] }\n";
    insta::assert_snapshot!(shown(file, &wishes(None, &scripts)), @"no edits: nothing can run inside of build `file.a`: it has no communicator");
    let closed = file.replace("file", "null").replace("{}", "{ communicator = \"none\" }");
    insta::assert_snapshot!(shown(&closed, &wishes(None, &scripts)), @"no edits: nothing can run inside of build `null.a`: it has no communicator");
    insta::assert_snapshot!(shown("build {", &wishes(None, &[])), @"no edits: not all of the template can be read");
    insta::assert_snapshot!(shown("build { sources = var.x }", &wishes(None, &[])), @"no edits: which build of the template it is can only be told by Packer");
    insta::assert_snapshot!(shown(file, &wishes(Some("file.b"), &[])), @"no edits: which build of the template it is can only be told by Packer");
}

/// What is fetched out of a guest.
fn collect() -> Collect<'static> {
    let (script, download) = ("/runs/1/collect".into(), "/runs/1/guest.tar".into());
    Collect { script, made: "/tmp/goldsmith-0f", download }
}

#[test]
fn what_is_collected_is_made_fetched_and_removed_after_everything_else() {
    let scripts = ["/cis.sh".into()];
    let wishes = Wishes { collect: Some(collect()), ..wishes(None, &scripts) };
    let text = "source \"amazon-ebs\" \"a\" {}\nbuild {\n  sources = [\"amazon-ebs.a\"]\n}\n";
    let (after, edits) = edit(text, &wishes).unwrap();
    assert!(edits.collected);
    insta::assert_snapshot!(after.split_once("sources").unwrap().1, @r#"
     = ["amazon-ebs.a"]

      provisioner "shell" {
        script = "/cis.sh"
        only = ["amazon-ebs.a"]
      }
      provisioner "shell" {
        execute_command = "{{ .Vars }} /bin/sh {{ .Path }}"
        script = "/runs/1/collect"
        only = ["amazon-ebs.a"]
      }
      provisioner "file" {
        direction = "download"
        source = "/tmp/goldsmith-0f"
        destination = "/runs/1/guest.tar"
        only = ["amazon-ebs.a"]
      }
      provisioner "shell" {
        execute_command = "{{ .Vars }} /bin/sh {{ .Path }}"
        inline = ["rm -f '/tmp/goldsmith-0f'"]
        only = ["amazon-ebs.a"]
      }
    }
    "#);
    let windows = text.replace("{}", "{ communicator = \"winrm\" }");
    let (after, _) = edit(&windows, &wishes).unwrap();
    insta::assert_snapshot!(after.split_once("sources").unwrap().1, @r#"
     = ["amazon-ebs.a"]

      provisioner "shell" {
        script = "/cis.sh"
        only = ["amazon-ebs.a"]
      }
      provisioner "powershell" {
        script = "/runs/1/collect"
        only = ["amazon-ebs.a"]
      }
      provisioner "file" {
        direction = "download"
        source = "/tmp/goldsmith-0f"
        destination = "/runs/1/guest.tar"
        only = ["amazon-ebs.a"]
      }
      provisioner "powershell" {
        inline = ["Remove-Item -LiteralPath '/tmp/goldsmith-0f' -Force"]
        only = ["amazon-ebs.a"]
      }
    }
    "#);

    let closed = text.replace("{}", "{ communicator = \"none\" }");
    let only = Wishes { scripts: &[], ..wishes };
    insta::assert_snapshot!(shown(&closed, &only), @"no edits: nothing can run inside of build `amazon-ebs.a`: it has no communicator");
    let braces = Collect { download: "/runs/{{1}}/guest.tar".into(), ..collect() };
    let filled_in = Wishes { collect: Some(braces), ..wishes };
    insta::assert_snapshot!(shown(text, &filled_in), @"no edits: nothing can be fetched to `/runs/{{1}}/guest.tar`: Packer fills in what stands in double braces there");
    assert!(!edit(text, &self::wishes(None, &scripts)).unwrap().1.collected);
}

/// Pieces of templates that can be read, in which the image is `qemu.a`.
fn templates() -> impl Strategy<Value = String> {
    let settings = prop::collection::vec(
        prop::sample::select(vec![
            "  output_directory = \"out\" # }",
            "  output_directory = <<E\n${path.root}\nE",
            "  output_directory = <<-E\n   %{ if true }x%{ endif }\n   E",
            "  output_directory = var.x ? \"a\" : uuidv4()",
            "  output_directory = (\n\"a\"\n)",
            "  output_directory = \"${join(\"/\", [\"}\", \"{\"])}\"",
            "  vm_name = \"ü\" /* } */",
            "  vm_name = local.name",
            "  efi { # {\n  }",
            "  dynamic \"efi\" {\n    for_each = []\n    content {}\n  }",
            "  /* source \"qemu\" \"b\" { */",
            "  // }",
        ]),
        0..5,
    );
    let steps = prop::collection::vec(
        prop::sample::select(vec![
            "  provisioner \"shell\" {\n    inline = [\"}\"]\n  }",
            "  provisioner \"shell\" { inline = [\"a\"] }",
            "  dynamic \"provisioner\" {\n    for_each = []\n    content {}\n  }",
            "  post-processor \"manifest\" {}",
            "  # provisioner",
            "  provisioner \"shell\" {\n    inline = [<<E\n}\nE\n    ]\n  }",
        ]),
        0..4,
    );
    let build = prop::sample::select(vec![
        "build {\n  sources = [\"qemu.a\", \"qemu.b\"]\n@}\n",
        "build /* { */ { # {\n@  source \"qemu.a\" {\n  }\n}\n",
        "build{\n@  sources = [for n in [\"a\"] : \"source.qemu.${n}\"]\n }",
    ]);
    let source = prop::sample::select(vec![
        "source \"qemu\" \"a\" {@}\n",
        "source qemu a {@}\n",
        "source \"qemu\" /* x */ \"a\" /* { */ {@}\n",
    ]);
    let other = "source \"qemu\" \"b\" {\n  output_directory = \"b\"\n}\nbuild {\n  name = \"other\"\n  sources = [\"qemu.b\"]\n}\n";
    (settings, steps, build, source, any::<bool>()).prop_map(
        move |(mut settings, steps, build, source, crlf)| {
            let mut seen = HashSet::new();
            settings.retain(|it| !it.contains(" = ") || seen.insert(it.split(" = ").next()));
            let lines =
                |lines: Vec<&str>| lines.iter().flat_map(|line| [*line, "\n"]).collect::<String>();
            let settings =
                if settings.is_empty() { String::new() } else { format!("\n{}", lines(settings)) };
            let text = [other, &source.replace('@', &settings), &build.replace('@', &lines(steps))];
            let text = text.concat();
            if crlf { text.replace('\n', "\r\n") } else { text }
        },
    )
}

/// The types of the provisioners of a build block.
fn provisioners(template: &Template, build: &str) -> Vec<String> {
    let build = template.builds.iter().find(|it| it.name == build).unwrap();
    let bodies = template.files.iter().filter_map(|file| file.body.as_ref());
    let mut blocks = bodies.flat_map(|body| body.blocks_named("build"));
    let block = blocks.find(|block| block.span == build.block).unwrap();
    let own = block.body.blocks_named("provisioner");
    own.map(|it| it.body.attributes().map(|it| it.name.text.as_str()).collect::<Vec<_>>().join(" "))
        .collect()
}

proptest! {
    #[test]
    fn an_edited_template_reads_as_wished_and_the_rest_stays(text in templates()) {
        let before = template(&text);
        prop_assume!(!before.problems.has_errors());
        let scripts = ["/cis.sh".into()];
        let wishes = wishes(Some("qemu.a"), &scripts);
        let (edited, edits) = edit(&text, &wishes).unwrap();
        let after = template(&edited);
        prop_assert!(!after.problems.has_errors(), "{edited}");

        // Nothing is left to be overridden, and the build is where it was.
        let names = |template: &Template| {
            template.builds.iter().map(|build| build.name.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(names(&after), names(&before));
        prop_assert_eq!(&after.edits(&wishes).unwrap().overrides, &[]);

        // The version is written down first, the script runs last, the others are as they were.
        let all = provisioners(&after, "qemu.a");
        prop_assert_eq!(&all[0], "execute_command inline only");
        prop_assert_eq!(all.last().unwrap(), "script only");
        prop_assert_eq!(&all[1..all.len() - 1], provisioners(&before, "qemu.a"));
        prop_assert_eq!(provisioners(&after, "other.qemu.b"), Vec::<String>::new());

        // What stood there stands there still, but for values that are overridden.
        let values = edits.overrides.iter().filter_map(|it| it.place);
        let mut rest = edited.as_str();
        for line in text.lines().enumerate().filter(|(number, _)| {
            !values.clone().any(|span| {
                let line_of = |at: usize| text[..at].matches('\n').count();
                (line_of(span.start)..=line_of(span.end)).contains(number)
            })
        }).map(|(_, line)| line) {
            for piece in line.split_inclusive(['{', '}']) {
                let at = rest.find(piece.trim());
                prop_assert!(at.is_some(), "{piece:?} is missing in {edited}");
                rest = &rest[at.unwrap_or_default()..];
            }
        }
        prop_assert_eq!(edited.contains("\r\n"), text.contains("\r\n"));
        prop_assert!(!text.contains("\r\n") || !edited.replace("\r\n", "").contains('\n'));
    }
}

#[test]
fn the_older_language_is_changed_in_the_same_ways() {
    let edited = |text: &str, wishes: &Wishes<'_>| {
        let tree = MemoryTree::default().file("/w/old.json", text);
        let request = Request {
            template: "/w/old.json".into(),
            workdir: "/w".into(),
            var_files: &[],
            vars: &IndexMap::new(),
        };
        let edits = read(&tree, &request).edits(wishes);
        edits.map_or_else(
            |why| format!("no edits: {why}"),
            |edits| edits.files.first().map_or_else(String::new, |file| file.after.clone()),
        )
    };
    let shown = |text: &str, scripts: &[Utf8PathBuf]| edited(text, &wishes(None, scripts));
    let scripts = ["/w/cis{{1}}.sh".into()];
    let steps = r#"{
  "builders": [ { "type": "qemu", "name": "debian", "vm_name": "debian.qcow2" } ],
  "provisioners": [
    { "type": "shell", "inline": ["true"] }
  ]
}"#;
    insta::assert_snapshot!(shown(steps, &scripts), @r#"
    {
      "builders": [ {"output_directory": "/runs/1/output", "type": "qemu", "name": "debian", "vm_name": "debian-12-v1.0.20261123-abc.qcow2" } ],
      "provisioners": [{"type": "shell", "execute_command": "{{ .Vars }} /bin/sh {{ .Path }}", "inline": ["write() { \"$@\" /bin/sh -c 'umask 022; printf '\\''IMAGE_ID=%s\\nIMAGE_VERSION=%s\\n'\\'' \"$1\" \"$2\" >/etc/image-release' stamp debian-12 1.0.20261123; }", "write 2>/dev/null || write sudo -n 2>/dev/null || write doas -n 2>/dev/null ||", "  echo 'goldsmith: the version is not written down in the image: /etc/image-release needs root, and sudo without a password'"], "only": ["debian"]},
        { "type": "shell", "inline": ["true"] }, {"type": "shell", "script": "/w/cis{{`{{`}}1}}.sh", "only": ["debian"]}
      ]
    }
    "#);
    insta::assert_snapshot!(shown(r#"{"builders": [{"type": "qemu", "OUTPUT_DIRECTORY": "out"}]}"#, &[]), @r#"{"provisioners": [{"type": "shell", "execute_command": "{{ .Vars }} /bin/sh {{ .Path }}", "inline": ["write() { \"$@\" /bin/sh -c 'umask 022; printf '\\''IMAGE_ID=%s\\nIMAGE_VERSION=%s\\n'\\'' \"$1\" \"$2\" >/etc/image-release' stamp debian-12 1.0.20261123; }", "write 2>/dev/null || write sudo -n 2>/dev/null || write doas -n 2>/dev/null ||", "  echo 'goldsmith: the version is not written down in the image: /etc/image-release needs root, and sudo without a password'"], "only": ["qemu"]}], "builders": [{"type": "qemu", "OUTPUT_DIRECTORY": "/runs/1/output"}]}"#);
    insta::assert_snapshot!(shown(r#"{"builders": [{"type": "qemu", "output_directory": "{{user `place`}}"}], "provisioners": []}"#, &[]), @r#"{"builders": [{"type": "qemu", "output_directory": "{{user `place`}}"}], "provisioners": [{"type": "shell", "execute_command": "{{ .Vars }} /bin/sh {{ .Path }}", "inline": ["write() { \"$@\" /bin/sh -c 'umask 022; printf '\\''IMAGE_ID=%s\\nIMAGE_VERSION=%s\\n'\\'' \"$1\" \"$2\" >/etc/image-release' stamp debian-12 1.0.20261123; }", "write 2>/dev/null || write sudo -n 2>/dev/null || write doas -n 2>/dev/null ||", "  echo 'goldsmith: the version is not written down in the image: /etc/image-release needs root, and sudo without a password'"], "only": ["qemu"]}]}"#);
    insta::assert_snapshot!(shown(r#"{"builders": [{"type": "file", "target": "a.raw"}]}"#, &[]), @r#"{"builders": [{"type": "file", "target": "/runs/1/output/a.raw"}]}"#);
    insta::assert_snapshot!(shown(r#"{"builders": [{"type": "file", "target": "a.raw"}]}"#, &scripts), @"no edits: nothing can run inside of build `file`: it has no communicator");
    insta::assert_snapshot!(shown(r#"{"builders": [{"type": "qemu"}], "provisioners": null}"#, &scripts), @"no edits: the text of the template is not understood well enough to be changed");
    let fetching = Wishes { collect: Some(collect()), ..wishes(None, &[]) };
    let steps = edited(r#"{"builders": [{"type": "null"}], "provisioners": []}"#, &fetching);
    insta::assert_snapshot!(steps, @r#"{"builders": [{"type": "null"}], "provisioners": [{"type": "shell", "execute_command": "{{ .Vars }} /bin/sh {{ .Path }}", "script": "/runs/1/collect", "only": ["null"]}, {"type": "file", "direction": "download", "source": "/tmp/goldsmith-0f", "destination": "/runs/1/guest.tar", "only": ["null"]}, {"type": "shell", "execute_command": "{{ .Vars }} /bin/sh {{ .Path }}", "inline": ["rm -f '/tmp/goldsmith-0f'"], "only": ["null"]}]}"#);
}
