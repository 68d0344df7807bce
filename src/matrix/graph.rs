//! The images and what they are built upon.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use thiserror::Error;

use crate::model::{Change, Image, ImageName};

/// Why parents make no order of building. The user's fault: it stands in images.yml.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GraphError {
    /// There is no such image.
    #[error("`{image}` is built upon `{parent}`, and there is no such image")]
    UnknownParent {
        /// The image.
        image: ImageName,
        /// What it calls its parent.
        parent: ImageName,
    },
    /// Images are built upon each other.
    #[error("images are built upon each other: {}", round(.0))]
    Cycle(Vec<ImageName>),
}

/// The way once around, each image before what it is built upon.
fn round(cycle: &[ImageName]) -> String {
    let names = cycle.iter().chain(cycle.first()).map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(" → ")
}

/// The images of a catalog in an order in which they can be built.
#[derive(Debug, Clone)]
pub struct Graph {
    names: Vec<ImageName>,
    /// Of each image, in the order of the catalog like everything here.
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    /// Those parents of which a new version moves the channel that is followed.
    moving: Vec<BTreeSet<usize>>,
    /// All images, parents before their children.
    order: Vec<usize>,
}

impl Graph {
    /// The graph of `images`, or everything that is wrong with it: the parents that do not exist, and
    /// one cycle of each knot.
    pub fn new<'a>(images: impl IntoIterator<Item = &'a Image>) -> Result<Self, Vec<GraphError>> {
        let images: Vec<&Image> = images.into_iter().collect();
        let names: Vec<ImageName> = images.iter().map(|image| image.name.clone()).collect();
        let places: HashMap<_, _> = images.iter().map(|image| &image.name).zip(0..).collect();
        let mut parents = vec![BTreeSet::new(); names.len()];
        let mut children = vec![Vec::new(); names.len()];
        let mut moving = vec![BTreeSet::new(); names.len()];
        let mut errors = Vec::new();
        for (place, image) in images.iter().enumerate() {
            for parent in &image.parents {
                match places.get(&parent.image) {
                    Some(above) => {
                        if parents[place].insert(*above) {
                            children[*above].push(place);
                        }
                        if images[*above].moves(parent.follows(images[*above])) {
                            moving[place].insert(*above);
                        }
                    }
                    None => errors.push(GraphError::UnknownParent {
                        image: image.name.clone(),
                        parent: parent.image.clone(),
                    }),
                }
            }
        }
        let parents = parents.into_iter().map(|above| above.into_iter().collect()).collect();
        let mut graph = Self { names, parents, children, moving, order: Vec::new() };
        graph.order = graph.parents_first();
        if graph.order.len() < graph.names.len() {
            errors.extend(graph.cycles().into_iter().map(GraphError::Cycle));
        }
        if errors.is_empty() { Ok(graph) } else { Err(errors) }
    }

    /// All images, parents before their children, otherwise as in the catalog.
    pub fn order(&self) -> impl Iterator<Item = &ImageName> {
        self.names_of(&self.order)
    }

    /// What a change of the repository selects: the images with changed files, and everything that
    /// is built upon them and would notice. What follows another channel of its parent than the one
    /// that a new version goes to would be built upon the same as before.
    pub fn touched(
        &self,
        changed: impl IntoIterator<Item = (ImageName, Vec<String>)>,
    ) -> BTreeMap<ImageName, Change> {
        let changed = changed.into_iter().map(|(image, paths)| (image, Change::Paths(paths)));
        let mut touched: BTreeMap<ImageName, Change> = changed.collect();
        for place in &self.order {
            let mut above = self.moving[*place].iter().map(|parent| &self.names[*parent]);
            let name = &self.names[*place];
            if !touched.contains_key(name)
                && let Some(parent) = above.find(|parent| touched.contains_key(*parent))
            {
                touched.insert(name.clone(), Change::Parent(parent.clone()));
            }
        }
        touched
    }

    fn names_of(&self, places: &[usize]) -> impl Iterator<Item = &ImageName> {
        places.iter().map(|place| &self.names[*place])
    }

    /// All images but those in a cycle or below one.
    fn parents_first(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let free = waiting.iter().enumerate().filter(|(_, parents)| **parents == 0);
        let mut free: BinaryHeap<_> = free.map(|(place, _)| Reverse(place)).collect();
        let mut order = Vec::with_capacity(self.names.len());
        while let Some(Reverse(place)) = free.pop() {
            order.push(place);
            for child in &self.children[place] {
                waiting[*child] -= 1;
                if waiting[*child] == 0 {
                    free.push(Reverse(*child));
                }
            }
        }
        order
    }

    /// One cycle of each knot of images that cannot be ordered.
    fn cycles(&self) -> Vec<Vec<ImageName>> {
        let ordered: BTreeSet<usize> = self.order.iter().copied().collect();
        // Every one of them has a parent among them: going up leads into a cycle.
        let up = |place: usize| {
            self.parents[place].iter().copied().find(|parent| !ordered.contains(parent))
        };
        let mut seen = BTreeSet::new();
        let mut cycles = Vec::new();
        for start in (0..self.names.len()).filter(|place| !ordered.contains(place)) {
            let mut way = Vec::new();
            let mut place = start;
            while seen.insert(place) {
                way.push(place);
                let Some(parent) = up(place) else { break };
                place = parent;
            }
            if let Some(begin) = way.iter().position(|passed| *passed == place) {
                let mut cycle = way.split_off(begin);
                let first = (0..cycle.len()).min_by_key(|index| cycle[*index]).unwrap_or(0);
                cycle.rotate_left(first);
                cycles.push(self.names_of(&cycle).cloned().collect());
            }
        }
        cycles
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Parent;
    use crate::model::samples::image;

    /// Images `0`, `1`, …, each built upon these others.
    fn images(parents: &[Vec<usize>]) -> Vec<Image> {
        let upon = |(place, parents): (usize, &Vec<usize>)| {
            let mut image = image(&place.to_string());
            let parent = |parent: &usize| Parent { image: named(*parent), channel: None };
            image.parents = parents.iter().map(parent).collect();
            image
        };
        parents.iter().enumerate().map(upon).collect()
    }

    fn named(place: usize) -> ImageName {
        place.to_string().parse().unwrap()
    }

    fn paths() -> Vec<String> {
        vec!["base.sh".to_owned()]
    }

    fn row<'a>(names: impl IntoIterator<Item = &'a ImageName>) -> String {
        names.into_iter().map(ImageName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn parents_come_first_and_otherwise_the_order_of_the_catalog_holds() {
        let images = images(&[vec![], vec![3], vec![1, 0], vec![], vec![1]]);
        let graph = Graph::new(&images).unwrap();
        assert_eq!(row(graph.order()), "0 3 1 2 4");
    }

    #[test]
    fn a_change_touches_what_follows_the_channel_that_is_moved() {
        let mut images = images(&[vec![], vec![3], vec![1, 0], vec![], vec![1]]);
        images[4].parents[0].channel = Some("stable".parse().unwrap());
        let graph = Graph::new(&images).unwrap();
        let touched = graph.touched([(named(3), paths())]);
        let parent = |parent| Change::Parent(named(parent));
        let expected =
            [(named(1), parent(3)), (named(2), parent(1)), (named(3), Change::Paths(paths()))];
        assert_eq!(touched, expected.into());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let images = images(&[vec![2, 9], vec![0], vec![1], vec![2], vec![4], vec![8]]);
        let told = Graph::new(&images).unwrap_err();
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        `0` is built upon `9`, and there is no such image
        `5` is built upon `8`, and there is no such image
        images are built upon each other: `0` → `2` → `1` → `0`
        images are built upon each other: `4` → `4`
        ");
    }

    /// Graphs without a cycle, in a catalog of any order.
    fn dags() -> impl Strategy<Value = Vec<Vec<usize>>> {
        (1usize..12)
            .prop_flat_map(|count| {
                let parents = prop::collection::vec(prop::collection::vec(0..count, 0..4), count);
                (Just((0..count).collect::<Vec<_>>()).prop_shuffle(), parents)
            })
            .prop_map(|(places, parents)| {
                let mut dag = vec![Vec::new(); places.len()];
                for (from, parents) in parents.iter().enumerate() {
                    let above = parents.iter().filter(|parent| **parent < from);
                    dag[places[from]] = above.map(|parent| places[*parent]).collect();
                }
                dag
            })
    }

    proptest! {
        #[test]
        fn every_parent_comes_before_its_children(dag in dags()) {
            let images = images(&dag);
            let graph = Graph::new(&images).unwrap();
            let order: Vec<&ImageName> = graph.order().collect();
            prop_assert_eq!(order.len(), images.len());
            for image in &images {
                let place = |name| order.iter().position(|other| *other == name);
                prop_assert!(image.parents.iter().all(|p| place(&p.image) < place(&image.name)));
            }
        }

        #[test]
        fn a_change_touches_all_that_is_built_upon_it_and_nothing_else(
            dag in dags(), changed in prop::collection::btree_set(0usize..12, 0..4),
        ) {
            let images = images(&dag);
            let graph = Graph::new(&images).unwrap();
            let changed: BTreeSet<usize> =
                changed.into_iter().filter(|place| *place < dag.len()).collect();
            let mut expected = changed.clone();
            for _ in 0..dag.len() {
                let below = |place: &usize| dag[*place].iter().any(|p| expected.contains(p));
                let below: Vec<usize> = (0..dag.len()).filter(below).collect();
                expected.extend(below);
            }
            let touched = graph.touched(changed.iter().map(|place| (named(*place), paths())));
            let expected: BTreeSet<ImageName> = expected.into_iter().map(named).collect();
            prop_assert!(touched.keys().eq(&expected));
            for (image, change) in touched {
                let by_itself = changed.iter().any(|place| named(*place) == image);
                prop_assert_eq!(matches!(change, Change::Paths(_)), by_itself);
            }
        }

        #[test]
        fn what_is_called_a_cycle_is_one(
            parents in prop::collection::vec(prop::collection::vec(0usize..8, 0..2), 8),
        ) {
            let images = images(&parents);
            // With one parent at most, going up often enough ends in a cycle, or at the top.
            let ends = |start: usize| {
                (0..8).try_fold(start, |place, _| parents[place].first().copied()).is_none()
            };
            let errors = match Graph::new(&images) {
                Ok(_) => Vec::new(),
                Err(errors) => errors,
            };
            prop_assert_eq!(errors.is_empty(), (0..8).all(ends));
            for error in errors {
                let GraphError::Cycle(cycle) = error else { panic!("{error}") };
                for (name, parent) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
                    let place: usize = name.as_str().parse().unwrap();
                    prop_assert!(images[place].parents.iter().any(|p| p.image == *parent));
                }
            }
        }
    }
}
