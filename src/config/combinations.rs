//! The combinations of a matrix: every value of every axis with every other, less what is
//! excluded, with what is included (GitHub Actions, "Running variations of jobs in a workflow":
//! the same words mean the same here).

use std::collections::BTreeMap;

use indexmap::IndexMap;

/// A value of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AxisValue {
    /// Text: `${matrix.release}`.
    Text(String),
    /// Named texts: `${matrix.system.family}`.
    Map(IndexMap<String, String>),
}

impl AxisValue {
    /// Equal for equal values: of named texts the order means nothing.
    pub(super) fn identity(&self) -> BTreeMap<String, String> {
        match self {
            // No named text is called like that.
            Self::Text(text) => BTreeMap::from([(String::new(), text.clone())]),
            Self::Map(texts) => texts.clone().into_iter().collect(),
        }
    }
}

/// Values by the name of their axis.
pub(super) type Cells = IndexMap<String, AxisValue>;

/// A matrix as it is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Matrix {
    /// The axes and their values.
    pub(super) axes: IndexMap<String, Vec<AxisValue>>,
    /// Combinations that are left out: those that have all of an entry's values.
    pub(super) exclude: Vec<Cells>,
    /// What is added: to every combination in which it overwrites no value of an axis, else as a
    /// combination of its own.
    pub(super) include: Vec<Cells>,
}

/// One combination: texts by what stands after `matrix.` in a placeholder.
pub(super) type Combination = IndexMap<String, String>;

impl Matrix {
    /// How many combinations the axes have; none for more than fit into a `usize`.
    pub(super) fn size(&self) -> Option<usize> {
        if self.axes.is_empty() {
            return Some(0);
        }
        self.axes.values().try_fold(1_usize, |size, values| size.checked_mul(values.len()))
    }

    /// All combinations: the first axis turns slowest. The caller has looked at [`Matrix::size`].
    pub(super) fn combinations(&self) -> Vec<Combination> {
        let mut all: Vec<Cells> = Vec::new();
        if !self.axes.is_empty() {
            all.push(Cells::new());
            for (axis, values) in &self.axes {
                let grown = all.iter().flat_map(|cells| {
                    values.iter().map(move |value| {
                        let mut cells = cells.clone();
                        cells.insert(axis.clone(), value.clone());
                        cells
                    })
                });
                all = grown.collect();
            }
        }
        all.retain(|cells| !self.exclude.iter().any(|entry| matches(cells, entry)));
        let of_axes = all.len();
        for entry in &self.include {
            let mut found = false;
            for cells in &mut all[..of_axes] {
                // Values of axes stay; what an earlier entry has added may be overwritten.
                let fits = entry.iter().all(|(key, value)| {
                    !self.axes.contains_key(key) || cells.get(key) == Some(value)
                });
                if fits {
                    cells.extend(entry.clone());
                    found = true;
                }
            }
            if !found {
                all.push(entry.clone());
            }
        }
        all.iter().map(flat).collect()
    }

    /// The entries of `exclude`, by index, that leave nothing out.
    pub(super) fn idle_exclusions(&self) -> Vec<usize> {
        let possible = |entry: &Cells| {
            entry.iter().all(|(axis, wanted)| {
                self.axes.get(axis).is_some_and(|values| values.iter().any(|v| has(v, wanted)))
            })
        };
        let all = self.exclude.iter().enumerate();
        all.filter(|(_, entry)| !possible(entry)).map(|(index, _)| index).collect()
    }
}

fn matches(cells: &Cells, entry: &Cells) -> bool {
    entry.iter().all(|(axis, wanted)| cells.get(axis).is_some_and(|value| has(value, wanted)))
}

/// Whether a value is the wanted one, or has all of the wanted named texts.
fn has(value: &AxisValue, wanted: &AxisValue) -> bool {
    match (value, wanted) {
        (AxisValue::Map(value), AxisValue::Map(wanted)) => {
            wanted.iter().all(|(key, text)| value.get(key) == Some(text))
        }
        (value, wanted) => value == wanted,
    }
}

