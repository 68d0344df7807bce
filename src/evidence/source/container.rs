//! The files of a container image: what `docker save` writes, or an OCI layout, in an archive or a
//! folder (Docker image specification v1.2; OCI image layout specification v1.1).

use std::collections::HashMap;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use tar::Archive;

use super::Layers;
use super::layers::{Compression, Layer};
use crate::model::Digest;
use crate::process::Cancellation;

/// Manifests and indexes.
const DOCUMENT: u64 = 16 << 20;
/// Files of an archive that are looked at.
const FILES: usize = 100_000;
/// Indexes within indexes.
const DEPTH: usize = 4;

/// A container image.
pub(in crate::evidence) struct Container {
    /// Its layers.
    pub(in crate::evidence) layers: Layers,
}

/// The files of an archive or folder, by name.
struct Files {
    places: HashMap<String, Layer>,
    folder: Option<Utf8PathBuf>,
}

#[derive(Deserialize)]
struct DockerManifest {
    #[serde(rename = "Layers", default)]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    annotations: HashMap<String, String>,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

impl Container {
    /// Whether the file or folder at `path` looks like one.
    pub(in crate::evidence) fn is_at(path: &Utf8Path) -> io::Result<bool> {
        if path.is_dir() {
            return Ok(path.join("oci-layout").is_file() || path.join("manifest.json").is_file());
        }
        if !is_tar(path)? {
            return Ok(false);
        }
        let files = Files::open(path)?;
        Ok(files.places.contains_key("oci-layout") || files.places.contains_key("manifest.json"))
    }

    /// Opens the image at `path`. If there are several, the one for `architecture` counts.
    pub(in crate::evidence) fn open(
        path: &Utf8Path,
        architecture: &str,
        cancellation: &Cancellation,
    ) -> io::Result<Self> {
        let files = Files::open(path)?;
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let layers = if let Some(manifest) = files.document("manifest.json")? {
            let images: Vec<DockerManifest> = serde_json::from_str(&manifest)
                .map_err(|error| invalid(format!("manifest.json of `{path}`: {error}")))?;
            let [image] = images.as_slice() else {
                let count = images.len();
                return Err(invalid(format!(
                    "`{path}` holds {count} images: save the one that is meant alone"
                )));
            };
            image
                .layers
                .iter()
                .map(|name| Ok((files.layer(name)?, None)))
                .collect::<io::Result<Vec<_>>>()?
        } else if let Some(index) = files.document("index.json")? {
            let index: Index = serde_json::from_str(&index)
                .map_err(|error| invalid(format!("index.json of `{path}`: {error}")))?;
            files.of_index(path, &index.manifests, architecture, 0)?
        } else {
            return Err(invalid(format!("`{path}` has neither manifest.json nor index.json")));
        };
        if layers.is_empty() {
            return Err(invalid(format!("the image in `{path}` has no layers")));
        }
        // Whoever unpacks the image refuses layers that are not what it names.
        for (layer, digest) in &layers {
            let Some(expected) = digest else { continue };
            let (found, _) = Digest::of_reader(cancellation.guard(layer.bytes()?))?;
            if format!("sha256:{}", found.hex()) != *expected {
                return Err(invalid(format!("layer {expected} of the image is {found}")));
            }
        }
        let layers = layers.into_iter().map(|(layer, _)| layer).collect();
        Ok(Self { layers: Layers::new(layers, true, cancellation) })
    }
}

/// Whether the file is a tar archive, packed or not.
pub(in crate::evidence) fn is_tar(path: &Utf8Path) -> io::Result<bool> {
    let layer = Layer::whole(path.to_owned())?;
    let mut beginning = Vec::new();
    let unpacked = layer.unpacked()?;
    // What cannot be unpacked is no archive, whatever its first bytes say.
    let _ = unpacked.take(512).read_to_end(&mut beginning);
    Ok(beginning.get(257..262) == Some(b"ustar".as_slice()))
}

impl Files {
    fn open(path: &Utf8Path) -> io::Result<Self> {
        if path.is_dir() {
            return Ok(Self { places: HashMap::new(), folder: Some(path.to_owned()) });
        }
        let layer = Layer::whole(path.to_owned())?;
        if layer.compression()? != Compression::None {
            // Such an archive can be no image: its layers could only be found by unpacking all of it.
            return Ok(Self { places: HashMap::new(), folder: None });
        }
        let mut places = HashMap::new();
        let mut links = Vec::new();
        let mut archive = Archive::new(layer.bytes()?);
        for entry in archive.entries()?.take(FILES) {
            let entry = entry?;
            let Ok(name) = String::from_utf8(entry.path_bytes().into_owned()) else { continue };
            let name = name.trim_start_matches("./").to_owned();
            match entry.header().entry_type() {
                tar::EntryType::Regular => {
                    let (start, length) = (entry.raw_file_position(), entry.size());
                    places.insert(name, Layer { file: path.to_owned(), start, length });
                }
                // Older versions of Docker name a layer that they have twice by a link.
                tar::EntryType::Symlink | tar::EntryType::Link => {
                    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                    links.push((name, String::from_utf8(target).unwrap_or_default()));
                }
                _ => {}
            }
        }
        for (name, target) in links {
            let target = target.trim_start_matches("../").to_owned();
            if let Some(place) = places.get(&target).cloned() {
                places.insert(name, place);
            }
        }
        Ok(Self { places, folder: None })
    }

