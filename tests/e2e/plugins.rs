//! The plugins of templates: locked, from a mirror, without network. With the real Packer, and
//! plugins that only say what they are: Packer starts no more of them than that.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::model::{Digest, Platform};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::build::{COPY, project_with};
use crate::project::{Ended, Project};

const SOURCE: &str = "github.com/goldsmith-tests/none";

/// A template that requires the plugin in these versions, and does not use it.
fn requires(versions: &str) -> String {
    format!(
        "packer {{\n  required_plugins {{\n    none = {{\n      source  = \"{SOURCE}\"\n      \
         version = \"{versions}\"\n    }}\n  }}\n}}\n{COPY}"
    )
}

fn file_name(version: &str) -> String {
    format!("packer-plugin-none_v{version}_x5.0_{}", Platform::of_this_machine())
}

/// A program that tells Packer that it is this version.
fn program(version: &str) -> String {
    format!(
        "#!/bin/sh\necho '{{\"version\":\"{version}\",\"sdk_version\":\"0.6.0\",\
         \"api_version\":\"x5.0\",\"builders\":[],\"post_processors\":[],\"provisioners\":[],\
         \"datasources\":[],\"protocol_version\":\"v2\"}}'\n"
    )
}

/// Installs it by hand.
fn installed(project: &Project, version: &str) {
    let name = format!("plugins/{SOURCE}/{}", file_name(version));
    project.write(&name, &program(version));
    project.write(&format!("{name}_SHA256SUM"), &Digest::of(program(version).as_bytes()).hex());
    let executable = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(project.path(&name), executable).unwrap();
}

/// Puts a release of it into the project's mirror.
fn released(project: &Project, version: &str) {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(file_name(version), SimpleFileOptions::default()).unwrap();
    zip.write_all(program(version).as_bytes()).unwrap();
    let archive = zip.finish().unwrap().into_inner();
    let release = format!("mirror/{SOURCE}/v{version}");
    let list = format!("{}  {}.zip\n", Digest::of(&archive).hex(), file_name(version));
    project.write(&format!("{release}/packer-plugin-none_v{version}_SHA256SUMS"), &list);
    let archive_path = project.path(&format!("{release}/{}.zip", file_name(version)));
    fs_err::write(archive_path, archive).unwrap();
}

/// Says where the project's plugins come from.
fn from_mirror(project: &Project, mirror: &str) {
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &format!("plugins: {{ mirror: \"{mirror}\" }}\n{images}"));
}

/// goldsmith without any way out, and with the project's own folder of plugins.
fn goldsmith(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.goldsmith();
    command.args(arguments).env("PACKER_PLUGIN_PATH", project.path("plugins"));
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(proxy, "http://127.0.0.1:9").env("NO_PROXY", "127.0.0.1");
    }
    command
}

