//! A document that keeps within a number of bytes by leaving out what matters least.

/// What is kept first when there is not room for all, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// The headline.
    Headline,
    /// That something needs attention, in one line.
    Attention,
    /// Why, and what to do.
    Reason,
    /// The advisories that block.
    Blocking,
    /// That all is well with an image, in one line.
    Good,
    /// Images that were not built, files, times.
    Detail,
    /// Findings that decide nothing.
    Background,
}

/// Blocks of Markdown in the order of reading. A block is kept or left out whole.
#[derive(Default)]
pub(super) struct Document {
    blocks: Vec<(Weight, String)>,
}

impl Document {
    /// Adds a block; it ends with a line end.
    pub(super) fn push(&mut self, weight: Weight, block: impl Into<String>) {
        self.blocks.push((weight, block.into()));
    }

    /// The text, in at most `limit` bytes, with a word about what was left out.
    pub(super) fn fit(&self, limit: usize) -> String {
        let total: usize = self.blocks.iter().map(|(_, block)| block.len()).sum();
        if total <= limit {
            return self.blocks.iter().map(|(_, block)| &**block).collect();
        }
        let note = |left_out: usize| {
            format!(
                "\n*Left out for lack of room: {left_out} parts. The whole report is in `report.json`.*\n"
            )
        };
        let mut room = limit.saturating_sub(note(self.blocks.len()).len());
        let mut by_weight: Vec<usize> = (0..self.blocks.len()).collect();
        by_weight.sort_by_key(|index| self.blocks[*index].0);
        let mut kept = vec![false; self.blocks.len()];
        for index in by_weight {
            let size = self.blocks[index].1.len();
            if size <= room {
                room -= size;
                kept[index] = true;
            }
        }
        let mut text: String = self
            .blocks
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|((_, block), _)| &**block)
            .collect();
        let note = note(kept.iter().filter(|kept| !**kept).count());
        if text.len() + note.len() <= limit {
            text.push_str(&note);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_matters_least_goes_first() {
        let mut document = Document::default();
        document.push(Weight::Headline, "# headline\n");
        document.push(Weight::Background, "background\n".repeat(40));
        document.push(Weight::Attention, "attention\n");
        document.push(Weight::Good, "good\n");
        insta::assert_snapshot!(document.fit(200), @"
        # headline
        attention
        good

        *Left out for lack of room: 1 parts. The whole report is in `report.json`.*
        ");
    }

    proptest! {
        #[test]
        fn the_limit_is_kept(sizes in proptest::collection::vec(1usize..80, 0..20), limit in 0usize..900) {
            let mut document = Document::default();
            for size in &sizes {
                document.push(Weight::Detail, "x".repeat(*size));
            }
            let text = document.fit(limit);
            prop_assert!(text.len() <= limit);
            if sizes.iter().sum::<usize>() <= limit {
                prop_assert_eq!(text.len(), sizes.iter().sum::<usize>());
            }
        }
    }
}
