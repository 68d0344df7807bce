//! The tests of an image: after the gate has passed it, before anybody gets it.
//!
//! After the gate, since it takes seconds and tests take minutes; and what is judged again later is
//! tested then. Each gets a copy. That the artifact is still what was built is checked afterwards.

use std::time::Duration;

use camino::Utf8Path;

use super::Pipeline;
use super::image_task::{Examined, ImageTask};
use super::secrets;
use crate::inputs;
use crate::model::{Failure, FailureClass, Resources, Stage, Test, TestResult};
use crate::process::{self, ChildEnvironment, Redaction};
use crate::report::quantity::count;
use crate::report::sentence;
use crate::testing::{Boot, Clones, Script, TestingError, changed, folder_of};

/// What the tests of the image find out about what was examined. All of them are done, also when one has
/// failed: people want to know everything that is wrong.
pub(super) async fn test(
    task: &ImageTask<'_>,
    examined: &Examined,
) -> Result<Vec<TestResult>, Failure> {
    let Pipeline { environment, cancellation, launcher, tools, .. } = task.run.pipeline;
    let (image, parent) = (task.image.clone(), environment.clone());
    let look = move || (inputs::builder(&image), secrets::known(&image, &parent));
    let (builder, redaction) = tokio::task::spawn_blocking(look)
        .await
        .map_err(|error| Failure::caused_by(FailureClass::TestFailed, &error))?;
    let qemu_img = tools.qemu_img.as_ref().expect("a run with tests has looked for qemu-img");
    let clones = Clones {
        launcher: launcher.clone(),
        cancellation: cancellation.clone(),
        qemu_img: qemu_img.path.clone(),
        log: task.log.clone(),
    };
    let subject = Subject { task, examined, builder, redaction, clones };
    let mut results = Vec::new();
    for (number, test) in task.image.tests.iter().enumerate() {
        let folder = folder_of(&task.work, number).map_err(TestingError::from);
        let folder = folder.map_err(|error| error.failure())?;
        let done = subject.one(test, &folder).await;
        // Copies are large, and the next test wants room.
        let _ = fs_err::remove_dir_all(&folder);
        results.push(done.map_err(|error| error.failure().log(task.log.path()))?);
    }
    subject.untouched().await?;
    Ok(results)
}

/// The failure that stands for tests that failed, if any did.
pub(super) fn objection(results: &[TestResult]) -> Option<Failure> {
    let failed: Vec<_> = results
        .iter()
        .flat_map(|result| result.failures().map(move |case| (&result.name, case)))
        .collect();
    let (name, case) = failed.first()?;
    let what =
        if **name == case.name { case.name.clone() } else { format!("{name}: {}", case.name) };
    let why = if case.message.is_empty() { String::new() } else { format!(": {}", case.message) };
    let more = match failed.len() - 1 {
        0 => String::new(),
        more => format!(" (and {})", count(more, "more case")),
    };
    Some(Failure::new(FailureClass::TestFailed, format!("{what}{why}{more}")))
}

/// What came of the tests, in a phrase.
pub(super) fn phrase(results: &[TestResult]) -> String {
    let cases = results.iter().flat_map(|result| result.cases.iter().cloned()).collect();
    let all = TestResult { name: String::new(), cases, took: Duration::ZERO, kept: Vec::new() };
    sentence::tally(&all.tally())
}

struct Subject<'a, 't> {
    task: &'a ImageTask<'t>,
    examined: &'a Examined,
    builder: Option<String>,
    redaction: Redaction,
    clones: Clones,
}

impl Subject<'_, '_> {
    async fn one(&self, test: &Test, folder: &Utf8Path) -> Result<TestResult, TestingError> {
        let Self { task, examined, clones, .. } = self;
        let artifact = &examined.build.artifact;
        let (image, disk) = (task.image, &artifact.disk().path);
        let Pipeline { environment, options, events, tools, cancellation, .. } = task.run.pipeline;
        let room = async |needs| task.turn.room(needs, cancellation).await;
        let relay = events.relay(&image.name, Stage::Test);
        let redaction = self.redaction.clone();
        match test {
            Test::Run(command) => {
                // Whatever it does to the copy, most likely it boots it.
                let needs = Resources { disk: 0, ..image.resources };
                let _room = room(needs).await.map_err(TestingError::Stopped)?;
                let environment = ChildEnvironment::allowed(environment)
                    .pass(environment, &image.env)
                    .set("GOLDSMITH_IMAGE", image.name.as_str())
                    .set("GOLDSMITH_NAME", format!("{}-v{}", image.name, examined.version))
                    .set("GOLDSMITH_VERSION", examined.version.to_string());
                let script = Script {
                    command,
                    directory: &image.workdir,
                    environment,
                    timeout: image.timeout.test,
                    grace: options.grace,
                    redaction,
                    log: &task.log,
                };
                script.run(disk, folder, clones, relay).await
            }
            Test::Boot => {
                let qemu = tools.qemu.as_ref().expect("a run with this test has looked for QEMU");
                let mut further = artifact.files.iter().skip(1).map(|file| &*file.path);
                let packages = &examined.evidence.inventory.packages;
                let boot = Boot {
                    cloud_init: packages.iter().any(|package| package.name == "cloud-init"),
                    clones,
                    qemu: &qemu.path,
                    variables: further.find(|path| path.as_str().ends_with("efivars.fd")),
                    builder: self.builder.as_deref(),
                    timeout: image.timeout.test,
                    redaction,
                    kept: &task.log.path().with_extension(""),
                };
                boot.run(disk, folder, room, relay).await
            }
        }
    }

    /// An error if a test has changed the artifact: nobody has judged what it is now.
    async fn untouched(&self) -> Result<(), Failure> {
        let (files, wish) =
            (self.examined.build.artifact.files.clone(), self.clones.cancellation.clone());
        let found = tokio::task::spawn_blocking(move || changed(&files, &wish))
            .await
            .map_err(std::io::Error::from)
            .flatten()
            .map_err(|error| process::failure(&error, FailureClass::TestFailed))?;
        found.map_or(Ok(()), |path| {
            let reason = format!("`{path}` is not what was built any more: a test has changed it");
            let hint = "tests may change `$GOLDSMITH_ARTIFACT`, which is a copy, and nothing else";
            Err(Failure::new(FailureClass::ArtifactChanged, reason).hint(hint))
        })
    }
}
