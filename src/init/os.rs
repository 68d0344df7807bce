//! Which operating system an image is, guessed from names: `ubuntu-2404`, `rocky9`, `win2025`,
//! `debian/12`, `noble-server-cloudimg-amd64.img`.

use crate::model::Os;

/// A guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) family: &'static str,
    pub(super) release: Option<String>,
}

/// How a family writes its releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `12`; what follows is a point release, which the scan may find.
    Major,
    /// `24.04`, also written `2404`; `24` alone is the `.04`.
    Ubuntu,
    /// `3.20`, also written `320` or `3_20`: two numbers, or none that helps.
    Two,
    /// `24.05`, also written `2405`.
    YearMonth,
    /// `2025`, `11`.
    Windows,
    /// `15.5`, also written `15-sp5`; `15` alone is the first one.
    Sles,
    /// `2`, `2023`.
    Amazon,
    /// It has none: it rolls.
    Rolling,
}

/// Words for families. The first word is the family's name.
const FAMILIES: [(&str, Form, &[&str]); 22] = [
    ("alma", Form::Major, &["almalinux"]),
    ("alpine", Form::Two, &["alpinelinux"]),
    ("amazon", Form::Amazon, &["amazonlinux", "amzn", "al"]),
    ("arch", Form::Rolling, &["archlinux"]),
    ("azurelinux", Form::Two, &[]),
    ("cbl-mariner", Form::Two, &["mariner"]),
    ("centos", Form::Major, &[]),
    ("debian", Form::Major, &["deb"]),
    ("fedora", Form::Major, &[]),
    ("freebsd", Form::Two, &[]),
    ("nixos", Form::YearMonth, &["nix"]),
    ("opensuse-leap", Form::Two, &["leap", "opensuse"]),
    ("opensuse-tumbleweed", Form::Rolling, &["tumbleweed"]),
    ("oracle", Form::Major, &["oraclelinux", "ol"]),
    ("photon", Form::Two, &["photonos"]),
    ("redhat", Form::Major, &["rhel"]),
    ("rocky", Form::Major, &["rockylinux"]),
    ("sles", Form::Sles, &["sle"]),
    ("talos", Form::Two, &["taloslinux"]),
    ("ubuntu", Form::Ubuntu, &[]),
    ("windows", Form::Windows, &["win", "winserver", "ws"]),
    ("wolfi", Form::Rolling, &[]),
];

/// Names of releases.
const CODENAMES: [(&str, &str, &str); 18] = [
    ("buster", "debian", "10"),
    ("bullseye", "debian", "11"),
    ("bookworm", "debian", "12"),
    ("trixie", "debian", "13"),
    ("forky", "debian", "14"),
    ("xenial", "ubuntu", "16.04"),
    ("bionic", "ubuntu", "18.04"),
    ("focal", "ubuntu", "20.04"),
    ("jammy", "ubuntu", "22.04"),
    ("lunar", "ubuntu", "23.04"),
    ("mantic", "ubuntu", "23.10"),
    ("noble", "ubuntu", "24.04"),
    ("oracular", "ubuntu", "24.10"),
    ("plucky", "ubuntu", "25.04"),
    ("questing", "ubuntu", "25.10"),
    ("resolute", "ubuntu", "26.04"),
    ("stream8", "centos", "8"),
    ("stream9", "centos", "9"),
];

/// Words that stand between a family and its release.
const FILLERS: [&str; 24] = [
    "base",
    "boot",
    "cloud",
    "cloudimg",
    "core",
    "datacenter",
    "desktop",
    "dvd",
    "generic",
    "genericcloud",
    "leap",
    "linux",
    "live",
    "minimal",
    "nocloud",
    "os",
    "release",
    "server",
    "standard",
    "std",
    "stream",
    "v",
    "version",
    "virt",
];

/// The first guess out of `hints` that is complete. What a better hint says of the family counts:
/// a release comes from a hint of the same family only. `names` says how many of the hints, from
/// the first one on, are names that people gave, and no addresses or values.
pub(super) fn guess(hints: &[String], names: usize) -> Result<Os, String> {
    let guesses = hints.iter().enumerate();
    let guesses: Vec<Guess> =
        guesses.filter_map(|(position, hint)| of_text(hint, position < names)).collect();
    let Some(first) = guesses.first() else {
        return Err("no name tells the operating system".to_owned());
    };
    let family = first.family;
    let mut of_family = guesses.iter().filter(|guess| guess.family == family);
    match of_family.find_map(|guess| guess.release.clone()) {
        Some(release) => Ok(Os { family: family.to_owned(), release }),
        None => Err(format!("no name tells the release of {family}")),
    }
}

