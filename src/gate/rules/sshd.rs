//! What sshd's configuration comes to (sshd_config(5)): the first value of a keyword counts, and
//! `Include` puts files where it stands.

use crate::model::Line;

/// How deep files include each other.
const DEPTH: usize = 4;

/// The line that decides about `keyword` for everybody; none if the default holds. What stands in a
/// `Match` block holds for some only.
pub(super) fn setting<'l>(lines: &'l [Line], keyword: &str) -> Option<&'l Line> {
    let main = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];
    let main = main.into_iter().find(|main| lines.iter().any(|line| line.path == *main))?;
    of_file(lines, main, keyword, 0)
}

/// The value of a line: everything behind the keyword.
pub(super) fn value(line: &Line) -> &str {
    split(&line.text).1
}

/// Whether `keyword` has this value, where `default` is what it has by itself.
pub(super) fn is(lines: &[Line], keyword: &str, value_: &str, default: &str) -> bool {
    let set = setting(lines, keyword).map_or(default, value);
    set.eq_ignore_ascii_case(value_)
}

fn of_file<'l>(lines: &'l [Line], path: &str, keyword: &str, depth: usize) -> Option<&'l Line> {
    for line in lines.iter().filter(|line| line.path == path) {
        let (name, value) = split(&line.text);
        if name.eq_ignore_ascii_case("match") {
            return None;
        }
        if name.eq_ignore_ascii_case(keyword) {
            return Some(line);
        }
        if name.eq_ignore_ascii_case("include") && depth < DEPTH {
            for pattern in value.split_whitespace() {
                let mut included: Vec<&str> = lines.iter().map(|line| line.path.as_str()).collect();
                included.dedup();
                included.retain(|path| fits(pattern, path));
                included.sort_unstable();
                included.dedup();
                let mut found =
                    included.iter().filter_map(|path| of_file(lines, path, keyword, depth + 1));
                if let Some(found) = found.next() {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// Whether a pattern with at most one star in the last name means a path. Relative ones begin in
/// `/etc/ssh`.
fn fits(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_matches('"');
    let absolute;
    let pattern = if pattern.starts_with('/') {
        pattern
    } else {
        absolute = format!("/etc/ssh/{pattern}");
        &absolute
    };
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|middle| !middle.contains('/')),
    }
}

/// The keyword, and what stands behind it and an optional `=`.
fn split(text: &str) -> (&str, &str) {
    let end = text.find([' ', '=']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (name, rest.trim_start_matches([' ', '=']).trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(files: &[(&str, &str)]) -> Vec<Line> {
        let lines = files.iter().flat_map(|(path, text)| {
            text.lines().enumerate().map(move |(number, text)| Line {
                path: (*path).to_owned(),
                line: number + 1,
                text: text.to_owned(),
            })
        });
        lines.collect()
    }

    #[test]
    fn the_first_value_counts_wherever_it_is_included_from() {
        let main = "/etc/ssh/sshd_config";
        let lines = lines(&[
            (
                main,
                "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nX11Forwarding=no\nMatch User git\nMaxAuthTries 2",
            ),
            ("/etc/ssh/sshd_config.d/10.conf", "permitrootlogin no"),
            ("/etc/ssh/sshd_config.d/20.conf", "PermitRootLogin yes\nMaxSessions 3"),
            ("/etc/ssh/sshd_config.d/README", "MaxSessions 1"),
        ]);
        let told = |keyword| setting(&lines, keyword).map(|line| (value(line), line.line));
        assert_eq!(told("PermitRootLogin"), Some(("no", 1)));
        assert_eq!(told("MaxSessions"), Some(("3", 2)));
        assert_eq!(told("X11Forwarding"), Some(("no", 3)));
        assert_eq!(told("MaxAuthTries"), None, "it holds for some users only");
        assert!(is(&lines, "PermitEmptyPasswords", "no", "no"));
    }

    #[test]
    fn files_that_include_each_other_end() {
        let path = "/etc/ssh/sshd_config";
        let lines = lines(&[(path, &format!("Include {path} {path}\n").repeat(4))]);
        assert_eq!(setting(&lines, "PermitRootLogin"), None);
    }
}
