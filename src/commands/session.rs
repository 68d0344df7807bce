//! What every command starts from: where it is, what time it is, who tells it to stop.

use camino::{Utf8Path, Utf8PathBuf};

use super::Asked;
use crate::cli::Global;
use crate::clock::Clock;
use crate::config::{self, Checked, Looked};
use crate::diagnostics::{Problems, Style, annotations};
use crate::environment::Environment;
use crate::inputs::{Git, Repository};
use crate::model::{Address, Catalog, Failure, FailureClass, Image, RunId, StoreAddress, Tool};
use crate::process::{Cancellation, ChildEnvironment, Command, Finished, Launcher};
use crate::registry::{Author, Reach};
use crate::report::Place;
use crate::run::{Events, state_folder};
use crate::runner::{Context, Runner, annotations as annotation_lines};
use crate::terminal::Terminal;
use crate::testing;

/// A command under way.
pub(super) struct Session {
    pub(super) global: Global,
    pub(super) asked: Asked,
    pub(super) environment: Environment,
    /// What the forge's runner says, if there is one.
    pub(super) context: Context,
    pub(super) clock: Clock,
    pub(super) launcher: Launcher,
    pub(super) cancellation: Cancellation,
    pub(super) events: Events,
    pub(super) terminal: Terminal,
    /// Paths of the command line start here; absolute.
    pub(super) directory: Utf8PathBuf,
}

impl Session {
    /// Whether a forge's runner started this.
    pub(super) fn on_runner(&self) -> bool {
        self.context.runner != Runner::Local
    }

    /// What registries are reached with.
    pub(super) fn reach(&self) -> Reach {
        Reach {
            environment: self.environment.clone(),
            launcher: self.launcher.clone(),
            // Without one, whoever needs it says so.
            state: state_folder(&self.environment).ok(),
        }
    }

    /// An absolute path for one of the command line.
    pub(super) fn path(&self, path: &Utf8Path) -> Utf8PathBuf {
        self.directory.join(path)
    }

    /// A path as people here would name it.
    pub(super) fn shown(&self, path: &Utf8Path) -> String {
        path.strip_prefix(&self.directory).unwrap_or(path).to_string()
    }

    /// The absolute path of a file or folder that the command line names.
    pub(super) fn existing(&self, path: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
        let path = self.path(path);
        if path.exists() {
            return Ok(path);
        }
        Err(Failure::new(FailureClass::Usage, format!("there is no `{path}`")))
    }

    /// The file at `path`, absolute; an error if there is none.
    pub(super) fn existing_file(&self, path: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
        let path = self.path(path);
        if path.is_file() {
            return Ok(path);
        }
        let reason = if path.exists() {
            format!("`{path}` is not a file")
        } else {
            format!("there is no file `{path}`")
        };
        Err(Failure::new(FailureClass::Usage, reason))
    }

    /// Reads `images.yml`. Its problems are printed as they are; the failure only counts them.
    pub(super) fn catalog(&self) -> Result<Checked, Failure> {
        match self.images_yml()?.checked() {
            Ok(checked) => {
                if !checked.warnings.is_empty() {
                    self.show(checked.warnings.clone());
                }
                Ok(checked)
            }
            Err(problems) => Err(config::failure(&self.show(problems))),
        }
    }

    /// What `images.yml` says, and all that is wrong with it. Fails if there is none.
    pub(super) fn images_yml(&self) -> Result<Looked, Failure> {
        let path = config::resolve(&self.directory, self.global.config.as_str());
        let bytes = fs_err::read(&path).map_err(|error| {
            Failure::caused_by(FailureClass::Config, &error).hint(match self.asked {
                Asked::OnCommandLine => {
                    "name the image matrix with `--config FILE`, or its folder with `-C DIR`"
                }
                Asked::ByInputs => "name the image matrix with the input `config`",
            })
        })?;
        Ok(config::look(&path, &bytes))
    }

    /// Prints problems, with paths as people name them here.
    pub(super) fn show(&self, problems: Problems) -> Problems {
        // Other forges would only repeat in the log what is said there already.
        if problems.has_errors() && self.context.runner.is_github() {
            let problems = problems.clone().shown_from(&self.root(&problems));
            for line in annotation_lines(self.context.runner, &annotations(&problems)) {
                self.terminal.command(&line);
            }
        }
        let problems = problems.shown_from(&self.directory);
        let style = Style::of(self.terminal.settings().stderr_color);
        self.terminal.message(&problems.excerpts(style));
        problems
    }

    /// The root of the repository with the file that `problems` are of, as forges see it.
    pub(super) fn root(&self, problems: &Problems) -> Utf8PathBuf {
        let file = problems.sources().first().map(|(_, file)| file.path.as_path());
        file.map_or_else(|| self.directory.clone(), |file| self.root_above(file))
    }

