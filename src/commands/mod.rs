//! One file a verb: glue between the modules, no logic.

mod action;
mod channels;
pub mod child;
mod deliver;
mod diff;
mod init;
mod judging;
mod lint;
mod plan;
mod planning;
mod plugins;
mod promotion;
mod prune;
mod pull;
mod reap;
mod recorded;
mod refusals;
mod regate;
mod registry;
mod rescan;
mod revoke;
mod run;
mod scan;
mod session;
mod show;
mod soak;
mod verify;
mod versions;
mod waivers;

use std::process::ExitCode as ProcessExitCode;
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio::sync::{mpsc, oneshot};

use self::session::Session;
use crate::cli::{
    Cli, Command, Format, LintFormat, PlanFormat, RegistryAct, ScanFormat, ShowFormat,
};
use crate::clock::Clock;
use crate::config;
use crate::diagnostics::Problems;
use crate::environment::Environment;
use crate::evidence;
use crate::model::{Catalog, Event, ExitCode, Failure, FailureClass, NoteLevel, Plan};
use crate::process::{Cancellation, Launcher};
use crate::report::rescan::Rescan;
use crate::report::{Compared, ImageReport, Report};
use crate::run::{Events, UntoldAdvice, listen};
use crate::runner::{Context, Runner};
use crate::terminal::{EventLog, EventSink, Flags, Terminal, Verbosity};

/// How long threads may go on that nobody waits for any more: they clean up behind themselves. One
/// that waits for another process, or for a file system that does not answer, would go on for ever.
const UNHEARD: Duration = Duration::from_secs(2);

/// Does what the command line says.
pub fn main(cli: Cli, environment: Environment) -> ProcessExitCode {
    let code = match cli.command {
        // Nothing but watching: no runtime, no terminal, no environment.
        Command::Child(arguments) => return child::main(arguments),
        Command::Action => action::main(&environment),
        _ => {
            // A damaged file system is told in words, not in a panic of the library that reads it.
            evidence::quiet_panics();
            go(cli, environment, Asked::OnCommandLine).code
        }
    };
    ProcessExitCode::from(code.code())
}

/// What a command found out or did.
enum Answer {
    Plan { plan: Plan, catalog: Box<Catalog>, format: PlanFormat },
    Scan { found: Box<ImageReport>, path: String, format: ScanFormat },
    Diff(Box<Compared>),
    Run(Report),
    Reap(reap::Done),
    Rescan(Box<(Rescan, UntoldAdvice)>),
    Lint(Problems, LintFormat),
    Waivers(crate::report::waivers::Waivers),
    Steered(crate::report::steered::Steered),
    Promotions(Vec<crate::report::Promotion>),
    Revoked(crate::report::revoked::Revoked),
    Versions(versions::Answer),
    Shown(Vec<crate::report::shown::Shown>, ShowFormat),
    Pulled(crate::report::pulled::Pulled),
    Verified(crate::report::verified::Verified),
    Registry(registry::Answer),
    Pruned(crate::report::pruned::Pruned),
    Schema,
    Text(String),
}

/// Where it was said what to do: there, people put right what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    OnCommandLine,
    ByInputs,
}

/// How a command ended.
struct Done {
    code: ExitCode,
    /// The `failure_reason` output of the action.
    failure_reason: &'static str,
    /// What a run did, if there was one.
    report: Option<Report>,
    /// What was planned, if that was asked for: the `matrix` output of the action.
    plan: Option<(Plan, Box<Catalog>)>,
}

impl Done {
    fn failed(failure: &Failure) -> Self {
        Self {
            code: failure.class.exit_code(),
            failure_reason: failure.class.failure_reason(),
            report: None,
            plan: None,
        }
    }
}

