//! What an image task tells while it goes on, and what of it ends up in the report.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::model::{Event, Failure, ImageName, ImageOutcome, NoteLevel, Stage, StageOutcome};
use crate::process::{Cancellation, Line};
use crate::report::{ImageReport, StageReport};

/// Where events go. Nobody listening is fine.
#[derive(Debug, Clone)]
pub struct Events(pub UnboundedSender<Event>);

impl Events {
    /// Tells `event`.
    pub fn tell(&self, event: Event) {
        // The listener is gone only when the process is about to end.
        let _ = self.0.send(event);
    }

    /// Tells a note.
    pub fn note(&self, image: Option<&ImageName>, level: NoteLevel, text: impl Into<String>) {
        self.tell(Event::Note { image: image.cloned(), level, text: text.into() });
    }

    /// A listener for the output of a child of `stage`.
    pub fn relay(&self, image: &ImageName, stage: Stage) -> impl FnMut(Line<'_>) + use<> {
        let (events, image) = (self.clone(), image.clone());
        move |line| {
            let line = String::from_utf8_lossy(line.bytes).into_owned();
            events.tell(Event::Output { image: image.clone(), stage, line });
        }
    }
}

/// An image task came to a stop: in which stage, and why.
pub(super) struct Stopped {
    pub(super) stage: Stage,
    pub(super) failure: Failure,
}

/// The way of one image through its stages.
pub(super) struct Progress {
    events: Events,
    cancellation: Cancellation,
    begun: Instant,
    /// How long it took the last time until the image was built, if that is known.
    usual: Option<Duration>,
    /// What is known so far.
    pub(super) report: ImageReport,
}

impl Progress {
    pub(super) fn new(image: &ImageName, events: Events, cancellation: Cancellation) -> Self {
        let report = ImageReport::new(image.clone(), ImageOutcome::Passed);
        Self { events, cancellation, begun: Instant::now(), usual: None, report }
    }

    /// It took so long the last time until the image was built.
    pub(super) fn usually(self, took: Option<Duration>) -> Self {
        Self { usual: took, ..self }
    }

    /// Goes through `stage`. `describe` makes a phrase of what came of it.
    pub(super) async fn stage<T>(
        &mut self,
        stage: Stage,
        detail: Option<String>,
        work: impl Future<Output = Result<T, Failure>>,
        describe: impl FnOnce(&T) -> (StageOutcome, Option<String>),
    ) -> Result<T, Stopped> {
        // What a store holds has to be recorded, whatever somebody wishes: a version that no record
        // knows is one that nobody can clean up.
        if let Some(request) = self.cancellation.requested()
            && stage != Stage::Record
        {
            return Err(Stopped { stage, failure: request.cause.failure() });
        }
        let begun = Instant::now();
        let image = self.report.image.clone();
        let left = self.usual.and_then(|usual| usual.checked_sub(self.begun.elapsed()));
        let expected = left.filter(|_| stage == Stage::Build);
        self.events.tell(Event::StageStarted { image: image.clone(), stage, detail, expected });
        let result = work.await;
        let took = begun.elapsed();
        let (outcome, detail) = match &result {
            Ok(value) => describe(value),
            Err(failure) => (StageOutcome::Failed, Some(failure.reason.clone())),
        };
        self.report.stages.push(StageReport { stage, outcome, took });
        self.events.tell(Event::StageFinished { image, stage, outcome, took, detail });
        result.map_err(|failure| Stopped { stage, failure })
    }

    /// Ends the task.
    pub(super) fn finish(mut self, ended: Result<ImageOutcome, Stopped>) -> ImageReport {
        self.report.outcome = match ended {
            Ok(outcome) => outcome,
            Err(Stopped { stage, failure }) => ImageOutcome::Failed { stage, failure },
        };
        self.report.took = self.begun.elapsed();
        self.events.tell(Event::ImageFinished {
            image: self.report.image.clone(),
            outcome: self.report.outcome.clone(),
            took: self.report.took,
        });
        self.report
    }
}

#[cfg(test)]
mod tests {
    use crate::process::Cause;

    use super::*;

    #[tokio::test]
    async fn after_the_wish_to_stop_no_stage_begins_but_recording_what_a_store_holds() {
        let (sender, _events) = tokio::sync::mpsc::unbounded_channel();
        let cancellation = Cancellation::new();
        let image = "debian-12".parse().unwrap();
        let mut progress = Progress::new(&image, Events(sender), cancellation.clone());
        cancellation.request(Cause::Interrupted);
        let done = |(): &()| (StageOutcome::Done, None);
        for stage in [Stage::Build, Stage::Scan, Stage::Publish] {
            let begun = progress.stage(stage, None, async { panic!("it began") }, done).await;
            assert_eq!(begun.unwrap_err().failure, Cause::Interrupted.failure());
        }
        let mut recorded = false;
        let record = async {
            recorded = true;
            Ok(())
        };
        progress.stage(Stage::Record, None, record, done).await.ok().unwrap();
        assert!(recorded);
    }
}
