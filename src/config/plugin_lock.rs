//! `goldsmith.lock`: the plugins of Packer that templates are built with. Read as strictly as
//! `images.yml`, all problems at once, since people resolve conflicts of branches in it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use camino::Utf8Path;

use super::context::Context;
use super::document::decode;
use super::field::{Field, Named};
use super::keys::Keys;
use super::node::Node;
use super::yaml;
use crate::diagnostics::{Diagnostic, Problems, Sources, Span, quoted};
use crate::model::{LockedPrograms, PluginLock};

const EXAMPLE: &str = "
  github.com/hashicorp/qemu:
    1.1.4:
      linux_amd64: sha256:e3b0c442…";

/// Reads the lock that lies at `path` and holds `bytes`: all of it, or all problems.
pub fn read(path: &Utf8Path, bytes: &[u8]) -> Result<PluginLock, Problems> {
    let (lock, problems) = look(path, bytes, Problems::new(Sources::default()));
    lock.ok_or(problems)
}

/// Like [`read`], and adds what it finds to `problems`.
pub fn look(
    path: &Utf8Path,
    bytes: &[u8],
    mut problems: Problems,
) -> (Option<PluginLock>, Problems) {
    let decoded = decode(bytes);
    let source = match &decoded {
        Ok(text) => problems.add_source(path, text.clone()),
        Err(undecoded) => problems.add_source(path, undecoded.shown.clone()),
    };
    let mut context = Context::new(path.parent().unwrap_or(path).to_owned(), problems);
    let root = decoded
        .map_err(|undecoded| undecoded.problem(source))
        .and_then(|text| yaml::parse(&text, source));
    let read = match root {
        Ok(Some(root)) => lock(&root, &mut context),
        Ok(None) => {
            let start = Span { source, start: 0, end: 0 };
            let problem = Diagnostic::error("empty-file", "the file says nothing");
            let problem = problem.at(start, "expected `version` and `plugins`");
            context.push(problem.help("remove it and run `goldsmith plugins`"));
            None
        }
        Err(problem) => {
            context.push(problem);
            None
        }
    };
    (read.filter(|_| !context.failed), context.problems.in_order())
}

fn lock(root: &Node, context: &mut Context) -> Option<PluginLock> {
    let field = Field { key: PluginLock::FILE, node: root };
    let mut keys = Keys::of(field, "at the top level", "version: 1", context)?;
    let help = "`version: 1` is the version of this format";
    keys.required("version", help, context, |field, context| {
        let text = field.text("the version of the format", "1", context)?;
        match text.parse::<u64>() {
            Ok(1) => Some(()),
            Ok(2..) => {
                let message = format!("this file is made for a newer goldsmith: format {text}");
                let problem = field.error("newer-format", message, "this goldsmith reads format 1");
                context.push(problem.help("update goldsmith"));
                None
            }
            _ => {
                field.wrong_type("the number 1", "1", context);
                None
            }
        }
    })?;
    let help =
        format!("`plugins` names what templates are built with, for example:\nplugins:{EXAMPLE}");
    let plugins = keys.required("plugins", help, context, |field, context| {
        named(field, "plugin", EXAMPLE, context, |field, context| {
            let example = "{ 1.1.4: { linux_amd64: \"sha256:e3b0c442…\" } }";
            named(field, "version", example, context, |field, context| {
                let example = "{ linux_amd64: \"sha256:e3b0c442…\" }";
                let programs: Option<LockedPrograms> =
                    named(field, "platform", example, context, |field, context| {
                        let text = field.text("a digest", "sha256:e3b0c442…", context)?;
                        let label = "expected `sha256:` and 64 hexadecimal digits";
                        let message = || format!("{} is not a digest", quoted(text));
                        let problem = |_| field.error("bad-digest", message(), label);
                        text.parse().map_err(|error| context.push(problem(error))).ok()
                    });
                programs
            })
        })
    });
    keys.finish(context);
    Some(PluginLock { plugins: plugins? })
}

