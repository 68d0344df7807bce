//! Files that are named in passing: by the words of a command, and by the text of other files.
//!
//! A word counts if something of that name is there. To take one file too many builds an image once
//! too often; to miss one leaves a change unnoticed.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::attributes::{BESIDE_PLAYBOOK, Names};
use super::functions::COST_OF_NAME;
use super::hcl;
use super::named_paths::{MAX_PATH, UNKNOWN};
use super::paths;
use super::references::{Anchor, Collector, Target};
use super::tree::Kind;
use super::value::Unknown;
use crate::diagnostics::Span;

/// Largest file that is looked into.
const MAX_FILE: usize = 256 * 1024;

/// The words of a command or of a list of settings, each of which may be a path. What a shell would
/// write into is none of them: what a build makes does not define it.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || "\"'`=,;:@()[]{}<>|&$".contains(character)
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (gap, after) = rest.split_at(rest.find(|character| !ends(character))?);
            let (word, left) = after.split_at(after.find(ends).unwrap_or(after.len()));
            rest = left;
            if !redirects(gap) {
                return Some(word);
            }
        }
    })
}

/// Whether the output of a command goes to what stands behind `gap`: `> `, `>>"`.
fn redirects(gap: &str) -> bool {
    let gap = gap.trim_end_matches([' ', '"', '\'']);
    gap.ends_with('>') && !gap.ends_with("=>") && !gap.ends_with("->")
}

impl Collector<'_, '_> {
    /// What the words of `text` name. `why` says why not all of it is known.
    pub(super) fn words(
        &mut self,
        text: &str,
        span: Span,
        anchor: Anchor<'_>,
        why: Option<&Unknown>,
    ) {
        let folders = anchor.names == Names::WordsForFolders;
        // A path with spaces in it.
        if self.mention(text, anchor.base, folders, span).is_some() {
            return;
        }
        let playbooks = anchor.names == Names::Commands && text.contains("ansible-playbook");
        for word in words(text) {
            let open = word.contains(UNKNOWN) && word.contains('/') && !word.starts_with(UNKNOWN);
            match why {
                Some(why) if open && anchor.names == Names::Commands => {
                    self.untracked(span, why.clone());
                }
                _ => {
                    // A command is short, and made of names.
                    let path = match anchor.names {
                        Names::Commands => self.find(word, anchor.base, folders, span),
                        _ => self.mention(word, anchor.base, folders, span),
                    };
                    if let Some(path) = path.filter(|path| playbooks && is_yaml(path)) {
                        self.playbook(&path, span);
                    }
                }
            }
        }
    }

    /// Takes what `word` names, as seen from `base`, if something is there. Returns it if it is a file.
    fn mention(
        &mut self,
        word: &str,
        base: &Utf8Path,
        folders: bool,
        span: Span,
    ) -> Option<Utf8PathBuf> {
        let is_name = word.contains(['/', '.']) && word.len() <= MAX_PATH;
        if !is_name || word.contains("//") || word.contains(char::is_control) {
            return None;
        }
        self.find(word, base, folders, span)
    }

    fn find(
        &mut self,
        word: &str,
        base: &Utf8Path,
        folders: bool,
        span: Span,
    ) -> Option<Utf8PathBuf> {
        let named = Utf8Path::new(word).components();
        let leads_somewhere = named.into_iter().any(|it| matches!(it, Utf8Component::Normal(_)));
        let path = paths::resolve(base, word);
        let evaluator = self.evaluator;
        let homes = [base, &evaluator.workdir, &evaluator.base];
        // Elsewhere lies what every machine has, and the machine that is built.
        let is_near = !word.starts_with('/') || homes.iter().any(|home| path.starts_with(home));
        if !leads_somewhere || !is_near {
            return None;
        }
        if let Err(why) = evaluator.spend(COST_OF_NAME) {
            self.untracked(span, why);
            return None;
        }
        match evaluator.tree.kind(&path)? {
            Kind::File => {
                self.reference(Target::Path(path.clone()), span);
                Some(path)
            }
            // A folder around everything says nothing.
            Kind::Folder if folders && !homes.iter().any(|home| home.starts_with(&path)) => {
                self.reference(Target::Path(path), span);
                None
            }
            _ => None,
        }
    }

