//! What a build needs, and what it must pass.

use schemars::JsonSchema;

use super::scalars::{Command, Number, Or, Size};

/// A test of a build.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Test {
    /// One that is built in.
    Word(Or<TestWord>),
    /// One of your own.
    Run(RunTest),
}

/// A test that is built in.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum TestWord {
    /// Whether copies boot, and know nothing of the machine that the image was made on.
    Boot,
}

/// A test of your own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct RunTest {
    /// A command line for `/bin/sh -c`, in `workdir`. It tells by its exit status, TAP on its
    /// standard output, or JUnit XML and TAP in files below `$GOLDSMITH_RESULTS`.
    #[schemars(example = &"./smoke.sh")]
    run: Command,
}

/// What a build needs of the machine.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Resources {
    /// Processors.
    #[schemars(example = 2)]
    cpus: Option<Number<1, 1024>>,
    /// Memory.
    #[schemars(example = &"2G")]
    memory: Option<Size>,
    /// Room on the disk.
    #[schemars(example = &"10G")]
    disk: Option<Size>,
}
