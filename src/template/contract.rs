//! The template contract, builder by builder: which attributes of a source decide where a build
//! leaves something, or under which name, and what goldsmith sets them to.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::edit::Collect;
use super::{json, paths};

/// What an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The folder of the artifact.
    Folder,
    /// The artifact itself.
    File,
    /// The name of a machine.
    Name,
    /// The name of a disk, with its ending.
    DiskName,
    /// The id of a machine on Proxmox VE.
    Id,
    /// What people and programs find a machine by.
    Tags,
}

/// An attribute of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// Whether it is set where the template does not: the builder's own choice would not do.
    pub(super) always: bool,
}

const fn always(name: &'static str, role: Role) -> Attribute {
    Attribute { name, role, always: true }
}

const fn if_set(name: &'static str, role: Role) -> Attribute {
    Attribute { name, role, always: false }
}

/// Without it, the artifact goes into the folder `output-NAME` where Packer runs.
const FOLDER: Attribute = always("output_directory", Role::Folder);

/// The machine has a name, and its files lie in a folder.
const NAMED: [Attribute; 2] = [if_set("vm_name", Role::Name), FOLDER];

/// The name of the machine is the one of its disk.
const QEMU: [Attribute; 2] = [if_set("vm_name", Role::DiskName), FOLDER];

/// Its own choice of a name has the second, and no more, of when it began.
const VIRTUALBOX: [Attribute; 2] = [always("vm_name", Role::Name), FOLDER];

const PROXMOX: [Attribute; 4] = [
    if_set("vm_name", Role::Name),
    if_set("template_name", Role::Name),
    if_set("vm_id", Role::Id),
    if_set("tags", Role::Tags),
];

/// The attributes of the contract that sources of this builder have. Of builders that leave no files
/// and are not known, none: what is not understood is not touched.
pub(super) fn attributes(builder: &str) -> &'static [Attribute] {
    match builder {
        "file" => &const { [if_set("target", Role::File)] },
        "qemu" => &QEMU,
        "hyperv-iso" | "hyperv-vmcx" | "parallels-iso" | "parallels-pvm" | "vmware-iso"
        | "vmware-vmx" => &NAMED,
        "virtualbox-iso" | "virtualbox-ovf" => &VIRTUALBOX,
        // Here the name is the one of a machine that is there already.
        "virtualbox-vm" => &const { [FOLDER] },
        "proxmox" | "proxmox-iso" | "proxmox-clone" => &PROXMOX,
        _ => &[],
    }
}

/// What goldsmith has chosen for one build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// A name that nothing else has.
    pub scratch_name: &'a str,
    /// Where the artifact goes, absolute.
    pub output_directory: &'a Utf8Path,
    /// The id on Proxmox VE, if it is built there.
    pub vmid: Option<u32>,
}

/// What a machine is tagged with while it is built: nothing that anybody looks for.
const TAG: &str = "goldsmith-build";

/// Proxmox VE takes the next id that is free.
const NEXT_FREE: &str = "0";

impl Chosen<'_> {
    /// Whether an attribute of this value does as it should. Paths are as seen from `workdir`.
    pub(super) fn is_met_by(&self, role: Role, value: &str, workdir: &Utf8Path) -> bool {
        let path = || paths::resolve(workdir, value);
        match role {
            Role::Folder => path().starts_with(self.output_directory),
            Role::File => {
                path().parent().is_some_and(|folder| folder.starts_with(self.output_directory))
            }
            Role::Name | Role::DiskName => value.contains(self.scratch_name),
            Role::Id => value == self.id(),
            Role::Tags => value == TAG,
        }
    }

    /// What the attribute is to be, as HCL. `value` is what the template says, if that can be told.
    pub(super) fn value(&self, role: Role, value: Option<&str>) -> String {
        self.literal(role, value, quoted)
    }

    /// The same in the older language.
    pub(super) fn value_in_json(&self, role: Role, value: Option<&str>) -> String {
        self.literal(role, value, in_json)
    }

    fn literal(&self, role: Role, value: Option<&str>, quoted: fn(&str) -> String) -> String {
        // Plugins tell formats by the ending, and people too.
        let ending = || {
            let name = Utf8Path::new(value?).file_name()?;
            let (_, ending) = name.rsplit_once('.')?;
            let plain = ending.len() <= 8 && ending.bytes().all(|it| it.is_ascii_alphanumeric());
            plain.then(|| format!(".{ending}"))
        };
        match role {
            Role::Folder => quoted(self.output_directory.as_str()),
            Role::File => {
                let name = value.and_then(|value| Utf8Path::new(value).file_name());
                quoted(self.output_directory.join(name.unwrap_or(self.scratch_name)).as_str())
            }
            Role::Name => quoted(self.scratch_name),
            Role::DiskName => {
                quoted(&(self.scratch_name.to_owned() + &ending().unwrap_or_default()))
            }
            Role::Id => self.id(),
            Role::Tags => quoted(TAG),
        }
    }

    fn id(&self) -> String {
        self.vmid.map_or_else(|| NEXT_FREE.to_owned(), |vmid| vmid.to_string())
    }
}

