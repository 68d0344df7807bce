//! What images.yml asks for and this version of goldsmith cannot do: never ignored.

use super::session::Session;
use crate::config::{self, Later};
use crate::diagnostics::{Diagnostic, Level, Problems, Sources};
use crate::model::{Failure, Image};

/// What is refused, and the file that it stands in.
pub(super) struct Refusals {
    pub(super) later: Later,
    pub(super) sources: Sources,
}

impl Refusals {
    /// An error if anything that `images` ask for cannot be done. Tells all of it.
    pub(super) fn refuse<'a>(
        &self,
        session: &Session,
        images: impl IntoIterator<Item = &'a Image>,
    ) -> Result<(), Failure> {
        let refusals = self.of(images);
        if refusals.is_empty() {
            return Ok(());
        }
        Err(self.failure(session, refusals))
    }

    /// Warns of what [`Self::refuse`] refuses.
    pub(super) fn warn<'a>(&self, session: &Session, images: impl IntoIterator<Item = &'a Image>) {
        let mut problems = Problems::new(self.sources.clone());
        for refusal in self.of(images) {
            problems.push(Diagnostic { level: Level::Warning, ..refusal.clone() });
        }
        if !problems.is_empty() {
            session.show(problems.in_order());
        }
    }

    /// What cannot be done of what `images` ask for.
    fn of<'a>(&self, images: impl IntoIterator<Item = &'a Image>) -> Vec<&Diagnostic> {
        let entries: Vec<u32> = images.into_iter().map(|image| image.entry).collect();
        let of_images = self.later.images.iter().filter(|later| entries.contains(&later.entry));
        self.later.everywhere.iter().chain(of_images.map(|later| &later.refusal)).collect()
    }

    /// The same for looking inside `image` and judging it, which needs less.
    pub(super) fn refuse_judging(&self, session: &Session, image: &Image) -> Result<(), Failure> {
        let of_image = self.later.images.iter().filter(|later| later.entry == image.entry);
        let refusals: Vec<&Diagnostic> =
            of_image.filter(|later| judges(later.key)).map(|later| &later.refusal).collect();
        if refusals.is_empty() {
            return Ok(());
        }
        Err(self.failure(session, refusals))
    }

    fn failure<'a>(
        &self,
        session: &Session,
        refusals: impl IntoIterator<Item = &'a Diagnostic>,
    ) -> Failure {
        let mut problems = Problems::new(self.sources.clone());
        for refusal in refusals {
            problems.push(refusal.clone());
        }
        let problems = session.show(problems.in_order());
        config::failure(&problems)
    }
}

/// Whether `key` decides how an image is judged.
pub(super) fn judges(key: &str) -> bool {
    key == "evidence"
}
