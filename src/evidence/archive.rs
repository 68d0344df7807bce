//! Strategies `rootfs` and `container`: a folder, a tar archive, or a container image.

use super::collector::{Collected, fresh};
use super::source::{Container, Folder, Layer, Layers, Source, is_tar};
use super::{EvidenceError, Gathered, Question};
use crate::model::StrategyName;

/// Collects a root file system in a folder or a tar archive. Blocks.
pub fn rootfs(question: &Question<'_>) -> Result<Gathered, EvidenceError> {
    let path = question.path;
    if path.is_dir() {
        return gather(question, StrategyName::Rootfs, &mut Folder(path));
    }
    if !is_tar(path)? {
        return Err(EvidenceError::Unfit {
            path: path.to_owned(),
            strategy: StrategyName::Rootfs,
            why: "it is neither a folder nor a tar archive (plain, gzip, zstd)".to_owned(),
        });
    }
    let mut layers =
        Layers::new(vec![Layer::whole(path.to_owned())?], false, question.cancellation);
    match gather(question, StrategyName::Rootfs, &mut layers) {
        Err(EvidenceError::NoSystem { .. }) if layers.is_image() => Err(EvidenceError::Unfit {
            path: path.to_owned(),
            strategy: StrategyName::Rootfs,
            why: "it is a container image that is packed as a whole; unpack it (gunzip, zstd -d)"
                .to_owned(),
        }),
        gathered => gathered,
    }
}

/// Collects a container image: what `docker save` writes, or an OCI layout. Blocks.
pub fn container(question: &Question<'_>) -> Result<Gathered, EvidenceError> {
    let unfit = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::NotFound => EvidenceError::Unfit {
            path: question.path.to_owned(),
            strategy: StrategyName::Container,
            why: error.to_string(),
        },
        _ => error.into(),
    };
    if !question.path.is_dir() && !is_tar(question.path)? {
        return Err(EvidenceError::Unfit {
            path: question.path.to_owned(),
            strategy: StrategyName::Container,
            why: "it is neither a folder nor a tar archive".to_owned(),
        });
    }
    let mut container =
        Container::open(question.path, question.architecture, question.cancellation)
            .map_err(unfit)?;
    gather(question, StrategyName::Container, &mut container.layers)
}

fn gather(
    question: &Question<'_>,
    strategy: StrategyName,
    source: &mut dyn Source,
) -> Result<Gathered, EvidenceError> {
    let folder = fresh(question.scratch, "tree")?;
    let collected = Collected::from(source, question.scope, folder, question.cancellation)?;
    let mut gathered = Gathered::of(question, strategy, &collected);
    gathered.secrets = Some(collected.secrets()?);
    if gathered.os.is_none() && gathered.databases.is_empty() {
        return Err(EvidenceError::NoSystem { path: question.path.to_owned(), because: None });
    }
    Ok(gathered)
}
