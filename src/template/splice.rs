//! Changes to a text: what is not changed stays byte for byte, and every line of the new text knows
//! which line of the old one it comes from.

use std::ops::Range;

/// A change: these bytes are replaced by this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Which bytes; none where something is only added.
    pub at: Range<usize>,
    /// What stands there afterwards.
    pub text: String,
}

/// A text with changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spliced {
    /// The new text.
    pub text: String,
    /// Where its lines come from.
    pub lines: LineMap,
}

/// Which line of a text a line of its changed version comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineMap(Vec<u32>);

impl LineMap {
    /// The line of the old text for the `line` of the new one, both from 1. What was added counts
    /// to the line at which it was added.
    pub fn original(&self, line: u32) -> u32 {
        let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        self.0.get(index).or(self.0.last()).copied().unwrap_or(line)
    }
}

/// Makes `changes` to `text`. None if two of them overlap or one lies outside of the text. Several
/// at one place stand in their order.
pub fn splice(text: &str, changes: &[Splice]) -> Option<Spliced> {
    let mut changes: Vec<&Splice> = changes.iter().collect();
    changes.sort_by_key(|change| (change.at.start, change.at.end));
    let mut new = String::with_capacity(text.len() + 1024);
    let mut lines = vec![1];
    let (mut line, mut done) = (1, 0);
    for change in changes {
        let kept = text.get(done..change.at.start)?;
        keep(kept, &mut line, &mut lines);
        new.push_str(kept);
        lines.extend(change.text.matches('\n').map(|_| line));
        new.push_str(&change.text);
        line += newlines(text.get(change.at.clone())?);
        done = change.at.end;
    }
    let kept = text.get(done..)?;
    keep(kept, &mut line, &mut lines);
    new.push_str(kept);
    Some(Spliced { text: new, lines: LineMap(lines) })
}

/// Lines that are as they were.
fn keep(kept: &str, line: &mut u32, lines: &mut Vec<u32>) {
    for _ in 0..newlines(kept) {
        *line += 1;
        lines.push(*line);
    }
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(at: Range<usize>, text: &str) -> Splice {
        Splice { at, text: text.to_owned() }
    }

    #[test]
    fn lines_know_where_they_come_from() {
        let text = "a\nb {\n  c = 1\n}\nd\n";
        let new = splice(text, &[change(8..13, "c = 2"), change(5..5, "\n  x\n  y")]).unwrap();
        assert_eq!(new.text, "a\nb {\n  x\n  y\n  c = 2\n}\nd\n");
        let original: Vec<u32> = (1..=9).map(|line| new.lines.original(line)).collect();
        assert_eq!(original, [1, 2, 2, 2, 3, 4, 5, 6, 6]);
        let fewer = splice(text, &[change(5..13, "{}")]).unwrap();
        assert_eq!((fewer.lines.original(2), fewer.lines.original(3)), (2, 4));
        assert_eq!(splice(text, &[change(1..3, ""), change(2..4, "")]), None, "they overlap");
        assert_eq!(splice(text, &[change(0..99, "")]), None);
        assert_eq!(splice("é", &[change(1..1, "x")]), None, "inside of a character");
    }

    proptest! {
        #[test]
        fn what_is_not_changed_stays_and_keeps_its_line(
            kept in prop::collection::vec("[a\n]{0,4}", 1..6),
            changed in prop::collection::vec(("b{0,3}", "[c\n]{0,3}"), 5),
        ) {
            // The kept pieces are marked, so that they are found again.
            let marked = |index: usize, piece: &str| format!("<{index}>{piece}");
            let (mut text, mut wanted, mut changes) = (String::new(), String::new(), Vec::new());
            for (index, piece) in kept.iter().enumerate() {
                text.push_str(&marked(index, piece));
                wanted.push_str(&marked(index, piece));
                let (old, new) = &changed[index];
                changes.push(Splice { at: text.len()..text.len() + old.len(), text: new.clone() });
                text.push_str(old);
                wanted.push_str(new);
            }
            changes.reverse();
            let new = splice(&text, &changes).unwrap();
            prop_assert_eq!(&new.text, &wanted);
            let line = |text: &str, mark: &str| {
                newlines(&text[..text.find(mark).unwrap()]) + 1
            };
            for index in 0..kept.len() {
                let mark = format!("<{index}>");
                prop_assert_eq!(new.lines.original(line(&new.text, &mark)), line(&text, &mark));
            }
        }
    }
}
