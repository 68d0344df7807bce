//! `images.yml` as a whole.

use camino::Utf8Path;

use super::address;
use super::context::Context;
use super::field::Field;
use super::image;
use super::images::{self, Section};
use super::keys::Keys;
use super::layer::{self, Layer};
use super::node::{Node, Value};
use super::{number, plugins, yaml};
use crate::diagnostics::{Diagnostic, Places, Problems, SourceId, Sources, Span, quoted};
use crate::model::{Catalog, Failure, FailureClass, Judging};

/// Largest file. A hundred images take about 50 KiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Keys of the top level that come later.
pub(super) const LATER: [&str; 5] =
    ["notify", "report", "strict_report", "build_label", "issue_after"];

/// Attempts before a build is not tried again by itself, where nothing is said.
const RETRY_LIMIT: u32 = 3;

/// An `images.yml` that can be used.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What it says.
    pub catalog: Catalog,
    /// What it probably does not mean to say. Warnings only, often none.
    pub warnings: Problems,
    /// What it says and this version cannot do: refused by whoever would need it.
    pub later: Later,
    /// Where the values of the entries of `images:` stand, by position.
    pub places: Vec<Places>,
    /// What an image is judged by that the file does not have: what `defaults` says.
    pub judging: Judging,
}

/// What was found in an `images.yml`, right or wrong.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What of it is sound: images without any problem of their own. `None` if there are no images.
    pub found: Option<Found>,
    /// All problems, in the order of the file.
    pub problems: Problems,
}

/// What is sound in a file.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it says.
    pub catalog: Catalog,
    /// What it says and this version cannot do.
    pub later: Later,
    /// Where the values of the entries of `images:` stand, by position.
    pub places: Vec<Places>,
    /// What an image is judged by that the file does not have: what `defaults` says.
    pub judging: Judging,
}

impl Looked {
    /// The file if it can be used, else its problems.
    pub fn checked(self) -> Result<Checked, Problems> {
        let Self { found, problems } = self;
        match found.filter(|_| !problems.has_errors()) {
            Some(Found { catalog, later, places, judging }) => {
                Ok(Checked { catalog, warnings: problems, later, places, judging })
            }
            None => Err(problems),
        }
    }
}

/// What a file asks for and this version of goldsmith cannot do.
#[derive(Debug, Clone, Default)]
pub struct Later {
    /// What holds for all images.
    pub everywhere: Vec<Diagnostic>,
    /// What images ask for.
    pub images: Vec<LaterKey>,
}

/// A key of an image that asks for what this version of goldsmith cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaterKey {
    /// Position of the image's entry in the file.
    pub entry: u32,
    /// The key.
    pub key: &'static str,
    /// A refusal, at the key's place.
    pub refusal: Diagnostic,
}

/// Reads an `images.yml` that lies at `path`, which is absolute, and holds `bytes`.
///
/// Pure: paths are resolved by their text, nothing is looked at. Either the catalog, or all
/// problems at once, in the order of the file.
pub fn read(path: &Utf8Path, bytes: &[u8]) -> Result<Checked, Problems> {
    look(path, bytes).checked()
}

/// Like [`read`], and keeps what is sound in a file that is not: for whoever looks for problems.
pub fn look(path: &Utf8Path, bytes: &[u8]) -> Looked {
    let decoded = decode(bytes);
    let text = match &decoded {
        Ok(text) => text.clone(),
        Err(undecoded) => undecoded.shown.clone(),
    };
    let mut sources = Sources::default();
    let source = sources.add(path, text);
    let folder = path.parent().unwrap_or(path).to_owned();
    let mut context = Context::new(folder, Problems::new(sources));
    let root = decoded
        .map_err(|undecoded| undecoded.problem(source))
        .and_then(|text| yaml::parse(&text, source));
    let found = match root {
        Ok(Some(root)) => catalog(path, &root, &mut context),
        Ok(None) => {
            context.push(empty(source));
            None
        }
        Err(problem) => {
            context.push(problem);
            None
        }
    };
    Looked { found, problems: context.problems.in_order() }
}

/// So many problems of a file are named by the failure that it leads to.
const MAX_NAMED: usize = 10;

/// The failure of a run whose `images.yml` has `problems`. Whoever calls this has shown them with
/// the lines that they are in.
pub fn failure(problems: &Problems) -> Failure {
    let failure = Failure::new(FailureClass::Config, problems.summary());
    let failure = problems.lines(MAX_NAMED).into_iter().fold(failure, Failure::detail);
    failure.detail("`goldsmith lint` shows all of them where they stand")
}

/// Bytes that are no text, and what of them can be shown.
pub(super) struct Undecoded {
    id: &'static str,
    pub(super) shown: String,
    at: usize,
    message: String,
    label: &'static str,
    help: &'static str,
}

impl Undecoded {
    pub(super) fn problem(&self, source: SourceId) -> Diagnostic {
        let length = self.shown[self.at..].chars().next().map_or(0, char::len_utf8);
        let span = Span { source, start: self.at, end: self.at + length };
        Diagnostic::error(self.id, &self.message).at(span, self.label).help(self.help)
    }
}

