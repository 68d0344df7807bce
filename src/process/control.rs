//! What goldsmith and `goldsmith __child` say to each other: lines over a socket.
//!
//! The end of the socket is an order too: goldsmith has died, run the ladder.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// From goldsmith to its supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Stop in order, within the grace of the assignment or this time, whichever is shorter.
    Cancel {
        /// The time; to the millisecond.
        within: Option<Duration>,
    },
    /// Stop at once.
    Kill,
}

/// From the supervisor to goldsmith.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The program runs.
    Started,
    /// The program could not be started: the error number of the system.
    Failed(i32),
    /// The program ended by itself with this exit status.
    Exited(i32),
    /// A signal ended the program.
    Signalled(i32),
    /// So many processes were still there after the program had ended, and were killed.
    Leftover(u32),
    /// So many processes could not be killed.
    Stuck(u32),
    /// Nothing else comes: the supervisor has done its work.
    Over,
}

/// A line that is not part of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotProtocol;

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel { within: None } => f.write_str("cancel"),
            Self::Cancel { within: Some(time) } => write!(f, "cancel {}", time.as_millis()),
            Self::Kill => f.write_str("kill"),
        }
    }
}

impl FromStr for Order {
    type Err = NotProtocol;

    fn from_str(line: &str) -> Result<Self, NotProtocol> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("cancel", "") => Ok(Self::Cancel { within: None }),
            ("cancel", time) => {
                let within = Some(Duration::from_millis(number(time)?));
                Ok(Self::Cancel { within })
            }
            ("kill", "") => Ok(Self::Kill),
            _ => Err(NotProtocol),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Failed(errno) => write!(f, "failed {errno}"),
            Self::Exited(code) => write!(f, "exited {code}"),
            Self::Signalled(signal) => write!(f, "signalled {signal}"),
            Self::Leftover(count) => write!(f, "leftover {count}"),
            Self::Stuck(count) => write!(f, "stuck {count}"),
            Self::Over => f.write_str("over"),
        }
    }
}

impl FromStr for Report {
    type Err = NotProtocol;

    fn from_str(line: &str) -> Result<Self, NotProtocol> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("started", "") => Ok(Self::Started),
            ("failed", errno) => number(errno).map(Self::Failed),
            ("exited", code) => number(code).map(Self::Exited),
            ("signalled", signal) => number(signal).map(Self::Signalled),
            ("leftover", count) => number(count).map(Self::Leftover),
            ("stuck", count) => number(count).map(Self::Stuck),
            ("over", "") => Ok(Self::Over),
            _ => Err(NotProtocol),
        }
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, NotProtocol> {
    text.parse().map_err(|_| NotProtocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let within = Some(Duration::from_secs(6));
        for order in [Order::Cancel { within: None }, Order::Cancel { within }, Order::Kill] {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        for report in [
            Report::Started,
            Report::Failed(2),
            Report::Exited(3),
            Report::Signalled(9),
            Report::Leftover(2),
            Report::Stuck(1),
            Report::Over,
        ] {
            assert_eq!(report.to_string().parse(), Ok(report));
        }
        assert_eq!("exited".parse::<Report>(), Err(NotProtocol));
        assert_eq!("exited x".parse::<Report>(), Err(NotProtocol));
        for line in ["stop", "cancel soon", "kill 1"] {
            assert_eq!(line.parse::<Order>(), Err(NotProtocol));
        }
    }
}
