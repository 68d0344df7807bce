//! How output looks, decided once.

use std::io::{self, IsTerminal as _};

use clap::ColorChoice;
use rustix::fs::FileType;

use crate::environment::Environment;

/// Text for people is never wider or narrower, whatever the window is.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=120;
/// The width where there is no window.
const WIDTH_OF_LOGS: usize = 100;

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub struct Flags {
    /// `--color`.
    pub color: ColorChoice,
    /// `--no-progress`.
    pub no_progress: bool,
    /// `-q`, nothing, or `-v`.
    pub verbosity: Verbosity,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// What needs attention.
    Quiet,
    /// What happens.
    Normal,
    /// Also what tools and guests print.
    Verbose,
}

/// What the streams of this process are.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether stderr is a file.
    pub stderr_is_file: bool,
    /// Columns of the terminal.
    pub columns: Option<usize>,
    /// Rows of the terminal.
    pub rows: Option<usize>,
}

impl Streams {
    /// The streams of this process.
    pub fn of_process() -> Self {
        let size = rustix::termios::tcgetwinsize(io::stderr())
            .or_else(|_| rustix::termios::tcgetwinsize(io::stdout()))
            .ok();
        let known = |number: u16| Some(usize::from(number)).filter(|number| *number > 0);
        let kind =
            rustix::fs::fstat(io::stderr()).map(|stat| FileType::from_raw_mode(stat.st_mode));
        Self {
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            stderr_is_file: kind == Ok(FileType::RegularFile),
            columns: size.and_then(|size| known(size.ws_col)),
            rows: size.and_then(|size| known(size.ws_row)),
        }
    }
}

/// How output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "decisions and facts that do not depend on each other for those who read them"
)]
pub struct Settings {
    /// Whether text on stdout has colour.
    pub stdout_color: bool,
    /// Whether text on stderr has colour.
    pub stderr_color: bool,
    /// Whether progress is a live table.
    pub live: bool,
    /// Whether lines that tools and guests print are shown.
    pub relay: bool,
    /// How much is told.
    pub verbosity: Verbosity,
    /// Columns that text for people may take.
    pub width: usize,
    /// Columns of the window, if there is one.
    pub columns: Option<usize>,
    /// Rows of the window, if there is one.
    pub rows: Option<usize>,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether stderr is a file.
    pub stderr_is_file: bool,
}

impl Settings {
    /// The flag decides about colour, else the environment, else whether it is a terminal. A live
    /// table needs a terminal that nothing else writes to, so `-v` goes without.
    pub fn decide(flags: Flags, environment: &Environment, streams: Streams) -> Self {
        let ci = is_on(environment, "CI");
        let dumb = environment.get("TERM") == Some("dumb");
        let color = |is_terminal: bool| match flags.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if environment.get("NO_COLOR").is_some() => false,
            ColorChoice::Auto => {
                is_on(environment, "FORCE_COLOR")
                    || is_on(environment, "CLICOLOR_FORCE")
                    || ci
                    || (is_terminal && !dumb)
            }
        };
        Self {
            stdout_color: color(streams.stdout_is_terminal),
            stderr_color: color(streams.stderr_is_terminal),
            live: streams.stderr_is_terminal
                && !ci
                && !dumb
                && !flags.no_progress
                && flags.verbosity == Verbosity::Normal,
            relay: flags.verbosity == Verbosity::Verbose
                || (ci && flags.verbosity == Verbosity::Normal),
            verbosity: flags.verbosity,
            width: streams.columns.unwrap_or(WIDTH_OF_LOGS).clamp(*WIDTHS.start(), *WIDTHS.end()),
            columns: streams.columns,
            rows: streams.rows,
            stderr_is_terminal: streams.stderr_is_terminal,
            stderr_is_file: streams.stderr_is_file,
        }
    }
}

/// Whether a switch in the environment is set, and not to "off".
fn is_on(environment: &Environment, name: &str) -> bool {
    environment.get(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Streams = Streams {
        stdout_is_terminal: true,
        stderr_is_terminal: true,
        stderr_is_file: false,
        columns: Some(200),
        rows: Some(50),
    };
    const PIPES: Streams = Streams {
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        stderr_is_file: false,
        columns: None,
        rows: None,
    };
    const FLAGS: Flags =
        Flags { color: ColorChoice::Auto, no_progress: false, verbosity: Verbosity::Normal };

    fn decide(flags: Flags, variables: &str, streams: Streams) -> Settings {
        let environment = variables
            .split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Settings::decide(flags, &environment, streams)
    }

    #[test]
    fn the_flag_beats_no_color_which_beats_force_color_and_ci_which_beat_the_stream() {
        use ColorChoice::{Always, Auto, Never};
        let color = |flag, variables, streams| {
            let flags = Flags { color: flag, ..FLAGS };
            decide(flags, variables, streams).stdout_color
        };
        assert!(color(Always, "NO_COLOR=1", PIPES));
        assert!(!color(Never, "FORCE_COLOR=1", TERMINAL));
        assert!(!color(Auto, "NO_COLOR=1 FORCE_COLOR=1 CI=true", TERMINAL));
        assert!(color(Auto, "FORCE_COLOR=1", PIPES));
        assert!(color(Auto, "CLICOLOR_FORCE=1", PIPES));
        assert!(color(Auto, "CI=true", PIPES));
        assert!(!color(Auto, "CI=false FORCE_COLOR=0", PIPES));
        assert!(color(Auto, "", TERMINAL));
        assert!(!color(Auto, "TERM=dumb", TERMINAL));
    }

    #[test]
    fn the_live_table_needs_a_terminal_of_its_own() {
        assert!(decide(FLAGS, "", TERMINAL).live);
        assert!(!decide(FLAGS, "", PIPES).live);
        assert!(!decide(FLAGS, "CI=1", TERMINAL).live);
        assert!(!decide(FLAGS, "TERM=dumb", TERMINAL).live);
        let no_progress = Flags { no_progress: true, ..FLAGS };
        assert!(!decide(no_progress, "", TERMINAL).live);
        let verbose = Flags { verbosity: Verbosity::Verbose, ..FLAGS };
        assert!(!decide(verbose, "", TERMINAL).live);
    }

    #[test]
    fn what_children_print_is_shown_on_request_and_in_ci() {
        let relay = |verbosity, variables| {
            let flags = Flags { verbosity, ..FLAGS };
            decide(flags, variables, PIPES).relay
        };
        assert!(!relay(Verbosity::Normal, ""));
        assert!(relay(Verbosity::Verbose, ""));
        assert!(relay(Verbosity::Normal, "CI=true"));
        assert!(!relay(Verbosity::Quiet, "CI=true"));
    }
}