fn run(project: &Project, arguments: &[&str]) -> Ended {
    let output = goldsmith(project, arguments).output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

const BUILD: &[&str] = &["run", "--db", "advisories"];

/// The plugins that the published version was built with.
fn recorded(project: &Project) -> Vec<(String, String)> {
    let log = project.list("registry/images/debian-12/log");
    let mut entries =
        log.iter().map(|name| project.json(&format!("registry/images/debian-12/log/{name}")));
    let published = entries.rfind(|entry| entry["entry"] == "published").unwrap();
    let plugins = published["plugins"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    plugins.map(|plugin| (text(&plugin["version"]), text(&plugin["digest"]))).collect()
}

fn digest(version: &str) -> String {
    Digest::of(program(version).as_bytes()).to_string()
}

fn lock(project: &Project) -> String {
    fs_err::read_to_string(project.path("goldsmith.lock")).unwrap()
}

#[test]
fn the_locked_version_is_built_with_although_a_newer_one_is_installed() {
    let project = project_with(&requires("~> 1.0"));
    installed(&project, "1.0.9");
    // Without a lock it is the one that Packer takes.
    let first = run(&project, BUILD).expect(0);
    assert!(first.stderr.contains("there is no goldsmith.lock"), "{}", first.stderr);
    assert_eq!(recorded(&project), [("1.0.9".to_owned(), digest("1.0.9"))]);

    let checked = run(&project, &["plugins", "--check"]).expect(2);
    assert!(checked.stderr.contains("goldsmith.lock has no version of"), "{}", checked.stderr);
    run(&project, &["plugins"]).expect(0);
    let locked = lock(&project);
    assert!(
        locked.contains(&format!(
            "    1.0.9:\n      {}: {}\n",
            Platform::of_this_machine(),
            digest("1.0.9")
        )),
        "{locked}"
    );
    run(&project, &["plugins", "--check"]).expect(0);

    installed(&project, "1.1.0");
    // Packer itself says what it takes: it has the choice only where both are.
    let packer = fs_err::read_to_string(project.path("packer/debian.pkr.hcl")).unwrap();
    project.write(
        "packer/debian.pkr.hcl",
        &packer.replace(
            "build { sources = [\"source.file.debian\"] }",
            "build {\n  sources = [\"source.file.debian\"]\n  provisioner \"shell-local\" {\n    \
             inline = [\"packer plugins installed > ../seen; echo $PACKER_PLUGIN_PATH >> ../seen\"]\n    \
             environment_vars = []\n  }\n}",
        ),
    );
    let again = run(&project, &[BUILD, &["--force"]].concat()).expect(0);
    assert_eq!(recorded(&project), [("1.0.9".to_owned(), digest("1.0.9"))]);
    assert!(!again.stderr.contains("goldsmith.lock"), "{}", again.stderr);
    let seen = fs_err::read_to_string(project.path("seen")).unwrap();
    assert!(seen.contains("v1.0.9") && !seen.contains("v1.1.0"), "{seen}");
    assert_eq!(lock(&project), locked);
}

#[test]
fn nothing_is_built_with_another_program_than_the_locked_one() {
    let project = project_with(&requires("~> 1.0"));
    installed(&project, "1.0.9");
    run(&project, &["plugins"]).expect(0);
    let path = project.path(&format!("plugins/{SOURCE}/{}", file_name("1.0.9")));
    let other = program("1.0.9") + "# and something else\n";
    fs_err::write(&path, &other).unwrap();
    fs_err::write(format!("{path}_SHA256SUM"), Digest::of(other.as_bytes()).hex()).unwrap();

    let ended = run(&project, BUILD).expect(2);
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("is not the program that goldsmith.lock names"), "{}", ended.stdout);
    assert_eq!(project.list("store"), Vec::<String>::new());
    run(&project, &["plugins", "--check"]).expect(2);
    run(&project, &["plugins"]).expect(2);
    // Also where it comes from a mirror.
    fs_err::remove_dir_all(project.path("plugins")).unwrap();
    released(&project, "1.0.9");
    from_mirror(&project, "./mirror");
    let locked = lock(&project);
    project
        .write("goldsmith.lock", &locked.replace(&digest("1.0.9"), &Digest::of(b"").to_string()));
    let ended = run(&project, BUILD).expect(2);
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("is not the program that goldsmith.lock names"), "{}", ended.stdout);
    assert_eq!(project.list(&format!("plugins/{SOURCE}")), Vec::<String>::new());
    project.write("goldsmith.lock", &locked);
    run(&project, BUILD).expect(0);
}

#[test]
fn a_folder_is_a_mirror_also_for_two_runs_at_once_and_updates_come_from_it() {
    let project = project_with(&requires("~> 1.0"));
    released(&project, "1.0.9");
    from_mirror(&project, "./mirror");
    let start = || {
        let mut command = goldsmith(&project, BUILD);
        command.arg("--force").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()];
    let mut installing = 0;
    for one in both {
        let output = one.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        installing += usize::from(stderr.contains("installing the Packer plugin"));
    }
    assert_eq!(installing, 1, "one installs, the other one finds it");
    assert_eq!(project.list(&format!("plugins/{SOURCE}")).len(), 2);

    run(&project, &["plugins"]).expect(0);
    for version in ["1.1.0", "2.0.0"] {
        released(&project, version);
    }
    run(&project, &["plugins"]).expect(0);
    assert!(lock(&project).contains("1.0.9:"), "{}", lock(&project));
    run(&project, &["plugins", "--update"]).expect(0);
    assert!(lock(&project).contains("1.1.0:") && !lock(&project).contains("1.0.9:"));
    // Everything is there: the mirror is not asked any more.
    fs_err::remove_dir_all(project.path("mirror")).unwrap();
    run(&project, &[BUILD, &["--force"]].concat()).expect(0);
    assert_eq!(recorded(&project), [("1.1.0".to_owned(), digest("1.1.0"))]);
    assert_eq!(project.list("state/plugins/incoming"), Vec::<String>::new());
}

/// Serves the files below a folder by HTTP, for as long as the test runs.
fn serve(folder: Utf8PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/packer", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).unwrap();
            let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches("/packer/");
            let path = folder.join(path);
            let index = |path: &Utf8Path| {
                let names = path.read_dir_utf8().ok()?.flatten();
                let links =
                    names.map(|name| format!("<a href=\"{0}/\">{0}/</a>", name.file_name()));
                Some(links.collect::<String>().into_bytes())
            };
            let (status, body) = match fs_err::read(&path).ok().or_else(|| index(&path)) {
                Some(body) => (200, body),
                None => (404, Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.into_bytes(), body].concat());
        }
    });
    address
}

#[test]
fn a_server_is_a_mirror_and_what_it_lacks_comes_from_nowhere_else() {
    let project = project_with(&requires("~> 1.0"));
    released(&project, "1.0.9");
    released(&project, "1.0.10");
    from_mirror(&project, &serve(project.path("mirror")));
    run(&project, &["plugins"]).expect(0);
    assert!(lock(&project).contains("1.0.10:"), "{}", lock(&project));
    run(&project, BUILD).expect(0);
    assert_eq!(recorded(&project), [("1.0.10".to_owned(), digest("1.0.10"))]);

    fs_err::remove_dir_all(project.path("plugins")).unwrap();
    fs_err::remove_dir_all(project.path(&format!("mirror/{SOURCE}/v1.0.10"))).unwrap();
    let ended = run(&project, &[BUILD, &["--force"]].concat()).expect(2);
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("cannot be had from the mirror"), "{}", ended.stdout);
}

