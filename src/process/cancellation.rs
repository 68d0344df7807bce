//! The wish to stop, in two steps: in order, then at once.

use tokio::sync::watch;

use crate::model::FailureClass;

/// Who wishes the run to stop. Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An interrupt: Ctrl-C, or a runner's first signal.
    Interrupted,
    /// A request to terminate.
    Terminated,
}

impl Cause {
    /// The kind of failure that it makes of a run.
    pub fn class(self) -> FailureClass {
        match self {
            Self::Interrupted => FailureClass::Interrupted,
            Self::Terminated => FailureClass::Terminated,
        }
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
pub struct Cancellation(watch::Sender<Option<Request>>);

impl Cancellation {
    /// Nobody wishes to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wishes to stop in order; the second time, at once.
    pub fn request(&self, cause: Cause) {
        self.0.send_modify(|request| {
            *request = Some(Request {
                cause: request.map_or(cause, |first| first.cause),
                at_once: request.is_some(),
            });
        });
    }

    /// The wish so far.
    pub fn requested(&self) -> Option<Request> {
        *self.0.borrow()
    }

    /// Waits until the wish differs from `seen`. Can be dropped and called again.
    pub async fn beyond(&self, seen: Option<Request>) -> Request {
        let mut requests = self.0.subscribe();
        let found = requests
            .wait_for(|request| request.is_some() && *request != seen)
            .await
            .expect("the sender is borrowed here, so the channel is open");
        found.expect("the condition asked for a request")
    }
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
}
