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
    places: HashMap<ImageName, usize>,
    /// Of each image, in the order of the catalog like everything here.
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    /// All images, parents before their children.
    order: Vec<usize>,
}

impl Graph {
    /// The graph of `images`, or everything that is wrong with it: the parents that do not exist, and
    /// one cycle of each knot.
    pub fn new<'a>(images: impl IntoIterator<Item = &'a Image>) -> Result<Self, Vec<GraphError>> {
        let images: Vec<&Image> = images.into_iter().collect();
        let names: Vec<ImageName> = images.iter().map(|image| image.name.clone()).collect();
        let places: HashMap<_, _> = names.iter().cloned().zip(0..).collect();
        let mut parents = vec![BTreeSet::new(); names.len()];
        let mut children = vec![Vec::new(); names.len()];
        let mut errors = Vec::new();
        for (place, image) in images.iter().enumerate() {
            for parent in &image.parents {
                match places.get(&parent.image) {
                    Some(above) => {
                        if parents[place].insert(*above) {
                            children[*above].push(place);
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
        let mut graph = Self { names, places, parents, children, order: Vec::new() };
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

    /// All images in waves: every parent is in an earlier one, and no image is later than it must
    /// be. In each wave they are in the order of the catalog.
    pub fn waves(&self) -> Vec<Vec<&ImageName>> {
        let mut depths = vec![0; self.names.len()];
        for place in &self.order {
            let above = self.parents[*place].iter().map(|parent| depths[*parent] + 1);
            depths[*place] = above.max().unwrap_or(0);
        }
        let mut waves = vec![Vec::new(); depths.iter().max().map_or(0, |deepest| deepest + 1)];
        for (name, depth) in self.names.iter().zip(depths) {
            waves[depth].push(name);
        }
        waves
    }

    /// Everything that is built upon one of `images`, at any distance, without themselves unless
    /// they are built upon each other.
    pub fn descendants<'a>(
        &self,
        images: impl IntoIterator<Item = &'a ImageName>,
    ) -> BTreeSet<&ImageName> {
        self.reach(images, &self.children)
    }

    /// Everything that one of `images` is built upon, at any distance.
    pub fn ancestors<'a>(
        &self,
        images: impl IntoIterator<Item = &'a ImageName>,
    ) -> BTreeSet<&ImageName> {
        self.reach(images, &self.parents)
    }

    /// What a change of the repository selects: the images with changed files, and everything that
    /// is built upon them.
    pub fn touched(
        &self,
        changed: impl IntoIterator<Item = (ImageName, Vec<String>)>,
    ) -> BTreeMap<ImageName, Change> {
        let changed = changed.into_iter().map(|(image, paths)| (image, Change::Paths(paths)));
        let mut touched: BTreeMap<ImageName, Change> = changed.collect();
        for place in &self.order {
            let mut above = self.names_of(&self.parents[*place]);
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

    fn reach<'a>(
        &self,
        images: impl IntoIterator<Item = &'a ImageName>,
        next: &[Vec<usize>],
    ) -> BTreeSet<&ImageName> {
        let from = images.into_iter().filter_map(|name| self.places.get(name).copied());
        let mut open: Vec<usize> = from.collect();
        let mut reached = BTreeSet::new();
        while let Some(place) = open.pop() {
            open.extend(next[place].iter().copied().filter(|beyond| reached.insert(*beyond)));
        }
        reached.into_iter().map(|place| &self.names[place]).collect()
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