/// `text` as a literal of HCL.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '$' | '%' if rest.peek() == Some(&'{') => literal.extend([c, c]),
            c if c.is_control() => {
                let _ = write!(literal, "\\u{:04x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal + "\""
}

/// What a provisioner is added that runs in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Provisioner {
    /// Writes image and version down in the guest.
    Stamp { image: String, version: String, windows: bool },
    /// Runs this script, absolute.
    Script(Utf8PathBuf),
    /// The same, where only what reads it has to be executable.
    Read { script: Utf8PathBuf, windows: bool },
    /// Fetches the file `made`.
    Fetch { made: String, download: Utf8PathBuf },
    /// Removes the file `made`.
    Remove { made: String, windows: bool },
}

/// Begins the line by which a guest says that it could not be stamped.
pub const NOT_STAMPED: &str = "goldsmith: the version is not written down in the image";

/// How a script is run: some guests execute nothing below /tmp.
const BY_SHELL: &str = "{{ .Vars }} /bin/sh {{ .Path }}";

impl Provisioner {
    /// What makes a file in the guest, fetches it and removes it.
    pub(super) fn collect(collect: &Collect<'_>, windows: bool) -> [Self; 3] {
        let made = collect.made.to_owned();
        [
            Self::Read { script: collect.script.to_owned(), windows },
            Self::Fetch { made: made.clone(), download: collect.download.to_owned() },
            Self::Remove { made, windows },
        ]
    }

    /// The block, for the build `only` of its build block, in lines.
    pub(super) fn lines(&self, only: &str) -> Vec<String> {
        let (kind, arguments) = self.parts(only);
        let mut lines = vec![format!("provisioner \"{kind}\" {{")];
        lines.extend(arguments.into_iter().map(|(name, value)| match value {
            Argument::Filled(text) => format!("  {name} = {}", quoted(&text)),
            Argument::Text(text) => format!("  {name} = {}", quoted(&as_it_is(&text))),
            Argument::List(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(&as_it_is(text))).collect();
                format!("  {name} = [{}]", texts.join(", "))
            }
        }));
        lines.push("}".to_owned());
        lines
    }

    /// The same as an object of the older language.
    pub(super) fn object(&self, only: &str) -> String {
        let (kind, arguments) = self.parts(only);
        let mut object = format!("{{\"type\": {}", json::quoted(kind));
        for (name, value) in arguments {
            let value = match value {
                Argument::Filled(text) => json::quoted(&text),
                Argument::Text(text) => in_json(&text),
                Argument::List(texts) => {
                    let texts: Vec<_> = texts.iter().map(|text| in_json(text)).collect();
                    format!("[{}]", texts.join(", "))
                }
            };
            let _ = write!(object, ", \"{name}\": {value}");
        }
        object + "}"
    }

    /// Its type, and what it is given.
    fn parts(&self, only: &str) -> (&'static str, Vec<(&'static str, Argument)>) {
        let (kind, mut arguments) = match self {
            Self::Script(path) => {
                let kind = if path.extension() == Some("ps1") { "powershell" } else { "shell" };
                (kind, vec![("script", Argument::Text(path.to_string()))])
            }
            Self::Stamp { image, version, windows: false } => {
                let write = "umask 022; printf 'IMAGE_ID=%s\\nIMAGE_VERSION=%s\\n' \"$1\" \"$2\" \
                             >/etc/image-release";
                let script = [
                    format!("write() {{ \"$@\" /bin/sh -c {} stamp {image} {version}; }}", in_sh(write)),
                    "write 2>/dev/null || write sudo -n 2>/dev/null || write doas -n 2>/dev/null ||"
                        .to_owned(),
                    format!("  echo '{NOT_STAMPED}: /etc/image-release needs root, and sudo without a password'"),
                ];
                by_shell("inline", Argument::List(script.into()))
            }
            Self::Stamp { image, version, windows: true } => {
                let script = [
                    "try {".to_owned(),
                    "$key = New-Item -Path 'HKLM:\\SOFTWARE\\ImageRelease' -Force -ErrorAction Stop"
                        .to_owned(),
                    format!("$key.SetValue('IMAGE_ID', '{image}')"),
                    format!("$key.SetValue('IMAGE_VERSION', '{version}')"),
                    format!("}} catch {{ Write-Output \"{NOT_STAMPED}: $_\" }}"),
                ];
                ("powershell", vec![("inline", Argument::List(script.into()))])
            }
            Self::Read { script, windows } => {
                let script = Argument::Text(script.to_string());
                if *windows {
                    ("powershell", vec![("script", script)])
                } else {
                    by_shell("script", script)
                }
            }
            Self::Fetch { made, download } => {
                let text = |text: &str| Argument::Text(text.to_owned());
                let ends = [("source", text(made)), ("destination", text(download.as_str()))];
                ("file", [("direction", text("download"))].into_iter().chain(ends).collect())
            }
            Self::Remove { made, windows: false } => {
                let remove = format!("rm -f {}", in_sh(made));
                by_shell("inline", Argument::List(vec![remove]))
            }
            Self::Remove { made, windows: true } => {
                let path = made.replace('\'', "''");
                let remove = format!("Remove-Item -LiteralPath '{path}' -Force");
                ("powershell", vec![("inline", Argument::List(vec![remove]))])
            }
        };
        arguments.push(("only", Argument::List(vec![only.to_owned()])));
        (kind, arguments)
    }
}

