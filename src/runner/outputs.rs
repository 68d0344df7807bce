//! The outputs of the action: appended to the file that the runner names.
//!
//! Always in the multi-line form with a delimiter that nobody can guess. The one-line form lets a
//! line break in a value start another output.

use std::io;

use camino::Utf8Path;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
use thiserror::Error;
use uuid::Uuid;

use super::append::{Delivery, append};
use crate::model::{Failure, FailureClass};

/// Bytes of the longest line in the file. Runners that descend from act read lines of 64 KiB, and
/// stop without a word at a longer one.
pub const MAX_LINE: usize = 60_000;

/// UTF-16 code units of the longest output: GitHub passes 1 MB on, and counts two bytes a unit.
pub const MAX_OUTPUT: usize = 500_000;

/// Why outputs could not be written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// A value has a line that some runners cannot read. A fault of goldsmith.
    #[error("output `{name}` has a line of {length} bytes, and {MAX_LINE} is the most")]
    LineTooLong {
        /// The output.
        name: &'static str,
        /// Bytes of the line.
        length: usize,
    },
    /// A value is longer than GitHub passes on. A fault of goldsmith.
    #[error("output `{name}` has {length} characters, and {MAX_OUTPUT} is the most")]
    TooLong {
        /// The output.
        name: &'static str,
        /// UTF-16 code units of the value.
        length: usize,
    },
    /// The file could not be written. A fault of the runner's machine.
    #[error("cannot write the outputs")]
    Write(#[source] io::Error),
}

impl OutputError {
    /// The failure that this is to the run.
    pub fn failure(&self) -> Failure {
        Failure::caused_by(FailureClass::Report, self)
    }
}

/// An error if no runner could read `value` back as the output `name`.
pub fn check_output(name: &'static str, value: &str) -> Result<(), OutputError> {
    if let Some(length) = value.lines().map(str::len).find(|length| *length > MAX_LINE) {
        return Err(OutputError::LineTooLong { name, length });
    }
    let length = value.encode_utf16().count();
    if length > MAX_OUTPUT {
        return Err(OutputError::TooLong { name, length });
    }
    Ok(())
}

/// Appends outputs to the runner's file, all of them or none.
pub fn write_outputs(
    file: Option<&Utf8Path>,
    outputs: &[(&'static str, String)],
) -> Result<Delivery, OutputError> {
    let delimiter = format!("goldsmith-{}", Uuid::new_v4().simple());
    let entries: String = outputs
        .iter()
        .map(|(name, value)| entry(name, value, &delimiter))
        .collect::<Result<_, _>>()?;
    append(file, &entries).map_err(OutputError::Write)
}

/// The entry of one output. Every runner reads the value back as [`normal`] makes it.
fn entry(name: &'static str, value: &str, delimiter: &str) -> Result<String, OutputError> {
    let value = normal(value);
    check_output(name, &value)?;
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// A value without what only some runners keep: empty lines at its start, and carriage returns.
fn normal(value: &str) -> String {
    let value = value.replace("\r\n", "\n").replace('\r', "\n");
    value.trim_start_matches('\n').to_owned()
}

/// A value as JSON: in one line if that is not too long for any runner, else with every entry of a
/// list on a line of its own.
pub fn json_value(value: &impl Serialize) -> serde_json::Result<String> {
    let line = serde_json::to_string(value)?;
    if line.len() <= MAX_LINE {
        return Ok(line);
    }
    let mut lines = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut lines, EntryALine))?;
    String::from_utf8(lines).map_err(serde::ser::Error::custom)
}

/// Breaks lines before the entries of lists, and adds nothing else: the room is limited too.
struct EntryALine;

impl Formatter for EntryALine {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"\n" } else { b",\n" })
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use proptest::prelude::*;

    use super::*;
    use crate::runner::reference::{act_file, github_file};

    proptest! {
        #[test]
        fn whatever_the_values_every_runner_reads_them_back(
            values in prop::collection::vec("(.|[\n\r=<]|EOF){0,40}", 1..5),
        ) {
            let names = ["result", "published", "matrix", "report_path"];
            let outputs: Vec<_> = names.into_iter().zip(values).collect();
            let text: String = outputs
                .iter()
                .map(|(name, value)| entry(name, value, "EOF-5").unwrap())
                .collect();
            prop_assume!(outputs.iter().all(|(_, value)| !value.contains("EOF-5")));
            let expected: Vec<_> = outputs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), normal(value)))
                .collect();
            prop_assert_eq!(github_file(&text), Ok(expected.clone()));
            prop_assert_eq!(act_file(&text), Ok(expected));
        }
    }

    #[test]
    fn outputs_are_appended_and_a_missing_file_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(folder.path().to_owned()).unwrap();
        let file = folder.join("output");
        fs_err::write(&file, "earlier=1\n").unwrap();
        let outputs = [("result", "published".to_owned())];
        assert_eq!(write_outputs(Some(&file), &outputs).unwrap(), Delivery::Written);
        let read = github_file(&fs_err::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(read[0], ("earlier".to_owned(), "1".to_owned()));
        assert_eq!(read[1], ("result".to_owned(), "published".to_owned()));

        let unmounted = folder.join("missing/output");
        assert_eq!(write_outputs(Some(&unmounted), &outputs).unwrap(), Delivery::Nowhere);
        assert_eq!(write_outputs(None, &outputs).unwrap(), Delivery::Nowhere);
    }

    #[test]
    fn long_json_is_broken_into_lines_and_a_long_line_is_refused() {
        let images: Vec<_> = (0..10_000).map(|number| format!("image-{number}")).collect();
        let json = json_value(&images).unwrap();
        assert!(entry("matrix", &json, "EOF").is_ok());
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), images);
        assert_eq!(json_value(&[1, 2]).unwrap(), "[1,2]");

        let too_many = "x\n".repeat(250_001);
        let error = entry("matrix", &too_many, "EOF").unwrap_err();
        insta::assert_snapshot!(error, @"output `matrix` has 500002 characters, and 500000 is the most");
        let error = entry("matrix", &"x".repeat(60_001), "EOF").unwrap_err();
        insta::assert_snapshot!(error, @"output `matrix` has a line of 60001 bytes, and 60000 is the most");
    }
}
