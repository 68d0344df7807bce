//! Checksums signed by the real minisign, and what becomes of those that are not.

use std::io::Write as _;
use std::process::{Command, Stdio};

use camino::Utf8PathBuf;

use crate::project::{DEBIAN, EMPTY_TEMPLATE, Ended, Project, today};

const RUN: [&str; 5] = ["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];

/// A project whose image is signed in this way, and whose search path begins with minisign.
struct Signed(Project);

impl Signed {
    fn new(sign: &str) -> Self {
        let project = Project::new(&format!("{DEBIAN}    sign: {{ minisign: {{ {sign} }} }}\n"));
        project.write("packer/debian.pkr.hcl", EMPTY_TEMPLATE);
        project.disk();
        project.advisories(|_, _| {});
        Self(project)
    }

    fn folder() -> Utf8PathBuf {
        let folder = std::env::var_os("GOLDSMITH_TEST_MINISIGN");
        let folder =
            folder.expect("tools/install --with sign builds minisign, and --env puts it to use");
        folder.into_string().unwrap().into()
    }

    /// A pair of keys, `NAME.key` and `NAME.pub`, the secret one with this password.
    fn keys(&self, name: &str, password: Option<&str>) {
        let pair = [format!("{name}.key"), format!("{name}.pub")];
        let mut command = Command::new(Self::folder().join("minisign"));
        command.args(["-G", "-s", &pair[0], "-p", &pair[1]]).current_dir(self.0.path(""));
        if password.is_none() {
            command.arg("-W");
        }
        let mut made = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(made.stdin.take().unwrap(), "{}", password.unwrap_or_default()).unwrap();
        assert!(made.wait().unwrap().success());
    }

    fn goldsmith(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let path = format!("{}:{}", Self::folder(), std::env::var_os("PATH").unwrap().display());
        let mut command = self.0.goldsmith();
        let command = command.args(arguments).env("PATH", path);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn a_version_is_signed_and_verified_by_its_public_key() {
    let signed = Signed::new("key_env: SIGNING_KEY, password_env: SIGNING_PASSWORD");
    signed.keys("ours", Some("correct horse"));
    signed.keys("theirs", None);
    let key = fs_err::read_to_string(signed.0.path("ours.key")).unwrap();
    // Nothing is built or judged that could not be signed in the end.
    let refused = signed.goldsmith(&RUN, &[("SIGNING_KEY", &key)]).expect(2);
    assert!(refused.stderr.contains("`SIGNING_PASSWORD`, which is not set"), "{}", refused.stderr);
    let wrong = [("SIGNING_KEY", key.as_str()), ("SIGNING_PASSWORD", "wrong")];
    let wrong = signed.goldsmith(&RUN, &wrong).expect(5);
    assert!(wrong.stderr.contains("sign the checksums"), "{}", wrong.stderr);
    let secrets = [("SIGNING_KEY", key.as_str()), ("SIGNING_PASSWORD", "correct horse")];
    signed.goldsmith(&RUN, &secrets).expect(0);

    let version = signed.0.list("store/debian-12").pop().unwrap();
    let place = format!("store/debian-12/{version}");
    let log = signed.0.list("registry/images/debian-12/versions").pop().unwrap();
    let record = signed.0.json(&format!("registry/images/debian-12/versions/{log}"));
    assert_eq!(record["signature"], "SHA256SUMS.minisig");
    let signature = fs_err::read_to_string(signed.0.path(&format!("{place}/SHA256SUMS.minisig")));
    let comment = format!("trusted comment: debian-12 {version}");
    assert!(signature.as_ref().unwrap().contains(&comment), "{signature:?}");
    // As somebody without goldsmith checks it.
    let by_hand = Command::new(Signed::folder().join("minisign"))
        .args(["-V", "-q", "-m", "SHA256SUMS", "-p"])
        .arg(signed.0.path("ours.pub"))
        .current_dir(signed.0.path(&place))
        .status();
    assert!(by_hand.unwrap().success());

    let verify = |key: &str, code| {
        signed.goldsmith(&["verify", "debian-12", "--key", key], &[]).expect(code).stdout
    };
    let good = verify("ours.pub", 0);
    assert!(good.contains("✓ SHA256SUMS.minisig: signed by"), "{good}");
    let other = verify("theirs.pub", 5);
    assert!(other.contains("✗ SHA256SUMS.minisig"), "{other}");
    fs_err::remove_file(signed.0.path(&format!("{place}/SHA256SUMS.minisig"))).unwrap();
    let gone = signed.goldsmith(&["verify", "debian-12"], &[]).expect(5).stdout;
    assert!(gone.contains("✗ SHA256SUMS.minisig"), "{gone}");
    verify("ours.pub", 5);
}

#[test]
fn a_key_in_a_file_signs_as_well() {
    let signed = Signed::new("key: ours.key");
    let missing = signed.goldsmith(&RUN, &[]).expect(2);
    assert!(missing.stderr.contains("ours.key`, which is not there"), "{}", missing.stderr);
    signed.keys("ours", None);
    signed.goldsmith(&RUN, &[]).expect(0);
    signed
        .goldsmith(&["verify", &format!("debian-12@{}", today()), "--key", "ours.pub"], &[])
        .expect(0);
}
