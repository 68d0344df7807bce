//! What a build prints, to the end: in the log on the disk, and in the log of a forge's runner.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8Path;
use goldsmith_testkit::runner::{self, Heard};

use crate::build::{COPY, project_with, run};
use crate::project::{DEBIAN, Project};

const TOKEN: &str = "tok::en/100%,\"x y\" 22";
const KEY: &str = "-----BEGIN KEY-----\nMIIB+aaaa/bbbb\n-----END KEY-----";

/// Runs `hostile.sh`, which gets both secrets.
fn hostile() -> String {
    let build = r#"
variable "api_token" {}
variable "private_key" {}
build {
  sources = ["source.file.debian"]
  provisioner "shell-local" {
    environment_vars = ["T=${var.api_token}", "K=${var.private_key}"]
    inline           = ["sh ../hostile.sh"]
  }
}
"#;
    COPY.replace("build { sources = [\"source.file.debian\"] }", build)
}

/// Says everything that must not be said.
const SCRIPT: &str = include_str!("hostile.sh");

/// What stands in no output, whatever it is that was said.
fn leaks() -> Vec<String> {
    let mut leaks = vec![
        TOKEN.to_owned(),
        "en/100".to_owned(),
        "tok%3A%3Aen".to_owned(),
        "MIIB+aaaa/bbbb".to_owned(),
        "BEGIN KEY".to_owned(),
        "tok%3a%3aen".to_owned(),
    ];
    for before in ["", "a", "ab"] {
        let encoded = STANDARD.encode(format!("{before}{TOKEN}"));
        // Its ends depend on what is beside it.
        leaks.push(encoded[4..encoded.len() - 8].to_owned());
    }
    leaks.push(STANDARD.encode(KEY)[..40].to_owned());
    leaks
}

#[track_caller]
fn expect_no_leak(what: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for leak in leaks() {
        assert!(!text.contains(&leak), "`{leak}` is in {what}");
    }
}

