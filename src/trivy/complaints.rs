//! What Trivy says on standard error, sorted into what matters.
//!
//! Trivy ends with 0 and an empty report after most of these (source: its logging calls, and runs
//! with version 0.74.0). The wording is Trivy's; a test keeps it honest.

/// Lines that mean that part of a disk was passed over.
const OBSTACLES: [&str; 3] = ["Partition error", "is not supported, skipping", "Skipping"];

/// Lines that mean that a clean result is worthless.
const WORTHLESS: [&str; 3] =
    ["is not on the EOL list", "Unsupported os", "No OS package is detected"];

/// A log line of Trivy without its time: `WARN`, tab, text.
fn level_and_text(line: &str) -> Option<(&str, &str)> {
    let mut fields = line.splitn(3, '\t');
    let (_, level, text) = (fields.next()?, fields.next()?, fields.next()?);
    Some((level, text))
}

/// What was passed over on a disk.
pub(super) fn obstacles(stderr: &str) -> Vec<String> {
    select(stderr, |level, text| {
        level == "ERROR" || OBSTACLES.iter().any(|known| text.contains(known))
    })
}

/// What makes the silence of a scan worthless.
pub(super) fn complaints(stderr: &str) -> Vec<String> {
    select(stderr, |level, text| {
        level == "ERROR" || WORTHLESS.iter().any(|known| text.contains(known))
    })
}

/// Whether a complaint is about packages of an operating system alone: of an inventory that has none, it
/// says nothing.
pub(super) fn is_about_system(complaint: &str) -> bool {
    WORTHLESS.iter().any(|known| complaint.contains(known))
}

fn select(stderr: &str, matters: impl Fn(&str, &str) -> bool) -> Vec<String> {
    stderr
        .lines()
        .filter_map(level_and_text)
        .filter(|(level, text)| matters(level, text))
        .map(|(_, text)| text.replace('\t', " "))
        .collect()
}

/// The reason in the last lines of a failed run: Trivy prints one `FATAL` entry, which can go on over
/// several lines, or a Go panic.
pub(super) fn reason(stderr: &str) -> Option<String> {
    let mut lines = stderr.lines();
    let fatal = lines.by_ref().filter_map(level_and_text).find(|(level, _)| *level == "FATAL");
    let Some((_, text)) = fatal else {
        return stderr.lines().find(|line| line.starts_with("panic:")).map(str::to_owned);
    };
    let more = lines.take_while(|line| level_and_text(line).is_none());
    let words = std::iter::once(text).chain(more).flat_map(str::split_whitespace);
    Some(words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = concat!(
        "2026-11-23T10:58:16Z\tINFO\tDetected OS\tfamily=\"debian\" version=\"15\"\n",
        "2026-11-23T10:58:16Z\tERROR\t[vm] LVM is not supported, skipping\tname=\"0.img\"\n",
        "2026-11-23T10:58:18Z\tWARN\t[vm] Partition error\terr=\"unable to detect filesystem\"\n",
        "2026-11-23T10:58:18Z\tWARN\tThis OS version is not on the EOL list\tversion=\"15\"\n",
        "2026-11-23T10:58:18Z\tWARN\tUnable to get vulnerability details\tid=\"CVE-2024-1\"\n",
    );

    #[test]
    fn what_was_passed_over_and_what_is_worthless_are_told_apart() {
        insta::assert_debug_snapshot!((obstacles(LOG), complaints(LOG)), @r#"
        (
            [
                "[vm] LVM is not supported, skipping name=\"0.img\"",
                "[vm] Partition error err=\"unable to detect filesystem\"",
            ],
            [
                "[vm] LVM is not supported, skipping name=\"0.img\"",
                "This OS version is not on the EOL list version=\"15\"",
            ],
        )
        "#);
    }

    #[test]
    fn the_reason_of_a_failure_is_its_fatal_line_or_the_panic() {
        let fatal = "2026-11-23T10:58:45Z\tFATAL\tFatal error\tinvalid database\n";
        assert_eq!(reason(fatal).unwrap(), "Fatal error invalid database");
        let lines = concat!(
            "2026-11-23T10:58:45Z\tFATAL\tFatal error\trun error: 1 error occurred:\n",
            "\t* Get \"https://mirror.example.org/v2/\": no such host\n\n\n",
        );
        assert_eq!(
            reason(lines).unwrap(),
            "Fatal error run error: 1 error occurred: * Get \"https://mirror.example.org/v2/\": no such host"
        );
        let panic = "panic: assertion failed: Page expected to be: 54\n\ngoroutine 1 [running]:\n";
        assert_eq!(reason(panic).unwrap(), "panic: assertion failed: Page expected to be: 54");
        assert_eq!(reason(LOG), None);
    }
}