    /// What Ansible finds beside the playbook at `path`, and what that and its settings name.
    pub(super) fn playbook(&mut self, path: &Utf8Path, span: Span) {
        if self.looked_into.contains(path) {
            return;
        }
        if let Err(why) = self.evaluator.spend(COST_OF_NAME * BESIDE_PLAYBOOK.len()) {
            return self.untracked(span, why);
        }
        for name in BESIDE_PLAYBOOK {
            let path = path.with_file_name(name);
            if self.evaluator.tree.kind(&path).is_some() {
                self.reference(Target::Path(path), span);
            }
        }
        let settings = self.evaluator.workdir.join("ansible.cfg");
        if self.evaluator.tree.kind(&settings).is_some() {
            self.reference(Target::Path(settings.clone()), span);
        }
        let mut left = vec![path.to_owned(), settings, path.with_file_name("ansible.cfg")];
        while let Some(path) = left.pop() {
            let Some(text) = self.look_into(&path, span) else { continue };
            let folder = path.parent().unwrap_or(&path);
            let are_settings = !is_yaml(&path);
            for word in words(&text) {
                let found = if are_settings {
                    self.find(word, folder, true, span)
                } else {
                    self.mention(word, folder, true, span)
                };
                left.extend(found.filter(|path| is_yaml(path)));
            }
        }
    }

    /// What a file for `templatefile` reads itself. Its variables have no values here.
    pub(super) fn template_file(&mut self, path: &Utf8Path, span: Span) {
        let Some(text) = self.look_into(path, span) else { return };
        if !text.contains("file") {
            return;
        }
        match hcl::parse_template(&text, span.source) {
            Ok(template) => {
                let outer = self.named_at.replace(self.named_at.unwrap_or(span));
                self.calls(&template, None);
                self.named_at = outer;
            }
            Err(_) if text.contains("file(") || text.contains("fileset(") => {
                self.untracked(span, Unknown::because("the file cannot be read as HCL"));
            }
            Err(_) => {}
        }
    }

    /// The text of a file that was not looked into before.
    fn look_into(&mut self, path: &Utf8Path, span: Span) -> Option<String> {
        let tree = self.evaluator.tree;
        if tree.kind(path) != Some(Kind::File) || !self.looked_into.insert(path.to_owned()) {
            return None;
        }
        let bytes = tree.read(path, MAX_FILE + 1).ok().filter(|bytes| bytes.len() <= MAX_FILE);
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text else {
            self.untracked(span, Unknown::because("goldsmith cannot look into the file"));
            return None;
        };
        match self.evaluator.spend(text.len() / 64) {
            Ok(()) => Some(text),
            Err(why) => {
                self.untracked(span, why);
                None
            }
        }
    }
}

