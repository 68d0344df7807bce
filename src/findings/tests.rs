//! What each format says, and what says nothing.

use super::*;

/// A report, a line a finding.
fn shown(text: &str) -> String {
    let report = match read_any(text) {
        Ok(report) => report,
        Err(error) => {
            let source = std::error::Error::source(&error);
            let source = source.map(|source| format!(": {source}")).unwrap_or_default();
            return format!("{error}{source}");
        }
    };
    let Reported { format, suppressed, packages, end_of_life, .. } = &report;
    let os = report.os.as_ref().map(ToString::to_string);
    let made = report.made_at.map(|made| made.to_string());
    let first = format!(
        "{format} of {:?}, os {os:?}, {packages:?} packages, made {made:?}, {suppressed} suppressed, end of life: {end_of_life}\n",
        report.tool
    );
    let lines = report.findings.iter().map(|it| {
        format!(
            "{} {} {} ({}) {} -> {:?} {:?} {:?} {:?} {:?}\n",
            it.severity,
            it.id,
            it.package,
            it.source,
            it.installed,
            it.fixed,
            it.status,
            it.title,
            it.url,
            it.published.map(|at| at.to_string())
        )
    });
    [first].into_iter().chain(lines).collect()
}

#[test]
fn cyclonedx_of_grype_is_read() {
    insta::assert_snapshot!(shown(include_str!("samples/grype.cdx.json")), @r#"
    CycloneDX of Some(("grype", "0.115.0")), os Some("debian 12"), Some(2) packages, made Some("2026-11-20T13:23:19Z"), 0 suppressed, end of life: false
    CRITICAL CVE-2026-0002 @acme/left (@acme/left) 1.0.0 -> None Unknown "" None None
    CRITICAL CVE-2026-0002 bash (bash) 5.2.15-2 -> None Affected "" None None
    LOW CVE-2026-0003 bash (bash) 5.2.15-2 -> None NotAffected "" None None
    LOW CVE-2026-0001 libssl3 (openssl) 3.0.11-1 -> Some("3.0.11-1~deb12u2, 3.0.13-1") Fixed "A handshake is never refused." Some("https://security-tracker.debian.org/tracker/CVE-2026-0001") None
    "#);
}

#[test]
fn cyclonedx_of_trivy_is_read() {
    insta::assert_snapshot!(shown(include_str!("samples/trivy.cdx.json")), @r#"
    CycloneDX of Some(("trivy", "0.74.0")), os Some("centos 7.6.1810"), Some(2) packages, made Some("2026-11-20T14:23:19Z"), 0 suppressed, end of life: false
    MEDIUM CVE-2019-1559 openssl-libs (openssl) 1:1.0.2k-16.el7 -> Some("1:1.0.2k-19.el7_9") Fixed "openssl: 0-byte record padding oracle" Some("https://avd.aquasec.com/nvd/cve-2019-1559") Some("2019-02-27T23:29:00Z")
    "#);
}

#[test]
fn sarif_of_grype_is_read() {
    insta::assert_snapshot!(shown(include_str!("samples/grype.sarif")), @r#"
    SARIF of Some(("grype", "0.115.0")), os None, None packages, made None, 1 suppressed, end of life: false
    UNKNOWN CVE-2026-0002 bash (bash) 5.2.15-2 -> None Unknown "CVE-2026-0002 low vulnerability for bash package" None None
    HIGH CVE-2026-0001 libssl3 (libssl3) 3.0.11-1 -> Some("3.0.11-1~deb12u2") Fixed "CVE-2026-0001 high vulnerability for libssl3 package" Some("https://security-tracker.debian.org/tracker/CVE-2026-0001") None
    "#);
}

#[test]
fn sarif_of_trivy_is_read() {
    insta::assert_snapshot!(shown(include_str!("samples/trivy.sarif")), @r#"
    SARIF of Some(("Trivy", "0.74.0")), os None, None packages, made Some("2026-11-20T14:23:19.5Z"), 0 suppressed, end of life: false
    MEDIUM CVE-2019-1549 libcrypto1.1 (libcrypto1.1) 1.1.1c-r0 -> Some("1.1.1d-r0") Fixed "openssl: information disclosure in fork()" Some("https://avd.aquasec.com/nvd/cve-2019-1549") None
    "#);
}

#[test]
fn sarif_of_others_is_read() {
    insta::assert_snapshot!(shown(include_str!("samples/others.sarif")), @r#"
    SARIF of Some(("vulnix", "")), os None, None packages, made None, 1 suppressed, end of life: false
    LOW AVG-1 curl (curl)  -> Some("8.2-1") Fixed "Package curl is affected by multiple issues. High risk! Update to 8.2-1!" None None
    CRITICAL CVE-2026-0001 curl (curl) 8.1 -> None Unknown "CVE-2026-0001" Some("https://nvd.nist.gov/vuln/detail/CVE-2026-0001") None
    HIGH AVG-3 etc/ssl/key.pem (etc/ssl/key.pem)  -> None Unknown "something\u{1b}[31m" None None
    UNKNOWN CVE-2026-0003 glibc (glibc) 2.40 -> None Unknown "somebody should look" None None
    HIGH AVG-2 vim (vim) 2:9.1-1 -> None Unknown "something" None None
    UNKNOWN AVG-1/CVE-2026-0009 wget (wget) 1.21-1 -> Some("1.21-2") Fixed "something" None None
    MEDIUM CVE-2026-0002 zlib (zlib) 1.3 -> None Unknown "zlib 1.3 is affected by CVE-2026-0002, {and a brace" None None
    "#);
}

#[test]
fn trivys_own_report_is_read() {
    let report = |results: &str| {
        format!(
            r#"{{"SchemaVersion":2,"Trivy":{{"Version":"0.74.0"}},"CreatedAt":"2026-11-20T14:23:19Z","ArtifactName":"x","Metadata":{{"OS":{{"Family":"debian","Name":"12.11","EOSL":true}}}}{results}}}"#
        )
    };
    let reports = [
        report(r#","Results":[{"Class":"os-pkgs","Packages":[{"ID":"a@1"},{"ID":"b@1"}]}]"#),
        report(
            r#","Results":[{"Class":"os-pkgs","Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"a","InstalledVersion":"1","Severity":"HIGH"}]}]"#,
        ),
        report(""),
    ];
    insta::assert_snapshot!(reports.map(|it| shown(&it)).join("\n"), @r#"
    Trivy JSON of Some(("trivy", "0.74.0")), os Some("debian 12.11"), Some(2) packages, made Some("2026-11-20T14:23:19Z"), 0 suppressed, end of life: true

    Trivy JSON of Some(("trivy", "0.74.0")), os Some("debian 12.11"), None packages, made Some("2026-11-20T14:23:19Z"), 0 suppressed, end of life: true
    HIGH CVE-1 a (a) 1 -> None Unknown "" None None

    the scanner's report (Trivy JSON) does not prove that anything was scanned: it has no `Results`
    "#);
}

#[test]
fn scores_are_severities() {
    let of = |properties: &str, rest: &str| {
        let text = format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t"}}}},"results":[{{"ruleId":"A","message":{{"text":"m"}},"properties":{{{properties}}}{rest}}}]}}]}}"#
        );
        let severity = read_any(&text).unwrap().findings[0].severity;
        format!("{properties} {rest}: {severity}")
    };
    let score = |score| of(&format!(r#""security-severity":{score}"#), "");
    let scores = ["10", "9.0", "8.99", "7", "4.0", "\"3.9\"", "0.1", "0", "-1", "10.1", "\"x\""];
    let levels = [
        r#","level":"error""#,
        r#","level":"warning""#,
        r#","level":"note""#,
        r#","level":"none""#,
        r#","kind":"open""#,
        "",
    ];
    let mut lines: Vec<String> = scores.map(score).to_vec();
    lines.extend(levels.map(|level| of("", level)));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "security-severity":10 : CRITICAL
    "security-severity":9.0 : CRITICAL
    "security-severity":8.99 : HIGH
    "security-severity":7 : HIGH
    "security-severity":4.0 : MEDIUM
    "security-severity":"3.9" : LOW
    "security-severity":0.1 : LOW
    "security-severity":0 : UNKNOWN
    "security-severity":-1 : MEDIUM
    "security-severity":10.1 : MEDIUM
    "security-severity":"x" : MEDIUM
     ,"level":"error": HIGH
     ,"level":"warning": MEDIUM
     ,"level":"note": LOW
     ,"level":"none": UNKNOWN
     ,"kind":"open": UNKNOWN
     : MEDIUM
    "#);
}

/// The false greens: documents that have no finding because nobody looked.
#[test]
fn nothing_is_taken_for_nothing_found_without_proof() {
    let run = |rest: &str| {
        format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t"}}}}{rest}}}]}}"#)
    };
    let bom = |rest: &str| format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6"{rest}}}"#);
    let component = r#""components":[{"type":"library","name":"a","bom-ref":"a"}]"#;
    let texts = [
        String::new(),
        "\u{feff} \n".to_owned(),
        "{".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "[{".to_owned(),
        "no vulnerabilities found".to_owned(),
        "<bom/>".to_owned(),
        r#"{"matches":[],"descriptor":{"name":"grype"}}"#.to_owned(),
        r#"{"spdxVersion":"SPDX-2.3"}"#.to_owned(),
        r#"{"artifacts":[]}"#.to_owned(),
        r#"{"SchemaVersion":3,"ArtifactName":"x"}"#.to_owned(),
        r#"{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0"}"#
            .to_owned(),
        r#"{"version":"2.1.0","runs":[]}"#.to_owned(),
        r#"{"version":"2.0.0","runs":[]}"#.to_owned(),
        run(""),
        run(r#","results":null"#),
        run(r#","results":[],"invocations":[{"executionSuccessful":false}]"#),
        run(
            r#","results":[],"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"no database"}}]}]"#,
        ),
        run(r#","results":[],"externalPropertyFileReferences":{"results":[{"location":{}}]}"#),
        run(r#","results":[{"message":{"text":"m"}}]"#),
        format!("{} trailing", run(r#","results":[]"#)),
        bom(""),
        bom(r#","components":[],"vulnerabilities":[]"#),
        bom(&format!(",{component}")),
        bom(&format!(r#",{component},"vulnerabilities":[]"#)),
        bom(&format!(
            r#",{component},"vulnerabilities":[],"metadata":{{"tools":[{{"name":"trivy"}}]}}"#
        )),
        bom(&format!(r#",{component},"vulnerabilities":[{{"id":"CVE-1"}}]"#)),
        bom(&format!(r#",{component},"vulnerabilities":[{{"affects":[{{"ref":"a"}}]}}]"#)),
        bom(&format!(
            r#",{component},"vulnerabilities":[{{"id":"CVE-1","affects":[{{"ref":"b"}}]}}]"#
        )),
        bom(
            r#","components":[{"type":"library","name":"a","purl":"pkg:deb"}],"vulnerabilities":[]"#,
        ),
        bom(
            r#","components":[{"type":"operating-system","name":"debian","version":"12"},{"type":"library","name":"a","components":[{"type":"operating-system","name":"alpine","version":"3"}]}],"vulnerabilities":[]"#,
        ),
        r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#.to_owned(),
        r#"{"bomFormat":"Other","specVersion":"1.6"}"#.to_owned(),
    ];
    insta::assert_snapshot!(texts.map(|text| shown(&text)).join("\n"), @"
    the scanner's report is empty
    the scanner's report is empty
    the scanner's report is not readable: EOF while parsing an object at line 1 column 1
    the scanner's report is JSON of an unknown kind, expected Trivy JSON, CycloneDX JSON or SARIF
    the scanner's report is a JSON list, expected Trivy JSON, CycloneDX JSON or SARIF
    the scanner's report is not readable: EOF while parsing an object at line 1 column 2
    the scanner's report is no JSON, expected Trivy JSON, CycloneDX JSON or SARIF
    the scanner's report is XML, expected Trivy JSON, CycloneDX JSON or SARIF
    the scanner's report is grype's own JSON (`grype -o cyclonedx-json` is read), expected Trivy JSON, CycloneDX JSON or SARIF
    the scanner's report is an SPDX inventory, expected Trivy JSON, CycloneDX JSON or SARIF
    the scanner's report is Syft's own JSON, expected Trivy JSON, CycloneDX JSON or SARIF
    the scanner's report has schema version 3, expected 2
    the scanner's report (SARIF) does not prove that anything was scanned: it has no `runs`
    the scanner's report (SARIF) does not prove that anything was scanned: it has no `runs`
    the scanner's report is SARIF 2.0.0, expected 2.1.0
    the scanner's report (SARIF) does not prove that anything was scanned: a run has no `results`
    the scanner's report (SARIF) does not prove that anything was scanned: a run has no `results`
    the scanner's report says that the scan failed: `executionSuccessful` is false
    the scanner's report says that the scan failed: no database
    the scanner's report (SARIF) does not prove that anything was scanned: its results are in other files
    `runs[0].results[0]` of the scanner's report names no rule
    the scanner's report is not readable: trailing characters at line 1 column 76
    the scanner's report (CycloneDX) does not prove that anything was scanned: it has no components
    the scanner's report (CycloneDX) does not prove that anything was scanned: it has no components
    the scanner's report (CycloneDX) does not prove that anything was scanned: it has no `vulnerabilities`, and is an inventory only
    the scanner's report (CycloneDX) does not prove that anything was scanned: its list of `vulnerabilities` is empty, and no scanner is named that looked
    the scanner's report (CycloneDX) does not prove that anything was scanned: Trivy writes an empty list of `vulnerabilities` also when it has looked for none (`--format json` tells)
    `vulnerabilities[0]` of the scanner's report affects no component
    `vulnerabilities[0]` of the scanner's report has no `id`
    `vulnerabilities[0].affects[0]` of the scanner's report names no component of this document
    the scanner's report (CycloneDX) does not prove that anything was scanned: its list of `vulnerabilities` is empty, and no scanner is named that looked
    the scanner's report (CycloneDX) does not prove that anything was scanned: its list of `vulnerabilities` is empty, and no scanner is named that looked
    the scanner's report is CycloneDX 2.0, expected 1.4 or a later 1.x
    `bomFormat` of the scanner's report is not `CycloneDX`
    ");
    let tool = r#""metadata":{"tools":[{"name":"grype"}]}"#;
    let clean = bom(&format!(r#",{component},"vulnerabilities":[],{tool}"#));
    for clean in [run(r#","results":[]"#), clean] {
        assert_eq!(read_any(&clean).unwrap().findings, []);
    }
}
