//! What `collect.ps1` leaves in its parts.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::collected::{LeftOut, Pending, cut};
use crate::model::{OsIdentity, Package};

/// The most entries that are kept of a list.
const MOST: usize = 20_000;

/// Why the parts of a Windows guest cannot be read. The guest's fault.
#[derive(Debug, Error)]
pub enum WindowsError {
    /// A part is no JSON of the expected shape.
    #[error("the guest's `{part}` is not readable")]
    Json {
        /// Its name.
        part: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It does not say which Windows it is.
    #[error("the guest does not say which build of Windows it is")]
    NoBuild,
}

/// What a Windows guest says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// `windows`, with version and build as its release: `10.0.20348`.
    pub os: OsIdentity,
    /// What it calls itself: `Windows Server 2022 Standard`.
    pub product: String,
    /// Windows itself with its revision, programs, hotfixes and capabilities; sorted, no duplicates.
    pub packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Os {
    #[serde(rename = "ProductName", default)]
    product: String,
    #[serde(rename = "CurrentVersion", default)]
    version: String,
    #[serde(rename = "CurrentMajorVersionNumber", default)]
    major: u32,
    #[serde(rename = "CurrentMinorVersionNumber", default)]
    minor: u32,
    #[serde(rename = "CurrentBuild", default)]
    build: String,
    #[serde(rename = "UBR", default)]
    revision: u32,
}

#[derive(Deserialize)]
struct Hotfix {
    #[serde(rename = "HotFixID", default)]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Program {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    architecture: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Capability {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    #[serde(default)]
    title: String,
    #[serde(rename = "KBs", default)]
    articles: Vec<String>,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    since: String,
}

#[derive(Deserialize)]
struct Stamp {
    #[serde(rename = "IMAGE_ID")]
    image: Option<String>,
    #[serde(rename = "IMAGE_VERSION")]
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Missing {
    #[serde(default)]
    what: String,
    #[serde(default)]
    why: String,
}

impl Windows {
    /// Reads what `part` has of the parts: their texts by name. Lists that are not there are empty;
    /// what is missing, and why, [`Windows::left_out`] says.
    pub fn read<'a>(part: impl Fn(&str) -> Option<&'a str>) -> Result<Self, WindowsError> {
        let os: Os = json("os.json", part("os.json").ok_or(WindowsError::NoBuild)?)?;
        let version = match os.major {
            0 => os.version.clone(),
            major => format!("{major}.{}", os.minor),
        };
        if os.build.is_empty() || version.is_empty() {
            return Err(WindowsError::NoBuild);
        }
        let release = cut(&format!("{version}.{}", os.build));
        let package = |name: &str, version: &str, arch: &str| {
            let name = cut(name);
            Package { source: name.clone(), name, version: cut(version), arch: cut(arch) }
        };
        let mut packages = vec![package("windows", &format!("{release}.{}", os.revision), "")];
        let hotfixes: Vec<Hotfix> = list("hotfixes.json", &part)?;
        packages.extend(hotfixes.iter().map(|it| package(&it.id, "", "")));
        let programs: Vec<Program> = list("programs.json", &part)?;
        packages.extend(programs.iter().map(|it| package(&it.name, &it.version, &it.architecture)));
        let capabilities: Vec<Capability> = list("capabilities.json", &part)?;
        packages.extend(capabilities.iter().map(|it| {
            // OpenSSH.Server~~~~0.0.1.0
            let (name, version) = it.name.rsplit_once('~').unwrap_or((&it.name, ""));
            package(name.trim_end_matches('~'), version, "")
        }));
        packages.retain(|package| !package.name.is_empty());
        packages.sort();
        packages.dedup();
        let product = cut(&os.product);
        let os = OsIdentity { family: "windows".to_owned(), release };
        Ok(Self { os, product, packages })
    }

    /// Reads the part `pending.json`: the updates that Windows Update would install.
    pub fn pending(text: &str) -> Result<Vec<Pending>, WindowsError> {
        let updates: Vec<Update> = json("pending.json", text)?;
        let read = updates.into_iter().take(MOST).map(|update| {
            let articles: Vec<_> = update.articles.iter().map(|id| format!("KB{id}")).collect();
            Pending {
                package: cut(&update.title),
                installed: String::new(),
                available: cut(&articles.join(" ")),
                severity: Some(cut(&update.severity)).filter(|it| !it.is_empty()),
                since: update.since.parse().ok(),
            }
        });
        Ok(read.collect())
    }

    /// Reads the part `stamp.json`: the image and the version that are written down in the guest.
    pub fn stamp(text: &str) -> Result<Option<(String, String)>, WindowsError> {
        let Stamp { image, version } = json("stamp.json", text)?;
        Ok(image.zip(version).map(|(image, version)| (cut(&image), cut(&version))))
    }

    /// Reads the part `root.json`: whether an administrator has looked.
    pub fn as_administrator(text: &str) -> Result<bool, WindowsError> {
        json("root.json", text)
    }

    /// Reads the part `left-out.json`.
    pub fn left_out(text: &str) -> Result<Vec<LeftOut>, WindowsError> {
        let missing: Vec<Missing> = json("left-out.json", text)?;
        let read = missing.into_iter().take(MOST);
        Ok(read.map(|it| LeftOut { why: cut(&it.why), path: cut(&it.what) }).collect())
    }
}

fn json<T: DeserializeOwned>(part: &'static str, text: &str) -> Result<T, WindowsError> {
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|source| WindowsError::Json { part, source })
}

