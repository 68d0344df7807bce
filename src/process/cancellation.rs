//! The wish to stop, in two steps: in order, then at once.

use std::error::Error;
use std::io::{self, Read};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use crate::model::{Failure, FailureClass};

/// Who wishes the run to stop. Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An interrupt: Ctrl-C, or a runner's first signal.
    Interrupted,
    /// A request to terminate.
    Terminated,
    /// Somebody else has taken the run for dead and cleans up after it.
    Overtaken,
}

impl Cause {
    /// The kind of failure that it makes of a run.
    pub fn class(self) -> FailureClass {
        match self {
            Self::Interrupted => FailureClass::Interrupted,
            Self::Terminated => FailureClass::Terminated,
            Self::Overtaken => FailureClass::Registry,
        }
    }

    /// The failure of a run that was asked to stop.
    pub fn failure(self) -> Failure {
        let reason = match self {
            Self::Interrupted => "cancelled by an interrupt",
            Self::Terminated => "cancelled by a request to terminate",
            Self::Overtaken => {
                "stopped: another goldsmith has taken this run for dead and cleaned up after it"
            }
        };
        Failure::new(self.class(), reason)
    }
}

/// A wish to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Who wished it first.
    pub cause: Cause,
    /// Whether it was repeated: children are then killed without grace.
    pub at_once: bool,
}

/// The wish to stop, shared by everything that belongs to a run. Clones are the same wish.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    requests: watch::Sender<Option<Request>>,
    patience: Option<Duration>,
}

impl Cancellation {
    /// Nobody wishes to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whoever wishes to stop waits no longer than this: children have to be gone by then.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// How long whoever wishes to stop waits; nothing for as long as it takes.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Wishes to stop in order; the second time, at once.
    pub fn request(&self, cause: Cause) {
        self.requests.send_modify(|request| {
            *request = Some(Request {
                cause: request.map_or(cause, |first| first.cause),
                at_once: request.is_some(),
            });
        });
    }

    /// The wish so far.
    pub fn requested(&self) -> Option<Request> {
        *self.requests.borrow()
    }

    /// Waits until the wish differs from `seen`. Can be dropped and called again.
    pub async fn beyond(&self, seen: Option<Request>) -> Request {
        let mut requests = self.requests.subscribe();
        let found = requests
            .wait_for(|request| request.is_some() && *request != seen)
            .await
            .expect("the sender is borrowed here, so the channel is open");
        found.expect("the condition asked for a request")
    }

    /// A reader whose next read fails as soon as somebody wishes to stop: for work that reads whole
    /// disks on a thread of its own. [`stopped`] knows the error again.
    pub fn guard<R: Read>(&self, reader: R) -> impl Read + use<R> {
        Guarded { reader, cancellation: self.clone() }
    }
}

/// Why a guarded reader gave no more.
#[derive(Debug, Error)]
#[error("cancelled")]
struct Stopped(Cause);

struct Guarded<R> {
    reader: R,
    cancellation: Cancellation,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.cancellation.requested() {
            Some(request) => Err(io::Error::other(Stopped(request.cause))),
            None => self.reader.read(buffer),
        }
    }
}

/// Who wished to stop, if that is what `error` comes from.
pub fn stopped(error: &(dyn Error + 'static)) -> Option<Cause> {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(Stopped(cause)) = io.and_then(|inner| inner.downcast_ref()) {
            return Some(*cause);
        }
        next = error.source();
    }
    None
}

/// The failure that the error of work with a guarded reader is to a run: of class `otherwise`,
/// unless somebody wished to stop.
pub fn failure(error: &(dyn Error + 'static), otherwise: FailureClass) -> Failure {
    stopped(error).map_or_else(|| Failure::caused_by(otherwise, error), Cause::failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_cause_stays_and_the_second_request_makes_it_urgent() {
        let cancellation = Cancellation::new();
        let shared = cancellation.clone();
        assert_eq!(cancellation.requested(), None);

        shared.request(Cause::Interrupted);
        let first = cancellation.beyond(None).await;
        assert_eq!((first.cause, first.at_once), (Cause::Interrupted, false));

        shared.request(Cause::Terminated);
        let second = cancellation.beyond(Some(first)).await;
        assert_eq!((second.cause, second.at_once), (Cause::Interrupted, true));
    }

    #[test]
    fn a_guarded_reader_ends_with_the_wish_to_stop_and_the_failure_says_so() {
        let cancellation = Cancellation::new();
        let mut reader = cancellation.guard(io::repeat(7));
        let mut buffer = [0; 4];
        reader.read_exact(&mut buffer).unwrap();
        cancellation.request(Cause::Terminated);
        let error = reader.read_exact(&mut buffer).unwrap_err();
        assert_eq!(failure(&error, FailureClass::Build), Cause::Terminated.failure());

        let other = io::Error::other("the disk is dead");
        assert_eq!(failure(&other, FailureClass::Build).class, FailureClass::Build);
    }
}
