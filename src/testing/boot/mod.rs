//! `boot`: whether the image starts, and knows nothing of the machine that it was made on.
//!
//! Two overlays of the disk boot under QEMU, each with a seed of its own for cloud-init. A script in
//! the seed reports over a serial port that nobody else uses; what both reports say is judged.
//!
//! ```text
//! firmware.rs, accelerator.rs ─► machine.rs ─► QEMU ─► report.rs ─► judge.rs ─► cases
//! seed.rs, iso.rs ─────────────────────────────┘ └─► control.rs: guest agent, picture
//! ```

mod accelerator;
mod control;
mod firmware;
mod iso;
mod judge;
mod machine;
mod report;
mod seed;

use std::cell::RefCell;
use std::io::Read as _;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use self::accelerator::Accelerator;
use self::control::Monitor;
use self::firmware::Firmware;
use self::judge::Booted;
use self::report::Facts;
use super::{Clones, TestingError};
use crate::model::{Failure, Resources, TestCase, TestResult};
use crate::process::{
    ChildEnvironment, Command, Finished, Line, ProcessError, Redaction, friendly,
};

/// The program that machines run under.
pub const QEMU: &str = "qemu-system-x86_64";

/// The test's name.
const NAME: &str = "boot";
/// The case that comes before all others.
const BOOTS: &str = "the image boots";
/// How often to look whether there is a report.
const ROUND: Duration = Duration::from_millis(200);
/// How long QEMU may take to end once it is told to.
const GRACE: Duration = Duration::from_secs(10);

/// The test `boot`.
pub struct Boot<'a> {
    /// Makes overlays; has the tools.
    pub clones: &'a Clones,
    /// The program `qemu-system-x86_64`.
    pub qemu: &'a Utf8Path,
    /// Firmware variables that the artifact brings along.
    pub variables: Option<&'a Utf8Path>,
    /// Whether there is cloud-init in the image: without it, nobody would report.
    pub cloud_init: bool,
    /// Who has built the image, as far as its template tells.
    pub builder: Option<&'a str>,
    /// How long a machine may take to report.
    pub timeout: Duration,
    /// What nobody may see of the consoles.
    pub redaction: Redaction,
    /// Where consoles and pictures are kept: what their names begin with.
    pub kept: &'a Utf8Path,
}

/// What became of one machine.
enum End {
    /// It reported, after this time.
    Reported(Booted, Duration),
    /// It did not: why.
    Silent(String),
}

