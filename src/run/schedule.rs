//! Which image is built next: parents first, in the order of the plan, as many at once as the budget
//! allows. Pure.

use std::collections::HashSet;

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
}

/// The images that are not begun yet, and what is left of the budget.
#[derive(Debug)]
pub(super) struct Schedule<'a> {
    budget: Resources,
    taken: Resources,
    waiting: Vec<Waiting<'a>>,
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
        Self { budget, taken: Resources::default(), waiting, open }
    }

    /// The next image that can begin: the first one whose parents have come to their ends and that
    /// fits beside what has begun. What it needs is taken.
    pub(super) fn next(&mut self) -> Option<Waiting<'a>> {
        let free = self.budget.without(self.taken);
        let ready = |waiting: &Waiting<'_>| {
            !waiting.parents.iter().any(|parent| self.open.contains(parent))
        };
        let fits = |waiting: &Waiting<'_>| waiting.needs.fits(free) && ready(waiting);
        let next = self.waiting.iter().position(fits)?;
        let next = self.waiting.remove(next);
        self.taken = self.taken.and(next.needs);
        Some(next)
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

    proptest! {
        #[test]
        fn all_are_built_once_after_their_parents_and_never_above_the_budget(
            cpus in 1u32..5,
            memory in 1u64..5,
            images in prop::collection::vec((0u32..7, 0u64..7, 0usize..10), 1..10),
            order in prop::collection::vec(0usize..10, 40),
        ) {
            let names: Vec<ImageName> =
                (0..images.len()).map(|n| format!("i{n}").parse().unwrap()).collect();
            // Each is built upon one that comes before it, or upon none.
            let parent = |n: usize| images[n].2.checked_rem(n + 1).filter(|parent| *parent < n);
            let index = |name: &ImageName| name.as_str()[1..].parse::<usize>().unwrap();
            let budget = Resources { cpus, memory, disk: 100 };
            let waiting = names.iter().zip(&images);
            let waiting = waiting.map(|(image, (cpus, memory, _))| Waiting {
                image,
                needs: resources(*cpus, *memory),
                parents: parent(index(image)).map(|parent| &names[parent]).into_iter().collect(),
            });
            let mut schedule = Schedule::new(budget, waiting);
            let (mut running, mut done) = (Vec::new(), BTreeSet::new());
            for pick in order {
                while let Some(next) = schedule.next() {
                    let parent = parent(index(next.image));
                    prop_assert!(parent.is_none_or(|parent| done.contains(&parent)));
                    running.push(next);
                }
                let taken = running.iter().fold(Resources::default(), |sum, w| sum.and(w.needs));
                prop_assert!(taken.fits(budget), "{taken:?}");
                prop_assert!(!running.is_empty() || done.len() == images.len());
                if running.is_empty() {
                    break;
                }
                let ended: Waiting<'_> = running.remove(pick % running.len());
                schedule.give_back(ended.needs);
                schedule.over(ended.image);
                prop_assert!(done.insert(index(ended.image)), "built once");
            }
            prop_assert_eq!(done.len(), images.len());
        }
    }
}
