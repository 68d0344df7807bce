//! Single values.
//!
//! The reader takes what is written, whatever YAML would make of it: `release: 12` is the text
//! `12`. So text may be a number or a boolean here, and a pattern binds text only.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! scalar {
    ($name:ident, $description:literal, $schema:tt) => {
        #[doc = $description]
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!($schema);
                schema.insert("description".to_owned(), $description.into());
                schema
            }
        }
    };
}

scalar!(
    Placeholder,
    "`${matrix.NAME}`: a value of the image's `matrix`. Possible in every value of an image.",
    { "type": "string", "pattern": r"\$\{matrix\.", "examples": ["${matrix.release}"] }
);
scalar!(
    Text,
    "Text, as it is written: `1.10` stays `1.10`. Not empty.",
    { "type": ["string", "number", "boolean"], "pattern": r"\S", "examples": ["platform"] }
);
scalar!(
    Value,
    "The text of a Packer variable; may be empty. Placeholders are filled in: `${version}`, `${date}`, `${git.sha}`, `${image}`, `${scratch_name}`, `${output_dir}`, `${vmid}`, `${parents.NAME.version}` (`path`, `digest`, `vmid`), `${env.NAME}` and `${matrix.NAME}`. `$${` stands for `${`.",
    { "type": ["string", "number", "boolean"], "examples": ["8G", "${parents.debian-12.path}"] }
);
scalar!(
    Path,
    "A path, relative to the file. `~` is not expanded.",
    {
        "type": ["string", "number", "boolean"],
        "pattern": r"^(?!~)(?!.*://)[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$",
        "examples": ["packer/debian"],
    }
);
scalar!(
    Command,
    "A command line for `/bin/sh -c`.",
    { "type": ["string", "number", "boolean"], "pattern": r"\S", "examples": ["./fetch.sh"] }
);
scalar!(
    Folder,
    "The address of a folder: `file:///` and an absolute path, or a path that starts with `./`, `../` or `/`.",
    {
        "type": "string",
        "pattern": r"^(file://(localhost)?/[^?#]*[^?#/][^?#]*|/[^/].*|\.\.?/.*)$|\$\{matrix\.",
        "examples": ["file:///srv/images", "./images"],
    }
);
scalar!(
    Registry,
    "The address of a registry: a folder (`file:///srv/registry`, `./registry`), a branch of this repository (`git`) or of another one (`git+https://host/repository#branch`; also `git+ssh://`, `git+file://`), or a place in an object store (`s3://bucket/registry`; also `gs://`, `az://`).",
    {
        "type": "string",
        "pattern": r"^(git|git\+(https?|ssh|file)://.*|(s3|gs|az)://.*|file://(localhost)?/[^?#]*[^?#/][^?#]*|/[^/].*|\.\.?/.*)$",
        "examples": ["file:///srv/registry", "git"],
    }
);
scalar!(
    Objects,
    "The address of a place in an object store: `s3://bucket/path`, `gs://bucket/path` or `az://container/path`. After `?`: `endpoint` (of a store that is not the vendor's own), `region`, and `path_style=true`. Who may is told by the environment.",
    {
        "type": "string",
        "pattern": r"^(s3|gs|az)://[A-Za-z0-9._-]+(/[^?#\s]*)?(\?[^#\s]*)?$|\$\{matrix\.",
        "examples": ["s3://bucket/images", "s3://bucket/images?endpoint=https://s3.example.org"],
    }
);
scalar!(
    OciReference,
    "Repositories of an OCI registry: its host, and what all names begin with. Each image has one below that, in which versions are tags.",
    {
        "type": "string",
        "pattern": r"^[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+$|\$\{matrix\.",
        "examples": ["registry.example.org/team/images"],
    }
);
scalar!(
    ImageName,
    "The name of an image: a-z, 0-9, `.`, `_` and `-`; `${matrix.NAME}` in the name of an entry with a `matrix`. Not `rejected`.",
    {
        "type": "string",
        "pattern": r"^(?!rejected$)(?!.*\.\.)[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$|\$\{matrix\.",
        "examples": ["debian-12", "k8s-${matrix.kubernetes}"],
    }
);
scalar!(
    ChannelName,
    "The name of a channel: a-z, 0-9, `.`, `_` and `-`.",
    {
        "type": ["string", "number"],
        "pattern": r"^(?!.*\.\.)[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$|\$\{matrix\.",
        "examples": ["candidate"],
    }
);
scalar!(
    VariableName,
    "The name of a Packer variable. Names that begin with `goldsmith_` are goldsmith's own.",
    {
        "type": "string",
        "pattern": "^(?!goldsmith_)[A-Za-z_][A-Za-z0-9_-]*$",
        "examples": ["disk_size"],
    }
);
scalar!(
    EnvironmentName,
    "The name of an environment variable: capitals, digits and `_`, or `PKR_VAR_` and a Packer variable. What would make programs run other code (`LD_PRELOAD`, `BASH_ENV`, `GIT_…`, `PACKER_…`) is refused.",
    {
        "type": "string",
        "pattern": r"^(?!PKR_VAR_goldsmith_)(PKR_VAR_[A-Za-z_][A-Za-z0-9_]*|(?!PKR_VAR_)[A-Z_][A-Z0-9_]*)$|\$\{matrix\.",
        "examples": ["PROXMOX_URL"],
    }
);
scalar!(
    AxisName,
    "The name of an axis of a matrix: letters, digits, `_` and `-`.",
    { "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "examples": ["release"] }
);
scalar!(
    MatrixKey,
    "The name of an axis beside `include` and `exclude`.",
    { "type": "string", "pattern": "^(?!(include|exclude)$)[A-Za-z0-9_-]+$" }
);
scalar!(
    GraceSeverity,
    "A severity that can wait.",
    { "type": "string", "pattern": "^(UNKNOWN|LOW|MEDIUM|HIGH)$" }
);
scalar!(
    RuleName,
    "The name of a rule.",
    { "type": "string", "examples": ["machine-id"] }
);
scalar!(
    Duration,
    "Whole numbers with a unit each, from large to small: `s`, `m`, `h`, `d`. At most 3650 days.",
    {
        "type": "string",
        "pattern": r"^(?=.*[1-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$|\$\{matrix\.",
        "examples": ["45m", "1h30m", "7d"],
    }
);
scalar!(
    Size,
    "A whole number and a unit: `K`, `M`, `G` or `T`, powers of 1024.",
    {
        "type": "string",
        "pattern": r"^0*[1-9][0-9]*[KMGT]$|\$\{matrix\.",
        "examples": ["512M", "8G"],
    }
);
scalar!(
    Day,
    "A day: year, month and day.",
    {
        "type": "string",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$|\$\{matrix\.",
        "examples": ["2026-12-31"],
    }
);
scalar!(
    VersionBase,
    "The part of a version that people choose: two numbers.",
    {
        "type": ["string", "number"],
        "pattern": r"^[0-9]+\.[0-9]+$|\$\{matrix\.",
        "examples": ["1.0"],
    }
);
scalar!(
    Timezone,
    "A name of the IANA time zone database.",
    { "type": "string", "pattern": r"\S", "examples": ["UTC", "Europe/Berlin"] }
);
scalar!(
    BuildName,
    "The name of a Packer build: `type.name`, or `block.type.name`; in a template in Packer's older language, the name of the builder or else its type.",
    {
        "type": "string",
        "pattern": r"^[^*?\[\]{}!\\,]+$|\$\{matrix\.",
        "examples": ["qemu.debian"],
    }
);
scalar!(
    Family,
    "The family of an operating system, as Trivy calls it: one word in lower case.",
    {
        "type": ["string", "number", "boolean"],
        "pattern": r"^[a-z0-9._-]+$|\$\{matrix\.",
        "examples": ["debian", "ubuntu", "windows"],
    }
);
scalar!(
    Release,
    "The release of an operating system, or its leading part.",
    {
        "type": ["string", "number", "boolean"],
        "pattern": r"^[A-Za-z0-9._+~-]+$|\$\{matrix\.",
        "examples": ["12", "24.04"],
    }
);
scalar!(
    Label,
    "A word by which people select images: letters, digits and `.`, `_`, `-`, `/`, `:`, `=`.",
    {
        "type": ["string", "number", "boolean"],
        "pattern": r"^[A-Za-z0-9._/:=-]+$|\$\{matrix\.",
        "examples": ["cloud", "team=web"],
    }
);
scalar!(
    VmidRange,
    "A range of ids of virtual machines.",
    {
        "type": "string",
        "pattern": r"^[0-9]{3,9}-[0-9]{3,9}$|\$\{matrix\.",
        "examples": ["9100-9199"],
    }
);
scalar!(
    Cron,
    "A cron expression of five fields: minute, hour, day of month, month, day of week.",
    {
        "type": "string",
        "pattern": r"^\s*\S+(\s+\S+){4}\s*$|\$\{matrix\.",
        "examples": ["0 2 1 * *"],
    }
);

/// A whole number from `LEAST` to `MOST`.
pub(super) struct Number<const LEAST: u32, const MOST: u32>;

impl<const LEAST: u32, const MOST: u32> JsonSchema for Number<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Number{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": LEAST,
            "maximum": MOST,
            "pattern": r"^[0-9]+$|\$\{matrix\.",
        })
    }
}

/// `T`, or a placeholder that becomes one.
pub(super) struct Or<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Or<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrPlaceholder", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<T>(),
                generator.subschema_for::<Placeholder>(),
            ],
        })
    }
}
