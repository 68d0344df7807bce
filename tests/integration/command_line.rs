//! What people see of the commands that need no tool: whole outputs.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

pub(crate) const IMAGES: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
images:
  debian-12:
    template: packer
    os: { family: debian, release: \"12\" }
    source: cloud-image
  debian-13:
    template: packer
    os: { family: debian, release: \"13\" }
    source: cloud-image
    rebuild: { every: quarterly }
";

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new(images: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs_err::create_dir(folder.path().join("packer")).unwrap();
        fs_err::write(folder.path().join("packer/debian.pkr.hcl"), "").unwrap();
        fs_err::write(folder.path().join("images.yml"), images).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().to_owned()
    }

    /// The command `goldsmith`, with an environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldsmith"));
        let path = self.path();
        command.args(arguments).current_dir(&path).env_clear().env("HOME", &path);
        command
    }

    /// Runs goldsmith on 23 November 2026: exit code, stdout, stderr, with the folder's name out of
    /// the way.
    pub(crate) fn goldsmith(&self, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let output = self
            .command(arguments)
            .args(["--now", "2026-11-23T10:00:00Z"])
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text =
            |bytes| String::from_utf8(bytes).unwrap().replace(self.path().as_str(), "FOLDER");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        format!(
            "exit code {}\n--- stdout\n{stdout}--- stderr\n{stderr}",
            output.status.code().unwrap()
        )
    }
}

