//! What a guest tells of itself: the real script, in small file systems of their own with the programs
//! of this machine.

use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::evidence::guest::{
    COMPLETE, Kind, PARTS, files, left_out, made_at, pending, script, updates,
};

/// Makes the file system in memory, where `find -xdev` stays, and runs the script in it.
const ENTER: &str = r#"
set -e
mount -t tmpfs guest "$1/root"
cp -a "$1/files/." "$1/root/"
cd "$1/root"
mkdir -p usr dev tmp
chmod 1777 tmp
mount --rbind /usr usr
for name in bin sbin lib lib64; do
    if [ -L "/$name" ]; then cp -P "/$name" "$name"
    elif [ -d "/$name" ]; then mkdir "$name" && mount --rbind "/$name" "$name"; fi
done
# Where Debian has its awk.
if [ -d /etc/alternatives ]; then
    mkdir -p etc/alternatives
    mount --rbind /etc/alternatives etc/alternatives
fi
touch dev/null
mount --bind /dev/null dev/null
PATH=$PATH:/usr/sbin:/sbin
chroot . /usr/bin/env -i PATH=/fake:/usr/bin:/bin /bin/sh /collect
ls -A tmp >"$1/in-tmp"
stat -c %a "tmp/$2" >"$1/mode"
cp "tmp/$2" "$1/made.tar"
"#;

/// Programs that every guest here has: whoever is logged in is somebody else, and can become root.
const PROGRAMS: [(&str, &str); 3] = [
    ("id", "[ -z \"${IS_ROOT-}\" ] && echo 1000 || echo 0"),
    ("sudo", "[ \"$1\" = -n ] && shift && IS_ROOT=yes \"$@\""),
    ("doas", "exit 1"),
];

struct Guest {
    folder: tempfile::TempDir,
}

impl Guest {
    fn new() -> Self {
        let guest = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in PROGRAMS {
            guest.program(name, text);
        }
        guest
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// A place in the guest, whose folder is there.
    fn inside(&self, name: &str) -> Utf8PathBuf {
        let path = self.path("files").join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn file(&self, name: &str, text: &str) {
        fs_err::write(self.inside(name), text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        let name = format!("fake/{name}");
        self.file(&name, &format!("#!/bin/sh\n{text}\n"));
        let mode = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(self.inside(&name), mode).unwrap();
    }

    /// Runs the script. What it has made lies in the folder `out` then.
    fn collect(&self, patterns: &[&str]) {
        let made = made_at("0f", false);
        self.file("collect", &script(patterns, &made, false));
        fs_err::create_dir_all(self.path("root")).unwrap();
        let name = Utf8Path::new(&made).file_name().unwrap();
        let entered = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "--net", "/bin/sh", "-c", ENTER, "sh"])
            .args([self.path("").as_str(), name])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&entered.stderr);
        assert!(entered.status.success(), "{said}");
        assert_eq!(said, "", "nothing is said where nothing is wrong");
        let left = fs_err::read_to_string(self.path("in-tmp")).unwrap();
        assert_eq!(left.trim(), name, "nothing else stays");
        assert_eq!(fs_err::read_to_string(self.path("mode")).unwrap().trim(), "600");

        fs_err::create_dir(self.path("out")).unwrap();
        let made = self.path("made.tar");
        let unpacked = Command::new("tar")
            .args(["--ignore-zeros", "-x", "-f", made.as_str(), "-C", self.path("out").as_str()])
            .status();
        assert!(unpacked.unwrap().success());
        assert!(self.path("out").join(PARTS).join(COMPLETE).exists());
    }

    fn part(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.path("out").join(PARTS).join(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.part(name)).unwrap()
    }

    /// What came of the updates.
    fn updates(&self) -> String {
        let mut told = format!("{:?}\n", updates(&self.text("tool")));
        for it in pending(&self.text("pending-updates")) {
            let severity = it.severity.unwrap_or_default();
            let line = [it.package, it.installed, it.available, severity].join(" | ");
            writeln!(told, "{}", line.trim_end()).unwrap();
        }
        told
    }
}

