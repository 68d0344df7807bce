//! The kinds of problems.

use crate::diagnostics::Kind;

const fn kind(id: &'static str, meaning: &'static str) -> Kind {
    Kind { id, meaning }
}

/// All kinds of problems that `images.yml` can have by itself.
pub const PROBLEMS: &[Kind] = &[
    kind(
        "bad-address",
        "This is no address of a folder. Write `file:///` and an absolute path, or a path that starts with `./`, `../` or `/`: every other word stays free for what it means in the format.",
    ),
    kind(
        "bad-build",
        "This is no name of a single Packer build. A template names its builds `type.name`, or `block.type.name` where the `build` block has a name; wildcards and lists are not possible, since one image is one build.",
    ),
    kind("bad-choice", "The value is none of the words that are possible here."),
    kind(
        "bad-cron",
        "This is no cron expression of five fields (minute, hour, day of month, month, day of week), or no day of the calendar ever matches it.",
    ),
    kind("bad-date", "This is no day of the calendar. Write year, month and day: `2026-12-31`."),
    kind(
        "bad-duration",
        "This is no duration. Write whole numbers with a unit each, from large to small: `45m`, `1h30m`, `7d`. Zero and more than 3650 days are refused.",
    ),
    kind(
        "bad-mirror",
        "This is no place for a mirror of plugins. Write a folder (`file:///…`, or a path that starts with `./`, `../` or `/`), or an address that begins with `https://` or `http://`, without a password.",
    ),
    kind(
        "bad-name",
        "This cannot be a name. Names stand in paths, tags and URLs, so they have at most 100 characters out of a-z, 0-9, `.`, `_` and `-`, and start and end with a letter or a digit.",
    ),
    kind("bad-number", "This is no whole number, or none that is possible here."),
    kind(
        "bad-os",
        "The family or the release of the operating system is written in a way in which no scan can report it. A scan that finds something else is not trusted.",
    ),
    kind(
        "bad-path",
        "This is no path, or no path of what is expected here. `~` is not expanded, and a URL is no path.",
    ),
    kind(
        "bad-placeholder",
        "A placeholder begins with `${` and has no `}`. For the text itself write `$${`.",
    ),
    kind(
        "bad-promotion",
        "This rule promotes nothing. It leads from one channel to another one, and there is one rule for two channels.",
    ),
    kind(
        "bad-size",
        "This is no size. Write a whole number and a unit, without a blank: `512M`, `8G`.",
    ),
    kind(
        "bad-text",
        "The text holds a character that cannot be passed on to a program, such as NUL.",
    ),
    kind(
        "bad-timezone",
        "This is no name of the IANA time zone database, which is part of goldsmith: the same file means the same on every machine.",
    ),
    kind(
        "bad-variable",
        "This cannot be the name of a variable. Packer variables are identifiers; environment variables are written in capitals, or `PKR_VAR_` and a Packer variable.",
    ),
    kind(
        "bad-version-base",
        "The base of a version is two numbers, such as `1.0`. goldsmith appends the day and, from the second version of a day on, a count.",
    ),
    kind(
        "duplicate-key",
        "The same key stands twice in one mapping. Only one of them could count, so none does.",
    ),
    kind("duplicate-store", "The same store is named twice in one list."),
    kind("duplicate-value", "The same value is named twice in one list."),
    kind("empty-file", "The file holds nothing, or nothing but comments."),
    kind("empty-matrix", "The matrix of an image has no combination, so there is no image."),
    kind(
        "idle-exclusion",
        "An entry of `exclude` leaves no combination out, so it is probably misspelt.",
    ),
    kind(
        "misplaced-key",
        "The format has this key, and at another place. What holds for every image stands under `defaults`.",
    ),
    kind(
        "misplaced-placeholder",
        "A placeholder stands where it cannot be filled in. What is known only in a run can stand in values of `vars`, and nowhere else.",
    ),
    kind("missing-key", "A key is missing that is required here."),
    kind(
        "newer-format",
        "The file says that it is written for a later version of the format. Nothing else of it was checked; update goldsmith.",
    ),
    kind("no-images", "The file names no image."),
    kind(
        "no-store",
        "An image has no store, so its versions would have nowhere to go. Give it `stores`, or give `defaults` some.",
    ),
    kind(
        "not-available-yet",
        "The key or the value is part of the format, and this version of goldsmith cannot do it. `lint` warns of it; what is to be built with it is refused, so that nobody relies on what does not happen.",
    ),
    kind("not-text", "The file is not encoded as UTF-8."),
    kind(
        "nothing-blocks",
        "The gate of this image lets every finding pass, because `fail_on` is empty. If that is meant, nothing needs to be done.",
    ),
    kind(
        "parent-circle",
        "Images are each other's parents, or their own. An image can be built only after all of its parents.",
    ),
    kind(
        "refused-variable",
        "This environment variable is never passed on: it could make a program run other code, or change how goldsmith drives its tools.",
    ),
    kind("reserved-name", "goldsmith itself uses this name."),
    kind(
        "same-name",
        "Two combinations of a matrix, or two entries, make images of the same name. Every axis that tells images apart belongs into the name.",
    ),
    kind(
        "several-documents",
        "The file holds more than one YAML document. Which one counts is not guessed.",
    ),
    kind("too-large", "The file is larger than 4 MiB, so it is probably something else."),
    kind(
        "too-many-images",
        "The file has more images than goldsmith plans for: 20000, or written out those of one matrix are longer than 128 MiB.",
    ),
    kind("unknown-axis", "An entry of `exclude` names an axis that the matrix does not have."),
    kind(
        "unknown-channel",
        "No image of the file enters a channel of this name by itself, and one of a similar name is entered.",
    ),
    kind("unknown-image", "No image of the file has this name."),
    kind(
        "unknown-key",
        "The format has no such key. Unknown keys are refused, because a misspelt one would silently do nothing.",
    ),
    kind(
        "unknown-os",
        "No operating system's family is known by this name, and a similar one is. The gate trusts a scan only if it finds exactly this family.",
    ),
    kind("unknown-placeholder", "Nothing is known by the name of this placeholder here."),
    kind("wrong-type", "The value is of another type than is expected here."),
    kind(
        "yaml-alias",
        "An alias (`*name`) has no anchor (`&name`) before it, stands inside itself, or repeats so much that the file becomes too large.",
    ),
    kind("yaml-depth", "The file is nested deeper than 32 levels. The format itself needs seven."),
    kind(
        "yaml-merge-key",
        "Merge keys (`<<`) are not supported: they change what a mapping has, and nobody sees it. Put what images share under `defaults`.",
    ),
    kind("yaml-syntax", "The file is not valid YAML."),
    kind(
        "yaml-tag",
        "YAML tags (`!!str`) are not supported. A value is read as the text that is written.",
    ),
];