/// The text of a file, without a byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Undecoded> {
    let nothing_shown = |id, message: String, help| Undecoded {
        id,
        shown: String::new(),
        at: 0,
        message,
        label: "",
        help,
    };
    if bytes.len() > MAX_BYTES {
        let kib = bytes.len().div_ceil(1024);
        return Err(nothing_shown(
            "too-large",
            format!(
                "the file is too large: {kib} KiB, and at most {} KiB are read",
                MAX_BYTES / 1024
            ),
            "is this really a file for goldsmith?",
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(nothing_shown("not-text", "the file is UTF-16".to_owned(), "save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            let byte = bytes.get(at).copied().unwrap_or_default();
            Err(Undecoded {
                id: "not-text",
                shown: String::from_utf8_lossy(bytes).into_owned(),
                at,
                message: format!(
                    "the file is not UTF-8: it has a byte 0x{byte:02x} that is no text"
                ),
                label: "this byte",
                help: "save the file as UTF-8",
            })
        }
    }
}

fn empty(source: SourceId) -> Diagnostic {
    let start = Span { source, start: 0, end: 0 };
    Diagnostic::error("empty-file", "the file says nothing")
        .at(start, "expected at least `version`, `registry` and `images`")
        .help("start with `version: 1`")
}

fn catalog(path: &Utf8Path, root: &Node, context: &mut Context) -> Option<Found> {
    let file = path.file_name().unwrap_or("images.yml");
    let field = Field { key: file, node: root };
    if !matches!(root.value, Value::Mapping(_)) {
        let message = format!("{}: expected a mapping of keys to values", quoted(file));
        let label = "expected `version`, `registry` and `images`";
        context.push(field.error("wrong-type", message, label).help("start with `version: 1`"));
        return None;
    }
    let mut keys = Keys::of(field, "at the top level", "version: 1", context)?;
    let help = "`version: 1` is the version of this format";
    if let Some(Format::Newer) = keys.required("version", help, context, format) {
        // Whatever else is unknown here belongs to that format.
        return None;
    }
    let help = "`registry` names the folder that keeps versions and channels, for example `registry: ./registry`";
    let registry = keys.required("registry", help, context, address::registry);
    let defaults = keys.read("defaults", context, defaults).unwrap_or_default();
    let help = format!("`images` names what is built, for example:\nimages:{}", images::EXAMPLE);
    let images = keys.required("images", help, context, |field, context| {
        images::read(field, &defaults, context)
    });
    let retry_limit =
        keys.read("retry_limit", context, |field, context| number::read(field, (1, 100), context));
    let plugin_mirror = keys.read("plugins", context, plugins::read);
    let everywhere = keys.later(&LATER, context).into_values().flatten().collect();
    let shared: Vec<&str> = [&layer::KEYS[..], &layer::LATER].concat();
    keys.misplaced(&shared, "under `defaults` or into an image", context);
    let image: Vec<&str> = [&image::KEYS[..], &image::LATER].concat();
    keys.misplaced(&image, "to an image", context);
    keys.finish(context);
    let registry = registry?;
    let Section { images, later: of_images, places } = images?;
    let retry_limit = retry_limit.unwrap_or(RETRY_LIMIT);
    let catalog = Catalog { path: path.to_owned(), registry, images, retry_limit, plugin_mirror };
    let later = Later { everywhere, images: of_images };
    Some(Found { catalog, later, places, judging: defaults.judging() })
}

/// The version of the format.
enum Format {
    One,
    Newer,
}

fn format(field: Field<'_>, context: &mut Context) -> Option<Format> {
    if matches!(field.node.value, Value::Mapping(_)) {
        let message = "`version`: expected the version of the format, found a mapping";
        let problem = field.error("wrong-type", message, "expected `1`");
        context.push(problem.help("how versions of images are named belongs to `defaults`"));
        return None;
    }
    let text = field.text("the version of the format", "1", context)?;
    let plain = matches!(&field.node.value, Value::Scalar(scalar) if scalar.plain);
    match text.parse::<u64>() {
        Ok(1) if plain && text == "1" => Some(Format::One),
        Ok(2..) if plain => {
            let message = format!("this file is made for a newer goldsmith: format {text}");
            let problem = field.error("newer-format", message, "this goldsmith reads format 1");
            context.push(problem.help("update goldsmith; nothing else of the file was checked"));
            Some(Format::Newer)
        }
        _ => {
            field.wrong_type("the number 1", "1", context);
            None
        }
    }
}

fn defaults(field: Field<'_>, context: &mut Context) -> Option<Layer> {
    let mut keys = Keys::of(field, "in `defaults`", "channel: candidate", context)?;
    let layer = Layer::read(&mut keys, context);
    let image: Vec<&str> = [&image::KEYS[..], &image::LATER].concat();
    keys.misplaced(&image, "to an image", context);
    keys.misplaced(&["registry", "images"], "at the top level", context);
    keys.finish(context);
    Some(layer)
}
