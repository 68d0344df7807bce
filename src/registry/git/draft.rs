//! A commit as `git fast-import` reads it, and what it says of itself.

use std::fmt::Write as _;

use super::cache::Draft;
use super::settings::Identity;
use crate::model::{Act, Entry, LogEntry, Move};

/// The commit `draft` on the ref `name`, and the question what it and its files are called.
pub(super) fn stream(draft: &Draft<'_>, identity: &Identity, name: &str) -> Vec<u8> {
    let mut stream = b"feature done\n".to_vec();
    let mut say = |text: String, data: Option<&[u8]>| {
        stream.extend(text.into_bytes());
        if let Some(data) = data {
            stream.extend(format!("data {}\n", data.len()).into_bytes());
            stream.extend(data);
            stream.push(b'\n');
        }
    };
    for (mark, (_, content)) in (1..).zip(draft.files) {
        say(format!("blob\nmark :{mark}\n"), Some(content));
    }
    let commit = draft.files.len() + 1;
    let Identity { name: who, email, .. } = identity;
    let who = format!("{who} <{email}> {} +0000\n", draft.at);
    let heading = format!("commit {name}\nmark :{commit}\nauthor {who}committer {who}");
    say(heading, Some(draft.message.as_bytes()));
    if let Some(parent) = draft.parent {
        say(format!("from {parent}\n"), None);
    }
    for (mark, (path, _)) in (1..).zip(draft.files) {
        say(format!("M 100644 :{mark} {path}\n"), None);
    }
    say(format!("\nget-mark :{commit}\n"), None);
    for mark in 1..commit {
        say(format!("get-mark :{mark}\n"), None);
    }
    say("done\n".to_owned(), None);
    stream
}

/// The message of the commit that records `entry`.
pub(super) fn message(entry: &LogEntry) -> String {
    let what = match &entry.entry {
        Entry::Reserved { version } => format!("reserved {version}"),
        Entry::Published(record) => format!("published {}", record.version),
        Entry::Verified(record) => format!("verified {}", record.version),
        Entry::Rejected(record) => format!("rejected {}", record.version),
        Entry::Failed(record) => format!("failed {}", record.version),
        Entry::Abandoned { version } => format!("abandoned {version}"),
        Entry::Revoked { version, .. } => format!("revoked {version}"),
        Entry::Rescanned { version, .. } => format!("rescanned {version}"),
        Entry::Marked { version, after } => format!("marked {version}: its bytes go after {after}"),
        Entry::Unmarked { version, .. } => format!("unmarked {version}"),
        Entry::Pruned { version, .. } => format!("pruned {version}"),
        Entry::Restored { version, .. } => format!("restored {version}"),
        Entry::Moved { .. } | Entry::Swapped { .. } => {
            let moves = entry.entry.moves().map(|what| {
                let Move { channel, from, to, act, held, .. } = what;
                let instead = from.filter(|from| *from != to);
                let instead = instead.map(|from| format!(" instead of {from}")).unwrap_or_default();
                let held = if held { ", and is held" } else { "" };
                let act = match act {
                    Act::Entered => String::new(),
                    act => format!(" ({})", act.as_str()),
                };
                format!("{channel} names {to}{instead}{held}{act}")
            });
            moves.collect::<Vec<_>>().join(", ")
        }
        Entry::Unknown => "something that this goldsmith does not know".to_owned(),
    };
    let mut message = format!("{}: {what}\n\nRun: {}\n", entry.image, entry.run);
    for (key, value) in [("Run-URL", &entry.run_url), ("By", &entry.by)] {
        // One line, whatever a forge made of it.
        if let Some(value) = value.as_ref().filter(|value| !value.contains(char::is_control)) {
            let _ = writeln!(message, "{key}: {value}");
        }
    }
    message
}
