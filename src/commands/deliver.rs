//! Takes results to where people look: the terminal, the run's folder, the job summary. That one of
//! these fails changes no result; it is said.

use std::io;

use super::session::Session;
use super::{Answer, Done, lint, versions};
use crate::cli::{Format, LintFormat, PlanFormat, ScanFormat, ShowFormat};
use crate::config;
use crate::diagnostics::{self, PAGE, Problems, Style};
use crate::model::{Catalog, ExitCode, Failure, FailureClass, Plan};
use crate::report::shown::Shown;
use crate::report::standing::failure_of;
use crate::report::{self, Compared, ImageReport, Report, json, markdown};
use crate::runner::{Context, MAX_SUMMARY, Runner, annotations, write_summary};
use crate::terminal::Terminal;

/// Delivers the answer of a command, and says how the process ends.
pub(super) fn answer(session: &Session, format: Format, answer: Answer) -> Result<Done, Failure> {
    Ok(match answer {
        Answer::Plan { plan: found, catalog, format } => {
            asked_for(plan(session, format, &found, &catalog))?;
            let summary = session.context.summary_file.as_deref();
            if summary.is_some() {
                let text = markdown::plan(&found, &catalog, MAX_SUMMARY);
                check(session, "write the job summary", write_summary(summary, &text).map(|_| ()));
            }
            let plan = Some((found, catalog));
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan }
        }
        Answer::Scan { found, path, format } => {
            asked_for(image(session, format, &found, &path))?;
            let (code, failure_reason) = failure_of(&found.outcome)
                .map_or((ExitCode::Done, "none"), |failure| {
                    (failure.class.exit_code(), failure.class.failure_reason())
                });
            Done { code, failure_reason, report: None, plan: None }
        }
        Answer::Diff(found) => {
            asked_for(compared(session, format, &found))?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Waivers(listed) => {
            let terminal = &session.terminal;
            asked_for(match format {
                Format::Text => terminal.text(&report::waivers::text(&listed, terminal.width())),
                Format::Json => terminal.data(&json::v1::waivers(&listed)),
            })?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Steered(steered) => {
            asked_for(match format {
                Format::Text => session.terminal.text(&steered.text()),
                Format::Json => session.terminal.data(&json::v1::steered(&steered)),
            })?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Promotions(done) => {
            let terminal = &session.terminal;
            asked_for(match format {
                Format::Text => terminal.text(&report::promotions::text(&done, terminal.width())),
                Format::Json => terminal.data(&json::v1::promotions(&done)),
            })?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Revoked(revoked) => {
            asked_for(match format {
                Format::Text => session.terminal.text(&revoked.text()),
                Format::Json => session.terminal.data(&json::v1::revoked(&revoked)),
            })?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Shown(shown, format) => {
            asked_for(match format {
                ShowFormat::Text => {
                    let texts: Vec<String> = shown.iter().map(Shown::text).collect();
                    session.terminal.text(&texts.concat())
                }
                ShowFormat::Json => session.terminal.data(&json::v1::shown(&shown)),
                ShowFormat::Env => {
                    let texts: Vec<String> = shown.iter().map(Shown::env).collect();
                    session.terminal.data(&texts.join("\n"))
                }
                ShowFormat::Tfvars => session.terminal.data(&report::shown::tfvars(&shown)),
            })?;
            let revoked = shown.iter().any(|shown| shown.revoked.is_some());
            let code = if revoked { ExitCode::Blocked } else { ExitCode::Done };
            Done { code, failure_reason: code.failure_reason(), report: None, plan: None }
        }
        Answer::Pulled(pulled) => {
            asked_for(match format {
                Format::Text => session.terminal.data(&pulled.text()),
                Format::Json => session.terminal.data(&json::v1::pulled(&pulled)),
            })?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Verified(verified) => {
            asked_for(match format {
                Format::Text => session.terminal.text(&verified.text()),
                Format::Json => session.terminal.data(&json::v1::verified(&verified)),
            })?;
            let code = verified.exit_code();
            Done { code, failure_reason: code.failure_reason(), report: None, plan: None }
        }
        Answer::Versions(answer) => {
            let terminal = &session.terminal;
            asked_for(match (answer, format) {
                (versions::Answer::Versions(listed), Format::Text) => {
                    terminal.text(&listed.text(terminal.width()))
                }
                (versions::Answer::Versions(listed), Format::Json) => {
                    terminal.data(&json::v1::versions(&listed))
                }
                (versions::Answer::History(history), Format::Text) => {
                    terminal.text(&history.text())
                }
                (versions::Answer::History(history), Format::Json) => {
                    terminal.data(&json::v1::channel_history(&history))
                }
            })?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Pruned(pruned) => {
            let terminal = &session.terminal;
            asked_for(match format {
                Format::Text => terminal.text(&pruned.text(terminal.width())),
                Format::Json => terminal.data(&json::v1::pruned(&pruned)),
            })?;
            let code = pruned.exit_code();
            Done { code, failure_reason: code.failure_reason(), report: None, plan: None }
        }
        Answer::Registry(answer) => {
            use super::registry::Answer::{Checked, Repaired};
            let (terminal, json) = (&session.terminal, format == Format::Json);
            let code = match &answer {
                Checked(checked) => checked.exit_code(),
                Repaired(repaired) => repaired.exit_code(),
            };
            asked_for(match &answer {
                Checked(checked) if json => terminal.data(&json::v1::checked(checked)),
                Checked(checked) => terminal.text(&checked.text()),
                Repaired(repaired) if json => terminal.data(&json::v1::repaired(repaired)),
                Repaired(repaired) => terminal.text(&repaired.text()),
            })?;
            Done { code, failure_reason: code.failure_reason(), report: None, plan: None }
        }
        Answer::Lint(problems, format) => {
            asked_for(found(session, format, &problems))?;
            let (code, failure_reason) = if problems.has_errors() {
                (ExitCode::Blocked, "config_invalid")
            } else {
                (ExitCode::Done, "none")
            };
            Done { code, failure_reason, report: None, plan: None }
        }
        Answer::Text(text) => {
            asked_for(session.terminal.text(&text))?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Schema => {
            asked_for(session.terminal.data(config::SCHEMA))?;
            Done { code: ExitCode::Done, failure_reason: "none", report: None, plan: None }
        }
        Answer::Reap(done) => {
            asked_for(reap(session, format, &done))?;
            let (code, failure_reason) =
                done.failure().map_or((ExitCode::Done, "none"), |failure| {
                    (failure.class.exit_code(), failure.class.failure_reason())
                });
            Done { code, failure_reason, report: None, plan: None }
        }
        Answer::Rescan(answer) => {
            let (found, untold) = *answer;
            asked_for(match format {
                Format::Text => session.terminal.text(&found.text()),
                Format::Json => session.terminal.data(&json::v1::rescan(&found)),
            })?;
            untold.told(&found.advice);
            let code = found.exit_code();
            Done { code, failure_reason: code.failure_reason(), report: None, plan: None }
        }
        Answer::Run(done) => {
            report(session, format, &done);
            let failure_reason = failure_reason(&done);
            Done { code: done.exit_code, failure_reason, report: Some(done), plan: None }
        }
    })
}

fn report(session: &Session, format: Format, report: &Report) {
    let document = json::v1::report(report);
    if let Some(directory) = &report.directory {
        let path = directory.join("report.json");
        check(session, "keep the report", fs_err::write(path, &document));
        let path = directory.join("report.sarif");
        let sarif = report::sarif::report(report);
        check(session, "keep the report for code scanning", fs_err::write(path, sarif));
    }
    let terminal = &session.terminal;
    let printed = match format {
        Format::Text => terminal.text(&report::terminal::report(report, terminal.width())),
        Format::Json => terminal.data(&document),
    };
    check(session, "print the report", printed);
    let summary = session.context.summary_file.as_deref();
    if summary.is_some() {
        let written = write_summary(summary, &markdown::report(report, MAX_SUMMARY));
        check(session, "write the job summary", written.map(|_| ()));
    }
}

fn reap(session: &Session, format: Format, done: &super::reap::Done) -> io::Result<()> {
    let (terminal, super::reap::Done { reaped, problems }) = (&session.terminal, done);
    match format {
        Format::Text => terminal.text(&report::terminal::reap(reaped, problems, terminal.width())),
        Format::Json => terminal.data(&json::v1::reap(reaped, problems)),
    }
}

fn image(session: &Session, format: ScanFormat, image: &ImageReport, path: &str) -> io::Result<()> {
    let terminal = &session.terminal;
    match format {
        ScanFormat::Text => terminal.text(&report::terminal::image(image, terminal.width())),
        ScanFormat::Json => terminal.data(&json::v1::image(image)),
        ScanFormat::Sarif => terminal.data(&report::sarif::scan(image, path)),
    }
}

fn compared(session: &Session, format: Format, compared: &Compared) -> io::Result<()> {
    let terminal = &session.terminal;
    match format {
        Format::Text => terminal.text(&report::terminal::compared(compared, terminal.width())),
        Format::Json => terminal.data(&json::v1::compared(compared)),
    }
}

fn plan(session: &Session, format: PlanFormat, plan: &Plan, catalog: &Catalog) -> io::Result<()> {
    let terminal = &session.terminal;
    match format {
        PlanFormat::Text => terminal.text(&report::plan::text(plan, terminal.width())),
        PlanFormat::Json => terminal.data(&json::v1::plan(plan)),
        PlanFormat::GithubMatrix => {
            terminal.data(&format!("{}\n", report::plan_matrix::github_matrix(plan, catalog)))
        }
        PlanFormat::Mermaid => terminal.data(&report::mermaid::mermaid(plan, catalog)),
    }
}

fn found(session: &Session, format: LintFormat, problems: &Problems) -> io::Result<()> {
    let terminal = &session.terminal;
    let shown = problems.clone().shown_from(&session.directory);
    let in_repository = || problems.clone().shown_from(&session.root(problems));
    match format {
        LintFormat::Text if shown.is_empty() => terminal.text(&format!("{}\n", shown.summary())),
        LintFormat::Text => {
            let text = shown.render(Style::of(terminal.settings().stdout_color));
            terminal.text(&format!("{text}every kind of problem is explained in {PAGE}\n"))
        }
        LintFormat::Json => terminal.data(&diagnostics::json(&shown)),
        LintFormat::Sarif => terminal.data(&diagnostics::sarif(&in_repository(), &lint::kinds())),
        LintFormat::Github => {
            // No runner makes annotations of everything.
            terminal.message(&shown.render(Style::of(terminal.settings().stderr_color)));
            let runner = match session.context.runner {
                Runner::Local => Runner::GitHub,
                runner => runner,
            };
            let lines = annotations(runner, &diagnostics::annotations(&in_repository()));
            let ended = lines.iter().flat_map(|line| [line, "\n"]);
            terminal.data(&ended.collect::<String>())
        }
    }
}

/// Where the result is all that was asked for, a command that cannot print it has not done its work.
fn asked_for(printed: io::Result<()>) -> Result<(), Failure> {
    printed.map_err(|error| {
        Failure::new(FailureClass::Report, format!("cannot print the result: {error}"))
    })
}

/// Writes into the job summary why a command did nothing.
pub(super) fn failure(terminal: &Terminal, context: &Context, failure: &Failure) {
    let summary = context.summary_file.as_deref();
    if summary.is_some()
        && let Err(error) = write_summary(summary, &markdown::failure(failure))
    {
        terminal.message(&format!("warning: cannot write the job summary: {error}\n"));
    }
}

/// The `failure_reason` output of the action: that of the gravest failure.
fn failure_reason(report: &Report) -> &'static str {
    report
        .images
        .iter()
        .filter_map(|image| failure_of(&image.outcome))
        .find(|failure: &&Failure| failure.class.exit_code() == report.exit_code)
        .map_or(report.exit_code.failure_reason(), |failure| failure.class.failure_reason())
}

fn check(session: &Session, what: &str, result: io::Result<()>) {
    if let Err(error) = result {
        session.terminal.message(&format!("warning: cannot {what}: {error}\n"));
    }
}
