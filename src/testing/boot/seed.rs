//! What cloud-init gets from goldsmith: an identity, and a script that reports. Pure.

use super::iso;

/// The script, with places for the marker and for the builder's name.
const SCRIPT: &str = include_str!("report.sh");

/// The seed of a machine: `id` is its identity, `marker` stands before each line of its report.
/// Of `builder`, who has built the image, it reports whether they can still log in.
pub(super) fn image(id: &str, marker: &str, builder: Option<&str>) -> Vec<u8> {
    let meta_data = format!("instance-id: {id}\nlocal-hostname: goldsmith-test\n");
    let builder = builder.filter(|name| is_account(name)).unwrap_or_default();
    let user_data = SCRIPT.replace("@MARKER@", marker).replace("@BUILDER@", builder);
    iso::image(&[("meta-data", meta_data.as_bytes()), ("user-data", user_data.as_bytes())])
}

/// Whether it can be the name of an account: it comes from a template, and goes into a script.
pub(super) fn is_account(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= 32 && name.chars().all(good) && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_names_the_builder_unless_that_is_no_name() {
        let script = |builder| {
            let image = image("a", "marker", Some(builder));
            let text = String::from_utf8_lossy(&image).into_owned();
            text.lines().find(|line| line.starts_with("builder=")).unwrap().to_owned()
        };
        assert_eq!(script("debian"), "builder='debian'");
        assert_eq!(script("'; reboot; '"), "builder=''");
    }
}