#[test]
fn without_network_a_missing_plugin_fails_and_says_what_to_do() {
    let project = project_with(&requires("~> 1.0"));
    let ended = run(&project, BUILD).expect(2);
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Packer cannot install `github.com/goldsmith-tests/none`",
        "127.0.0.1:9",
        "plugins: { mirror: … }",
    ] {
        assert!(told.contains(part), "`{part}` is missing in\n{}", ended.stdout);
    }
    let checked = run(&project, &["plugins"]).expect(2);
    assert!(checked.stderr.contains("Packer cannot install `github.com"), "{}", checked.stderr);
    assert!(!project.path("goldsmith.lock").exists());
}

#[test]
fn the_real_plugin_of_qemu_is_locked() {
    let template = format!(
        "packer {{\n  required_plugins {{\n    qemu = {{\n      source  = \
         \"github.com/hashicorp/qemu\"\n      version = \"~> 1.0.9\"\n    }}\n  }}\n}}\n{COPY}"
    );
    let project = project_with(&template);
    project.run(&["plugins"]).expect(0);
    let checked = project.run(&["plugins", "--check"]).expect(0);
    assert!(checked.stdout.ends_with("goldsmith.lock is up to date\n"), "{}", checked.stdout);
    let right = lock(&project);
    let unused = format!(
        "  github.com/goldsmith-tests/none:\n    1.0.0:\n      linux_amd64: sha256:{}\n",
        "0".repeat(64)
    );
    project.write("goldsmith.lock", &(right.clone() + &unused));
    let checked = project.run(&["plugins", "--check"]).expect(0);
    assert!(checked.stdout.contains("also has what no template requires"), "{}", checked.stdout);
    project.run(&["plugins"]).expect(0);
    assert_eq!(lock(&project), right);
    project.run(&["lint"]).expect(0);
    project.run(BUILD).expect(0);
    let [(version, digest)] = recorded(&project).try_into().unwrap();
    assert!(lock(&project).contains(&format!("{version}:\n")));
    assert!(lock(&project).contains(&digest));
    // The template asks for what is not locked.
    project.write("packer/debian.pkr.hcl", &template.replace("~> 1.0.9", ">= 1.99"));
    let lint = project.run(&["lint"]).expect(0);
    assert!(lint.stdout.contains("not-locked"), "{}\n{}", lint.stdout, lint.stderr);
    let ended = project.run(BUILD).expect(2);
    assert!(ended.stdout.contains("goldsmith.lock has no version"), "{}", ended.stdout);
}

#[test]
fn another_machines_programs_are_locked_from_a_mirror_and_from_nowhere_else() {
    let project = project_with(&requires(">= 1.0.0"));
    released(&project, "1.0.10");
    let here = Platform::of_this_machine().to_string();
    let elsewhere = ["--platform", "plan9_arm64", "--platform", &here];
    installed(&project, "1.0.10");
    let refused = run(&project, &[&["plugins"], elsewhere.as_slice()].concat()).expect(2);
    assert!(refused.stderr.contains("mirror"), "{}", refused.stderr);
    assert!(!project.path("goldsmith.lock").exists());

    from_mirror(&project, "./mirror");
    let release = format!("mirror/{SOURCE}/v1.0.10");
    let list = format!("{release}/packer-plugin-none_v1.0.10_SHA256SUMS");
    let missing = run(&project, &[&["plugins"], elsewhere.as_slice()].concat()).expect(2);
    assert!(missing.stderr.contains("names no program for plan9_arm64"), "{}", missing.stderr);

    let other = file_name("1.0.10").replace(&here, "plan9_arm64");
    project.write(&format!("{release}/{other}"), "of another machine");
    let digest = Digest::of(b"of another machine");
    let lines = fs_err::read_to_string(project.path(&list)).unwrap();
    project.write(&list, &format!("{lines}{}  {other}\n", digest.hex()));
    run(&project, &[&["plugins"], elsewhere.as_slice()].concat()).expect(0);
    let lock = fs_err::read_to_string(project.path("goldsmith.lock")).unwrap();
    assert!(lock.contains(&format!("      plan9_arm64: {digest}\n")), "{lock}");
    assert!(lock.contains(&format!("      {here}: ")), "{lock}");
    // It is known now, and stays.
    fs_err::remove_dir_all(project.path("mirror")).unwrap();
    run(&project, &[&["plugins"], elsewhere.as_slice()].concat()).expect(0);
    run(&project, &["plugins"]).expect(0);
    assert_eq!(fs_err::read_to_string(project.path("goldsmith.lock")).unwrap(), lock);
}
