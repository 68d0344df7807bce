//! The Trivy program: where it is, which version, and which versions are refused.

use super::isolation::Isolation;
use crate::environment::Environment;
use crate::model::{Failure, FailureClass, Tool};
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher};

/// The oldest version whose behaviour is known.
const OLDEST: (u64, u64, u64) = (0, 70, 0);

/// Releases that were made by thieves in March 2026 (CVE-2026-33634, GHSA-69fq-xp46-6x23).
const STOLEN: [&str; 3] = ["0.69.4", "0.69.5", "0.69.6"];

/// Finds Trivy on the search path and asks for its version.
pub async fn find(
    environment: &Environment,
    launcher: &Launcher,
    cancellation: &Cancellation,
) -> Result<Tool, Failure> {
    let missing = |reason: String| {
        Failure::new(FailureClass::ToolMissing, reason)
            .hint("install Trivy 0.74.0, or run `tools/install` in goldsmith's repository")
    };
    let path = environment
        .find_program("trivy")
        .ok_or_else(|| missing("there is no `trivy` on the search path".to_owned()))?;
    let private =
        tempfile::tempdir().map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
    let command = Command::new(&path, "ask Trivy for its version")
        .arguments(["--version", "--cache-dir"])
        .arguments([private.path().to_string_lossy()])
        .environment(ChildEnvironment::default().set("HOME", private.path().to_string_lossy()));
    // How to do without a network is found out on the way: the first scan would wait for it.
    let (finished, _) = tokio::join!(
        launcher.run(&command, cancellation, |_| {}),
        Isolation::find(launcher, cancellation)
    );
    let finished = finished
        .and_then(crate::process::Finished::success)
        .map_err(|error| error.failure(FailureClass::ToolMissing))?;
    let text = finished.stdout.text();
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))
        .ok_or_else(|| missing(format!("`{path}` does not tell its version")))?
        .trim();
    accept(version).map_err(|why| missing(format!("`{path}` {why}")))?;
    Ok(Tool { name: "trivy".to_owned(), path, version: version.to_owned() })
}

fn accept(version: &str) -> Result<(), String> {
    if STOLEN.contains(&version) {
        return Err(format!(
            "is version {version}, which was published by thieves (CVE-2026-33634): remove it and \
             change every secret that it could see"
        ));
    }
    let mut numbers = version.split('.').map(|part| part.parse().ok());
    let mut next = || numbers.next().flatten();
    match (next(), next(), next()) {
        (Some(major), Some(minor), Some(patch)) if (major, minor, patch) >= OLDEST => Ok(()),
        (Some(_), Some(_), Some(_)) => {
            Err(format!("is version {version}; at least 0.70.0 is needed"))
        }
        _ => Err(format!("says that it is version `{version}`, which is no release")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_old_and_nameless_versions_are_refused() {
        let answers: Vec<String> = ["0.74.0", "1.0.0", "0.70.0", "0.69.3", "0.69.4", "dev"]
            .map(|version| format!("{version}: {:?}", accept(version)))
            .into();
        insta::assert_snapshot!(answers.join("\n"), @r#"
        0.74.0: Ok(())
        1.0.0: Ok(())
        0.70.0: Ok(())
        0.69.3: Err("is version 0.69.3; at least 0.70.0 is needed")
        0.69.4: Err("is version 0.69.4, which was published by thieves (CVE-2026-33634): remove it and change every secret that it could see")
        dev: Err("says that it is version `dev`, which is no release")
        "#);
    }
}
