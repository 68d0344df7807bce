//! What Packer is asked to do.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;
use secrecy::{ExposeSecret as _, SecretString};

use super::edited::EditedCopy;
use crate::environment::Environment;
use crate::model::{ImageName, is_legacy_template};
use crate::process::{ChildEnvironment, Log, Redaction};

/// What of goldsmith's environment Packer gets beside what every child gets.
const PASSED: [&str; 3] = [
    "PACKER_CACHE_DIR", // downloads and port locks, shared by all Packers of a machine
    "PACKER_CONFIG_DIR", // where plugins lie, unless the next one says
    "PACKER_PLUGIN_PATH",
];

/// One build of one image.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The image.
    pub image: ImageName,
    /// The version that it will have.
    pub version: String,
    /// A name that nothing else has, for whatever the template creates outside of files.
    pub scratch_name: String,
    /// Where the artifact goes, absolute. Must not exist yet: the template's builder makes it.
    pub output_directory: Utf8PathBuf,
    /// Where its temporary files go, absolute, if not where goldsmith's own do. Sockets lie there too,
    /// whose paths have to be short.
    pub temporary_folder: Option<Utf8PathBuf>,
    /// The id of the virtual machine on Proxmox VE, if it is built there.
    pub vmid: Option<u32>,
    /// The template: a folder or one file, absolute.
    pub template: Utf8PathBuf,
    /// The copy of it that is built in its place, if there is one.
    pub edited: Option<EditedCopy>,
    /// What the guest is asked at the end, if it is.
    pub collect: Option<Collected>,
    /// Where Packer runs, absolute.
    pub workdir: Utf8PathBuf,
    /// The build that is the image; without it the template must have just one.
    pub build: Option<String>,
    /// Files with values of the template's variables, absolute, in the order in which Packer reads
    /// them.
    pub variable_files: Vec<Utf8PathBuf>,
    /// Values of the template's variables, which count more than those of files. Visible to
    /// everybody on the machine: no secrets.
    pub variables: IndexMap<String, String>,
    /// Values of further variables, which count less than those of files. Seen by nobody.
    pub secret_variables: IndexMap<String, SecretString>,
    /// What may not be seen in Packer's output.
    pub redaction: Redaction,
    /// Names of further environment variables that Packer gets.
    pub environment: Vec<String>,
    /// Where its plugins lie, if not where its environment says.
    pub plugin_folder: Option<Utf8PathBuf>,
    /// How long the build may take.
    pub timeout: Duration,
    /// How long it may take to clean up when it is stopped.
    pub grace: Duration,
    /// Where all of Packer's output goes.
    pub log: Log,
}

/// A file that a build makes in its guest and fetches.
#[derive(Debug, Clone)]
pub struct Collected {
    /// The script that makes it, absolute.
    pub script: Utf8PathBuf,
    /// Where it is made in the guest, absolute.
    pub made: String,
    /// Where it goes, absolute.
    pub download: Utf8PathBuf,
}

impl BuildRequest {
    /// The command line. Never `-force`: it deletes what is there before the new image is good.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["build", "-machine-readable", "-parallel-builds=1", "-on-error=cleanup"]
                .map(str::to_owned)
                .into();
        arguments.extend(self.inputs());
        arguments
    }

    /// Everything by which two requests ask Packer for different things.
    pub fn asked(&self) -> (Utf8PathBuf, Vec<String>, Vec<String>) {
        (self.workdir.clone(), self.inputs(), self.environment.clone())
    }

    /// The part of a command line that says which build, and with which values.
    pub(super) fn inputs(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(build) = &self.build {
            arguments.push(format!("-only={build}"));
        }
        for file in &self.variable_files {
            arguments.push(format!("-var-file={file}"));
        }
        let contract = is_legacy_template(&self.template).then(|| self.contract());
        let contract = contract.iter().flatten().map(|(name, value)| (*name, value));
        let variables = self.variables.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in contract.chain(variables) {
            arguments.push("-var".to_owned());
            arguments.push(format!("{name}={value}"));
        }
        let template = self.edited.as_ref().map(|edited| edited.called.clone());
        arguments.push(template.unwrap_or_else(|| relative(&self.template, &self.workdir)));
        arguments
    }

    /// The environment. The variables of the template contract are set here and not by `-var`,
    /// because Packer ignores them where the template does not declare them.
    pub(super) fn environment(&self, parent: &Environment) -> ChildEnvironment {
        let environment = ChildEnvironment::allowed(parent)
            .pass(parent, PASSED)
            .pass(parent, &self.environment)
            .set("CHECKPOINT_DISABLE", "1");
        let folder = self.plugin_folder.iter();
        let environment = folder.fold(environment, |environment, folder| {
            environment.set("PACKER_PLUGIN_PATH", folder.as_str())
        });
        let folder = self.temporary_folder.iter();
        let environment = folder
            .fold(environment, |environment, folder| environment.set("TMPDIR", folder.as_str()));
        let contract = self.contract().into_iter();
        let environment = contract.fold(environment, |environment, (name, value)| {
            environment.set(format!("PKR_VAR_{name}"), value)
        });
        let secrets = self.secret_variables.iter();
        secrets.fold(environment, |environment, (name, value)| {
            environment.set(format!("PKR_VAR_{name}"), value.expose_secret())
        })
    }

    /// The variables of the template contract. By `-var` only for templates in the older language: those
    /// take none from the environment, and Packer ignores what they do not declare.
    fn contract(&self) -> Vec<(&'static str, String)> {
        let mut contract = vec![
            ("goldsmith_image", self.image.to_string()),
            ("goldsmith_version", self.version.clone()),
            ("goldsmith_scratch_name", self.scratch_name.clone()),
            ("goldsmith_output_dir", self.output_directory.to_string()),
        ];
        contract.extend(self.vmid.map(|vmid| ("goldsmith_vmid", vmid.to_string())));
        contract
    }

    /// What Packer calls the wanted build, if it spoke of builds of these names. In templates of the
    /// older language it puts the type before the name that `-only` wants.
    pub(super) fn wanted<'n>(&self, mut names: impl Iterator<Item = &'n String>) -> Option<String> {
        let wanted = self.build.as_deref()?;
        let longer = |name: &&String| name.split_once('.').is_some_and(|(_, name)| name == wanted);
        let longer = if is_legacy_template(&self.template) { names.find(longer) } else { None };
        Some(longer.cloned().unwrap_or_else(|| wanted.to_owned()))
    }
}