/// What a runner makes of a build that prints [`SCRIPT`], and what it all leaves behind.
fn on_runner(runner: &[(&str, &str)], read: fn(&[u8]) -> Heard) {
    let project = Project::new(&format!(
        "{DEBIAN}    secret_vars: {{ api_token: API, private_key: PRIVATE }}\n"
    ));
    project.write("packer/debian.pkr.hcl", &hostile());
    project.write("hostile.sh", SCRIPT);
    project.disk();
    project.advisories(|_, _| {});
    let summary = project.path("summary.md");
    let mut command: Command = project.goldsmith();
    command
        .args(["run", "--db", "advisories"])
        .envs([("CI", "true"), ("GITHUB_ACTIONS", "true"), ("API", TOKEN), ("PRIVATE", KEY)])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .envs(runner.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");

    // Nothing is executed but what goldsmith itself says.
    let (on_stdout, on_stderr) = (read(&output.stdout), read(&output.stderr));
    assert_eq!(on_stdout.commands, []);
    let mut masked = Vec::new();
    for command in &on_stderr.commands {
        match command.name.as_str() {
            "add-mask" => masked.push(command.data.clone()),
            "group" => assert_eq!(command.data, "debian-12: build"),
            "endgroup" => assert_eq!(command.data, ""),
            other => panic!("`{other}` was executed: {command:?}"),
        }
    }
    for form in ["MIIB+aaaa/bbbb", "-----END KEY-----", "tok%3A%3Aen%2F100%25%2C%22x%20y%22%2022"] {
        assert!(masked.iter().any(|mask| mask == form), "{form}: {masked:?}");
    }

    // Nothing is leaked.
    let shown = [on_stdout.shown.join("\n"), on_stderr.shown.join("\n")];
    expect_no_leak("stdout", shown[0].as_bytes());
    expect_no_leak("stderr", shown[1].as_bytes());
    let run = format!("state/runs/{}", project.list("state/runs").pop().unwrap());
    assert_eq!(project.list(&format!("{run}/logs")), ["debian-12.log.zst"]);
    let log = project.path(&format!("{run}/logs/debian-12.log.zst"));
    let log = zstd::decode_all(fs_err::File::open(log).unwrap()).unwrap();
    expect_no_leak("the log", &log);
    expect_no_leak("the summary", &fs_err::read(summary).unwrap());
    for folder in ["state", "registry", "store"] {
        for file in files(&project.path(folder)) {
            let bytes = match file.extension() {
                Some("raw") => continue,
                Some("zst") => zstd::decode_all(fs_err::File::open(&file).unwrap()).unwrap(),
                _ => fs_err::read(&file).unwrap(),
            };
            expect_no_leak(file.as_str(), &bytes);
        }
    }

    // Nothing is lost: the log has every line, also the long one, byte for byte but for the secrets.
    let lossy = String::from_utf8_lossy(&log);
    let counted = |text: &str| -> Vec<usize> {
        let found = text.split("counted ").filter_map(|rest| rest.split_once(' ')?.0.parse().ok());
        found.collect()
    };
    assert_eq!(counted(&lossy), (1..=2000).collect::<Vec<_>>());
    assert_eq!(counted(&shown[1]), (1..=2000).collect::<Vec<_>>());
    let contains = |bytes: &[u8]| log.windows(bytes.len()).any(|window| window == bytes);
    assert!(contains(b"invalid \xff\xfe bytes"));
    assert!(shown[1].contains("invalid \u{fffd}\u{fffd} bytes"), "{}", shown[1]);
    let long = lossy.lines().find(|line| line.contains("long ")).unwrap();
    assert_eq!(long.matches("::error::forged ##[error]forged a").count(), 2000);
    assert!(long.len() > 1_000_000 && long.contains("***::error") && long.contains("end of long"));
    assert!(contains(b"middle of the line ##[set-env name=PATH]forged"));
    assert!(lossy.contains("in pieces: ***") && lossy.contains("to standard error: ***"));
    for text in [&*lossy, &shown[1]] {
        assert!(text.contains("said everything"));
        assert!(text.contains("forged"));
    }
}

#[test]
fn whatever_a_guest_prints_githubs_runner_executes_nothing_and_nothing_is_leaked_or_lost() {
    on_runner(&[("GITHUB_API_URL", "https://api.github.com")], runner::github);
}

#[test]
fn whatever_a_guest_prints_runners_that_descend_from_act_execute_nothing_either() {
    let variables = [("ACT", "true"), ("GITEA_ACTIONS", "true"), ("FORGEJO_ACTIONS", "true")];
    on_runner(&variables, runner::act);
}

#[test]
fn secrets_are_told_to_nobody_but_a_runner() {
    let project = Project::new(&format!("{DEBIAN}    secret_vars: {{ api_token: API }}\n"));
    project.write("packer/debian.pkr.hcl", &format!("{COPY}\nvariable \"api_token\" {{}}\n"));
    project.disk();
    project.advisories(|_, _| {});
    for (variables, in_file) in [(&[][..], false), (&[("GITHUB_ACTIONS", "true")], true)] {
        let said = project.path("said");
        let mut command = project.goldsmith();
        command.args(["run", "--db", "advisories", "--force"]).env("API", TOKEN);
        command.envs(variables.iter().copied());
        if in_file {
            command.stderr(fs_err::File::create(&said).unwrap().into_file());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let stderr = if in_file { fs_err::read(&said).unwrap() } else { output.stderr };
        assert!(!String::from_utf8_lossy(&stderr).contains("add-mask"));
        expect_no_leak("stderr", &stderr);
    }
}

#[test]
fn a_guest_that_prints_without_end_fills_no_disk_and_the_failure_names_the_log_that_is_there() {
    let script = "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); echo \"counted $i counted\"; done; echo the last words; exit 7";
    let template = COPY.replace(
        "build { sources = [\"source.file.debian\"] }",
        &format!(
            "build {{\n  sources = [\"source.file.debian\"]\n  provisioner \"shell-local\" {{ inline = [{}] }}\n}}",
            serde_json::to_string(script).unwrap()
        ),
    );
    let project = project_with(&template);
    project.write("images.yml", &format!("{DEBIAN}    max_log: 128K\n"));
    let ended = run(&project, &[]).expect(3);
    let run = project.list("state/runs").pop().unwrap();
    let logs = format!("state/runs/{run}/logs");
    assert_eq!(project.list(&logs), ["debian-12.log.zst"]);
    let log = project.path(&format!("{logs}/debian-12.log.zst"));
    assert!(ended.stdout.contains(log.as_str()), "{}", ended.stdout);
    let report = project.json(&format!("state/runs/{run}/report.json"));
    assert_eq!(report["images"][0]["log"], log.as_str());
    let text = zstd::decode_all(fs_err::File::open(log).unwrap()).unwrap();
    assert!(text.len() < (128 << 10) + 200, "{}", text.len());
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("counted 1 counted") && text.contains("the last words"));
    assert!(text.contains(" are left out here: the log is longer than `max_log`]"), "{text}");
    assert!(ended.stdout.contains('7'), "{}", ended.stdout);
}

fn files(folder: &Utf8Path) -> Vec<camino::Utf8PathBuf> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8().into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(self::files(entry.path()));
        } else {
            files.push(entry.into_path());
        }
    }
    files
}