#[test]
fn a_guest_gives_what_matches_and_tells_what_it_leaves_out() {
    let guest = Guest::new();
    guest.file("etc/os-release", "ID=debian\n");
    guest.file("etc/shadow", "root:*:\n");
    symlink("/etc/shadow", guest.inside("etc/link")).unwrap();
    guest.file("home/a b/.ssh/authorized_keys", "ssh-ed25519 AAAA\n");
    guest.file("home/c/.ssh/other", "");
    guest.file("home/.hidden/.ssh/authorized_keys", "");
    guest.file("srv/-dash", "");
    guest.file("srv/back\\slash", "");
    guest.file("srv/a\nb", "");
    guest.file("srv/deep/er", "");
    let big = fs_err::File::create(guest.inside("srv/big")).unwrap();
    big.set_len((64 << 20) + 1).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        guest.inside("srv/pipe").as_std_path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let odd = guest.inside("srv/deep/er");
    fs_err::set_permissions(&odd, std::fs::Permissions::from_mode(0o4711)).unwrap();

    let patterns = ["etc/os-release", "etc/link", "etc/none", "srv", "srv/*", "nothing/*/here"];
    guest.collect(&[&patterns[..], &["home/*/.ssh/authorized_keys", "etc/os-*"]].concat());
    insta::assert_snapshot!(guest.text("names"), @r"
    ./etc/link
    ./etc/os-release
    ./home/.hidden/.ssh/authorized_keys
    ./home/a b/.ssh/authorized_keys
    ./srv/-dash
    ./srv/back\slash
    ./srv/deep/er
    ");
    for name in guest.text("names").lines() {
        let met = guest.path("out").join(name).symlink_metadata().unwrap();
        assert_eq!(met.is_symlink(), name.ends_with("link"), "{name}");
    }
    assert_eq!(fs_err::read_to_string(guest.path("out/etc/os-release")).unwrap(), "ID=debian\n");
    let left = left_out(&guest.part("left-out"));
    let left: Vec<_> = left.iter().map(|it| format!("{}: {}", it.path, it.why)).collect();
    insta::assert_snapshot!(left.join("\n"), @"
    ./srv/big: is larger than 64 MiB
    ./srv/pipe: is neither a file nor a link
    ./srv/a: has a line feed in its name
    ");
    assert_eq!(guest.text("root"), "yes\n");

    let list = guest.part("files.tsv");
    let list: Vec<_> = files(&list).map(Option::unwrap).collect();
    let at = |path: &str| list.iter().find(|it| it.path == path.as_bytes());
    let odd = at("/srv/deep/er").unwrap();
    assert_eq!((odd.kind, odd.mode, odd.size), (Kind::File, 0o4711, 0));
    assert_eq!(at("/srv/pipe").unwrap().kind, Kind::Pipe);
    assert!(at("/srv/a\nb").is_some());
    let of_script = |path: &[u8]| String::from_utf8_lossy(path).contains("goldsmith");
    assert!(!list.iter().any(|it| of_script(it.path)), "the script does not tell of itself");
}

#[test]
fn each_package_manager_is_asked_in_its_own_way() {
    let mut told = String::new();
    let mut ask = |how: &str, guest: &Guest| {
        guest.collect(&["etc/os-release"]);
        writeln!(told, "--- {how}\n{}", guest.updates()).unwrap();
    };
    let apt = |update: &str| {
        let guest = Guest::new();
        guest.file("var/lib/dpkg/status", "");
        let simulated = "\
            Reading package lists...\n\
            Inst libc6 [2.36-9] (2.36-9+deb12u9 Debian:12.9/stable, Debian-Security:12/stable-security [amd64]) []\n\
            Inst linux-image-6.1.0-30-amd64 (6.1.124-1 Debian:12.9/stable [amd64])\n\
            Conf libc6 (2.36-9+deb12u9 Debian:12.9/stable [amd64])";
        guest.program(
            "apt-get",
            &format!("for it; do case $it in update) {update} ;; upgrade) cat <<'END'\n{simulated}\nEND\n;; esac; done"),
        );
        guest
    };
    ask("apt", &apt("exit 0"));
    let offline = "echo 'W: Failed to fetch http://deb.debian.org/'; exit 0";
    ask("apt without a network or lists", &apt(offline));
    let guest = apt(offline);
    guest.file("var/lib/apt/lists/deb.debian.org_dists_bookworm_main_binary-amd64_Packages", "");
    ask("apt without a network", &guest);

    let pacman = |update: &str| {
        let guest = Guest::new();
        guest.file("var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
        // The lists are fetched into a copy.
        let script = "case $* in *-Sy*--dbpath*) UPDATE ;; *-Qu*) echo 'linux 6.12.1-1 -> 6.12.4-1'; echo 'zlib 1:1.3-1 -> 1:1.3.1-2 [ignored]' ;; *) exit 9 ;; esac";
        guest.program("pacman", &script.replace("UPDATE", update));
        guest
    };
    ask("pacman", &pacman("exit 0"));
    let guest = pacman("exit 9");
    guest.program("checkupdates", "exit 2");
    ask("pacman with checkupdates and no updates", &guest);
    let offline = "echo 'error: failed to synchronize all databases' >&2; exit 1";
    ask("pacman without a network", &pacman(offline));

    let guest = Guest::new();
    guest.program("apk", "echo 'fetch https://dl-cdn.alpinelinux.org/'; echo 'Installed:   Available:'; echo 'busybox-extras-1.36.1-r5  < 1.36.1-r29'");
    ask("apk", &guest);
    guest.program(
        "apk",
        "echo 'WARNING: fetching https://dl-cdn.alpinelinux.org/: temporary error' >&2",
    );
    fs_err::remove_dir_all(guest.path("out")).unwrap();
    ask("apk without a network", &guest);

    let guest = Guest::new();
    guest.program("zypper", "cat <<'END'\nS  | Repository | Name    | Current Version | Available Version | Arch\n---+------------+---------+-----------------+-------------------+-------\nv  | Main       | openssl | 3.1.4-1.1       | 3.1.4-2.1         | x86_64\nEND");
    ask("zypper", &guest);

    let guest = Guest::new();
    guest.program("rpm", "case $* in *kernel*) echo '(none):5.14.0-1.el9' ;; *) echo \"package is not installed\"; exit 1 ;; esac");
    guest.program("dnf", "case $* in *--version*) echo 4.14.0 ;; *) cat <<'END'\n\nkernel.x86_64              5.14.0-362.el9        baseos\na-package-of-a-very-long-name-that-fills-the-line.noarch\n                           1.2-3.el9             appstream\nObsoleting Packages\nold.x86_64                 1-1                   baseos\nEND\nexit 100 ;; esac");
    ask("dnf", &guest);
    ask("none", &Guest::new());
    insta::assert_snapshot!(told, @r#"
    --- apt
    Updates { manager: Some("apt"), lists: Fresh, exit: Some(0), answered: true, why: None }
    libc6 | 2.36-9 | 2.36-9+deb12u9 | security
    linux-image-6.1.0-30-amd64 |  | 6.1.124-1 |

    --- apt without a network or lists
    Updates { manager: Some("apt"), lists: None, exit: None, answered: false, why: Some("W: Failed to fetch http://deb.debian.org/") }

    --- apt without a network
    Updates { manager: Some("apt"), lists: Image, exit: Some(0), answered: true, why: None }
    libc6 | 2.36-9 | 2.36-9+deb12u9 | security
    linux-image-6.1.0-30-amd64 |  | 6.1.124-1 |

    --- pacman
    Updates { manager: Some("pacman"), lists: Fresh, exit: Some(0), answered: true, why: None }
    linux | 6.12.1-1 | 6.12.4-1 |
    zlib | 1:1.3-1 | 1:1.3.1-2 |

    --- pacman with checkupdates and no updates
    Updates { manager: Some("pacman"), lists: Fresh, exit: Some(2), answered: true, why: None }

    --- pacman without a network
    Updates { manager: Some("pacman"), lists: Fresh, exit: Some(1), answered: false, why: Some("error: failed to synchronize all databases") }

    --- apk
    Updates { manager: Some("apk"), lists: Fresh, exit: Some(0), answered: true, why: None }
    busybox-extras | 1.36.1-r5 | 1.36.1-r29 |

    --- apk without a network
    Updates { manager: Some("apk"), lists: Fresh, exit: Some(1), answered: false, why: Some("WARNING: fetching https://dl-cdn.alpinelinux.org/: temporary error") }

    --- zypper
    Updates { manager: Some("zypper"), lists: Fresh, exit: Some(0), answered: true, why: None }
    openssl | 3.1.4-1.1 | 3.1.4-2.1 |

    --- dnf
    Updates { manager: Some("dnf"), lists: Fresh, exit: Some(100), answered: true, why: None }
    kernel.x86_64 | 5.14.0-1.el9 | 5.14.0-362.el9 |
    a-package-of-a-very-long-name-that-fills-the-line.noarch |  | 1.2-3.el9 |

    --- none
    Updates { manager: None, lists: None, exit: None, answered: false, why: Some("the guest has no package manager that is known here") }
    "#);
}
