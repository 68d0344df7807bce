//! Fetches the inventory that the maker of an image has published.

use std::io::{self, Read as _};
use std::time::Duration;

use camino::Utf8Path;

use super::examine::{Examiner, Subject, blocking};
use crate::evidence::{self, Question};
use crate::http::Client;
use crate::model::{Digest, Failure, FailureClass, SbomSource};
use crate::process::Cause;

/// The largest inventory. Those of whole distributions have a few MB.
const LARGEST: usize = 256 << 20;
/// How long nothing may come, and how long all of it may take.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_mins(10));

/// The name and the text of the inventory of `subject`.
pub(super) async fn fetch(
    examiner: &Examiner,
    subject: &Subject<'_>,
    source: &SbomSource,
    scratch: &Utf8Path,
) -> Result<(String, String), Failure> {
    match source {
        SbomSource::File { path, digest } => {
            let text = read(path)?;
            let found = Digest::of(text.as_bytes());
            if let Some(digest) = digest.filter(|digest| *digest != found) {
                return Err(changed(path.as_str(), found, digest));
            }
            Ok((path.file_name().unwrap_or_default().to_owned(), text))
        }
        SbomSource::InImage(inside) => {
            let (path, digest) =
                (subject.artifact.disk().path.clone(), subject.artifact.disk().digest);
            let (scratch, inside) = (scratch.to_owned(), inside.clone());
            let (arch, backing) = (subject.arch.as_str(), subject.backing.to_vec());
            let (scope, cancellation) = (subject.policy.scope, examiner.cancellation.clone());
            let name = inside.clone();
            let content = blocking(move || {
                let question = Question {
                    path: &path,
                    subject: digest,
                    expected: None,
                    scope,
                    backing: &backing,
                    architecture: arch,
                    scratch: &scratch,
                    cancellation: &cancellation,
                };
                evidence::file_of_disk(&question, &inside)
            })
            .await?;
            Ok((name, text(content)?))
        }
        SbomSource::Address { url, digest } => {
            let failure = |why: String| {
                Failure::new(
                    FailureClass::Scan,
                    format!("cannot fetch the inventory `{url}`: {why}"),
                )
                .hint("check the address in `evidence.sbom`, and the way to it")
            };
            let download = async {
                let client = Client::patient(PATIENCE.0, PATIENCE.1)?;
                let mut content = Vec::new();
                let found = client.download(url, &mut content, LARGEST).await?;
                Ok((content, found))
            };
            let (content, found) = tokio::select! {
                biased;
                request = examiner.cancellation.beyond(None) => {
                    return Err(Cause::failure(request.cause));
                }
                done = download => {
                    done.map_err(|error: crate::http::ClientError| failure(error.to_string()))?
                }
            };
            if found != *digest {
                return Err(changed(url, found, *digest));
            }
            Ok((url.clone(), text(content)?))
        }
    }
}

fn changed(name: &str, found: Digest, expected: Digest) -> Failure {
    let reason = format!("the inventory `{name}` is {found} instead of {expected}");
    Failure::new(FailureClass::Scan, reason)
        .hint("if its maker has published another one, look at it and correct `evidence.sha256`")
}

/// The inventory in a file.
pub(super) fn read(path: &Utf8Path) -> Result<String, Failure> {
    let failure = |error: io::Error| {
        Failure::caused_by(FailureClass::Scan, &error)
            .hint("the inventory has to be there when the image is looked into")
    };
    let mut content = Vec::new();
    let file = fs_err::File::open(path).map_err(failure)?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut content).map_err(failure)?;
    if content.len() > LARGEST {
        let reason = format!("`{path}` is larger than the {} MiB that are read", LARGEST >> 20);
        return Err(Failure::new(FailureClass::Scan, reason));
    }
    text(content)
}

fn text(content: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(content).map_err(|_| {
        Failure::new(FailureClass::Scan, "the inventory is no UTF-8 text")
            .hint("CycloneDX and SPDX inventories in JSON are read")
    })
}
