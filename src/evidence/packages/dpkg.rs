//! dpkg's database: `status`, or one file a package in `status.d` (dpkg(1), "FILES"; deb-control(5)).

use crate::model::Package;

/// Reads the paragraphs of what is installed. What cannot be understood is passed over.
pub(super) fn read(text: &[u8]) -> Vec<Package> {
    let text = String::from_utf8_lossy(text);
    let mut packages: Vec<Package> = text.split("\n\n").filter_map(package).collect();
    packages.sort();
    packages.dedup();
    packages
}

fn package(paragraph: &str) -> Option<Package> {
    let (mut name, mut version, mut arch, mut source, mut status) = ("", "", "", "", None);
    for line in paragraph.lines() {
        // Lines that go on begin with a blank.
        let Some((field, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match field {
            "Package" => name = value,
            "Version" => version = value,
            "Architecture" => arch = value,
            "Source" => source = value.split(' ').next().unwrap_or_default(),
            "Status" => status = Some(value),
            _ => {}
        }
    }
    // A package in `status.d` has no status; `deinstall ok config-files` is gone but for its settings.
    let installed = |status: &str| {
        let gone = ["deinstall", "purge"];
        !status.split(' ').any(|word| gone.contains(&word)) || status.ends_with(" installed")
    };
    if name.is_empty() || version.is_empty() || !status.is_none_or(installed) {
        return None;
    }
    let source = if source.is_empty() { name } else { source };
    let [name, version, arch, source] = [name, version, arch, source].map(str::to_owned);
    Some(Package { name, version, arch, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_read_and_what_is_gone_is_not() {
        let text = b"Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nArchitecture: amd64\nDescription: a shell\n with: colons\n\n\
            Package: libc6\nStatus: hold ok installed\nSource: glibc (2.36-9)\nVersion: 2.36-9\nArchitecture: amd64\n\n\
            Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
            Package: single\nVersion: 2\n\nnonsense\n";
        let told: Vec<_> = read(text)
            .into_iter()
            .map(|it| format!("{} {} {} {}", it.name, it.version, it.arch, it.source))
            .collect();
        assert_eq!(told, ["bash 5.2-1 amd64 bash", "libc6 2.36-9 amd64 glibc", "single 2  single"]);
    }
}
