//! What the placeholders of an image's texts stand for in a run.

use indexmap::IndexMap;

use super::image_task::ImageTask;
use crate::model::{Failure, FailureClass, Placeholder, Version};
use crate::packer::BuildRequest;

/// The Packer variables of the image, filled in for `request`.
pub(super) fn variables(
    task: &ImageTask<'_>,
    version: Version,
    request: &BuildRequest,
) -> Result<IndexMap<String, String>, Failure> {
    let mut variables = IndexMap::new();
    for (name, text) in &task.image.vars {
        let value = text.fill(|placeholder| {
            value(task, version, request, placeholder).map_err(|why| {
                let reason = format!("variable `{name}` needs `{placeholder}`: {why}");
                Failure::new(FailureClass::Config, reason)
            })
        })?;
        variables.insert(name.clone(), value);
    }
    Ok(variables)
}

fn value(
    task: &ImageTask<'_>,
    version: Version,
    request: &BuildRequest,
    placeholder: &Placeholder,
) -> Result<String, String> {
    let pipeline = task.run.pipeline;
    Ok(match placeholder {
        Placeholder::Version => version.to_string(),
        Placeholder::Date => version.day().strftime("%Y%m%d").to_string(),
        Placeholder::GitSha => match &pipeline.commit {
            Some(commit) => commit.id.clone(),
            None => return Err("images.yml lies in no repository with a commit".to_owned()),
        },
        Placeholder::Image => task.image.name.to_string(),
        Placeholder::ScratchName => request.scratch_name.clone(),
        Placeholder::OutputDir => request.output_directory.to_string(),
        Placeholder::Vmid => return Err("only builds on Proxmox VE have one".to_owned()),
        Placeholder::Parent { image, what } => {
            let parents = task.built_upon.borrow();
            let parent = parents.iter().find(|parent| parent.image == *image);
            return match parent {
                Some(parent) => parent.fact(*what),
                None => Err(format!("no version of `{image}` is at hand")),
            };
        }
        Placeholder::Env(name) => match pipeline.environment.get(name) {
            Some(value) => value.to_owned(),
            None => return Err("it is not set".to_owned()),
        },
    })
}
