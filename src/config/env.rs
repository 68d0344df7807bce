//! `env:` of an image: environment variables that are passed through by name.

use indexmap::IndexSet;

use super::context::Context;
use super::field::Field;
use crate::diagnostics::quoted;

/// Variables that are refused, by name or by the beginning of the name (`…*`), and why.
///
/// Most of them make an innocent program load or run something else: a template's author would
/// command the runner.
const REFUSED: [(&str, &[&str]); 4] = [
    (
        "it would load other code into every program",
        &["LD_*", "DYLD_*", "GCONV_PATH", "GLIBC_TUNABLES", "OPENSSL_CONF"],
    ),
    (
        "it would make an interpreter run other code",
        &[
            "BASH_ENV",
            "ENV",
            "BASH_FUNC_*",
            "SHELLOPTS",
            "BASHOPTS",
            "PS4",
            "IFS",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PYTHONHOME",
            "PYTHONINSPECT",
            "PERL5LIB",
            "PERL5OPT",
            "PERL5DB",
            "PERLLIB",
            "RUBYLIB",
            "RUBYOPT",
            "NODE_OPTIONS",
            "NODE_PATH",
            "LUA_INIT*",
            "JAVA_TOOL_OPTIONS",
            "GIT_*",
        ],
    ),
    (
        "goldsmith itself sets it for every child",
        &["PATH", "HOME", "TMPDIR", "PWD", "SHELL", "PKR_VAR_goldsmith_*", "GOLDSMITH_*"],
    ),
    ("it would change how goldsmith drives the tool", &["PACKER_*", "TRIVY_*", "CHECKPOINT_*"]),
];

/// Reads `env`.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Vec<String>> {
    let expected = "a list of environment variables";
    let entries = field.list(expected, "[PROXMOX_URL]", context)?;
    let names: IndexSet<String> =
        entries.into_iter().filter_map(|entry| name(entry, context)).collect();
    Some(names.into_iter().collect())
}

/// Reads the name of an environment variable that may be passed through.
pub(super) fn name(entry: Field<'_>, context: &mut Context) -> Option<String> {
    let name = entry.text("the name of an environment variable", "[PROXMOX_URL]", context)?;
    if let Some(why) = objection(name) {
        let message = format!("the environment variable {} cannot be passed through", quoted(name));
        context.push(entry.error("refused-variable", message, why));
    } else if !is_name(name) {
        let message = format!("{} is not the name of an environment variable", quoted(name));
        let label = "expected `A`-`Z`, digits and `_`, not starting with a digit";
        let problem = entry.error("bad-variable", message, label);
        context.push(if name.contains('=') {
            problem.help("only the name stands here: the value comes from the environment; fixed values belong to `vars`")
        } else {
            problem
        });
    } else {
        return Some(name.to_owned());
    }
    None
}

/// Whether `env` of an image may list the variable.
pub fn may_pass(name: &str) -> bool {
    objection(name).is_none() && is_name(name)
}

/// Why a variable is never passed through.
fn objection(name: &str) -> Option<&'static str> {
    let refuses = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    REFUSED
        .iter()
        .find(|(_, patterns)| patterns.iter().any(|pattern| refuses(pattern)))
        .map(|(why, _)| *why)
}

/// Upper case, or a Packer variable: `PKR_VAR_proxmox_token`.
fn is_name(name: &str) -> bool {
    let identifier = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match name.strip_prefix("PKR_VAR_") {
        Some(variable) => identifier(variable),
        None => identifier(name) && !name.contains(|c: char| c.is_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_command_programs_are_refused() {
        for name in ["LD_PRELOAD", "PATH", "HOME", "GIT_SSH_COMMAND", "PKR_VAR_goldsmith_image"] {
            assert!(objection(name).is_some(), "{name}");
        }
        for name in ["PROXMOX_URL", "PKR_VAR_proxmox_token", "AWS_REGION", "_X1", "ENVIRONMENT"] {
            assert!(objection(name).is_none() && is_name(name), "{name}");
        }
        for name in ["", "1A", "a", "A-B", "A=b", "PKR_VAR_", "PKR_VAR_1", "PKR_VAR_a-b", "É"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
