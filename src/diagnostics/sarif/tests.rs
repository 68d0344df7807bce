//! The log as a whole, and what the format asks of it.

use serde_json::json;

use super::*;
use crate::diagnostics::samples::problems;
use crate::diagnostics::{Diagnostic, Sources, Span};

const KINDS: &[Kind] = &[Kind { id: "hidden", meaning: "Some characters hide. And do more." }];

#[test]
fn code_scanning_reads_every_problem() {
    let log = sarif(&problems(), KINDS).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(log, @r#"
    {
      "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
      "version": "2.1.0",
      "runs": [
        {
          "tool": {
            "driver": {
              "name": "goldsmith",
              "version": "VERSION",
              "rules": [
                {
                  "id": "far-apart",
                  "shortDescription": {
                    "text": "far-apart"
                  },
                  "help": {
                    "text": "far-apart See goldsmith's docs/problems.md#far-apart."
                  }
                },
                {
                  "id": "hidden",
                  "shortDescription": {
                    "text": "Some characters hide"
                  },
                  "help": {
                    "text": "Some characters hide. And do more. See goldsmith's docs/problems.md#hidden."
                  }
                },
                {
                  "id": "long-line",
                  "shortDescription": {
                    "text": "long-line"
                  },
                  "help": {
                    "text": "long-line See goldsmith's docs/problems.md#long-line."
                  }
                },
                {
                  "id": "no-place",
                  "shortDescription": {
                    "text": "no-place"
                  },
                  "help": {
                    "text": "no-place See goldsmith's docs/problems.md#no-place."
                  }
                }
              ]
            }
          },
          "automationDetails": {
            "id": "goldsmith-lint/"
          },
          "columnKind": "unicodeCodePoints",
          "results": [
            {
              "ruleId": "far-apart",
              "ruleIndex": 0,
              "level": "error",
              "message": {
                "text": "two places in one file, one in another: again here\nhelp: one piece of advice\nhelp: another one:\nof two lines"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "images.yml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 22,
                      "startColumn": 2,
                      "endLine": 22,
                      "endColumn": 5
                    }
                  }
                }
              ],
              "relatedLocations": [
                {
                  "id": 1,
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "images.yml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 1,
                      "startColumn": 1,
                      "endLine": 1,
                      "endColumn": 4
                    }
                  },
                  "message": {
                    "text": "first here"
                  }
                },
                {
                  "id": 2,
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "waivers.yml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 1,
                      "startColumn": 1,
                      "endLine": 1,
                      "endColumn": 6
                    }
                  },
                  "message": {
                    "text": "and in this file"
                  }
                }
              ],
              "partialFingerprints": {
                "primaryLocationLineHash": "3ad87794d9e97fc7:1"
              }
            },
            {
              "ruleId": "hidden",
              "ruleIndex": 1,
              "level": "warning",
              "message": {
                "text": "hidden \\u{1b}[31m characters\\nin a message: and in a \\u{1b}[0m label"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "images.yml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 23,
                      "startColumn": 7,
                      "endLine": 23,
                      "endColumn": 9
                    }
                  }
                }
              ],
              "partialFingerprints": {
                "primaryLocationLineHash": "95f2870f559c1a7e:1"
              }
            },
            {
              "ruleId": "long-line",
              "ruleIndex": 2,
              "level": "error",
              "message": {
                "text": "a line that nobody can read: here"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "waivers.yml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 2,
                      "startColumn": 12001,
                      "endLine": 2,
                      "endColumn": 12005
                    }
                  }
                }
              ],
              "relatedLocations": [
                {
                  "id": 1,
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "waivers.yml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 1,
                      "startColumn": 1,
                      "endLine": 1,
                      "endColumn": 6
                    }
                  },
                  "message": {
                    "text": "not there"
                  }
                }
              ],
              "partialFingerprints": {
                "primaryLocationLineHash": "638c503ca8aff290:1"
              }
            },
            {
              "ruleId": "no-place",
              "ruleIndex": 3,
              "level": "error",
              "message": {
                "text": "a problem without a place"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "images.yml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 1,
                      "startColumn": 1,
                      "endLine": 1,
                      "endColumn": 1
                    }
                  }
                }
              ],
              "partialFingerprints": {
                "primaryLocationLineHash": "4c0ccfee7cb16b7b:1"
              }
            }
          ]
        }
      ]
    }
    "#);
}

