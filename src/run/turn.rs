//! An image's turn: what its build has of the budget, for as long as it needs it; and what its
//! machines have later on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, oneshot};

use super::schedule::{Schedule, Ticket, Waiting};
use crate::model::{Failure, ImageName, Resources};
use crate::process::Cancellation;

/// Whose turn it is.
pub(super) struct Turns<'a> {
    schedule: RefCell<Schedule<'a>>,
    /// Those that have begun and wait for room.
    asking: RefCell<BTreeMap<Ticket, oneshot::Sender<()>>>,
    /// Something was given back.
    freed: Notify,
    /// Artifacts are looked into and scanned beside builds, but not all of them at once.
    examining: Semaphore,
}

/// One image's turn. What it still holds goes back when it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns<'a>,
    /// What its build needs.
    needs: Resources,
    held: Cell<Resources>,
    /// The folder that is this build's alone.
    folder: RefCell<Option<Utf8PathBuf>>,
}

/// Room in the budget beside a turn: goes back when it is dropped.
pub(super) struct Room<'a> {
    turns: &'a Turns<'a>,
    held: Resources,
}

impl<'a> Turns<'a> {
    pub(super) fn new(budget: Resources, images: impl IntoIterator<Item = Waiting<'a>>) -> Self {
        Self {
            schedule: RefCell::new(Schedule::new(budget, images)),
            asking: RefCell::default(),
            freed: Notify::new(),
            examining: Semaphore::new(usize::try_from(budget.cpus).unwrap_or(1).max(1)),
        }
    }

    /// The next image that can begin now, if there is one.
    pub(super) fn next(&'a self) -> Option<(&'a ImageName, Turn<'a>)> {
        let Waiting { image, needs, folder, .. } = self.schedule.borrow_mut().next()?;
        let (held, folder) = (Cell::new(needs), RefCell::new(folder));
        Some((image, Turn { turns: self, needs, held, folder }))
    }

    /// `image` has come to its end: what is built upon it need not wait any longer.
    pub(super) fn over(&self, image: &ImageName) {
        self.schedule.borrow_mut().over(image);
    }

    /// Waits until something was given back since the last time.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Waits until there is `needs` beside what others have, which those get that have begun before
    /// those that have not. Who waits here must hold no processors and no memory.
    async fn take(&self, needs: Resources) {
        let (granted, grant) = oneshot::channel();
        let ticket = self.schedule.borrow_mut().ask(needs);
        self.asking.borrow_mut().insert(ticket, granted);
        let mut asked = Asked { turns: self, ticket, needs, taken: false };
        self.changed();
        grant.await.expect("what is waited for is granted or withdrawn");
        asked.taken = true;
    }

    fn give_back(&self, resources: Resources) {
        self.schedule.borrow_mut().give_back(resources);
        self.changed();
    }

    /// There may be room for others now.
    fn changed(&self) {
        loop {
            let Some(ticket) = self.schedule.borrow_mut().go_on() else { break };
            if let Some(granted) = self.asking.borrow_mut().remove(&ticket) {
                // It is heard, or `Asked` gives it back.
                let _ = granted.send(());
            }
        }
        self.freed.notify_one();
    }
}

/// Somebody who waits for room, and may stop to.
struct Asked<'t, 'a> {
    turns: &'t Turns<'a>,
    ticket: Ticket,
    needs: Resources,
    taken: bool,
}

impl Drop for Asked<'_, '_> {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        self.turns.asking.borrow_mut().remove(&self.ticket);
        let waited = self.turns.schedule.borrow_mut().withdraw(self.ticket);
        // It was granted, and nobody has heard of it.
        self.turns.give_back(if waited { Resources::default() } else { self.needs });
    }
}

impl<'a> Turn<'a> {
    /// The build is over: only its artifact takes room from now on.
    pub(super) fn built(&self) {
        self.leave();
        let held = self.held.get();
        self.held.set(Resources { disk: held.disk, ..Resources::default() });
        self.turns.give_back(Resources { disk: 0, ..held });
    }

    /// Others may work in the folder.
    fn leave(&self) {
        if let Some(folder) = self.folder.take() {
            self.turns.schedule.borrow_mut().left(&folder);
        }
    }

    /// Gives everything back while the build waits for something else. See [`Turn::go_on`].
    pub(super) fn pause(&self) {
        self.turns.give_back(self.held.take());
    }

    /// Takes back what [`Turn::pause`] has given away, as soon as it can be had, or until somebody
    /// wishes to stop.
    pub(super) async fn go_on(&self, cancellation: &Cancellation) -> Result<(), Failure> {
        let missing = self.needs.without(self.held.get());
        tokio::select! {
            () = self.turns.take(missing) => {
                self.held.set(self.needs);
                Ok(())
            }
            request = cancellation.beyond(None) => Err(request.cause.failure()),
        }
    }

    /// Waits for room for something beside the build, which has to be over: as much of `needs` as can be
    /// had at all. An error when somebody wishes to stop.
    pub(super) async fn room(
        &self,
        needs: Resources,
        cancellation: &Cancellation,
    ) -> Result<Room<'a>, Failure> {
        let held = self.turns.schedule.borrow().within_budget(needs);
        tokio::select! {
            () = self.turns.take(held) => Ok(Room { turns: self.turns, held }),
            request = cancellation.beyond(None) => Err(request.cause.failure()),
        }
    }

    /// Waits until there is room to look into an artifact.
    pub(super) async fn examine(&self) -> SemaphorePermit<'_> {
        self.turns.examining.acquire().await.expect("nobody closes it")
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.leave();
        self.turns.give_back(self.held.get());
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.turns.give_back(self.held);
    }
}
