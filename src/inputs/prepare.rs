//! The files that `prepare` starts and reads, as far as its command names them.

use camino::Utf8PathBuf;

use crate::model::Image;
use crate::template;

/// The script that `prepare` starts, if its first word is a file.
pub(super) fn script(image: &Image) -> Option<Utf8PathBuf> {
    let word = image.prepare.as_ref()?.run.split_whitespace().next()?;
    let path = at(image, word);
    path.is_file().then_some(path)
}

/// Files that are named after that: the script of an interpreter, what a script reads.
pub(super) fn named(image: &Image) -> Vec<Utf8PathBuf> {
    let Some(prepare) = &image.prepare else {
        return Vec::new();
    };
    let words = template::words(&prepare.run).filter(|word| word.contains(['/', '.']));
    words.map(|word| at(image, word)).filter(|path| path.is_file()).collect()
}

fn at(image: &Image, word: &str) -> Utf8PathBuf {
    crate::config::resolve(&image.workdir, word)
}
