//! A template that is edited to collect in its guest, built by the real Packer.

use std::process::{Command, Stdio};

use goldsmith::evidence::guest::{
    COMPLETE, Kind, PARTS, files, left_out, made_at, script, updates,
};
use goldsmith::template::{Chosen, Collect, MemoryTree, Request, Wishes, read};
use indexmap::IndexMap;

use crate::guest::guest;
use crate::project::Project;

#[test]
fn what_is_collected_in_a_guest_comes_out_of_it_and_nothing_stays() {
    let project = Project::new("");
    project.disk();
    let template = guest("echo ID=tiny >/etc/os-release; ln -s /etc/shadow /etc/link", "");
    let path = project.path("packer/debian.pkr.hcl");
    let made = made_at("0123456789abcdef", false);
    let patterns = ["etc/os-release", "etc/link", "etc/passwd", "dev/null"];
    project.write("collect", &script(&patterns, &made, false));

    let download = project.path("fetched/guest.tar");
    let tree = MemoryTree::default().file(&path, template.as_str());
    let packer = project.path("packer");
    let request =
        Request { template: &packer, workdir: &packer, var_files: &[], vars: &IndexMap::new() };
    let edits = read(&tree, &request).edits(&Wishes {
        build: None,
        image: "debian-12",
        version: "1.0.20261126",
        windows: false,
        workdir: &packer,
        chosen: Chosen {
            scratch_name: "disk",
            output_directory: &project.path("output"),
            vmid: None,
        },
        carriers: &[],
        scripts: &[],
        collect: Some(Collect {
            script: &project.path("collect"),
            made: &made,
            download: &download,
        }),
    });
    let edits = edits.unwrap();
    assert!(edits.collected);
    // And then somebody looks around in there.
    let edited = edits.files[0].after.trim_end().strip_suffix('}').unwrap();
    let last = "  provisioner \"shell\" { inline = [\"ls -A /tmp; echo looked around\"] }\n}\n";
    project.write("packer/debian.pkr.hcl", &format!("{edited}{last}"));

    let mut command = Command::new("packer");
    command.args(["build", "-color=false", "."]).current_dir(&packer);
    command.env("HOME", project.path("home")).env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null());
    fs_err::create_dir_all(project.path("home")).unwrap();
    let built = command.output().unwrap();
    let said = String::from_utf8_lossy(&built.stdout).into_owned();
    assert!(built.status.success(), "{said}{}", String::from_utf8_lossy(&built.stderr));
    assert!(!said.contains("goldsmith: "), "{said}");
    let (_, around) = said.rsplit_once("Provisioning with").unwrap();
    let (around, _) = around.split_once("looked around").unwrap();
    assert!(around.contains("script_") && !around.contains("goldsmith"), "{said}");

    fs_err::create_dir(project.path("out")).unwrap();
    let unpacked = Command::new("tar")
        .args(["--ignore-zeros", "-x", "-f", download.as_str()])
        .args(["-C", project.path("out").as_str()])
        .status();
    assert!(unpacked.unwrap().success());
    let part = |name: &str| fs_err::read(project.path("out").join(PARTS).join(name)).unwrap();
    assert_eq!(part(COMPLETE), b"");
    assert_eq!(part("root"), b"yes\n");
    assert_eq!(part("names"), b"./etc/link\n./etc/os-release\n./etc/passwd\n");
    assert_eq!(fs_err::read_to_string(project.path("out/etc/os-release")).unwrap(), "ID=tiny\n");
    assert!(project.path("out/etc/link").is_symlink());
    assert_eq!(
        left_out(&part("left-out")).iter().map(|it| &*it.path).collect::<Vec<_>>(),
        ["./dev/null"]
    );
    assert!(!updates(&String::from_utf8(part("tool")).unwrap()).answered);
    let list = part("files.tsv");
    let list: Vec<_> = files(&list).map(Option::unwrap).collect();
    let busybox = list.iter().find(|it| it.path == b"/bin/busybox").unwrap();
    assert_eq!((busybox.kind, busybox.mode, busybox.uid), (Kind::File, 0o755, 0));
}
