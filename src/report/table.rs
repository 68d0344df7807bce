//! Text in aligned columns, and text in lines.

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::style::{QUIET, paint};

/// Room between two columns.
const GAP: &str = "  ";

/// A space that is no place to break a line. Shown as an ordinary one.
pub(super) const NO_BREAK: char = '\u{a0}';

/// A table with a heading line.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column's heading and where its text goes.
pub(super) struct Column {
    title: &'static str,
    right: bool,
    /// Whether it may be left out where there is no room: the highest goes first.
    spare: u8,
}

/// One field.
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Column {
    /// Text starts at the left.
    pub(super) fn left(title: &'static str) -> Self {
        Self { title, right: false, spare: 0 }
    }

    /// Numbers end at the right.
    pub(super) fn right(title: &'static str) -> Self {
        Self { right: true, ..Self::left(title) }
    }

    /// May be left out, after all columns with a higher number.
    pub(super) fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Style::new())
    }
}

impl Table {
    pub(super) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table's lines, each after `indent`. Spare columns go until it fits into `width`.
    pub(super) fn render(&self, indent: &str, width: usize) -> String {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                self.rows
                    .iter()
                    .map(|row| row[index].text.width())
                    .chain([column.title.width()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let total = |shown: &[usize]| {
            let text: usize = shown.iter().map(|index| widths[*index]).sum();
            indent.width() + text + GAP.len() * shown.len().saturating_sub(1)
        };
        while total(&shown) > width {
            let spare = |index: &usize| self.columns[*index].spare;
            let Some(most) = shown.iter().copied().max_by_key(spare) else {
                break;
            };
            if spare(&most) == 0 {
                break;
            }
            shown.retain(|index| *index != most);
        }
        let line = |cell: &dyn Fn(usize) -> (String, Style)| {
            let mut line = indent.to_owned();
            for (position, index) in shown.iter().enumerate() {
                let (text, style) = cell(*index);
                let room = " ".repeat(widths[*index] - text.width());
                let painted = paint(style, &text);
                if position > 0 {
                    line.push_str(GAP);
                }
                if self.columns[*index].right {
                    line.push_str(&room);
                    line.push_str(&painted);
                } else {
                    line.push_str(&painted);
                    if position + 1 < shown.len() {
                        line.push_str(&room);
                    }
                }
            }
            line.push('\n');
            line
        };
        let mut text = line(&|index| (self.columns[index].title.to_owned(), QUIET));
        for row in &self.rows {
            text.push_str(&line(&|index| (row[index].text.clone(), row[index].style)));
        }
        text
    }
}

/// The text in lines of at most `width` columns. A word that is longer has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    for line in &mut lines {
        *line = line.replace(NO_BREAK, " ");
    }
    lines
}
