//! What must hold for any bytes: the entry of a fuzzer, and of the property tests.

use super::read_any;

/// Reads `bytes` as a scanner's report. Panics if that shows a fault of the reader; to be called by
/// fuzzers: `fuzz_target!(|bytes: &[u8]| goldsmith::findings::fuzz(bytes))`.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let report = match read_any(text) {
        Ok(report) => report,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "no reason");
            return;
        }
    };
    assert!(report.suppressed <= text.len(), "more than there are");
    for finding in &report.findings {
        let told = [&finding.id, &finding.package, &finding.installed, &finding.title];
        // Trivy's own report is believed as it is: it copies nothing.
        let most = text.len().max(512);
        assert!(told.iter().all(|it| it.len() <= most), "made up: {finding:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLES: [&str; 5] = [
        include_str!("samples/grype.cdx.json"),
        include_str!("samples/trivy.cdx.json"),
        include_str!("samples/grype.sarif"),
        include_str!("samples/trivy.sarif"),
        include_str!("samples/others.sarif"),
    ];

    /// Values that formats react to.
    fn value() -> impl Strategy<Value = String> {
        let leaf = proptest::sample::select(vec![
            "null",
            "true",
            "-1",
            "1e999",
            "9.8",
            "[]",
            "{}",
            r#""""#,
            r#""2.1.0""#,
            r#""pkg:deb/debian/a@1?distro=debian-12""#,
            r#""operating-system""#,
            r#""{0}{0}{1}""#,
            r#""a package: é, version 1 was found""#,
            r#""vers:deb/>=%ff|>=1""#,
            r#""Upgrade a to version 2; Upgrade""#,
            r#""urn:cdx:1/1#a""#,
            r#""Link: [x](http://""#,
        ]);
        let keys = proptest::sample::select(vec![
            "version",
            "runs",
            "results",
            "tool",
            "driver",
            "rules",
            "id",
            "ruleId",
            "ruleIndex",
            "message",
            "text",
            "arguments",
            "kind",
            "level",
            "properties",
            "locations",
            "bomFormat",
            "specVersion",
            "components",
            "vulnerabilities",
            "affects",
            "ref",
            "bom-ref",
            "purl",
            "name",
            "ratings",
            "severity",
            "score",
            "SchemaVersion",
            "Results",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                proptest::collection::vec((keys.clone(), inner), 0..6).prop_map(|items| {
                    let items = items.iter().map(|(key, value)| format!("\"{key}\":{value}"));
                    format!("{{{}}}", items.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz(&bytes);
        }

        #[test]
        fn any_json_is_read_or_refused(text in value()) {
            fuzz(text.as_bytes());
        }

        #[test]
        fn any_change_of_a_report_is_read_or_refused(
            sample in proptest::sample::select(&SAMPLES[..]),
            at in any::<proptest::sample::Index>(), cut in 0usize..60, text in value(),
        ) {
            let mut bytes = sample.as_bytes().to_vec();
            let at = at.index(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, text.into_bytes());
            fuzz(&bytes);
        }

        /// A report that is cut off says nothing, whatever was cut off.
        #[test]
        fn no_part_of_a_report_is_taken_for_one(
            sample in proptest::sample::select(&SAMPLES[..]), at in any::<proptest::sample::Index>(),
        ) {
            let text = sample.trim_end();
            let cut = text.floor_char_boundary(at.index(text.len()));
            prop_assert!(read_any(&text[..cut]).is_err());
        }
    }

    /// Short reports that ask for much are refused before it is done.
    #[test]
    fn what_multiplies_is_refused() {
        let long = "x".repeat(1 << 20);
        let affects = vec![r#"{"ref":"a"}"#; 200_000].join(",");
        let bom = |name: &str, rest: &str| {
            format!(
                r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"type":"library","bom-ref":"a","name":"{name}","version":"1"}}],"vulnerabilities":[{{"id":"CVE-1"{rest},"affects":[{affects}]}}]}}"#
            )
        };
        let results = vec![r#"{"ruleIndex":0,"message":{"id":"a","arguments":["x"]}}"#; 200_000];
        let log = |rule: &str| {
            format!(
                r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t","rules":[{rule}]}}}},"results":[{}]}}]}}"#,
                results.join(",")
            )
        };
        let nested =
            format!("{}{}", r#"{"bomFormat":"CycloneDX","components":["#, "[".repeat(10_000));
        let told = [
            ("a long name", bom(&long, "")),
            ("a long description", bom("a", &format!(r#","description":"{long}""#))),
            ("a long id", log(&format!(r#"{{"id":"{long}"}}"#))),
            (
                "a long message",
                log(&format!(
                    r#"{{"id":"a","messageStrings":{{"a":{{"text":"{}"}}}}}}"#,
                    "{0}".repeat(300_000)
                )),
            ),
            ("deep", nested),
        ]
        .map(|(what, text)| format!("{what}: {}", read_any(&text).unwrap_err()));
        insta::assert_snapshot!(told.join("\n"), @"
        a long name: `components[0].name` of the scanner's report is longer than a name can be
        a long description: the scanner's report has more than 100000 findings
        a long id: `runs[0].results[0]` of the scanner's report is longer than a name can be
        a long message: the scanner's report has more than 100000 findings
        deep: the scanner's report is not readable
        ");
    }
}