/// Runs a command to its end, and prints what kept it from getting there.
fn go(cli: Cli, environment: Environment, asked: Asked) -> Done {
    let context = Context::from_environment(&environment);
    let terminal = terminal(&cli, &environment, &context);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let tasks = tokio::task::LocalSet::new();
            let work = dispatch(cli, environment, context.clone(), terminal, asked);
            let result = tasks.block_on(&runtime, work);
            drop(tasks);
            runtime.shutdown_timeout(UNHEARD);
            result
        }
        Err(error) => Err(Failure::caused_by(FailureClass::Usage, &error)),
    };
    result.unwrap_or_else(|failure| {
        terminal.failure(&failure);
        deliver::failure(&terminal, &context, &failure);
        Done::failed(&failure)
    })
}

fn terminal(cli: &Cli, environment: &Environment, context: &Context) -> Terminal {
    let verbosity = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, false) => Verbosity::Normal,
        (false, true) => Verbosity::Verbose,
    };
    let flags = Flags { color: cli.global.color, no_progress: cli.global.no_progress, verbosity };
    Terminal::new(flags, environment, context.runner)
}

/// How long a forge's runner waits for a job that was cancelled: GitHub's kills everything 7.5 s
/// after its first signal. This leaves time to write down what is left.
const RUNNERS_PATIENCE: Duration = Duration::from_secs(6);

async fn dispatch(
    cli: Cli,
    environment: Environment,
    context: Context,
    terminal: Terminal,
    asked: Asked,
) -> Result<Done, Failure> {
    let usage = |error: &dyn std::error::Error| Failure::caused_by(FailureClass::Usage, error);
    let clock = clock(&cli, &context)?;
    let goldsmith = std::env::current_exe().map_err(|error| usage(&error))?;
    let start = std::env::current_dir().map_err(|error| usage(&error))?;
    let start = Utf8PathBuf::try_from(start).map_err(|error| usage(&error))?;
    let (sender, receiver) = mpsc::unbounded_channel();
    let (over, is_over) = oneshot::channel();
    let listener = tokio::task::spawn_local(show(receiver, is_over, terminal, clock));
    let events = Events(sender);
    let cancellation = Cancellation::new();
    let cancellation = match context.runner {
        Runner::Local => cancellation,
        _ => cancellation.within(RUNNERS_PATIENCE),
    };
    listen(cancellation.clone(), events.clone()).map_err(|error| usage(&error))?;
    let launcher = Launcher::new(goldsmith);
    if let Err(error) = launcher.adopt() {
        let text = format!(
            "processes that are orphaned by a kill may be left behind, since nobody can find them: {error}"
        );
        events.note(None, NoteLevel::Warning, text);
    }
    let session = Session {
        directory: match &cli.global.directory {
            Some(folder) => config::resolve(&start, folder.as_str()),
            None => start,
        },
        global: cli.global,
        asked,
        environment,
        context,
        clock,
        launcher,
        cancellation,
        events,
        terminal,
    };
    let (answer, format) = match &cli.command {
        Command::Plan(asked) => {
            let found = plan::run(&session, asked).await;
            let answer = found.map(|(plan, catalog)| Answer::Plan {
                plan,
                catalog: Box::new(catalog),
                format: asked.format,
            });
            (answer, Format::default())
        }
        Command::Scan(asked) => {
            let found = scan::run(&session, asked).await;
            let answer = found.map(|found| Answer::Scan {
                found: Box::new(found),
                path: asked.path.to_string(),
                format: asked.format,
            });
            (answer, Format::default())
        }
        Command::Diff(asked) => {
            (diff::run(&session, asked).await.map(Box::new).map(Answer::Diff), asked.format)
        }
        Command::Run(asked) => (run::run(&session, asked).await.map(Answer::Run), asked.format),
        Command::Regate(asked) => {
            (regate::run(&session, asked).await.map(Answer::Run), asked.format)
        }
        Command::Reap(asked) => (reap::run(&session, asked).await.map(Answer::Reap), asked.format),
        Command::Lint(asked) => {
            let found = lint::run(&session).await;
            (found.map(|problems| Answer::Lint(problems, asked.format)), Format::Text)
        }
        Command::Init(asked) => (init::run(&session, asked).map(Answer::Text), Format::Text),
        Command::Plugins(asked) => {
            (plugins::run(&session, asked).await.map(Answer::Text), Format::Text)
        }
        Command::Rescan(asked) => {
            let found = rescan::run(&session, asked).await;
            (found.map(Box::new).map(Answer::Rescan), asked.format)
        }
        Command::Waivers(asked) => {
            (waivers::run(&session, asked).await.map(Answer::Waivers), asked.format)
        }
        Command::Show(asked) => {
            let shown = show::run(&session, asked).await;
            (shown.map(|shown| Answer::Shown(shown, asked.format)), Format::default())
        }
        Command::Pull(asked) => {
            (pull::run(&session, asked).await.map(Answer::Pulled), asked.format)
        }
        Command::Verify(asked) => {
            (verify::run(&session, asked).await.map(Answer::Verified), asked.format)
        }
        Command::Promote(asked) if asked.due => {
            (soak::run(&session, asked).await.map(Answer::Promotions), asked.format)
        }
        Command::Promote(asked) => {
            (channels::promote(&session, asked).await.map(Answer::Steered), asked.format)
        }
        Command::Rollback(asked) => {
            (channels::rollback(&session, asked).await.map(Answer::Steered), asked.format)
        }
        Command::Pin(asked) => {
            (channels::pin(&session, asked).await.map(Answer::Steered), asked.format)
        }
        Command::Unpin(asked) => {
            (channels::unpin(&session, asked).await.map(Answer::Steered), asked.format)
        }
        Command::Revoke(asked) => {
            (revoke::run(&session, asked).await.map(Answer::Revoked), asked.format)
        }
        Command::Versions(asked) => {
            (versions::run(&session, asked).await.map(Answer::Versions), asked.format)
        }
        Command::Prune(asked) => {
            (prune::run(&session, asked).await.map(Answer::Pruned), asked.format)
        }
        Command::Registry(asked) => {
            let format = match &asked.act {
                RegistryAct::Check(asked) => asked.format,
                RegistryAct::Repair(asked) => asked.format,
            };
            (registry::run(&session, asked).await.map(Answer::Registry), format)
        }
        Command::Schema => (Ok(Answer::Schema), Format::Json),
        Command::Action | Command::Child(_) => unreachable!("`main` handles these"),
    };
    // Whatever was told on the way comes before the answer.
    let _ = over.send(());
    let _ = listener.await;
    deliver::answer(&session, format, answer?)
}

