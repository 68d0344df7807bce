//! An image's turn: what its build has of the budget, for as long as it needs it.

use std::cell::{Cell, RefCell};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::schedule::{Schedule, Waiting};
use crate::model::{ImageName, Resources};

/// Whose turn it is.
pub(super) struct Turns<'a> {
    schedule: RefCell<Schedule<'a>>,
    /// Something was given back.
    freed: Notify,
    /// Artifacts are looked into and scanned beside builds, but not all of them at once.
    examining: Semaphore,
}

/// One image's turn. What it still holds goes back when it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns<'a>,
    held: Cell<Resources>,
}

impl<'a> Turns<'a> {
    pub(super) fn new(budget: Resources, images: impl IntoIterator<Item = Waiting<'a>>) -> Self {
        Self {
            schedule: RefCell::new(Schedule::new(budget, images)),
            freed: Notify::new(),
            examining: Semaphore::new(usize::try_from(budget.cpus).unwrap_or(1).max(1)),
        }
    }

    /// The next image that can begin now, if there is one.
    pub(super) fn next(&'a self) -> Option<(&'a ImageName, Turn<'a>)> {
        let next = self.schedule.borrow_mut().next()?;
        Some((next.image, Turn { turns: self, held: Cell::new(next.needs) }))
    }

    /// `image` has come to its end: what is built upon it need not wait any longer.
    pub(super) fn over(&self, image: &ImageName) {
        self.schedule.borrow_mut().over(image);
    }

    /// Waits until something was given back since the last time.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }
}

impl Turn<'_> {
    /// The build is over: only its artifact takes room from now on.
    pub(super) fn built(&self) {
        let held = self.held.get();
        self.give_back(Resources { disk: 0, ..held });
        self.held.set(Resources { disk: held.disk, ..Resources::default() });
    }

    /// Waits until there is room to look into an artifact.
    pub(super) async fn examine(&self) -> SemaphorePermit<'_> {
        self.turns.examining.acquire().await.expect("nobody closes it")
    }

    fn give_back(&self, resources: Resources) {
        self.turns.schedule.borrow_mut().give_back(resources);
        self.turns.freed.notify_one();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.give_back(self.held.get());
    }
}
