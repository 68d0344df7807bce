//! The files of a finished build: found, checked, made read-only, and their digests taken.

use std::collections::BTreeSet;
use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use super::transcript::ReportedBuild;
use crate::model::{Artifact, ArtifactFile, Digest};
use crate::process::Cancellation;

/// Why the files that Packer reports are no artifact. Mostly the template's author.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// A reported file is not there.
    #[error("there is no file `{path}`, although Packer reports it")]
    Missing {
        /// The file.
        path: Utf8PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A reported file lies elsewhere: its name or its size proves nothing, and nobody cleans up.
    #[error("`{path}` does not lie in the output directory `{directory}`")]
    Outside {
        /// The file.
        path: Utf8PathBuf,
        /// Where it should lie.
        directory: Utf8PathBuf,
    },
    /// A folder, a link, a device.
    #[error("`{path}` is no regular file")]
    NotAFile {
        /// The thing.
        path: Utf8PathBuf,
    },
    /// A file cannot be read or made read-only: the machine.
    #[error("cannot take over the artifact")]
    Unreadable(#[from] io::Error),
}

/// Takes over what a build left: all files that it reports, which must lie in `output`. They are
/// read-only from here on. Relative paths are relative to `workdir`. Reads every byte: run it where
/// blocking is allowed. Fails as soon as somebody wishes to stop.
pub fn collect(
    build: &ReportedBuild,
    workdir: &Utf8Path,
    output: &Utf8Path,
    cancellation: &Cancellation,
) -> Result<Artifact, ArtifactError> {
    let mut artifacts = build.artifacts.values();
    // A post-processor that only looks on reports the same files once more.
    let paths: BTreeSet<Utf8PathBuf> = artifacts
        .clone()
        .flat_map(|artifact| &artifact.files)
        .map(|file| workdir.join(file))
        .collect();
    let mut files = Vec::new();
    for path in paths {
        files.push(take_over(&path, output, cancellation)?);
    }
    files.sort_by(|one, other| {
        let rank = |(file, is_disk): &(ArtifactFile, bool)| (!is_disk, u64::MAX - file.size);
        rank(one).cmp(&rank(other)).then_with(|| one.0.path.cmp(&other.0.path))
    });
    Ok(Artifact {
        builder: artifacts.next().map(|artifact| artifact.builder.clone()),
        files: files.into_iter().map(|(file, _)| file).collect(),
    })
}

/// One file, and whether it is a disk.
fn take_over(
    path: &Utf8Path,
    output: &Utf8Path,
    cancellation: &Cancellation,
) -> Result<(ArtifactFile, bool), ArtifactError> {
    let missing = |source| ArtifactError::Missing { path: path.to_owned(), source };
    let found = path.symlink_metadata().map_err(missing)?;
    if !found.is_file() {
        return Err(ArtifactError::NotAFile { path: path.to_owned() });
    }
    // Folders on the way may be links, on both sides.
    let real = path.canonicalize_utf8().map_err(missing)?;
    let real_output = output.canonicalize_utf8();
    if !real_output.is_ok_and(|output| real.starts_with(output)) {
        return Err(ArtifactError::Outside { path: path.to_owned(), directory: output.to_owned() });
    }
    make_read_only(&real, &found)?;
    let mut file = fs_err::File::open(&real)?;
    let mut head = [0; 4];
    let is_qcow2 = file.read_exact(&mut head).is_ok() && head == *b"QFI\xfb";
    let (digest, size) = Digest::of_reader(cancellation.guard(fs_err::File::open(&real)?))?;
    let is_disk = is_qcow2 || matches!(real.extension(), Some("qcow2" | "raw" | "img"));
    Ok((ArtifactFile { path: real, size, digest }, is_disk))
}

fn make_read_only(path: &Utf8Path, found: &std::fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut permissions = found.permissions();
    permissions.set_mode(permissions.mode() & !0o222);
    fs_err::set_permissions(path, permissions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packer::transcript::ReportedArtifact;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            fs_err::create_dir(folder.path("output")).unwrap();
            folder
        }

        fn path(&self, name: &str) -> Utf8PathBuf {
            let root = Utf8Path::from_path(self.0.path()).unwrap();
            root.canonicalize_utf8().unwrap().join(name)
        }

        fn write(&self, name: &str, content: &[u8]) {
            fs_err::write(self.path(name), content).unwrap();
        }

        fn collect(&self, artifacts: &[&[&str]]) -> Result<Artifact, ArtifactError> {
            let artifact = |files: &&[&str]| ReportedArtifact {
                builder: "packer.file".to_owned(),
                files: files.iter().map(|file| (*file).to_owned()).collect(),
                ..ReportedArtifact::default()
            };
            let build = ReportedBuild {
                artifacts: artifacts.iter().map(artifact).enumerate().collect(),
                ..ReportedBuild::default()
            };
            collect(&build, &self.path(""), &self.path("output"), &Cancellation::new())
        }
    }

    #[test]
    fn the_disk_comes_first_and_everything_becomes_read_only() {
        let folder = Folder::new();
        folder.write("output/efivars.fd", &[0; 900]);
        folder.write("output/packer-debian", b"QFI\xfb and more");
        folder.write("output/packer-debian-1.qcow2", b"QFI\xfb");
        let files: &[&str] =
            &["output/efivars.fd", "output/packer-debian-1.qcow2", "output/packer-debian"];
        let artifact = folder.collect(&[files, files]).unwrap();
        let told: Vec<_> = artifact
            .files
            .iter()
            .map(|file| format!("{} {}", file.path.file_name().unwrap(), file.size))
            .collect();
        assert_eq!(told, ["packer-debian 13", "packer-debian-1.qcow2 4", "efivars.fd 900"]);
        assert_eq!(artifact.disk().digest, Digest::of(b"QFI\xfb and more"));
        assert_eq!(artifact.builder.as_deref(), Some("packer.file"));
        for file in &artifact.files {
            assert!(fs_err::metadata(&file.path).unwrap().permissions().readonly());
        }
    }

    #[test]
    fn without_a_known_name_the_biggest_file_is_the_disk() {
        let folder = Folder::new();
        folder.write("output/notes", b"few bytes");
        folder.write("output/disk", &[0; 100]);
        let artifact = folder.collect(&[&["output/notes", "output/disk"]]).unwrap();
        assert_eq!(artifact.disk().path.file_name(), Some("disk"));
    }

    #[test]
    fn what_packer_reports_must_be_files_in_the_output_directory() {
        let folder = Folder::new();
        folder.write("elsewhere.raw", b"x");
        folder.write("output/disk.raw", b"x");
        fs_err::os::unix::fs::symlink(folder.path("elsewhere.raw"), folder.path("output/link.raw"))
            .unwrap();
        fs_err::os::unix::fs::symlink(folder.path(""), folder.path("output/up")).unwrap();
        let told: Vec<_> = [
            "output/absent.raw",
            "elsewhere.raw",
            "output/../elsewhere.raw",
            "output/up/elsewhere.raw",
            "output/link.raw",
            "output",
            "/dev/null",
        ]
        .into_iter()
        .map(|file| {
            let error = folder.collect(&[&["output/disk.raw", file]]).unwrap_err();
            error.to_string().replace(folder.path("").as_str(), "FOLDER/")
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        there is no file `FOLDER/output/absent.raw`, although Packer reports it
        `FOLDER/elsewhere.raw` does not lie in the output directory `FOLDER/output`
        `FOLDER/output/../elsewhere.raw` does not lie in the output directory `FOLDER/output`
        `FOLDER/output/up/elsewhere.raw` does not lie in the output directory `FOLDER/output`
        `FOLDER/output/link.raw` is no regular file
        `FOLDER/output` is no regular file
        `/dev/null` is no regular file
        ");
    }
}