/// A step for `/bin/sh`.
fn by_shell(name: &'static str, what: Argument) -> (&'static str, Vec<(&'static str, Argument)>) {
    let execute = Argument::Filled(BY_SHELL.to_owned());
    ("shell", vec![("execute_command", execute), (name, what)])
}

/// What a provisioner is given.
enum Argument {
    /// Packer fills this in when the script is there.
    Filled(String),
    Text(String),
    List(Vec<String>),
}

/// `text` as a literal of the older language.
fn in_json(text: &str) -> String {
    json::quoted(&as_it_is(text))
}

/// What becomes `text` once Packer has filled in what stands in double braces: in both languages it
/// does so in whatever a provisioner is given.
fn as_it_is(text: &str) -> String {
    text.replace("{{", "{{`{{`}}")
}

/// `text` as one word of a shell.
fn in_sh(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_template_that_will_do_stay() {
        let chosen = Chosen {
            scratch_name: "debian-v1-abc",
            output_directory: "/runs/1/output".into(),
            vmid: None,
        };
        let met = |role, value| chosen.is_met_by(role, value, "/runs/1".into());
        for (role, value, fine) in [
            (Role::Folder, "/runs/1/output", true),
            (Role::Folder, "output/deeper", true),
            (Role::Folder, "/runs/1/output-2", false),
            (Role::Folder, "output/..", false),
            (Role::File, "output/disk", true),
            (Role::File, "output", false),
            (Role::Name, "debian-v1-abc.qcow2", true),
            (Role::Name, "debian", false),
            (Role::Id, "9000", false),
            (Role::Tags, "golden", false),
        ] {
            assert_eq!(met(role, value), fine, "{role:?} {value}");
        }
        for (role, value, wanted) in [
            (Role::Folder, None, "\"/runs/1/output\""),
            (Role::File, Some("out/disk.raw"), "\"/runs/1/output/disk.raw\""),
            (Role::File, None, "\"/runs/1/output/debian-v1-abc\""),
            (Role::DiskName, Some("a/debian-12.qcow2"), "\"debian-v1-abc.qcow2\""),
            (Role::DiskName, Some("debian-12.x"), "\"debian-v1-abc.x\""),
            (Role::DiskName, Some("debian.${x}"), "\"debian-v1-abc\""),
            (Role::Id, Some("9000"), "0"),
        ] {
            assert_eq!(chosen.value(role, value), wanted, "{role:?} {value:?}");
        }
        assert_eq!(quoted("a\"\\${b}%{c}$d\u{7}\n"), r#""a\"\\$${b}%%{c}$d\u0007\n""#);
    }
}
