//! Which image is built next: parents first, in the order of the plan, as many at once as the budget
//! allows; and before them all those that have begun already and ask for room again. Pure.
//!
//! Those that ask hold no processors and no memory meanwhile, only the room that an artifact takes; and
//! those that hold some ask for nothing. So everybody who waits gets what they asked for.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{ImageName, Resources};

/// An image that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting<'a> {
    /// Its name.
    pub(super) image: &'a ImageName,
    /// What its build needs.
    pub(super) needs: Resources,
    /// The images that have to come to their ends first.
    pub(super) parents: Vec<&'a ImageName>,
    /// The folder that no other build may use meanwhile, without links: the one that is prepared.
    pub(super) folder: Option<Utf8PathBuf>,
}

/// What somebody asked for who has begun already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// The images that are not begun yet, those that wait to go on, and what is left of the budget.
#[derive(Debug)]
pub(super) struct Schedule<'a> {
    budget: Resources,
    taken: Resources,
    waiting: Vec<Waiting<'a>>,
    /// Those that have begun and ask for room, in the order in which they asked.
    asking: Vec<(Ticket, Resources)>,
    tickets: u64,
    /// The folders of those that are being built.
    busy: HashSet<Utf8PathBuf>,
    /// Those that have not come to their end.
    open: HashSet<&'a ImageName>,
}

impl<'a> Schedule<'a> {
    /// All of `images` wait, in this order.
    pub(super) fn new(budget: Resources, images: impl IntoIterator<Item = Waiting<'a>>) -> Self {
        let images = images.into_iter();
        // One that needs more than there is gets all there is, and so is built alone.
        let waiting = images.map(|w| Waiting { needs: w.needs.at_most(budget), ..w });
        let waiting: Vec<_> = waiting.collect();
        let open = waiting.iter().map(|waiting| waiting.image).collect();
        let (taken, asking) = (Resources::default(), Vec::new());
        Self { budget, taken, waiting, asking, tickets: 0, busy: HashSet::new(), open }
    }

    /// As much of `needs` as can be had at all.
    pub(super) fn within_budget(&self, needs: Resources) -> Resources {
        needs.at_most(self.budget)
    }

