//! Checks of `images.yml` that need the files that it names.

use crate::model::{Catalog, Failure, FailureClass, Image};

/// Every problem with the files of the selected `images`, one failure each.
pub fn check<'a>(catalog: &Catalog, images: impl Iterator<Item = &'a Image>) -> Vec<Failure> {
    images
        .flat_map(|image| {
            [template(image), workdir(image)].into_iter().flatten().map(|(what, hint)| {
                let reason = format!("image `{}` in `{}`: {what}", image.name, catalog.path);
                Failure::new(FailureClass::Config, reason).hint(hint)
            })
        })
        .collect()
}

fn template(image: &Image) -> Option<(String, &'static str)> {
    let path = &image.template;
    if !path.exists() {
        let hint =
            "`template` is a folder with `.pkr.hcl` files or one such file, relative to images.yml";
        return Some((format!("template `{path}` does not exist"), hint));
    }
    if path.is_file() {
        return None;
    }
    let has_hcl = path.read_dir_utf8().is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            name.ends_with(".pkr.hcl") || name.ends_with(".pkr.json")
        })
    });
    (!has_hcl).then(|| {
        let hint = "Packer reads only files that end in `.pkr.hcl`";
        (format!("template `{path}` has no `.pkr.hcl` file"), hint)
    })
}

fn workdir(image: &Image) -> Option<(String, &'static str)> {
    // Where nothing else is said it is the template's, of which enough is said already.
    let of_template = [Some(image.template.as_path()), image.template.parent()];
    if of_template.contains(&Some(&image.workdir)) {
        return None;
    }
    (!image.workdir.is_dir()).then(|| {
        let hint = "`workdir` is where packer and `prepare` run, relative to images.yml";
        (format!("workdir `{}` is not a folder", image.workdir), hint)
    })
}