fn is_yaml(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("yml" | "yaml"))
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::template::{MemoryTree, Request, read};

    #[test]
    fn files_that_are_named_in_passing_are_found() {
        let template = r#"
            data "external" "keys" { program = ["python3", "bin/keys.py"] }
            source "qemu" "a" {
              qemuargs          = [["-drive", "file=seed.img,format=raw"], ["-m", "1.5"]]
              efi_firmware_code = "/usr/share/OVMF/OVMF_CODE.fd"
              efi_firmware_vars = "fw/my vars.fd"
              boot_command      = ["bin/keys.py<enter>"]
              output_directory  = "bin/keys.py"
              http_content      = { "/ks" = templatefile("ks.tpl", { name = "x" }) }
            }
            build {
              sources = ["qemu.a"]
              provisioner "shell" { inline = ["sh bin/guest.sh"] }
              provisioner "shell-local" {
                environment_vars = ["CONFIG=etc/site.ini"]
                inline           = ["bash ./bin/make.sh ${var.unset}/x", "echo ${var.unset}", "cd .. && ls /etc/passwd", "pack meta-data"]
              }
              provisioner "ansible" {
                playbook_file    = "ansible/site.yml"
                extra_arguments  = ["-e", "@etc/vars.yml"]
                ansible_env_vars = ["ANSIBLE_ROLES_PATH=shared/roles:/usr/share/roles"]
              }
              provisioner "third-party" {
                profile     = "profiles/base"
                destination = "etc/site.ini"
              }
              post-processor "shell-local" { command = "ansible-playbook -i etc/site.ini late/late.yml" }
              post-processor "manifest" { output = "manifest.json" }
            }
        "#;
        let mut tree = MemoryTree::default()
            .file("/w/a.pkr.hcl", template)
            .file(
                "/w/ks.tpl",
                "${name} ${file(\"keys/admin.pub\")} %{ for k in [1] }${file(name)}%{ endfor }",
            )
            .file("/w/ansible/site.yml", "- import_playbook: web.yml\n- roles: [../shared/more]\n")
            .file(
                "/w/ansible/web.yml",
                "- vars_files: [\"vars.yml\"]\n- import_playbook: web.yml\n",
            )
            .file("/w/ansible.cfg", "[defaults]\ninventory = hosts\n");
        for name in [
            "bin/keys.py",
            "seed.img",
            "fw/my vars.fd",
            "bin/guest.sh",
            "bin/make.sh",
            "etc/site.ini",
            "etc/vars.yml",
            "shared/roles/a/main.yml",
            "shared/more/main.yml",
            "profiles/base/x",
            "late/late.yml",
            "late/roles/a",
            "manifest.json",
            "ansible/vars.yml",
            "ansible/other.yml",
            "hosts",
            "keys/admin.pub",
        ] {
            tree = tree.file(format!("/w/{name}"), "");
        }
        let vars = IndexMap::new();
        let folder = "/w".into();
        let request = Request { template: folder, workdir: folder, var_files: &[], vars: &vars };
        let template = read(&tree, &request);
        assert!(!template.problems.has_errors());
        let mut found: Vec<String> =
            template.references.iter().map(|reference| format!("{:?}", reference.target)).collect();
        found.sort();
        insta::assert_snapshot!(found.join("\n"), @r#"
        Path("/w/ansible.cfg")
        Path("/w/ansible/site.yml")
        Path("/w/ansible/vars.yml")
        Path("/w/ansible/web.yml")
        Path("/w/bin/keys.py")
        Path("/w/bin/make.sh")
        Path("/w/etc/site.ini")
        Path("/w/etc/vars.yml")
        Path("/w/fw/my vars.fd")
        Path("/w/hosts")
        Path("/w/keys/admin.pub")
        Path("/w/ks.tpl")
        Path("/w/late/late.yml")
        Path("/w/late/roles")
        Path("/w/profiles/base")
        Path("/w/seed.img")
        Path("/w/shared/more")
        Path("/w/shared/roles")
        "#);
        let untracked = template.untracked.iter().map(|it| format!("{}: {}", it.text, it.why));
        insta::assert_snapshot!(untracked.collect::<Vec<_>>().join("\n"), @r#"templatefile("ks.tpl", { name = "x" }): `name` is known only to Packer"#);
    }

    #[test]
    fn commands_are_taken_apart_into_words() {
        let found: Vec<&str> = words("A='b/c.sh' x=./d; (e \"f g\") @h | i <j").collect();
        assert_eq!(found, ["A", "b/c.sh", "x", "./d", "e", "f", "g", "h", "i", "j"]);
    }

    #[test]
    fn what_a_command_writes_is_none_of_its_words() {
        let said = |text| words(text).collect::<Vec<_>>().join(" ");
        assert_eq!(said("x.sh >out.txt 2>> \"log.txt\"; cat out.txt"), "x.sh 2 cat out.txt");
        assert_eq!(said("a => b.txt\nrun: >\n  tool c.txt"), "a b.txt run tool c.txt");
    }
}
