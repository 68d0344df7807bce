//! pacman's database: one `desc` a package (libalpm, be_local.c: fields in `%NAME%` lines).

use crate::model::Package;

/// Reads one package.
pub(super) fn read(text: &[u8]) -> Option<Package> {
    let text = String::from_utf8_lossy(text);
    let value = |field: &str| {
        let mut lines = text.lines().skip_while(|line| *line != field);
        lines.next()?;
        lines.next().map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let name = value("%NAME%")?;
    Some(Package {
        version: value("%VERSION%")?,
        arch: value("%ARCH%").unwrap_or_default(),
        source: value("%BASE%").unwrap_or_else(|| name.clone()),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_with_its_base() {
        let text = b"%NAME%\ngcc-libs\n\n%VERSION%\n14.2.1-1\n\n%BASE%\ngcc\n\n%ARCH%\nx86_64\n";
        let package = read(text).unwrap();
        assert_eq!((package.name.as_str(), package.source.as_str()), ("gcc-libs", "gcc"));
        assert_eq!((package.version.as_str(), package.arch.as_str()), ("14.2.1-1", "x86_64"));
        assert_eq!(read(b"%NAME%\n\n%VERSION%\n1\n"), None);
    }
}