/// The template as somebody in `workdir` would name it: Packer repeats this in its messages and in
/// `path.root`.
pub(super) fn relative(template: &Utf8Path, workdir: &Utf8Path) -> String {
    match template.strip_prefix(workdir) {
        Ok(rest) if rest.as_str().is_empty() => ".".to_owned(),
        Ok(rest) if rest.as_str().starts_with('-') => format!("./{rest}"),
        Ok(rest) => rest.to_string(),
        Err(_) => template.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> BuildRequest {
        BuildRequest {
            image: "debian-12".parse().unwrap(),
            version: "1.0.20261123".to_owned(),
            scratch_name: "debian-12-v1.0.20261123-5f3a9c".to_owned(),
            output_directory: "/srv/runs/1/debian-12/output".into(),
            temporary_folder: Some("/srv/runs/1/.tmp1".into()),
            vmid: None,
            template: "/home/ci/images/packer/debian".into(),
            edited: None,
            collect: None,
            workdir: "/home/ci/images/packer".into(),
            build: Some("qemu.debian".to_owned()),
            variable_files: vec!["/home/ci/images/common.pkrvars.hcl".into()],
            variables: [("disk_size", "8G"), ("motd", "two words")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            secret_variables: [("api_token".to_owned(), SecretString::from("s3cret"))].into(),
            redaction: Redaction::default(),
            environment: vec!["PROXMOX_TOKEN".to_owned(), "GITHUB_TOKEN".to_owned()],
            plugin_folder: None,
            timeout: Duration::from_mins(30),
            grace: Duration::from_secs(6),
            log: Log::from(Utf8PathBuf::from("/srv/runs/1/debian-12/packer.log")),
        }
    }

    #[test]
    fn the_command_line_is_serial_cleans_up_and_never_forces() {
        insta::assert_snapshot!(request().arguments().join("\n"), @"
        build
        -machine-readable
        -parallel-builds=1
        -on-error=cleanup
        -only=qemu.debian
        -var-file=/home/ci/images/common.pkrvars.hcl
        -var
        disk_size=8G
        -var
        motd=two words
        debian
        ");
        let mut bare = request();
        bare.build = None;
        bare.variables.clear();
        bare.template = bare.workdir.clone();
        assert_eq!(bare.arguments().last().unwrap(), ".");
        bare.template = "/elsewhere/x.pkr.hcl".into();
        assert_eq!(bare.arguments().last().unwrap(), "/elsewhere/x.pkr.hcl");
        bare.template = bare.workdir.join("-force");
        assert_eq!(bare.arguments().last().unwrap(), "./-force");
    }

    #[test]
    fn the_environment_holds_the_template_contract_and_no_token_of_the_forge() {
        let parent: Environment =
            ["HOME", "PACKER_PLUGIN_PATH", "PACKER_LOG", "PROXMOX_TOKEN", "GITHUB_TOKEN"]
                .map(|name| (name.to_owned(), format!("value of {name}")))
                .into_iter()
                .collect();
        let mut request = request();
        request.vmid = Some(9100);
        let environment = request.environment(&parent);
        let lines: Vec<_> =
            environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        CHECKPOINT_DISABLE=1
        HOME=value of HOME
        PACKER_PLUGIN_PATH=value of PACKER_PLUGIN_PATH
        PKR_VAR_api_token=s3cret
        PKR_VAR_goldsmith_image=debian-12
        PKR_VAR_goldsmith_output_dir=/srv/runs/1/debian-12/output
        PKR_VAR_goldsmith_scratch_name=debian-12-v1.0.20261123-5f3a9c
        PKR_VAR_goldsmith_version=1.0.20261123
        PKR_VAR_goldsmith_vmid=9100
        PROXMOX_TOKEN=value of PROXMOX_TOKEN
        TMPDIR=/srv/runs/1/.tmp1
        ");
    }
}