#[test]
fn a_plan_says_what_is_due_and_why() {
    let folder = Folder::new(IMAGES);
    insta::assert_snapshot!(folder.goldsmith(&["plan"], &[]), @"
    exit code 0
    --- stdout
    2 of 2 images are due

    + debian-12  1.0.20261123  due: never built
    + debian-13  1.0.20261123  due: never built
    --- stderr
    ");
    insta::assert_snapshot!(folder.goldsmith(&["plan", "debian-13"], &[]), @"
    exit code 0
    --- stdout
    1 of 1 image is due

    + debian-13  1.0.20261123  due: never built
    --- stderr
    ");
    // Without tools on the search path, without a network: and all that it writes is its cache.
    let mut names: Vec<String> = folder
        .path()
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect();
    names.sort();
    names.retain(|name| name != ".cache");
    assert_eq!(names, ["images.yml", "packer"]);
}

#[test]
fn all_problems_of_images_yml_are_told_once_and_counted() {
    let images = IMAGES.replace("quarterly", "quartely").replace("    template: packer\n", "");
    insta::assert_snapshot!(Folder::new(&images).goldsmith(&["plan"], &[]), @r#"
    exit code 2
    --- stdout
    --- stderr
    error[missing-key]: `template` is missing in image `debian-12`
     --> images.yml:6:3
      |
    6 |   debian-12:
      |   ^^^^^^^^^ required here
      |
      = help: `template` names the Packer template: a folder or a `.pkr.hcl` file

    error[missing-key]: `template` is missing in image `debian-13`
     --> images.yml:9:3
      |
    9 |   debian-13:
      |   ^^^^^^^^^ required here
      |
      = help: `template` names the Packer template: a folder or a `.pkr.hcl` file

    error[bad-choice]: `quartely` is not a cadence
      --> images.yml:12:23
       |
    12 |     rebuild: { every: quartely }
       |                       ^^^^^^^^ did you mean `quarterly`?
       |
       = help: expected `auto`, `weekly`, `monthly`, `quarterly`, `patch-tuesday` or `never`
       = help: other times: `every: { cron: "0 2 1 * *" }`

    error: 3 problems in images.yml
    "#);
}

#[test]
fn lint_tells_the_problems_of_images_yml_and_of_its_files() {
    let folder = Folder::new(IMAGES);
    insta::assert_snapshot!(folder.goldsmith(&["lint"], &[]), @"
    exit code 0
    --- stdout
    no problems in images.yml
    --- stderr
    warning: the templates are not checked by Packer: there is no `packer` on the search path
    ");

    let images = IMAGES.replace("packer\n", "packr\n").replacen("debian,", "debain,", 1);
    let folder = Folder::new(&images);
    fs_err::create_dir(folder.path().join(".git")).unwrap();
    fs_err::create_dir(folder.path().join("sub")).unwrap();
    insta::assert_snapshot!(folder.goldsmith(&["lint"], &[]), @r#"
    exit code 1
    --- stdout
    error[missing-path]: `template`: `packr` does not exist
     --> images.yml:7:15
      |
    7 |     template: packr
      |               ^^^^^ nothing is there
      |
      = help: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml

    warning[unknown-os]: no operating system's family is known as `debain`
     --> images.yml:8:19
      |
    8 |     os: { family: debain, release: "12" }
      |                   ^^^^^^ did you mean `debian`?
      |
      = help: the gate trusts a scan only if it finds this family

    error[missing-path]: `template`: `packr` does not exist
      --> images.yml:11:15
       |
    11 |     template: packr
       |               ^^^^^ nothing is there
       |
       = help: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml

    error: 2 problems and 1 warning in images.yml
    every kind of problem is explained in docs/problems.md
    --- stderr
    "#);
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_API_URL", "https://api.github.com")];
    // The path is that of the repository, wherever the command runs.
    let mut from_sub = folder.command(&["lint", "--format=github", "--config=../images.yml"]);
    let output = from_sub.current_dir(folder.path().join("sub")).envs(github).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @"
    ::error file=images.yml,line=7,col=15,title=missing-path::`template`: `packr` does not exist: nothing is there%0Ahelp: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml
    ::error file=images.yml,line=11,col=15,title=missing-path::`template`: `packr` does not exist: nothing is there%0Ahelp: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml
    ::warning file=images.yml,line=8,col=19,title=unknown-os::no operating system's family is known as `debain`: did you mean `debian`?%0Ahelp: the gate trusts a scan only if it finds this family
    ");
    let text = folder.goldsmith(&["lint", "--format=json"], &[]);
    assert!(text.contains(r#""id": "missing-path""#) && text.contains("exit code 1"), "{text}");

    // One image that is wrong does not hide what is wrong with the files of the others.
    let images = format!("{IMAGES}    owner: platform\n  broken: {{ templat: packer }}\n");
    let images = images.replacen("packer\n", "packr\n", 1);
    fs_err::write(folder.path().join("images.yml"), images).unwrap();
    insta::assert_snapshot!(folder.goldsmith(&["lint"], &[]), @r#"
    exit code 1
    --- stdout
    error[missing-path]: `template`: `packr` does not exist
     --> images.yml:7:15
      |
    7 |     template: packr
      |               ^^^^^ nothing is there
      |
      = help: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml

    warning[not-available-yet]: `owner` is not available yet
      --> images.yml:15:5
       |
    15 |     owner: platform
       |     ^^^^^ part of the format; this version of goldsmith cannot do it

    error[missing-key]: `os` and `source` are missing in image `broken`
      --> images.yml:16:3
       |
    16 |   broken: { templat: packer }
       |   ^^^^^^ required here
       |
       = help: `os` names what the scan must find, for example `os: { family: debian, release: "12" }`
       = help: `source` is `cloud-image`, `iso`, `factory` or `image`

    error[unknown-key]: unknown key `templat` in image `broken`
      --> images.yml:16:13
       |
    16 |   broken: { templat: packer }
       |             ^^^^^^^ did you mean `template`?

    error: 3 problems and 1 warning in images.yml
    every kind of problem is explained in docs/problems.md
    --- stderr
    warning: the templates are not checked by Packer: there is no `packer` on the search path
    "#);

    insta::assert_snapshot!(folder.goldsmith(&["lint", "--config=none.yml"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error: failed to open file `FOLDER/none.yml`: No such file or directory (os error 2)
      hint: name the image matrix with `--config FILE`, or its folder with `-C DIR`
    ");
}

#[test]
fn the_schema_is_printed_as_it_is() {
    let output = Folder::new(IMAGES).command(&["schema"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), goldsmith::config::SCHEMA);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn on_github_the_problems_that_stop_a_plan_are_shown_beside_the_code() {
    let folder = Folder::new(&IMAGES.replace("quarterly", "quartely"));
    let command = |runner: &[(&str, &str)]| {
        let output = folder.command(&["plan"]).envs(runner.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("images.yml")).collect();
        lines.join("\n")
    };
    let on_github = [("GITHUB_ACTIONS", "true"), ("GITHUB_API_URL", "https://api.github.com")];
    insta::assert_snapshot!(command(&on_github), @r#"
    ::error file=images.yml,line=14,col=23,title=bad-choice::`quartely` is not a cadence: did you mean `quarterly`?%0Ahelp: expected `auto`, `weekly`, `monthly`, `quarterly`, `patch-tuesday` or `never`%0Ahelp: other times: `every: { cron: "0 2 1 * *" }`
      --> images.yml:14:23
    error: 1 problem in images.yml
    "#);
    insta::assert_snapshot!(command(&[("GITHUB_ACTIONS", "true"), ("FORGEJO_ACTIONS", "true")]), @"
      --> images.yml:14:23
    error: 1 problem in images.yml
    ");
}

#[test]
fn what_does_not_exist_is_told_with_what_does() {
    let folder = Folder::new(IMAGES);
    insta::assert_snapshot!(folder.goldsmith(&["plan", "debian-14"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error: no image is called `debian-14`
      hint: did you mean `debian-13`?
    ");
    insta::assert_snapshot!(folder.goldsmith(&["plan", "--config", "none.yml"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error: failed to open file `FOLDER/none.yml`: No such file or directory (os error 2)
      hint: name the image matrix with `--config FILE`, or its folder with `-C DIR`
    ");
    insta::assert_snapshot!(
        folder.goldsmith(&["run", "--from-artifact", "debian-12=none.qcow2"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error: there is no file `FOLDER/none.qcow2`
    "
    );
    insta::assert_snapshot!(folder.goldsmith(&["run", "--db", "none"], &[]), @"
    exit code 4
    --- stdout
    --- stderr
    error: `FOLDER/none` holds no advisory database: `db/trivy.db` is missing
      hint: `--db` names a Trivy cache folder with `db/trivy.db` and `db/metadata.json`; leave it out to download the current database
    ");
    insta::assert_snapshot!(
        folder.goldsmith(&["run"], &[("GOLDSMITH_STATE_DIR", "state")]), @"
    exit code 2
    --- stdout
    --- stderr
    error: `GOLDSMITH_STATE_DIR` is `state`, which is no absolute path
      hint: runs need one place for their folders, wherever goldsmith is started
    ");
    insta::assert_snapshot!(folder.goldsmith(&["run"], &[("HOME", "")]), @"
    exit code 2
    --- stdout
    --- stderr
    error: there is no place for the folders of runs: `HOME` is not set
      hint: set `GOLDSMITH_STATE_DIR` to a folder that only you can write to
    ");
    fs_err::remove_dir_all(folder.path().join("packer")).unwrap();
    insta::assert_snapshot!(folder.goldsmith(&["plan"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error[missing-path]: `template`: `packer` does not exist
     --> images.yml:7:15
      |
    7 |     template: packer
      |               ^^^^^^ nothing is there
      |
      = help: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml

    error[missing-path]: `template`: `packer` does not exist
      --> images.yml:11:15
       |
    11 |     template: packer
       |               ^^^^^^ nothing is there
       |
       = help: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml

    error: 2 problems in images.yml
    ");
    insta::assert_snapshot!(folder.goldsmith(&["plan", "debian-12"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error[missing-path]: `template`: `packer` does not exist
     --> images.yml:7:15
      |
    7 |     template: packer
      |               ^^^^^^ nothing is there
      |
      = help: `template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml

    error: 1 problem in images.yml
    ");
}

#[test]
fn a_result_that_cannot_be_printed_is_a_failure() {
    let folder = Folder::new(IMAGES);
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = folder.command(&["plan"]).stdout(full.into_file()).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"error: cannot print the result: No space left on device (os error 28)");
}

/// Makes a repository of `folder`, with everything in it committed.
pub(crate) fn commit(folder: &Utf8Path) {
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "."],
        &["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "t"],
    ] {
        let git = Command::new("git").args(arguments).current_dir(folder).status().unwrap();
        assert!(git.success());
    }
}

#[test]
fn what_is_in_no_commit_is_not_published_and_what_goldsmith_keeps_there_does_not_count() {
    let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
    let refusal = |folder: &Folder| {
        let told = folder.goldsmith(&["run"], &[("PATH", path.as_str())]);
        told.lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n")
    };
    let folder = Folder::new(IMAGES);
    fs_err::create_dir(folder.path().join(".git")).unwrap();
    insta::assert_snapshot!(refusal(&folder), @"error: nobody can say which commit the folder of images.yml is checked out from: not a git repository (or any of the parent directories): .git");
    fs_err::remove_dir(folder.path().join(".git")).unwrap();
    commit(&folder.path());
    for kept in ["registry/images/debian-12", "store/debian-12", "store/rejected"] {
        fs_err::create_dir_all(folder.path().join(kept)).unwrap();
        fs_err::write(folder.path().join(kept).join("file"), "").unwrap();
    }
    assert!(!refusal(&folder).contains("in no commit"), "{}", refusal(&folder));
    // A configuration that hides files hides nothing from goldsmith.
    let hide = ["config", "status.showUntrackedFiles", "no"];
    assert!(Command::new("git").args(hide).current_dir(folder.path()).status().unwrap().success());
    fs_err::write(folder.path().join("packer/new.pkr.hcl"), "").unwrap();
    insta::assert_snapshot!(refusal(&folder), @"error: the repository of images.yml has changes that are in no commit");
}

#[test]
fn on_a_runner_nothing_is_kept_where_the_next_checkout_wipes_it() {
    let folder = Folder::new(IMAGES);
    commit(&folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("registry");
    fs_err::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let registry = format!("--registry={}/debian", link.display());
    for arguments in [&["plan"][..], &["run"], &["plan", &registry]] {
        let command = folder.command(arguments).env("GITHUB_ACTIONS", "true").output().unwrap();
        let stderr = String::from_utf8(command.stderr).unwrap();
        assert_eq!(command.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("lies in a git work tree"), "{stderr}");
    }
}

#[test]
fn what_a_run_will_refuse_is_a_warning_of_the_plan() {
    let folder = Folder::new(&IMAGES.replace("quarterly }", "quarterly }\n    owner: us"));
    insta::assert_snapshot!(folder.goldsmith(&["plan"], &[]), @"
    exit code 0
    --- stdout
    2 of 2 images are due

    + debian-12  1.0.20261123  due: never built
    + debian-13  1.0.20261123  due: never built
    --- stderr
    warning[not-available-yet]: `owner` is not available yet
      --> images.yml:15:5
       |
    15 |     owner: us
       |     ^^^^^ part of the format; this version of goldsmith cannot do it
    ");
    insta::assert_snapshot!(folder.goldsmith(&["plan", "debian-12"], &[]), @"
    exit code 0
    --- stdout
    1 of 1 image is due

    + debian-12  1.0.20261123  due: never built
    --- stderr
    ");
}

#[test]
fn the_clock_cannot_be_set_on_a_forges_runner() {
    let folder = Folder::new(IMAGES);
    insta::assert_snapshot!(folder.goldsmith(&["plan"], &[("GITHUB_ACTIONS", "true")]), @"
    exit code 2
    --- stdout
    --- stderr
    error: `--now` is for tests and not accepted on a forge's runner
    ");
}