/// A mapping of names that `K` can parse. Names a thing of it `what`.
fn named<K, V>(
    field: Field<'_>,
    what: &str,
    example: &str,
    context: &mut Context,
    value: impl Fn(Field<'_>, &mut Context) -> Option<V>,
) -> Option<BTreeMap<K, V>>
where
    K: FromStr<Err: Display> + Ord,
{
    let expected = format!("a mapping of {what}s");
    let mut all = BTreeMap::new();
    for Named { key, value: entry } in field.entries(what, &expected, example, context)? {
        let value = value(entry, context);
        match entry.key.parse::<K>() {
            Ok(name) => {
                all.extend(value.map(|value| (name, value)));
            }
            Err(why) => {
                let message = format!("{} is not the name of a {what}", quoted(entry.key));
                context.push(key.error("bad-plugin", message, why.to_string()));
            }
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostics::Style;

    fn told(text: &str) -> String {
        let read = read("/repository/goldsmith.lock".into(), text.as_bytes());
        read.map_or_else(
            |problems| {
                let problems = problems.shown_from("/repository".into());
                problems.excerpts(Style::Plain)
            },
            |lock| format!("{lock:?}"),
        )
    }

    #[test]
    fn a_slip_is_told_with_its_place() {
        let text = "\
version: 1
plugins:
  hashicorp/qemu: {}
  github.com/hashicorp/qemu:
    v1.1.4:
      linux_amd64: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    1.0.9:
      linux-amd64: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      linux_arm64: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    1.0.9: 7
plugin: {}
<<<<<<< HEAD
";
        let without_conflict = text.lines().take(11).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(told(&without_conflict), @r#"
        error[bad-plugin]: `hashicorp/qemu` is not the name of a plugin
         --> goldsmith.lock:3:3
          |
        3 |   hashicorp/qemu: {}
          |   ^^^^^^^^^^^^^^ expected a source such as `github.com/hashicorp/qemu`

        error[bad-plugin]: `v1.1.4` is not the name of a version
         --> goldsmith.lock:5:5
          |
        5 |     v1.1.4:
          |     ^^^^^^ expected a version such as `1.1.4`

        error[bad-plugin]: `linux-amd64` is not the name of a platform
         --> goldsmith.lock:8:7
          |
        8 |       linux-amd64: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
          |       ^^^^^^^^^^^ expected a platform such as `linux_amd64`

        error[bad-digest]: `e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852…` is not a digest
         --> goldsmith.lock:9:20
          |
        9 |       linux_arm64: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
          |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected `sha256:` and 64 hexadecimal digits

        error[duplicate-key]: duplicate version `1.0.9`
          --> goldsmith.lock:10:5
           |
         7 |     1.0.9:
           |     ----- first here
        ...
        10 |     1.0.9: 7
           |     ^^^^^ again here

        error[wrong-type]: `1.0.9`: expected a mapping of platforms, found `7`
          --> goldsmith.lock:10:12
           |
        10 |     1.0.9: 7
           |            ^ expected a mapping of platforms
           |
           = help: for example `1.0.9: { linux_amd64: "sha256:e3b0c442…" }`

        error[unknown-key]: unknown key `plugin` at the top level
          --> goldsmith.lock:11:1
           |
        11 | plugin: {}
           | ^^^^^^ did you mean `plugins`?
        "#);
        insta::assert_snapshot!(told(text), @"
        error[yaml-syntax]: not valid YAML: a `:` is missing after this key
          --> goldsmith.lock:12:1
           |
        12 | <<<<<<< HEAD
           | ^ expected `key: value`
        ");
        insta::assert_snapshot!(told("version: 2\nplugins: []\n"), @"
        error[newer-format]: this file is made for a newer goldsmith: format 2
         --> goldsmith.lock:1:10
          |
        1 | version: 2
          |          ^ this goldsmith reads format 1
          |
          = help: update goldsmith
        ");
        insta::assert_snapshot!(told(""), @"
        error[empty-file]: the file says nothing
        --> goldsmith.lock
         = help: remove it and run `goldsmith plugins`
        ");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            plugins in prop::collection::btree_map(
                "[a-z]{1,4}\\.com/[a-zA-Z0-9]{1,5}/[a-z0-9]{1,5}",
                prop::collection::btree_map(
                    "(0|[1-9][0-9]?)\\.(0|[1-9])\\.(0|[1-9])(-dev)?",
                    prop::collection::btree_map("linux_[a-z0-9]{1,6}", "[a-f0-9]{64}", 0..3),
                    0..3,
                ),
                0..3,
            ),
        ) {
            let mut lock = PluginLock::default();
            for (source, versions) in plugins {
                let versions_of = lock.plugins.entry(source.parse().unwrap()).or_default();
                for (version, programs) in versions {
                    let programs = programs.iter().map(|(platform, digest)| {
                        (platform.parse().unwrap(), format!("sha256:{digest}").parse().unwrap())
                    });
                    versions_of.insert(version.parse().unwrap(), programs.collect());
                }
            }
            // A mapping of nothing is written as nothing, and there is never one.
            for versions in lock.plugins.values_mut() {
                versions.retain(|_, programs: &mut LockedPrograms| !programs.is_empty());
            }
            lock.plugins.retain(|_, versions| !versions.is_empty());
            let text = lock.to_yaml();
            let again = read("/goldsmith.lock".into(), text.as_bytes()).ok();
            prop_assert_eq!(again, Some(lock), "{}", text);
        }

        #[test]
        fn whatever_the_file_holds_there_is_an_answer(
            bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a-z0-9:\\{\\} \n./_]{0,200}",
        ) {
            let _ = read("/goldsmith.lock".into(), &bytes);
            let _ = read("/goldsmith.lock".into(), format!("version: 1\nplugins:\n{text}").as_bytes());
        }
    }
}