    fn document(&self, name: &str) -> io::Result<Option<String>> {
        let place = match self.layer(name) {
            Ok(place) => place,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        place.bytes()?.take(DOCUMENT).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    /// A file by its name, which the image chooses.
    fn layer(&self, name: &str) -> io::Result<Layer> {
        let missing =
            || io::Error::new(io::ErrorKind::NotFound, format!("the image has no file `{name}`"));
        let Some(folder) = &self.folder else {
            return self.places.get(name).cloned().ok_or_else(missing);
        };
        let plain = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let path = folder.join(name);
        let links = path.ancestors().take_while(|at| *at != folder).any(Utf8Path::is_symlink);
        if !plain || links || !path.is_file() {
            return Err(missing());
        }
        Layer::whole(path)
    }

    fn of_index(
        &self,
        path: &Utf8Path,
        descriptors: &[Descriptor],
        architecture: &str,
        depth: usize,
    ) -> io::Result<Vec<(Layer, Option<String>)>> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let images: Vec<&Descriptor> =
            descriptors.iter().filter(|descriptor| descriptor.is_image()).collect();
        let fitting = images.iter().filter(|descriptor| descriptor.is_for(architecture));
        let fitting: Vec<&&Descriptor> = fitting.collect();
        let chosen = match (fitting.as_slice(), images.as_slice()) {
            ([one], _) => **one,
            ([], [one]) if one.platform.is_none() => one,
            _ => {
                return Err(invalid(format!(
                    "`{path}` holds {} images, of which {} are for {architecture}: \
                     save the one that is meant alone, or name its architecture",
                    images.len(),
                    fitting.len()
                )));
            }
        };
        let text = self.blob(&chosen.digest)?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| invalid(format!("manifest {}: {error}", chosen.digest)))?;
        if !manifest.manifests.is_empty() && depth < DEPTH {
            return self.of_index(path, &manifest.manifests, architecture, depth + 1);
        }
        let layer = |layer: &Descriptor| {
            // Of another algorithm than ours nothing can be said.
            let digest = layer.digest.starts_with("sha256:").then(|| layer.digest.clone());
            Ok((self.layer(&place(&layer.digest)?)?, digest))
        };
        manifest.layers.iter().map(layer).collect()
    }

    fn blob(&self, digest: &str) -> io::Result<String> {
        let text = self.document(&place(digest)?)?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("the image has no blob {digest}"))
        })?;
        let found = Digest::of(text.as_bytes());
        if digest != format!("sha256:{}", found.hex()) {
            let why = format!("blob {digest} of the image is {found}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(text)
    }
}

/// Where a blob lies.
fn place(digest: &str) -> io::Result<String> {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_alphanumeric());
    match digest.split_once(':') {
        Some((algorithm, hex)) if plain(algorithm) && plain(hex) => {
            Ok(format!("blobs/{algorithm}/{hex}"))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a digest of the image is none")),
    }
}

impl Descriptor {
    /// Attestations of BuildKit stand beside images, for an unknown platform.
    fn is_image(&self) -> bool {
        !self.annotations.contains_key("vnd.docker.reference.type")
            && self.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
    }

    fn is_for(&self, architecture: &str) -> bool {
        self.platform
            .as_ref()
            .is_some_and(|platform| platform.architecture == architecture && platform.os == "linux")
    }
}