    /// The root of the repository with `file`.
    fn root_above(&self, file: &Utf8Path) -> Utf8PathBuf {
        let folders = file.parent().map(Utf8Path::ancestors);
        let workspace = self.context.workspace.as_deref();
        let is_root = |folder: &&Utf8Path| {
            workspace == Some(folder) || folder.join(".git").symlink_metadata().is_ok()
        };
        let root = folders.and_then(|mut folders| folders.find(is_root));
        root.unwrap_or(&self.directory).to_owned()
    }

    /// Where the catalog has `image`, as forges see the file.
    pub(super) fn place(&self, catalog: &Catalog, image: &Image) -> Place {
        let root = self.root_above(&catalog.path);
        let file = catalog.path.strip_prefix(&root).unwrap_or(&catalog.path);
        Place { file: file.to_string(), line: image.line }
    }

    /// Who writes to the registry for the run `run`.
    pub(super) fn author(&self, run: RunId) -> Author {
        let at_home =
            || ["LOGNAME", "USER"].into_iter().find_map(|name| self.environment.get(name));
        let by = match &self.context.actor {
            None if !self.on_runner() => at_home().map(str::to_owned),
            actor => actor.clone(),
        };
        Author { run, run_url: self.context.run_url.clone(), by, clock: self.clock }
    }

    /// The registry that `--registry` names.
    pub(super) fn registry_address(&self, text: &str) -> Result<Address, Failure> {
        config::registry_address(text, &self.directory).map_err(|why| {
            let reason = format!("`--registry {text}` is not the address of a registry: {why}");
            Failure::new(FailureClass::Usage, reason)
        })
    }

    /// The store that `--store` names.
    pub(super) fn store_address(&self, text: &str) -> Result<StoreAddress, Failure> {
        config::store_address(text, &self.directory).map_err(|why| {
            let reason = format!("`--store {text}` is not the address of a store: {why}");
            Failure::new(FailureClass::Usage, reason)
        })
    }

    /// Git, ready to be asked.
    pub(super) fn git(&self) -> Git<'_> {
        Git {
            ours: self.on_runner(),
            environment: &self.environment,
            launcher: &self.launcher,
            cancellation: &self.cancellation,
        }
    }

    /// Where `catalog` stands in a repository.
    pub(super) async fn repository(&self, catalog: &Catalog) -> Result<Repository, Failure> {
        let folder = catalog.path.parent().unwrap_or(Utf8Path::new("/"));
        let git = self.git();
        let answer = git.repository(folder, &catalog.own_paths()).await;
        answer.map_err(|error| error.failure(FailureClass::Usage))
    }

    /// The program `qemu-img`, which converts disks for looking inside.
    pub(super) async fn qemu_img(&self) -> Result<Tool, Failure> {
        self.of_qemu("qemu-img", "qemu-img version ", "qemu-utils").await
    }

    /// The program that machines run under.
    pub(super) async fn qemu(&self) -> Result<Tool, Failure> {
        self.of_qemu(testing::QEMU, "QEMU emulator version ", "qemu-system-x86").await
    }

    /// A program of QEMU, which tells its version after this text and is in this Debian package.
    async fn of_qemu(&self, name: &str, before: &str, package: &str) -> Result<Tool, Failure> {
        let missing = |reason: String| {
            Failure::new(FailureClass::ToolMissing, reason)
                .hint(format!("install the Debian package `{package}`"))
        };
        let path = self
            .environment
            .find_program(name)
            .ok_or_else(|| missing(format!("there is no `{name}` on the search path")))?;
        let command = Command::new(&path, format!("ask {name} for its version"))
            .arguments(["--version"])
            .environment(ChildEnvironment::allowed(&self.environment));
        let finished = self
            .launcher
            .run(&command, &self.cancellation, |_| {})
            .await
            .and_then(Finished::success)
            .map_err(|error| error.failure(FailureClass::ToolMissing))?;
        let text = finished.stdout.text();
        let version = text
            .strip_prefix(before)
            .and_then(|rest| rest.split_whitespace().next())
            .ok_or_else(|| missing(format!("`{name}` does not tell its version")))?;
        Ok(Tool { name: name.to_owned(), path, version: version.to_owned() })
    }
}

/// The failure of a command that cannot keep the folder of its run.
pub(super) fn no_state(error: &std::io::Error) -> Failure {
    Failure::caused_by(FailureClass::Usage, error)
        .hint("runs keep their folders below `$GOLDSMITH_STATE_DIR` or `~/.local/state/goldsmith`")
}
