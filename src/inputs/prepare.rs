//! The files that `prepare` and tests start and read, as far as their commands name them.

use camino::Utf8PathBuf;

use crate::model::{Image, Test};
use crate::template;

/// The script that `prepare` starts, if its first word is a file.
pub(super) fn script(image: &Image) -> Option<Utf8PathBuf> {
    let word = image.prepare.as_ref()?.run.split_whitespace().next()?;
    let path = at(image, word);
    path.is_file().then_some(path)
}

/// Files that are named after that, and by the commands of tests: scripts, the script of an
/// interpreter, what a script reads.
pub(super) fn named(image: &Image) -> Vec<Utf8PathBuf> {
    let of_tests = image.tests.iter().filter_map(|test| match test {
        Test::Boot => None,
        Test::Run(run) => Some(run),
    });
    let commands = image.prepare.iter().map(|prepare| &prepare.run).chain(of_tests);
    let words = commands.flat_map(|command| template::words(command));
    let words = words.filter(|word| word.contains(['/', '.']));
    words.map(|word| at(image, word)).filter(|path| path.is_file()).collect()
}

fn at(image: &Image, word: &str) -> Utf8PathBuf {
    crate::config::resolve(&image.workdir, word)
}
