//! The forms in which programs print a secret.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what stands for itself everywhere in an address (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How long the lines are into which programs fold base64: `base64` and MIME, PEM.
const FOLDED: [usize; 2] = [76, 64];

/// All forms of `secrets` that are at least `shortest` bytes long, without repetition.
pub(super) fn of_all<'a>(
    secrets: impl IntoIterator<Item = &'a str>,
    shortest: usize,
) -> Vec<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for secret in secrets {
        let whole = secret.trim_end_matches(['\r', '\n']);
        base64(whole, &mut forms);
        percent(whole, &mut forms);
        // Output is taken line by line, and so are secrets of several lines, such as keys.
        for line in whole.lines().filter(|line| line.len() >= shortest) {
            forms.insert(line.to_owned());
            escaped(line, &mut forms);
            base64(line, &mut forms);
            percent(line, &mut forms);
        }
    }
    forms.into_iter().filter(|form| form.len() >= shortest).map(String::into_bytes).collect()
}

/// As it stands in JSON, in Go's quotes, in a shell's, in XML, and in Packer's messages.
fn escaped(text: &str, forms: &mut BTreeSet<String>) {
    let quoted = serde_json::Value::from(text).to_string();
    let json = quoted[1..quoted.len() - 1].to_owned();
    let html = json.replace('&', r"\u0026").replace('<', r"\u003c").replace('>', r"\u003e");
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    forms.extend([
        html,
        json,
        xml.replace('"', "&quot;").replace('\'', "&#39;"),
        xml,
        text.replace('\'', r"'\''"),
        text.replace(',', "%!(PACKER_COMMA)"),
    ]);
}

/// As part of an address.
fn percent(text: &str, forms: &mut BTreeSet<String>) {
    let upper = utf8_percent_encode(text, RESERVED).to_string();
    let mut lower = String::with_capacity(upper.len());
    let mut digits = 0;
    for character in upper.chars() {
        lower.push(if digits > 0 { character.to_ascii_lowercase() } else { character });
        digits = if character == '%' { 2 } else { u8::saturating_sub(digits, 1) };
    }
    forms.extend([upper.replace("%20", "+"), lower, upper]);
}

/// Alone, or within something longer: its first byte then is the first, second or third of a group,
/// and the characters that it shares with its neighbours are not known.
fn base64(text: &str, forms: &mut BTreeSet<String>) {
    let whole = STANDARD.encode(text);
    for width in FOLDED {
        if whole.len() > width {
            let lines = whole.as_bytes().chunks(width);
            forms.extend(lines.map(|line| String::from_utf8_lossy(line).into_owned()));
        }
    }
    for before in 0..3 {
        let padded = [&[0; 2][..before], text.as_bytes()].concat();
        let certain = (before * 4).div_ceil(3)..padded.len() * 4 / 3;
        for engine in [STANDARD, URL_SAFE] {
            if let Some(form) = engine.encode(&padded).get(certain.clone()) {
                forms.insert(form.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forms(secret: &str) -> Vec<String> {
        of_all([secret], 4).into_iter().map(|form| String::from_utf8(form).unwrap()).collect()
    }

    #[test]
    fn a_secret_has_many_forms() {
        insta::assert_snapshot!(forms(r#"p&s,w'd "1"#).join("\n"), @r#"
        Amcyx3J2QgIj
        cCZzLHcnZCAiM
        p%26s%2Cw%27d%20%221
        p%26s%2Cw%27d+%221
        p%26s%2cw%27d%20%221
        p&amp;s,w&#39;d &quot;1
        p&amp;s,w'd "1
        p&s%!(PACKER_COMMA)w'd "1
        p&s,w'\''d "1
        p&s,w'd "1
        p&s,w'd \"1
        p\u0026s,w'd \"1
        wJnMsdydkICIx
        "#);
    }

    #[test]
    fn of_a_key_every_line_is_a_secret() {
        let key = "-----BEGIN KEY-----\r\nMIIB+aaaa/bbbb\nzz\n-----END KEY-----\n";
        let forms = forms(key);
        for line in ["-----BEGIN KEY-----", "MIIB+aaaa/bbbb", "-----END KEY-----"] {
            assert!(forms.iter().any(|form| form == line), "{line}");
        }
        assert!(!forms.iter().any(|form| form == "zz" || form.contains('\n')));
        let long = "x".repeat(100);
        let folded = STANDARD.encode(&long);
        assert!(of_all([long.as_str()], 4).contains(&folded.as_bytes()[..76].to_vec()));
    }

    proptest! {
        #[test]
        fn base64_of_something_longer_shows_no_more_than_the_ends(
            before in "[ -~]{0,7}",
            secret in "[ -~]{8,30}",
            after in "[ -~]{0,7}",
        ) {
            let forms = forms(&secret);
            let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
            let longest = forms.iter().filter(|form| encoded.contains(form.as_str())).map(String::len);
            prop_assert!(longest.max().unwrap_or_default() + 3 >= secret.len() * 4 / 3);
        }
    }
}