/// What `text` says. `is_name` is whether somebody called the image so.
pub(super) fn of_text(text: &str, is_name: bool) -> Option<Guess> {
    let tokens = tokens(text);
    let mut family_alone = None;
    for (position, token) in tokens.iter().enumerate() {
        let rest = &tokens[position + 1..];
        if let Some((_, family, release)) = CODENAMES.iter().find(|(name, ..)| name == token) {
            return Some(Guess { family, release: Some((*release).to_owned()) });
        }
        let words = |words: &[&str]| words.contains(&token.as_str());
        let Some((family, form, _)) =
            FAMILIES.iter().find(|(name, _, others)| name == token || words(others))
        else {
            continue;
        };
        let release = release(*form, rest);
        // Words that mean something else as well count only together with a release, or alone.
        let certain = match token.as_str() {
            "arch" => is_name && position == 0 && rest.first().is_none_or(|next| is_filler(next)),
            "al" | "deb" | "leap" | "nix" | "ol" | "opensuse" | "sle" | "win" | "ws" => {
                release.is_some()
            }
            _ => true,
        };
        if !certain {
            continue;
        }
        if release.is_some() {
            return Some(Guess { family, release });
        }
        family_alone = family_alone.or(Some(Guess { family, release: None }));
    }
    family_alone
}

/// The words and numbers of `text`, in lower case.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last: Option<char> = None;
    for character in text.chars().flat_map(char::to_lowercase) {
        let starts = match last {
            Some(last) if last.is_ascii_digit() => !character.is_ascii_digit(),
            Some(last) if last.is_alphabetic() => !character.is_alphabetic(),
            _ => true,
        };
        last = character.is_alphanumeric().then_some(character);
        if last.is_none() {
            continue;
        }
        match tokens.last_mut() {
            Some(token) if !starts => token.push(character),
            _ => tokens.push(character.to_string()),
        }
    }
    tokens
}

fn is_filler(token: &str) -> bool {
    FILLERS.contains(&token)
}

/// The release that the tokens after a family's name tell.
fn release(form: Form, tokens: &[String]) -> Option<String> {
    if form == Form::Rolling {
        return Some("rolling".to_owned());
    }
    let fillers = tokens.iter().take_while(|token| is_filler(token)).count();
    let tokens = tokens.get(fillers..).unwrap_or_default();
    let number = |position: usize| {
        let token = tokens.get(position)?;
        let short = token.len() <= 4 && token.bytes().all(|byte| byte.is_ascii_digit());
        short.then_some(token.as_str())
    };
    let first = number(0)?;
    match form {
        Form::Major => match first.len() {
            // `rocky94` is 9.4, and `rocky10` is 10.
            2 if first.starts_with(['7', '8', '9']) => Some(first[..1].to_owned()),
            1 | 2 => Some(first.to_owned()),
            _ => None,
        },
        Form::Ubuntu => match (first.len(), number(1)) {
            (2, Some(second @ ("04" | "10"))) => Some(format!("{first}.{second}")),
            (4, _) => Some(format!("{}.{}", &first[..2], &first[2..])),
            (2, _) => Some(format!("{first}.04")),
            _ => None,
        },
        Form::Two => match (first.len(), number(1)) {
            (1 | 2, Some(second)) if second.len() <= 2 => Some(format!("{first}.{second}")),
            (3, _) => Some(match &first[..1] {
                "1" => format!("{}.{}", &first[..2], &first[2..]),
                _ => format!("{}.{}", &first[..1], &first[1..]),
            }),
            // A leading part admits everything that follows it.
            (1 | 2, _) => Some(first.to_owned()),
            _ => None,
        },
        Form::YearMonth => match (first.len(), number(1)) {
            (2, Some(second)) if second.len() == 2 => Some(format!("{first}.{second}")),
            (4, _) => Some(format!("{}.{}", &first[..2], &first[2..])),
            _ => None,
        },
        Form::Windows => {
            let known = ["7", "8", "10", "11", "2012", "2016", "2019", "2022", "2025"];
            known.contains(&first).then(|| first.to_owned())
        }
        Form::Sles => {
            let after_sp = tokens.get(1).filter(|token| *token == "sp").and_then(|_| number(2));
            let second = after_sp.or_else(|| number(1)).filter(|second| second.len() == 1);
            match (first.len(), second) {
                (2, Some(second)) => Some(format!("{first}.{second}")),
                (2, None) => Some(first.to_owned()),
                _ => None,
            }
        }
        Form::Amazon => matches!(first, "1" | "2" | "2023").then(|| first.to_owned()),
        Form::Rolling => None,
    }
}