impl Boot<'_> {
    /// Boots two overlays of `disk`. All of that lies in `folder`, which is empty. What the first
    /// machine prints goes to `on_line`. `room` makes room for what both machines need of this one, for
    /// as long as its value lives.
    pub async fn run<R>(
        &self,
        disk: &Utf8Path,
        folder: &Utf8Path,
        room: impl AsyncFnOnce(Resources) -> Result<R, Failure>,
        on_line: impl FnMut(Line<'_>),
    ) -> Result<TestResult, TestingError> {
        let begun = Instant::now();
        if !self.cloud_init {
            let why = "`boot` needs cloud-init, and the image has no package of that name";
            let (name, cases) = (NAME.to_owned(), vec![TestCase::failed(BOOTS, why)]);
            return Ok(TestResult { name, cases, took: begun.elapsed(), kept: Vec::new() });
        }
        let Clones { launcher, cancellation, .. } = self.clones;
        let accelerator = Accelerator::probe(self.qemu, folder, launcher, cancellation).await?;
        let overlay = self.clones.overlay(disk, folder).await?;
        let firmware = Firmware::of(&self.begin(&overlay, folder).await?, self.variables);
        fs_err::remove_file(&overlay)?;
        let _room = room(machine::needs(2, accelerator)).await.map_err(TestingError::Stopped)?;
        let both = tokio::join!(
            self.machine(1, disk, folder, (accelerator, &firmware), on_line),
            self.machine(2, disk, folder, (accelerator, &firmware), |_| {}),
        );
        let (one, other) = (both.0?, both.1?);
        let how = format!("{}, {}", firmware.name(), accelerator.as_str().to_uppercase());
        let cases = match (&one, &other) {
            (End::Reported(one, first), End::Reported(other, second)) => {
                let took = format!("in {} s and {} s", first.as_secs(), second.as_secs());
                let mut cases = vec![TestCase::passed(BOOTS, format!("{how}, {took}"))];
                cases.extend(judge::judge(&[one.clone(), other.clone()], self.builder));
                cases
            }
            (End::Silent(why), _) | (_, End::Silent(why)) => {
                vec![TestCase::failed(BOOTS, format!("{how}: {why}"))]
            }
        };
        let mut result =
            TestResult { name: NAME.to_owned(), cases, took: begun.elapsed(), kept: Vec::new() };
        if !result.passed() {
            let files = [1, 2].into_iter().flat_map(|number| self.files(number));
            result.kept = files.filter(|file| file.exists()).collect();
        }
        Ok(result)
    }

    /// Where the picture and the console of a machine are kept.
    fn files(&self, number: u32) -> [Utf8PathBuf; 2] {
        ["png", "log"].map(|kind| format!("{}-boot-{number}.{kind}", self.kept).into())
    }

    /// The beginning of the disk below `overlay`.
    async fn begin(&self, overlay: &Utf8Path, folder: &Utf8Path) -> Result<Vec<u8>, TestingError> {
        let begin = folder.join("begin");
        let command = Command::new(&self.clones.qemu_img, "look at the disk's partitions")
            .arguments(["dd", "-f", "qcow2", "-O", "raw", "bs=512"])
            .arguments([
                format!("count={}", firmware::BEGIN / 512),
                format!("if={overlay}"),
                format!("of={begin}"),
            ])
            .environment(ChildEnvironment::default())
            .log(&self.clones.log);
        let Clones { launcher, cancellation, .. } = self.clones;
        launcher.run(&command, cancellation, |_| {}).await?.success()?;
        let mut bytes = Vec::new();
        fs_err::File::open(begin)?.take(firmware::BEGIN).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Boots an overlay, and looks at it until it has reported or its time is up.
    async fn machine(
        &self,
        number: u32,
        disk: &Utf8Path,
        folder: &Utf8Path,
        (accelerator, firmware): (Accelerator, &Firmware),
        mut on_line: impl FnMut(Line<'_>),
    ) -> Result<End, TestingError> {
        let folder = folder.join(format!("machine-{number}"));
        fs_err::create_dir(&folder)?;
        self.clones.overlay(disk, &folder).await?;
        let marker = uuid::Uuid::new_v4().simple().to_string();
        let id = format!("goldsmith-{marker}");
        fs_err::write(folder.join("seed.iso"), seed::image(&id, &marker, self.builder))?;
        if let Firmware::Uefi { variables, .. } = firmware {
            let bytes = fs_err::read(variables)?;
            fs_err::write(folder.join("vars.fd"), bytes)?;
        }
        let [picture, console] = self.files(number);
        let command = Command::new(self.qemu, "boot the image")
            .arguments(machine::arguments(accelerator, firmware))
            .directory(&folder)
            .environment(ChildEnvironment::default())
            // Above the time that is waited for a report, with a picture at its end.
            .timeout(self.timeout + 6 * GRACE)
            .grace(GRACE)
            .redaction(self.redaction.clone())
            .log(console);
        // A machine without the second port reports on its console.
        let on_console = RefCell::new(String::new());
        let listen = |line: Line<'_>| {
            let text = String::from_utf8_lossy(line.bytes);
            let mut reported = on_console.borrow_mut();
            let room = reported.len() as u64 + text.len() as u64 <= report::MAX_BYTES;
            if !text.contains(&marker) {
                on_line(line);
            } else if room {
                reported.push_str(&text);
                reported.push('\n');
            }
        };
        let Clones { launcher, cancellation, .. } = self.clones;
        let mut running = std::pin::pin!(launcher.run(&command, cancellation, listen));
        let reported = || {
            Facts::read(&report(&folder), &marker)
                .or_else(|| Facts::read(&on_console.borrow(), &marker))
        };
        let begun = Instant::now();
        let watch = self.watch(&folder, begun, &reported, &picture);
        tokio::select! {
            ended = &mut running => {
                let why = ended_by_itself(ended?)?;
                Ok(match reported() {
                    // It may well have reported, and then powered itself off.
                    Some(facts) => {
                        let agent = facts.get("guest-agent").map(|_| Err(why));
                        End::Reported(Booted { facts, agent }, begun.elapsed())
                    }
                    None => End::Silent(format!("no report: {why}")),
                })
            }
            end = watch => {
                // A machine that does not listen is stopped when its supervisor is let go.
                if let Ok(ended) = tokio::time::timeout(GRACE, running).await {
                    stopped(ended?)?;
                }
                Ok(end)
            }
        }
    }

    /// Waits for the report, then asks what only a running machine can tell, and ends it.
    async fn watch(
        &self,
        folder: &Utf8Path,
        begun: Instant,
        reported: impl Fn() -> Option<Facts>,
        picture: &Utf8Path,
    ) -> End {
        let end = loop {
            if let Some(facts) = reported() {
                let took = begun.elapsed();
                let agent = match facts.get("guest-agent") {
                    Some("yes") => Some(control::ask_agent(folder).await),
                    _ => None,
                };
                break End::Reported(Booted { facts, agent }, took);
            }
            if begun.elapsed() > self.timeout {
                let limit = friendly(self.timeout);
                break End::Silent(format!(
                    "no report after {limit}: it does not boot, cloud-init does not run its user data, or it needs more time (`timeout: {{ test: … }}`)"
                ));
            }
            tokio::time::sleep(ROUND).await;
        };
        if let Ok(mut monitor) = Monitor::of(folder).await {
            if let End::Silent(_) = end {
                // Without one, the console has to be enough.
                let _ = monitor.picture(picture).await;
            }
            let _ = monitor.quit().await;
        }
        end
    }
}

/// What is in the file of the second serial port.
fn report(folder: &Utf8Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = fs_err::File::open(folder.join("report")) {
        // What cannot be read is not there yet.
        let _ = file.take(report::MAX_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How a machine ended before anybody told it to, unless somebody wished to stop.
fn ended_by_itself(finished: Finished) -> Result<String, ProcessError> {
    let finished = stopped(finished)?;
    let said = finished.stderr.last_line().map(|line| format!(": {line}")).unwrap_or_default();
    Ok(format!("the machine ended by itself ({}{said})", finished.outcome))
}

/// An error if somebody wished to stop.
fn stopped(finished: Finished) -> Result<Finished, ProcessError> {
    if finished.cancelled.is_some() { finished.success() } else { Ok(finished) }
}