fn list<'a, T: DeserializeOwned>(
    name: &'static str,
    part: impl Fn(&str) -> Option<&'a str>,
) -> Result<Vec<T>, WindowsError> {
    let mut read: Vec<T> = part(name).map_or_else(|| Ok(Vec::new()), |text| json(name, text))?;
    read.truncate(MOST);
    Ok(read)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OS: &str = r#"{"ProductName":"Windows Server 2022 Standard","UBR":2700,"CurrentBuild":"20348","CurrentVersion":"6.3","CurrentMajorVersionNumber":10,"CurrentMinorVersionNumber":0,"EditionID":"ServerStandard","DisplayVersion":"21H2"}"#;
    const HOTFIXES: &str =
        r#"[{"HotFixID":"KB5034129","Description":"Security Update","InstalledOn":"2026-11-01"}]"#;
    const PROGRAMS: &str = r#"[{"Name":"7-Zip 24.08 (x64)","Version":"24.08","Publisher":"Igor Pavlov","Architecture":"x64"},{"Name":""}]"#;
    const CAPABILITIES: &str =
        "\u{feff}[{\"Name\":\"OpenSSH.Server~~~~0.0.1.0\",\"State\":\"Installed\"}]";

    #[test]
    fn a_windows_guest_is_known_by_its_build_and_what_is_installed() {
        let part = |name: &str| match name {
            "os.json" => Some(OS),
            "hotfixes.json" => Some(HOTFIXES),
            "programs.json" => Some(PROGRAMS),
            "capabilities.json" => Some(CAPABILITIES),
            _ => None,
        };
        let read = Windows::read(part).unwrap();
        assert_eq!(read.product, "Windows Server 2022 Standard");
        assert_eq!((read.os.family.as_str(), read.os.release.as_str()), ("windows", "10.0.20348"));
        let packages = read.packages.iter().map(|it| [&*it.name, &it.version, &it.arch].join("|"));
        insta::assert_snapshot!(packages.collect::<Vec<_>>().join("\n"), @"
        7-Zip 24.08 (x64)|24.08|x64
        KB5034129||
        OpenSSH.Server|0.0.1.0|
        windows|10.0.20348.2700|
        ");

        let newer = "\"CurrentMajorVersionNumber\":10,\"CurrentMinorVersionNumber\":0,";
        let old = OS.replace(newer, "");
        let old = Windows::read(|name| (name == "os.json").then_some(old.as_str())).unwrap();
        assert_eq!((old.os.release.as_str(), old.packages.len()), ("6.3.20348", 1));
    }

    #[test]
    fn updates_the_stamp_and_what_is_missing_are_read() {
        let pending = r#"[{"Title":"2026-11 Cumulative Update","KBs":["5034129"],"Severity":"Critical","Since":"2026-11-10T18:00:00Z"},{"Title":"Defender","KBs":[],"Severity":""}]"#;
        insta::assert_debug_snapshot!(Windows::pending(pending).unwrap(), @r#"
        [
            Pending {
                package: "2026-11 Cumulative Update",
                installed: "",
                available: "KB5034129",
                severity: Some(
                    "Critical",
                ),
                since: Some(
                    2026-11-10T18:00:00Z,
                ),
            },
            Pending {
                package: "Defender",
                installed: "",
                available: "",
                severity: None,
                since: None,
            },
        ]
        "#);
        let stamp = r#"{"IMAGE_ID":"windows-2022","IMAGE_VERSION":"1.0.20261126"}"#;
        let read = Windows::stamp(stamp).unwrap().unwrap();
        assert_eq!(read, ("windows-2022".to_owned(), "1.0.20261126".to_owned()));
        assert_eq!(Windows::stamp(r#"{"IMAGE_ID":null,"IMAGE_VERSION":null}"#).unwrap(), None);
        assert!(Windows::as_administrator("true").unwrap());
        let left = r#"[{"What":"pending.json","Why":"Exception from HRESULT: 0x8024402C"}]"#;
        let left = Windows::left_out(left).unwrap();
        assert_eq!((left[0].path.as_str(), left.len()), ("pending.json", 1));
    }

    #[test]
    fn a_guest_that_says_nothing_or_nonsense_is_no_windows() {
        let shown = |os: Option<&'static str>| {
            let error = Windows::read(|name| os.filter(|_| name == "os.json")).unwrap_err();
            let why = std::error::Error::source(&error);
            format!("{error}: {}", why.map_or_else(String::new, ToString::to_string))
        };
        insta::assert_snapshot!(shown(None), @"the guest does not say which build of Windows it is:");
        insta::assert_snapshot!(shown(Some("{}")), @"the guest does not say which build of Windows it is:");
        insta::assert_snapshot!(shown(Some("[")), @"the guest's `os.json` is not readable: EOF while parsing a list at line 1 column 1");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:A-Za-z0-9~]{0,80}") {
            let _ = Windows::read(|name| Some(if name == "os.json" { OS } else { &text }));
            let _ = (Windows::pending(&text), Windows::stamp(&text), Windows::left_out(&text));
        }
    }
}