/// The time, or what a test takes for it. On a forge's runner a wrong time would publish a version
/// under a wrong day for good.
fn clock(cli: &Cli, context: &Context) -> Result<Clock, Failure> {
    match cli.global.now {
        None => Ok(Clock::system()),
        Some(_) if context.runner != Runner::Local => {
            let reason = "`--now` is for tests and not accepted on a forge's runner";
            Err(Failure::new(FailureClass::Usage, reason))
        }
        Some(now) => Ok(Clock::starting_at(now)),
    }
}

/// Shows what happens until the command is over, and keeps what happens in a run in its folder.
async fn show(
    mut events: mpsc::UnboundedReceiver<Event>,
    mut is_over: oneshot::Receiver<()>,
    terminal: Terminal,
    clock: Clock,
) {
    let mut sinks: Vec<Box<dyn EventSink>> = vec![terminal.progress(&[])];
    loop {
        // All that has come is shown at once, however much it is: it would only pile up.
        let event = if let Ok(event) = events.try_recv() {
            event
        } else {
            tokio::select! {
                biased;
                Some(event) = events.recv() => event,
                _ = &mut is_over => return,
            }
        };
        if let Event::RunStarted { directory, images, .. } = &event {
            sinks = vec![terminal.progress(images)];
            match EventLog::create(&directory.join("events.jsonl"), clock) {
                Ok(log) => sinks.push(Box::new(log)),
                Err(error) => {
                    terminal.message(&format!("warning: cannot keep the events: {error}\n"));
                }
            }
        }
        sinks.event(&event);
    }
}
