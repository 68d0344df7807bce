//! The plan as waves of jobs for the matrix of a forge's workflow.

use serde::Serialize;

use crate::model::{Catalog, ImageName, Plan, Planned, Version};

use super::sentence;
use super::untrusted::shorten;

/// How many jobs a matrix of GitHub can have.
const MAX_JOBS: usize = 256;

/// Characters of a reason: it is for the eye, and there may be thousands.
const MAX_WHY: usize = 300;

/// A plan as waves of jobs: `{"waves":[{"include":[{"image":…,"version":…,"runs_on":[…],"why":…}]}]}`.
#[derive(Default, Serialize)]
pub struct Waves<'a> {
    waves: Vec<Wave<'a>>,
}

#[derive(Serialize)]
struct Wave<'a> {
    include: Vec<Job<'a>>,
}

#[derive(Serialize)]
struct Job<'a> {
    image: &'a ImageName,
    version: Version,
    /// Labels of the runner; empty if the workflow's own will do.
    runs_on: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The [`waves`] of `plan` in one line.
pub fn github_matrix(plan: &Plan, catalog: &Catalog) -> String {
    serde_json::to_string(&waves(plan, catalog))
        .expect("plain data with string keys always serialises")
}

/// Each wave is the matrix of a job that needs the one before. A wave with more jobs than a matrix
/// can have is cut into several. No waves if nothing is due: a job with an empty matrix fails, so
/// guard it with `if:`.
pub fn waves<'a>(plan: &'a Plan, catalog: &'a Catalog) -> Waves<'a> {
    let waves = plan.build.chunk_by(|one, next| one.wave == next.wave);
    let jobs = waves.flat_map(|wave| wave.chunks(MAX_JOBS));
    Waves { waves: jobs.map(|jobs| Wave::of(jobs, catalog)).collect() }
}

impl Waves<'_> {
    /// The same jobs without the reasons: what is left where there is no room for them.
    #[must_use]
    pub fn without_reasons(mut self) -> Self {
        for job in self.waves.iter_mut().flat_map(|wave| &mut wave.include) {
            job.why = None;
        }
        self
    }
}

impl<'a> Wave<'a> {
    fn of(jobs: &'a [Planned], catalog: &'a Catalog) -> Self {
        let job = |planned: &'a Planned| Job {
            image: &planned.image,
            version: planned.version,
            runs_on: catalog.images.get(&planned.image).map_or(&[][..], |image| &image.runs_on),
            why: Some(shorten(&sentence::due(&planned.why), MAX_WHY).into_owned()),
        };
        Self { include: jobs.iter().map(job).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::model::Due;

    #[test]
    fn every_wave_is_a_matrix() {
        let json: serde_json::Value =
            serde_json::from_str(&github_matrix(&samples::plan(), &samples::catalog())).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
        {
          "waves": [
            {
              "include": [
                {
                  "image": "debian-12",
                  "runs_on": [],
                  "version": "1.0.20261123",
                  "why": "never built"
                },
                {
                  "image": "ubuntu-2404",
                  "runs_on": [
                    "self-hosted",
                    "kvm"
                  ],
                  "version": "1.0.20261123",
                  "why": "the slot of 1 November 2026, 02:00 UTC has begun; newest is 1.0.20260801; overdue: 2 slots were missed: 1 October 2026, 1 September 2026"
                },
                {
                  "image": "rocky-9",
                  "runs_on": [],
                  "version": "2.1.20261123",
                  "why": "asked for with `--force`"
                }
              ]
            },
            {
              "include": [
                {
                  "image": "k8s-1.35-debian-12",
                  "runs_on": [],
                  "version": "1.0.20261123.2",
                  "why": "its definition has changed since 1.0.20261123: k8s.pkr.hcl, vars.kubernetes"
                }
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn reasons_are_cut_and_can_be_left_out() {
        let mut plan = samples::plan();
        plan.build.truncate(1);
        let version = plan.build[0].version;
        plan.build[0].why = Due::Revoked { version, because: "é".repeat(1000) };
        let catalog = samples::catalog();
        let text = github_matrix(&plan, &catalog);
        assert!(text.chars().count() < 450 && text.contains("é…"), "{text}");
        let bare = waves(&plan, &catalog).without_reasons();
        insta::assert_snapshot!(serde_json::to_string(&bare).unwrap(), @r#"{"waves":[{"include":[{"image":"debian-12","version":"1.0.20261123","runs_on":[]}]}]}"#);
    }

    #[test]
    fn no_matrix_is_larger_than_a_forge_takes_and_none_is_empty() {
        let mut plan = samples::plan();
        plan.build = vec![plan.build[0].clone(); 600];
        for planned in &mut plan.build[..300] {
            planned.wave = 0;
        }
        for planned in &mut plan.build[300..] {
            planned.wave = 1;
        }
        let text = github_matrix(&plan, &samples::catalog());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let waves = json["waves"].as_array().unwrap().iter();
        let sizes: Vec<usize> =
            waves.map(|wave| wave["include"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [256, 44, 256, 44]);
        plan.build.clear();
        assert_eq!(github_matrix(&plan, &samples::catalog()), r#"{"waves":[]}"#);
    }
}