    /// Asks for room for an image that has begun. See [`Schedule::go_on`].
    pub(super) fn ask(&mut self, needs: Resources) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.asking.push((ticket, self.within_budget(needs)));
        ticket
    }

    /// What was asked for is not wanted any more. Whether it was still waited for.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let before = self.asking.len();
        self.asking.retain(|(asked, _)| *asked != ticket);
        self.asking.len() < before
    }

    /// The next one that can go on: the first of those that asked that fits. What it needs is taken.
    pub(super) fn go_on(&mut self) -> Option<Ticket> {
        let free = self.budget.without(self.taken);
        let next = self.asking.iter().position(|(_, needs)| needs.fits(free))?;
        let (ticket, needs) = self.asking.remove(next);
        self.taken = self.taken.and(needs);
        Some(ticket)
    }

    /// The next image that can begin: the first one whose parents have come to their ends and that
    /// fits beside what has begun. What it needs is taken. None begins while one that has begun waits
    /// for room: otherwise a row of small ones could keep it waiting to the end.
    pub(super) fn next(&mut self) -> Option<Waiting<'a>> {
        if !self.asking.is_empty() {
            return None;
        }
        let free = self.budget.without(self.taken);
        let ready = |waiting: &Waiting<'_>| {
            let busy = waiting.folder.as_ref().is_some_and(|folder| self.busy.contains(folder));
            !busy && !waiting.parents.iter().any(|parent| self.open.contains(parent))
        };
        let fits = |waiting: &Waiting<'_>| waiting.needs.fits(free) && ready(waiting);
        let next = self.waiting.iter().position(fits)?;
        let next = self.waiting.remove(next);
        self.taken = self.taken.and(next.needs);
        self.busy.extend(next.folder.clone());
        Some(next)
    }

    /// Nobody works in `folder` any more.
    pub(super) fn left(&mut self, folder: &Utf8Path) {
        self.busy.remove(folder);
    }

    /// `image` has come to its end.
    pub(super) fn over(&mut self, image: &ImageName) {
        self.open.remove(image);
    }

    /// Gives back what is not needed any more.
    pub(super) fn give_back(&mut self, resources: Resources) {
        self.taken = self.taken.without(resources);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn resources(cpus: u32, memory: u64) -> Resources {
        Resources { cpus, memory, disk: 1 }
    }

    #[test]
    fn a_small_one_goes_before_a_large_one_that_has_no_room_yet() {
        let names: Vec<ImageName> = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
        let needs = [resources(2, 1), resources(3, 1), resources(1, 1)];
        let images = names.iter().zip(needs).map(|(image, needs)| Waiting {
            image,
            needs,
            parents: Vec::new(),
            folder: None,
        });
        let budget = Resources { cpus: 3, memory: 9, disk: 9 };
        let mut schedule = Schedule::new(budget, images);
        let mut next = |given: u32| {
            schedule.give_back(Resources { cpus: given, ..Resources::default() });
            schedule.next().map(|waiting| waiting.image.to_string())
        };
        assert_eq!(next(0).as_deref(), Some("a"));
        assert_eq!(next(0).as_deref(), Some("c"));
        assert_eq!(next(0), None);
        assert_eq!(next(2), None);
        assert_eq!(next(1).as_deref(), Some("b"));
    }

    #[test]
    fn who_has_begun_goes_on_before_anybody_begins_and_nobody_is_forgotten() {
        let names: Vec<ImageName> = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
        let needs = resources(2, 1);
        let images = names.iter();
        let images =
            images.map(|image| Waiting { image, needs, parents: Vec::new(), folder: None });
        let mut schedule = Schedule::new(Resources { cpus: 2, memory: 9, disk: 9 }, images);
        let begun = |next: Option<Waiting<'_>>| next.map(|waiting| waiting.image.to_string());
        assert_eq!(begun(schedule.next()).as_deref(), Some("a"));
        // `a` waits before it tries again, and `b` takes its place.
        schedule.give_back(needs);
        assert_eq!(begun(schedule.next()).as_deref(), Some("b"));
        let again = schedule.ask(needs);
        let large = schedule.ask(resources(9, 99));
        let small = schedule.ask(resources(1, 1));
        assert_eq!(schedule.go_on(), None);
        schedule.give_back(resources(1, 0));
        assert_eq!(schedule.go_on(), Some(small));
        schedule.give_back(resources(1, 1));
        assert_eq!(begun(schedule.next()), None);
        schedule.give_back(resources(1, 1));
        assert_eq!(schedule.go_on(), Some(again));
        assert!(!schedule.withdraw(again));
        // What is more than there is gets all there is.
        schedule.give_back(Resources { cpus: 9, memory: 9, disk: 9 });
        assert_eq!(schedule.go_on(), Some(large));
        let other = schedule.ask(needs);
        assert!(schedule.withdraw(other));
        schedule.give_back(Resources { cpus: 9, memory: 9, disk: 9 });
        assert_eq!(begun(schedule.next()).as_deref(), Some("c"));
    }

    /// What an image does next. Each gives everything back while it waits; then it asks for its room
    /// again (a retry), or for a machine while it keeps the room of its artifact (a test).
    #[derive(Debug)]
    struct Task<'a> {
        image: &'a ImageName,
        needs: Resources,
        folder: Option<Utf8PathBuf>,
        held: Resources,
        /// What it still is going to ask for.
        asks: Vec<bool>,
        asked: Option<(Ticket, Resources)>,
    }

    proptest! {
        #[test]
        fn all_are_built_once_after_their_parents_and_never_above_the_budget(
            cpus in 1u32..5,
            memory in 1u64..5,
            images in prop::collection::vec(
                (0u32..7, 0u64..7, 0usize..20, prop::collection::vec(any::<bool>(), 0..3)),
                1..10,
            ),
            order in prop::collection::vec(0usize..10, 60),
        ) {
            let names: Vec<ImageName> =
                (0..images.len()).map(|n| format!("i{n}").parse().unwrap()).collect();
            // Each is built upon one that comes before it, or upon none.
            let parent = |n: usize| images[n].2.checked_rem(n + 1).filter(|parent| *parent < n);
            let index = |name: &ImageName| name.as_str()[1..].parse::<usize>().unwrap();
            let budget = Resources { cpus, memory, disk: 3 };
            let waiting = names.iter().zip(&images);
            let folder = |n: usize| (images[n].2 % 3 == 0).then(|| Utf8PathBuf::from("/shared"));
            let waiting = waiting.map(|(image, (cpus, memory, ..))| Waiting {
                folder: folder(index(image)),
                image,
                needs: resources(*cpus, *memory),
                parents: parent(index(image)).map(|parent| &names[parent]).into_iter().collect(),
            });
            let mut schedule = Schedule::new(budget, waiting);
            let (mut running, mut done) = (Vec::<Task<'_>>::new(), BTreeSet::new());
            for pick in order {
                while let Some(ticket) = schedule.go_on() {
                    let mut tasks = running.iter_mut();
                    let task = tasks.find(|it| it.asked.is_some_and(|(its, _)| its == ticket));
                    let task = task.expect("it has asked");
                    task.held = task.held.and(task.asked.take().unwrap().1);
                }
                while let Some(next) = schedule.next() {
                    prop_assert!(running.iter().all(|task| task.asked.is_none()), "they come first");
                    let parent = parent(index(next.image));
                    prop_assert!(parent.is_none_or(|parent| done.contains(&parent)));
                    let Waiting { image, needs, folder, .. } = next;
                    let shared = running.iter().filter(|task| task.folder.is_some()).count();
                    prop_assert!(folder.is_none() || shared == 0, "two in one folder");
                    let asks = images[index(image)].3.clone();
                    running.push(Task { image, needs, folder, held: needs, asks, asked: None });
                }
                let taken = running.iter().fold(Resources::default(), |sum, it| sum.and(it.held));
                prop_assert!(taken.fits(budget), "{taken:?}");
                let going: Vec<usize> =
                    (0..running.len()).filter(|at| running[*at].asked.is_none()).collect();
                prop_assert!(!going.is_empty() || done.len() == images.len(), "{running:?}");
                let Some(at) = going.get(pick % going.len().max(1)).copied() else { break };
                let task = &mut running[at];
                if let Some(keeps_artifact) = task.asks.pop() {
                    let kept = Resources { disk: task.held.disk, ..Resources::default() };
                    let kept = if keeps_artifact { kept } else { Resources::default() };
                    schedule.give_back(task.held.without(kept));
                    task.held = kept;
                    let wanted = schedule.within_budget(task.needs).without(kept);
                    task.asked = Some((schedule.ask(wanted), wanted));
                } else {
                    let ended = running.remove(at);
                    schedule.give_back(ended.held);
                    ended.folder.iter().for_each(|folder| schedule.left(folder));
                    schedule.over(ended.image);
                    prop_assert!(done.insert(index(ended.image)), "built once");
                }
            }
            prop_assert_eq!(done.len(), images.len());
        }
    }
}