/// All kinds of problems that `goldsmith.lock` can have, beside those.
pub const PROBLEMS_OF_LOCK: &[Kind] = &[
    kind(
        "bad-digest",
        "This is no digest. `goldsmith plugins` writes them: `sha256:` and 64 hexadecimal digits.",
    ),
    kind(
        "bad-plugin",
        "This is no name of a plugin, of a version or of a platform, as `goldsmith.lock` has them: `github.com/hashicorp/qemu`, `1.1.4` and `linux_amd64`. `goldsmith plugins` writes the file.",
    ),
];

/// All kinds of problems that a file with waivers can have, beside those.
pub const PROBLEMS_OF_WAIVERS: &[Kind] = &[
    kind(
        "bad-advisory",
        "This is no id of an advisory, as scanners write them: one word, such as `CVE-2026-1234`. Patterns are not possible: a waiver permits one finding that somebody has looked at.",
    ),
    kind(
        "bad-list",
        "The file that `kev` or `waivers` names cannot be used as a list. An empty or damaged list of what is exploited would give a grace to what has none.",
    ),
    kind(
        "bad-pattern",
        "This is no pattern of names. `*` and `?` stand for what is within a name, `[ab]` and `{a,b}` for one of several.",
    ),
    kind(
        "duplicate-waiver",
        "Two waivers permit the same finding for the same images and packages. Which of their reasons and days counts is not guessed.",
    ),
    kind("empty-list", "The list names nothing. Leave the key out to mean all."),
    kind(
        "idle-pattern",
        "No image that the file is for has a name like this, so the waiver permits less than it says; mostly the name is misspelt, or the image is gone.",
    ),
    kind(
        "too-many-waivers",
        "The file has more waivers or patterns than anybody could review: at most 5000 of each are read.",
    ),
    kind(
        "waiver-too-long",
        "The last day of a waiver is further away than `max_waiver` of an image admits. A waiver is looked at again before it goes on.",
    ),
];
