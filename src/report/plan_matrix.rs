//! The plan as waves of jobs for the matrix of a forge's workflow.

use serde::Serialize;

use crate::model::{Catalog, ImageName, Plan, Planned, Version};

use super::sentence;

/// How many jobs a matrix of GitHub can have.
const MAX_JOBS: usize = 256;

#[derive(Serialize)]
struct Waves<'a> {
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
    why: String,
}

/// `{"waves":[{"include":[{"image":…,"version":…,"runs_on":[…],"why":…}]}]}` in one line: each wave
/// is the matrix of a job that needs the one before. A wave with more jobs than a matrix can have
/// is cut into several. No waves if nothing is due: a job with an empty matrix fails, so guard it
/// with `if:`.
pub fn github_matrix(plan: &Plan, catalog: &Catalog) -> String {
    let waves = plan.build.chunk_by(|one, next| one.wave == next.wave);
    let jobs = waves.flat_map(|wave| wave.chunks(MAX_JOBS));
    let waves = Waves { waves: jobs.map(|jobs| Wave::of(jobs, catalog)).collect() };
    serde_json::to_string(&waves).expect("plain data with string keys always serialises")
}

impl<'a> Wave<'a> {
    fn of(jobs: &'a [Planned], catalog: &'a Catalog) -> Self {
        let job = |planned: &'a Planned| Job {
            image: &planned.image,
            version: planned.version,
            runs_on: catalog.images.get(&planned.image).map_or(&[][..], |image| &image.runs_on),
            why: sentence::due(&planned.why),
        };
        Self { include: jobs.iter().map(job).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

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
