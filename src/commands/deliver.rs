//! Takes results to where people look: the terminal, the run's folder, the job summary. That one of
//! these fails changes no result; it is said.

use super::session::Session;
use crate::cli::Format;
use crate::model::{Failure, ImageOutcome, Plan};
use crate::report::{self, ImageReport, Report, json, markdown};
use crate::runner::{MAX_SUMMARY, write_summary};

/// Delivers the report of a run.
pub(super) fn report(session: &Session, format: Format, report: &Report) {
    let document = json::v1::report(report);
    if let Some(directory) = &report.directory {
        let path = directory.join("report.json");
        check(session, "keep the report", fs_err::write(path, &document));
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

/// Prints the report of one scan.
pub(super) fn image(session: &Session, format: Format, image: &ImageReport) {
    let terminal = &session.terminal;
    let printed = match format {
        Format::Text => terminal.text(&report::terminal::image(image, terminal.width())),
        Format::Json => terminal.data(&json::v1::image(image)),
    };
    check(session, "print the report", printed);
}

/// Prints a plan.
pub(super) fn plan(session: &Session, format: Format, plan: &Plan) {
    let terminal = &session.terminal;
    let printed = match format {
        Format::Text => terminal.text(&report::plan::text(plan, terminal.width())),
        Format::Json => terminal.data(&json::v1::plan(plan)),
    };
    check(session, "print the plan", printed);
}

/// The `failure_reason` output of the action: that of the gravest failure.
pub(super) fn failure_reason(report: &Report) -> &'static str {
    report
        .images
        .iter()
        .filter_map(|image| match &image.outcome {
            ImageOutcome::Rejected { failure } | ImageOutcome::Failed { failure, .. } => {
                Some(failure)
            }
            _ => None,
        })
        .find(|failure: &&Failure| failure.class.exit_code() == report.exit_code)
        .map_or(report.exit_code.failure_reason(), |failure| failure.class.failure_reason())
}

fn check(session: &Session, what: &str, result: std::io::Result<()>) {
    if let Err(error) = result {
        session.terminal.message(&format!("warning: cannot {what}: {error}\n"));
    }
}
