//! The job summary: Markdown appended to the file that the runner names.

use std::borrow::Cow;
use std::io;

use camino::Utf8Path;

use super::append::{Delivery, append};

/// Bytes that a job summary may have. Of a longer one nothing at all is shown.
pub const MAX_SUMMARY: usize = 1024 * 1024;

/// What stands in place of what was cut.
const CUT: &str = "> The rest of this report is too long for a job summary.\n";

/// Appends to the job summary, cut where it would become longer than is shown.
pub fn write_summary(file: Option<&Utf8Path>, markdown: &str) -> io::Result<Delivery> {
    let before = file.and_then(|file| fs_err::metadata(file).ok()).map_or(0, |found| found.len());
    // What is there may end in the middle of a paragraph or a table.
    let gap = if before > 0 { "\n\n" } else { "" };
    let room = MAX_SUMMARY
        .saturating_sub(usize::try_from(before).unwrap_or(usize::MAX))
        .saturating_sub(gap.len());
    match cut_at_block(markdown, room).as_ref() {
        "" => Ok(Delivery::Nowhere),
        text => append(file, &format!("{gap}{text}")),
    }
}

/// Markdown in at most `room` bytes: as many whole blocks from its start as fit, and a line that
/// says that there was more. A fenced block or a `<details>` is never cut open.
pub fn cut_at_block(markdown: &str, room: usize) -> Cow<'_, str> {
    if markdown.len() <= room {
        return Cow::Borrowed(markdown);
    }
    let room = room.saturating_sub(CUT.len());
    let end = block_ends(markdown).take_while(|end| *end <= room).last().unwrap_or(0);
    if end == 0 && room == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(format!("{}{CUT}", &markdown[..end]))
}

/// The places after each empty line that stands between two blocks.
fn block_ends(markdown: &str) -> impl Iterator<Item = usize> {
    let mut position = 0;
    let mut fence: Option<&str> = None;
    let mut details = 0_usize;
    markdown.split_inclusive('\n').filter_map(move |line| {
        position += line.len();
        match (fence, fence_of(line)) {
            (None, Some(opened)) => fence = Some(opened),
            (Some(open), Some(closing)) if closes(open, closing, line) => fence = None,
            _ => {}
        }
        if fence.is_none() {
            details += line.matches("<details").count();
            details = details.saturating_sub(line.matches("</details>").count());
        }
        (line.trim().is_empty() && fence.is_none() && details == 0).then_some(position)
    })
}

/// The backticks or tildes that open or close a fenced block on this line.
fn fence_of(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(' ');
    ["`", "~"].into_iter().find_map(|mark| {
        let length = line.len() - line.trim_start_matches(mark).len();
        (length >= 3).then(|| &line[..length])
    })
}

/// Whether a line with the fence `closing` ends a block that began with the fence `open`.
fn closes(open: &str, closing: &str, line: &str) -> bool {
    closing.starts_with(open) && line.trim() == closing
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use proptest::prelude::*;

    use super::*;

    const REPORT: &str = "\
# Images

| image | verdict |
|---|---|
| debian-12 | passed |

<details><summary>Log</summary>

````text
one

```

two
````

</details>

The end.
";

    #[test]
    fn a_report_that_is_too_long_is_cut_between_blocks() {
        assert_eq!(cut_at_block(REPORT, REPORT.len()), REPORT);
        let cut = |room| cut_at_block(REPORT, room).into_owned();
        insta::assert_snapshot!(cut(REPORT.len() - 1), @r"
        # Images

        | image | verdict |
        |---|---|
        | debian-12 | passed |

        > The rest of this report is too long for a job summary.
        ");
        insta::assert_snapshot!(cut(80), @r"
        # Images

        > The rest of this report is too long for a job summary.
        ");
        assert_eq!(cut(60), CUT);
        assert_eq!(cut(10), "");
    }

    proptest! {
        #[test]
        fn a_cut_report_fits_and_leaves_nothing_open(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("text\n"), Just("\n"), Just("```\n"), Just("~~~~ text\n"), Just("~~~~\n"),
                    Just("<details>\n"), Just("</details>\n"), Just("é\n\n"),
                ],
                0..40,
            ),
            room in 60_usize..200,
        ) {
            let markdown = parts.concat();
            let cut = cut_at_block(&markdown, room);
            prop_assert!(cut.len() <= room);
            if let Some(kept) = cut.strip_suffix(CUT) {
                prop_assert!(markdown.starts_with(kept));
                prop_assert!(kept.is_empty() || block_ends(kept).last() == Some(kept.len()));
            } else {
                prop_assert_eq!(&cut, &markdown);
            }
        }
    }

    #[test]
    fn a_second_report_counts_what_is_already_there() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(folder.path().to_owned()).unwrap();
        let file = folder.join("summary");
        let block = format!("{}\n\n", "x".repeat(1000));
        let write = || write_summary(Some(&file), &block.repeat(400)).unwrap();
        assert_eq!([write(), write(), write()], [Delivery::Written; 3]);
        let summary = fs_err::read_to_string(&file).unwrap();
        assert!(summary.len() <= MAX_SUMMARY);
        assert!(summary.len() > MAX_SUMMARY - 2000);
        assert_eq!(summary.matches(CUT).count(), 1);

        fs_err::write(&file, "x".repeat(MAX_SUMMARY - 10)).unwrap();
        let nowhere = write_summary(Some(&file), "A long line.").unwrap();
        assert_eq!(nowhere, Delivery::Nowhere);
        assert_eq!(write_summary(None, "text").unwrap(), Delivery::Nowhere);
    }
}