/// Whether a text speaks of ARM.
pub(super) fn is_arm(text: &str) -> bool {
    tokens(text)
        .windows(2)
        .any(|pair| matches!((pair[0].as_str(), pair[1].as_str()), ("arm" | "aarch", "64")))
}

/// Whether a text speaks of a ready-made cloud image.
pub(super) fn is_cloud(text: &str) -> bool {
    let words = ["cloud", "cloudimg", "cloudinit", "genericcloud", "cloudimage"];
    tokens(text).iter().any(|token| words.contains(&token.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operating_systems_are_guessed_from_names() {
        let cases = [
            ("debian-12", "debian 12"),
            ("packer/debian/12", "debian 12"),
            ("debian-12.11.0-amd64-netinst.iso", "debian 12"),
            ("debian12-cloud", "debian 12"),
            ("bookworm", "debian 12"),
            ("ubuntu-2404", "ubuntu 24.04"),
            ("ubuntu-24.04.1-live-server-amd64.iso", "ubuntu 24.04"),
            ("ubuntu-server-24_04", "ubuntu 24.04"),
            ("noble-server-cloudimg-amd64.img", "ubuntu 24.04"),
            ("k8s-1.34-ubuntu-22.04", "ubuntu 22.04"),
            ("ubuntu", "ubuntu -"),
            ("rocky9", "rocky 9"),
            ("rocky9.4", "rocky 9"),
            ("rockylinux-10-x86_64", "rocky 10"),
            ("AlmaLinux-9-latest-x86_64-boot.iso", "alma 9"),
            ("centos9-stream", "centos 9"),
            ("CentOS-Stream-9", "centos 9"),
            ("rhel8", "redhat 8"),
            ("ol9", "oracle 9"),
            ("fedora-server-41", "fedora 41"),
            ("win2025", "windows 2025"),
            ("win11-24h2", "windows 11"),
            ("windows-server-2022-standard", "windows 2022"),
            ("windows", "windows -"),
            ("talos-v1.11.2", "talos 1.11"),
            ("arch", "arch rolling"),
            ("archlinux-base", "arch rolling"),
            ("amd64/arch", "-"),
            ("nixos-24.05", "nixos 24.05"),
            ("alpine-virt-3.20.3-x86_64.iso", "alpine 3.20"),
            ("alpine320", "alpine 3.20"),
            ("opensuse-leap-15.6", "opensuse-leap 15.6"),
            ("sles15-sp5", "sles 15.5"),
            ("al2023", "amazon 2023"),
            ("freebsd-14.1", "freebsd 14.1"),
            ("freebsd-14-x86_64", "freebsd 14"),
            ("photon-5.0", "photon 5.0"),
            ("debian-amd64", "debian -"),
            ("winner-7", "-"),
            ("base", "-"),
            ("", "-"),
        ];
        for (text, expected) in cases {
            let found = of_text(text, true).map_or("-".to_owned(), |guess| {
                format!("{} {}", guess.family, guess.release.as_deref().unwrap_or("-"))
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_release_comes_from_a_hint_of_the_same_family() {
        let hints = |hints: &[&str]| {
            let hints: Vec<String> = hints.iter().map(|hint| (*hint).to_owned()).collect();
            guess(&hints, 1).map(|os| os.to_string())
        };
        assert_eq!(hints(&["debian", "ubuntu-2404", "bookworm"]), Ok("debian 12".to_owned()));
        assert_eq!(hints(&["alpine", "alpine-3.20"]), Ok("alpine 3.20".to_owned()),);
        assert_eq!(
            hints(&["debian", "base"]),
            Err("no name tells the release of debian".to_owned()),
        );
        assert!(hints(&["base"]).is_err());
    }

    #[test]
    fn architectures_and_cloud_images_are_told_from_names() {
        assert!(is_arm("debian-12-arm64.qcow2") && is_arm("rocky-9-aarch64"));
        assert!(!is_arm("debian-12-amd64") && !is_arm("alarm-64") && !is_arm("armhf"));
        assert!(is_cloud("debian-12-genericcloud-amd64.qcow2") && is_cloud("debian-cloud"));
        assert!(!is_cloud("debian-12"));
    }
}
