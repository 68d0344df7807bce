//! How runners read what a step writes, for tests: written after GitHub's runner
//! (`FileCommandManager.cs`) and act (`parse_env_file.go`), which Forgejo's and Gitea's runners come from.
//! How they read what it prints is in the testkit.

pub(super) use goldsmith_testkit::runner::{act_command, github_command, reporter_command};

/// The entries of an output file, in order.
type Entries = Vec<(String, String)>;

/// Splits a line at `=` or `<<`, whichever comes first: the name, whether it is a delimiter that
/// follows, and what follows.
fn split_entry(line: &str) -> Option<(&str, bool, &str)> {
    let (single, multi) = (line.find('='), line.find("<<"));
    match (single, multi) {
        (Some(single), multi) if multi.is_none_or(|multi| single < multi) => {
            Some((&line[..single], false, &line[single + 1..]))
        }
        (_, Some(multi)) => Some((&line[..multi], true, &line[multi + 2..])),
        _ => None,
    }
}

/// Reads an output file as GitHub's runner does.
pub(super) fn github_file(text: &str) -> Result<Entries, String> {
    let mut entries = Vec::new();
    let mut rest = text;
    let mut next_line = || -> Option<(&str, bool)> {
        if rest.is_empty() {
            return None;
        }
        let (line, after, ended) = match rest.split_once('\n') {
            Some((line, after)) => (line, after, true),
            None => (rest, "", false),
        };
        rest = after;
        Some((line, ended))
    };
    while let Some((line, _)) = next_line() {
        if line.is_empty() {
            continue;
        }
        let (name, multi, value) = split_entry(line).ok_or("invalid format")?;
        if name.is_empty() {
            return Err("name must not be empty".to_owned());
        }
        let value = if multi {
            let mut lines = Vec::new();
            loop {
                match next_line() {
                    Some((line, _)) if line == value => break,
                    Some((line, true)) => lines.push(line),
                    Some((_, false)) => return Err("EOF marker missing new line".to_owned()),
                    None => return Err("matching delimiter not found".to_owned()),
                }
            }
            lines.join("\n")
        } else {
            value.to_owned()
        };
        entries.push((name.to_owned(), value));
    }
    Ok(entries)
}

/// Reads an output file as act does.
pub(super) fn act_file(text: &str) -> Result<Entries, String> {
    // Go's line scanner takes a carriage return away and gives up at a long line.
    let mut lines = text
        .split_terminator('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .take_while(|line| line.len() < 64 * 1024);
    let mut entries = Vec::new();
    while let Some(line) = lines.next() {
        let (name, multi, value) = split_entry(line).ok_or("invalid format")?;
        let value = if multi {
            let mut content = String::new();
            loop {
                let line = lines.next().ok_or("delimiter not found")?;
                if line == value {
                    break content;
                }
                if !content.is_empty() {
                    content.push('\n');
                }
                content.push_str(line);
            }
        } else {
            value.to_owned()
        };
        entries.push((name.to_owned(), value));
    }
    Ok(entries)
}