fn flat(cells: &Cells) -> Combination {
    let mut combination = Combination::new();
    for (axis, value) in cells {
        match value {
            AxisValue::Text(text) => {
                combination.insert(axis.clone(), text.clone());
            }
            AxisValue::Map(texts) => combination
                .extend(texts.iter().map(|(key, text)| (format!("{axis}.{key}"), text.clone()))),
        }
    }
    combination
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(text: &str) -> Cells {
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.map(|(axis, value)| (axis.to_owned(), AxisValue::Text(value.to_owned()))).collect()
    }

    fn matrix(axes: &[(&str, &str)], exclude: &[&str], include: &[&str]) -> Matrix {
        let values = |text: &str| {
            text.split_whitespace().map(|value| AxisValue::Text(value.to_owned())).collect()
        };
        Matrix {
            axes: axes.iter().map(|(axis, text)| ((*axis).to_owned(), values(text))).collect(),
            exclude: exclude.iter().map(|text| cells(text)).collect(),
            include: include.iter().map(|text| cells(text)).collect(),
        }
    }

    fn told(matrix: &Matrix) -> String {
        let line = |combination: &Combination| {
            let pairs = combination.iter().map(|(key, value)| format!("{key}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        matrix.combinations().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The example of GitHub's documentation.
    #[test]
    fn includes_mean_what_they_mean_in_workflows() {
        let matrix = matrix(
            &[("fruit", "apple pear"), ("animal", "cat dog")],
            &[],
            &[
                "color=green",
                "color=pink animal=cat",
                "fruit=apple shape=circle",
                "fruit=banana",
                "fruit=banana animal=cat",
            ],
        );
        insta::assert_snapshot!(told(&matrix), @"
        fruit=apple animal=cat color=pink shape=circle
        fruit=apple animal=dog color=green shape=circle
        fruit=pear animal=cat color=pink
        fruit=pear animal=dog color=green
        fruit=banana
        fruit=banana animal=cat
        ");
    }

    #[test]
    fn exclusions_leave_out_what_has_all_of_their_values() {
        let matrix = matrix(
            &[("os", "debian ubuntu"), ("release", "12 24"), ("arch", "amd64 arm64")],
            &["os=debian release=24", "os=ubuntu arch=arm64", "os=rocky"],
            &[],
        );
        insta::assert_snapshot!(told(&matrix), @"
        os=debian release=12 arch=amd64
        os=debian release=12 arch=arm64
        os=ubuntu release=12 arch=amd64
        os=ubuntu release=24 arch=amd64
        ");
        assert_eq!(matrix.idle_exclusions(), [2]);
    }

    #[test]
    fn values_can_be_several_texts() {
        let map = |text: &str| {
            let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
            AxisValue::Map(pairs.map(|(key, text)| (key.to_owned(), text.to_owned())).collect())
        };
        let systems = vec![map("family=debian release=12"), map("family=ubuntu release=24.04")];
        let exclude = [("system".to_owned(), map("family=debian"))].into();
        let matrix = Matrix {
            axes: [("system".to_owned(), systems)].into(),
            exclude: vec![exclude],
            include: Vec::new(),
        };
        insta::assert_snapshot!(told(&matrix), @"system.family=ubuntu system.release=24.04");
    }

    proptest! {
        #[test]
        fn without_include_and_exclude_there_is_each_combination_once(
            sizes in prop::collection::vec(1_usize..5, 1..4),
        ) {
            let axes = sizes.iter().enumerate().map(|(axis, size)| {
                let values = (0..*size).map(|value| AxisValue::Text(value.to_string()));
                (format!("a{axis}"), values.collect())
            });
            let matrix = Matrix { axes: axes.collect(), ..Matrix::default() };
            let combinations = matrix.combinations();
            prop_assert_eq!(Some(combinations.len()), matrix.size());
            let distinct: std::collections::HashSet<String> =
                combinations.iter().map(|c| format!("{c:?}")).collect();
            prop_assert_eq!(distinct.len(), combinations.len());
        }

        #[test]
        fn an_exclusion_removes_what_it_names_and_nothing_else(
            left in 0_usize..4, right in 0_usize..4,
        ) {
            let whole = matrix(&[("l", "0 1 2 3"), ("r", "0 1 2 3")], &[], &[]);
            let entry = format!("l={left} r={right}");
            let cut = matrix(&[("l", "0 1 2 3"), ("r", "0 1 2 3")], &[&entry], &[]);
            let mut expected = whole.combinations();
            expected.retain(|c| c["l"] != left.to_string() || c["r"] != right.to_string());
            prop_assert_eq!(cut.combinations(), expected);
        }
    }
}