/// What the format and GitHub require of the properties that are used, and that there is no
/// other: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.
fn structure() -> serde_json::Value {
    let object = |required: &[&str], properties: serde_json::Value| {
        json!({
            "type": "object",
            "required": required,
            "additionalProperties": false,
            "properties": properties,
        })
    };
    let number = json!({ "type": "integer", "minimum": 1 });
    let message = object(&["text"], json!({ "text": { "type": "string", "minLength": 1 } }));
    let region = ["startLine", "startColumn", "endLine", "endColumn"];
    let region = object(&region, region.map(|key| (key, number.clone())).into_iter().collect());
    let file = json!({
        "uri": { "type": "string", "format": "uri-reference", "minLength": 1 },
        "uriBaseId": { "const": "%SRCROOT%" },
    });
    let physical = json!({ "artifactLocation": object(&["uri"], file), "region": region });
    let location = json!({
        "id": { "type": "integer", "minimum": 0 },
        "physicalLocation": object(&["artifactLocation", "region"], physical),
        "message": message,
    });
    let locations = json!({ "type": "array", "items": object(&["physicalLocation"], location) });
    let fingerprint =
        json!({ "primaryLocationLineHash": { "pattern": "^[0-9a-f]+:[1-9][0-9]*$" } });
    let result = json!({
        "ruleId": { "type": "string" },
        "ruleIndex": { "type": "integer", "minimum": 0 },
        "level": { "enum": ["none", "note", "warning", "error"] },
        "message": message,
        "locations": { "allOf": [locations, { "minItems": 1, "maxItems": 1 }] },
        "relatedLocations": locations,
        "partialFingerprints": object(&["primaryLocationLineHash"], fingerprint),
    });
    let rule = json!({
        "id": { "type": "string", "maxLength": 255 },
        "shortDescription": message,
        "help": message,
        "helpUri": { "type": "string", "format": "uri" },
    });
    let rules = json!({
        "type": "array",
        "uniqueItems": true,
        "items": object(&["id", "shortDescription", "help"], rule),
    });
    let driver =
        json!({ "name": { "type": "string" }, "version": { "type": "string" }, "rules": rules });
    let run = json!({
        "tool": object(&["driver"], json!({ "driver": object(&["name"], driver) })),
        "automationDetails": object(&["id"], json!({ "id": { "pattern": "^[^/]+/$" } })),
        "columnKind": { "enum": ["utf16CodeUnits", "unicodeCodePoints"] },
        "results": {
            "type": "array",
            "items": object(&["ruleId", "level", "message", "locations"], result),
        },
    });
    let runs =
        json!({ "type": "array", "minItems": 1, "items": object(&["tool", "results"], run) });
    let log =
        json!({ "$schema": { "format": "uri" }, "version": { "const": "2.1.0" }, "runs": runs });
    object(&["version", "runs"], log)
}

#[test]
fn logs_have_the_structure_of_the_format() {
    let mut sources = Sources::default();
    sources.add("images.yml", "");
    let nothing = Problems::new(sources);
    let structure = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft7)
        .should_validate_formats(true)
        .build(&structure())
        .unwrap();
    for problems in [problems(), nothing] {
        let log: serde_json::Value = serde_json::from_str(&sarif(&problems, KINDS)).unwrap();
        let errors: Vec<String> = structure
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        let run = &log["runs"][0];
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    }
}

#[test]
fn paths_are_urls_and_links_are_none() {
    let uri = |path: &str| {
        let mut sources = Sources::default();
        let source = sources.add(path, "a: b");
        let mut problems = Problems::new(sources);
        let span = Span { source, start: 3, end: 4 };
        problems.push(Diagnostic::error("wrong", "[look](https://evil.example)").at(span, ""));
        let log: serde_json::Value = serde_json::from_str(&sarif(&problems, &[])).unwrap();
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["message"]["text"], "[look] (https://evil.example)");
        result["locations"][0]["physicalLocation"]["artifactLocation"].to_string()
    };
    let uris = ["images.yml", "my images/a%b#c:ü.yml", "/srv/images.yml"].map(uri).join("\n");
    insta::assert_snapshot!(uris, @r#"
    {"uri":"images.yml","uriBaseId":"%SRCROOT%"}
    {"uri":"my%20images/a%25b%23c%3A%C3%BC.yml","uriBaseId":"%SRCROOT%"}
    {"uri":"file:///srv/images.yml"}
    "#);
}
