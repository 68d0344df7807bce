//! In a job: inputs, outputs, the summary, and the workflow that makes jobs of a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use camino::Utf8Path;
use serde_json::Value;

use crate::command_line::{Folder, IMAGES};
use crate::schema::parse;

/// Runs the action in `folder` with these variables.
fn action(folder: &Folder, environment: &[(&str, &str)]) -> Output {
    folder.command(&["action"]).envs(environment.iter().copied()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The outputs in a file of the runner, read as runners read them.
fn outputs(file: &Utf8Path) -> BTreeMap<String, String> {
    let text = fs_err::read_to_string(file).unwrap();
    assert!(text.lines().all(|line| line.len() <= 60_000), "a line too long for some runners");
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}

#[test]
fn an_action_runs_plans_and_judges_again_and_nothing_else() {
    let folder = Folder::new(IMAGES);
    for command in ["action", "__child", "scan", "rum"] {
        let done = action(&folder, &[("INPUT_COMMAND", command)]);
        let stderr = stderr(&done);
        assert_eq!(done.status.code(), Some(2), "{stderr}");
        let told = format!(
            "input `command` is `{command}`, and not one of `run`, `plan`, `regate`, `rescan`, `promote`, `prune`"
        );
        assert!(stderr.contains(&told), "{stderr}");
    }
}

#[test]
fn a_plan_of_many_images_has_all_its_outputs() {
    let numbers = (100..400).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let label = "kvm-".repeat(50);
    let folder = Folder::new(&format!(
        "{IMAGES}  \"app-${{matrix.n}}\":\n    matrix: {{ n: [{numbers}] }}\n    template: packer\n    \
         os: {{ family: debian, release: \"12\" }}\n    source: iso\n    runs_on: [{label}]\n"
    ));
    let file = folder.path().join("outputs");
    let done = action(&folder, &[("INPUT_COMMAND", "plan"), ("GITHUB_OUTPUT", file.as_str())]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let outputs = outputs(&file);
    assert_eq!(outputs["result"], "success");
    let matrix: Value = serde_json::from_str(&outputs["matrix"]).unwrap();
    let jobs = |wave: usize| matrix["waves"][wave]["include"].as_array().unwrap();
    assert_eq!((jobs(0).len(), jobs(1).len()), (256, 46));
    assert_eq!(jobs(1)[45]["image"], "app-399");
}

#[test]
fn outputs_that_cannot_be_written_fail_the_step() {
    let folder = Folder::new(IMAGES);
    let done = action(&folder, &[("INPUT_COMMAND", "plan"), ("GITHUB_OUTPUT", "/dev/full")]);
    insta::assert_snapshot!(stderr(&done), @"error: cannot write the outputs: failed to write to file `/dev/full`: No space left on device (os error 28)");
    assert_eq!(done.status.code(), Some(6));
    // What went wrong before is told rather than that.
    let wrong = [("INPUT_COMMAND", "plan"), ("INPUT_IMAGES", "no"), ("GITHUB_OUTPUT", "/dev/full")];
    assert_eq!(action(&folder, &wrong).status.code(), Some(2));
}

#[test]
fn wrong_inputs_are_told_with_advice_that_workflows_can_follow() {
    let folder = Folder::new(IMAGES);
    let summary = folder.path().join("summary.md");
    let file = ("GITHUB_STEP_SUMMARY", summary.as_str());
    let inputs = [("INPUT_COMMAND", "plan"), ("INPUT_IMAGE", "debian-12"), ("INPUT_FORCE", "yes")];
    let done = action(&folder, &[&inputs[..], &[file]].concat());
    assert_eq!(done.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&done), @"
    error: there is no input `image`
      hint: did you mean `images`?
    error: input `force` is `yes`, and not `true` or `false`
    ");
    insta::assert_snapshot!(fs_err::read_to_string(&summary).unwrap(), @"
    ## goldsmith: nothing was done

    the inputs of the action are wrong

    - there is no input `image`; did you mean `images`?
    - input `force` is `yes`, and not `true` or `false`
    ");
    let told = |name, value| {
        let done = action(&folder, &[("INPUT_COMMAND", "plan"), (name, value)]);
        stderr(&done).replace(folder.path().as_str(), "FOLDER")
    };
    insta::assert_snapshot!(told("INPUT_ARGUMENTS", "--due --label=web"), @"
    error: the inputs make no command: unexpected argument '--due --label' found
      hint: the input `arguments` has one argument a line
    ");
    insta::assert_snapshot!(told("INPUT_IMAGES", "debian-12, debian-13"), @"
    error: no image is called `debian-12, debian-13`
      hint: each name is an argument of its own; the input `images` has one a line
    ");
    insta::assert_snapshot!(told("INPUT_CONFIG", "none.yml"), @"
    error: failed to open file `FOLDER/none.yml`: No such file or directory (os error 2)
      hint: name the image matrix with the input `config`
    ");
}

#[test]
fn a_job_summary_says_why_nothing_was_done() {
    let folder = Folder::new(IMAGES);
    let summary = folder.path().join("summary.md");
    let file = [("GITHUB_STEP_SUMMARY", summary.as_str())];
    folder.goldsmith(&["plan", "debian-14"], &file);
    insta::assert_snapshot!(fs_err::read_to_string(&summary).unwrap(), @"
    ## goldsmith: nothing was done

    no image is called `debian-14`

    - **hint**: did you mean `debian-13`?
    ");
}

#[test]
fn a_job_summary_names_the_problems_of_images_yml() {
    let images = IMAGES.replace("quarterly", "quartely").replace("    template: packer\n", "");
    let folder = Folder::new(&images);
    let summary = folder.path().join("summary.md");
    folder.goldsmith(&["plan"], &[("GITHUB_STEP_SUMMARY", summary.as_str())]);
    insta::assert_snapshot!(fs_err::read_to_string(&summary).unwrap(), @"
    ## goldsmith: nothing was done

    3 problems in images.yml

    - images.yml:6:3: missing-key: `template` is missing in image `debian-12`
    - images.yml:9:3: missing-key: `template` is missing in image `debian-13`
    - images.yml:12:23: bad-choice: `quartely` is not a cadence
    - `goldsmith lint` shows all of them where they stand
    ");

    // As many as anyone reads there.
    let folder = Folder::new(&format!("{IMAGES}{}", "  Wrong: {}\n".repeat(20)));
    let summary = folder.path().join("summary.md");
    folder.goldsmith(&["plan"], &[("GITHUB_STEP_SUMMARY", summary.as_str())]);
    let told = fs_err::read_to_string(&summary).unwrap();
    let last: Vec<&str> = told.lines().rev().take(3).collect();
    insta::assert_snapshot!(last.join("\n"), @"
    - `goldsmith lint` shows all of them where they stand
    - and 49 more
    - images.yml:18:3: bad-name: `Wrong` is not the name of an image
    ");
}

#[test]
fn the_workflow_for_many_runners_takes_what_a_plan_gives() {
    let file = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows/fan-out.yml");
    let text = fs_err::read(file).unwrap();
    let workflow = parse(&text).unwrap();
    let jobs = workflow["jobs"].as_object().unwrap();
    let needs = |job: &Value| -> BTreeSet<String> {
        match &job["needs"] {
            Value::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect(),
        }
    };

    // The plan hands on an output that the action has.
    let folder = Folder::new(IMAGES);
    let outputs_file = folder.path().join("outputs");
    let step = &jobs["plan"]["steps"][1];
    let command = step["env"]["INPUT_COMMAND"].as_str().unwrap();
    let environment = [("INPUT_COMMAND", command), ("GITHUB_OUTPUT", outputs_file.as_str())];
    assert!(action(&folder, &environment).status.success());
    let matrix: Value = serde_json::from_str(&outputs(&outputs_file)["matrix"]).unwrap();
    let id = step["id"].as_str().unwrap();
    assert_eq!(jobs["plan"]["outputs"]["matrix"], format!("${{{{ steps.{id}.outputs.matrix }}}}"));

    // Each wave has a job, which needs those before and uses what an entry has.
    let entry = matrix["waves"][0]["include"][0].as_object().unwrap();
    let mut before = BTreeSet::from(["plan".to_owned()]);
    let waves = jobs.iter().filter(|(_, job)| !job["strategy"].is_null());
    let mut count = 0;
    for (name, job) in waves {
        let wave = format!("fromJSON(needs.plan.outputs.matrix).waves[{count}]");
        assert_eq!(job["strategy"]["matrix"], format!("${{{{ {wave} }}}}"), "{name}");
        let when = job["if"].as_str().unwrap();
        assert!(when.contains(&format!("{wave} != null")), "{name}: {when}");
        assert!(count == 0 || when.contains("!cancelled()"), "{name}: {when}");
        assert_eq!(needs(job), before, "{name}");
        let all = job.to_string();
        let used: BTreeSet<&str> = all
            .split("matrix.")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
            .collect();
        let used: Vec<&str> = used.into_iter().filter(|key| entry.contains_key(*key)).collect();
        assert_eq!(used, ["image", "runs_on"], "{name}");
        before.insert(name.clone());
        count += 1;
    }
    assert_eq!(count, 3);

    // What comes after them is not green where something is missing.
    let last = jobs.iter().find(|(_, job)| needs(job) == before).unwrap().1;
    assert_eq!(last["if"], "${{ !cancelled() }}");
    let steps: Vec<&str> = ["if"; 2]
        .iter()
        .enumerate()
        .map(|(step, key)| last["steps"][step][key].as_str().unwrap())
        .collect();
    assert!(steps[0].contains(&format!(".waves[{count}] != null")), "{steps:?}");
    assert!(steps[1].contains("needs.*.result"), "{steps:?}");
}
