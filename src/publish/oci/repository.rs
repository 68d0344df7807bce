//! One repository of a registry: its blobs, manifests, tags and referrers (OCI distribution
//! specification 1.1). Everything that is read is checked against its digest.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LINK, RANGE,
};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::super::{Content, StoreError};
use super::client::{Ask, Client};
use super::error::OciError;
use super::format::{Descriptor, INDEX, Index, MANIFEST};
use crate::model::Digest;

/// The most pages of a list that are asked for.
const PAGES: usize = 100;
/// With this header a registry says that it keeps the list of referrers itself.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// The digest of what was written, as the registry knows it.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A repository.
pub(super) struct Repository<'a> {
    pub(super) client: &'a Client,
    /// Its name in the registry: `team/images/debian-12`.
    pub(super) name: String,
}

impl<'a> Repository<'a> {
    /// The repository of an image. Not every name of an image is one.
    pub(super) fn new(client: &'a Client, name: String) -> Result<Self, OciError> {
        if is_name(&name) {
            Ok(Self { client, name })
        } else {
            Err(OciError::BadName { repository: name })
        }
    }

    pub(super) fn ask(&self, method: Method, path: &str) -> Result<Ask<'_>, OciError> {
        let url = self.client.url(&format!("v2/{}/{path}", self.name))?;
        Ok(self.ask_at(method, url))
    }

    pub(super) fn ask_at(&self, method: Method, url: Url) -> Ask<'_> {
        Ask::new(method, url, &self.name)
    }

    /// The size of a blob, if it is there. Nothing of it is sent.
    pub(super) async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, OciError> {
        let ask = self.ask(Method::HEAD, &format!("blobs/{digest}"))?;
        let answer = self.client.ask(&ask).await?;
        match answer.status {
            StatusCode::OK => {
                let size = answer.header(CONTENT_LENGTH).and_then(|size| size.parse().ok());
                size.map(Some).ok_or_else(|| {
                    self.client.strange("a question for a blob", "it does not say the blob's size")
                })
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.client.refusal(&ask, &answer)),
        }
    }

    /// The content of a small blob, if it is there; whether it is what its digest says is for the
    /// caller.
    pub(super) async fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, OciError> {
        let ask = self.ask(Method::GET, &format!("blobs/{digest}"))?;
        let answer = self.client.ask(&ask).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.client.refusal(&ask, &answer)),
        }
    }

    /// Opens a blob from byte `from` on, if it is there; whether it is what its digest says is for the
    /// caller.
    pub(super) async fn open(
        &self,
        digest: &Digest,
        from: u64,
    ) -> Result<Option<Content>, StoreError> {
        let mut ask = self.ask(Method::GET, &format!("blobs/{digest}"))?.of_large();
        if from > 0 {
            ask = ask.header(RANGE, format!("bytes={from}-"));
        }
        let answer = self.client.ask(&ask).await?;
        let strange = |why: &str| self.client.strange("a question for a blob", why);
        let (size, skipped) = match answer.status {
            StatusCode::OK => {
                let size = answer.header(CONTENT_LENGTH).and_then(|size| size.parse().ok());
                (size.ok_or_else(|| strange("it does not say the blob's size"))?, from)
            }
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.header(CONTENT_RANGE).and_then(range);
                let size = range.and_then(|(start, size)| (start == from).then_some(size));
                (size.ok_or_else(|| strange("it sends another part than was asked for"))?, 0)
            }
            StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => {
                let size = self.blob_size(digest).await?;
                return Ok(size.map(|size| Content::at_end(size.min(from))));
            }
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.client.refusal(&ask, &answer).into()),
        };
        let pieces = answer.pieces().map_err(StoreError::from);
        // A server need not know how to begin elsewhere than at the beginning.
        let mut ahead = skipped;
        let pieces = pieces.map_ok(move |mut piece| {
            let skipped = usize::try_from(ahead).unwrap_or(usize::MAX).min(piece.len());
            ahead -= skipped as u64;
            piece.split_off(skipped)
        });
        Ok(Some(Content { size, pieces: pieces.boxed() }))
    }

    /// Sends a small blob, unless it is there.
    pub(super) async fn put_blob(&self, content: &[u8]) -> Result<(), OciError> {
        let digest = Digest::of(content);
        if self.blob_size(&digest).await? == Some(content.len() as u64) {
            return Ok(());
        }
        let location = self.begin_upload().await?.0;
        let ask = self
            .ask_at(Method::PUT, with_digest(location, &digest))
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(Bytes::copy_from_slice(content));
        let answer = self.client.ask(&ask).await?;
        // An answer that got lost, and the question again.
        if answer.status == StatusCode::CREATED || self.blob_size(&digest).await?.is_some() {
            return Ok(());
        }
        Err(self.client.refusal(&ask, &answer))
    }

    /// Begins an upload: where it goes on, and the smallest part that the registry takes.
    pub(super) async fn begin_upload(&self) -> Result<(Url, Option<u64>), OciError> {
        const LEAST: HeaderName = HeaderName::from_static("oci-chunk-min-length");
        let ask = self.ask(Method::POST, "blobs/uploads/")?;
        let answer = self.client.ask(&ask).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(self.client.refusal(&ask, &answer));
        }
        let location = self.client.location(&ask, &answer)?;
        let location = location.ok_or_else(|| {
            self.client.strange("the beginning of an upload", "it does not say where it goes on")
        })?;
        Ok((location, answer.header(LEAST).and_then(|least| least.parse().ok())))
    }

    /// The manifest that `reference` names, a tag or a digest, if there is one.
    pub(super) async fn manifest(
        &self,
        reference: &str,
    ) -> Result<Option<(Digest, Vec<u8>)>, OciError> {
        let ask = self
            .ask(Method::GET, &format!("manifests/{reference}"))?
            .header(ACCEPT, format!("{MANIFEST}, {INDEX}, */*;q=0.1"));
        let answer = self.client.ask(&ask).await?;
        match answer.status {
            StatusCode::OK => {
                let digest = Digest::of(&answer.body);
                if reference.parse::<Digest>().is_ok_and(|asked| asked != digest) {
                    let why = format!("its digest is {digest}");
                    return Err(self.client.strange(&format!("GET {reference}"), why));
                }
                Ok(Some((digest, answer.body)))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.client.refusal(&ask, &answer)),
        }
    }

    /// Writes a manifest under `reference`. Says whether the registry keeps it among the referrers of
    /// its subject.
    pub(super) async fn put_manifest(
        &self,
        reference: &str,
        media_type: &str,
        content: &[u8],
    ) -> Result<bool, OciError> {
        let ask = self
            .ask(Method::PUT, &format!("manifests/{reference}"))?
            .header(CONTENT_TYPE, media_type)
            .body(Bytes::copy_from_slice(content));
        let answer = self.client.ask(&ask).await?;
        if !answer.status.is_success() {
            return Err(self.client.refusal(&ask, &answer));
        }
        let (ours, theirs) = (Digest::of(content), answer.header(CONTENT_DIGEST));
        if theirs.is_some_and(|theirs| theirs.parse() != Ok(ours)) {
            return Err(self.client.strange("PUT of a manifest", "it has kept something else"));
        }
        Ok(answer.header(SUBJECT).is_some())
    }

    /// Removes what `reference` names, a tag or a digest. That it is gone already is no error.
    pub(super) async fn delete(&self, reference: &str) -> Result<(), OciError> {
        let ask = self.ask(Method::DELETE, &format!("manifests/{reference}"))?;
        let answer = self.client.ask(&ask).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(self.client.refusal(&ask, &answer))
    }

    /// All tags.
    pub(super) async fn tags(&self) -> Result<Vec<String>, OciError> {
        #[derive(Deserialize)]
        struct Tags {
            tags: Option<Vec<String>>,
        }
        let mut all = Vec::new();
        let mut next = Some(self.client.url(&format!("v2/{}/tags/list?n=1000", self.name))?);
        for _ in 0..PAGES {
            let Some(url) = next else { break };
            let ask = self.ask_at(Method::GET, url);
            let answer = self.client.ask(&ask).await?;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => break,
                _ => return Err(self.client.refusal(&ask, &answer)),
            }
            let page: Tags = self.read("a list of tags", &answer.body)?;
            all.extend(page.tags.unwrap_or_default());
            next = self.next_page(answer.header(LINK))?;
        }
        Ok(all)
    }

    /// The manifests that refer to `subject`: what the registry knows, else the list in the tag that
    /// stands for it.
    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        let mut all = Vec::new();
        let mut next = Some(self.client.url(&format!("v2/{}/referrers/{subject}", self.name))?);
        for page in 0..PAGES {
            let Some(url) = next else { break };
            let ask = self.ask_at(Method::GET, url).header(ACCEPT, INDEX);
            let answer = self.client.ask(&ask).await?;
            let keeps_them = answer.status == StatusCode::OK
                && answer.header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with(INDEX));
            if page == 0 && !keeps_them {
                return self.tagged_referrers(subject).await;
            }
            let index: Index = self.read("a list of referrers", &answer.body)?;
            all.extend(index.manifests);
            next = self.next_page(answer.header(LINK))?;
        }
        Ok(all)
    }

    /// The list of referrers in the tag that stands for `subject`.
    async fn tagged_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        match self.manifest(&stand_in(subject)).await? {
            Some((_, content)) => {
                Ok(self.read::<Index>("a list of referrers", &content)?.manifests)
            }
            None => Ok(Vec::new()),
        }
    }

    /// Adds to the list of referrers in the tag that stands for `subject`: for registries that keep no
    /// such list themselves.
    pub(super) async fn tag_referrers(
        &self,
        subject: &Digest,
        more: Vec<Descriptor>,
    ) -> Result<(), OciError> {
        let there = self.tagged_referrers(subject).await?;
        let known: BTreeSet<Digest> = there.iter().map(|known| known.digest).collect();
        let mut all = there;
        all.extend(more.into_iter().filter(|new| !known.contains(&new.digest)));
        let content = Index::new(all).to_json();
        self.put_manifest(&stand_in(subject), INDEX, &content).await.map(drop)
    }

    /// Removes a manifest with all tags of it, and what refers to it.
    pub(super) async fn remove(&self, tag: &str, digest: &Digest) -> Result<(), OciError> {
        let referrers = self.referrers(digest).await?;
        self.delete(&digest.to_string()).await?;
        // Most registries remove tags with what they name.
        if self.manifest(tag).await?.is_some_and(|(there, _)| there == *digest) {
            self.delete(tag).await?;
        }
        for referrer in referrers {
            self.delete(&referrer.digest.to_string()).await?;
        }
        if let Some((list, _)) = self.manifest(&stand_in(digest)).await? {
            self.delete(&list.to_string()).await?;
        }
        Ok(())
    }

    fn read<T: for<'de> Deserialize<'de>>(
        &self,
        what: &str,
        content: &[u8],
    ) -> Result<T, OciError> {
        serde_json::from_slice(content)
            .map_err(|error| self.client.strange(what, format!("it cannot be read: {error}")))
    }

    /// The next page of a list: `Link: </v2/…>; rel="next"` (RFC 8288), in this repository only.
    fn next_page(&self, link: Option<&str>) -> Result<Option<Url>, OciError> {
        let next = link.filter(|link| link.contains("rel=\"next\"") || link.contains("rel=next"));
        let Some(target) = next.and_then(|link| link.split_once('<')?.1.split_once('>')) else {
            return Ok(None);
        };
        let home = self.client.url(&format!("v2/{}/", self.name))?;
        let url = self.client.url(target.0)?;
        if url.origin() != home.origin() || !url.path().starts_with(home.path()) {
            return Err(self.client.strange("a list", "its next page is elsewhere"));
        }
        Ok(Some(url))
    }
}

/// The first byte and the size of the whole, of `bytes 5-9/10`.
fn range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}

/// The address of an upload that is done.
pub(super) fn with_digest(mut location: Url, digest: &Digest) -> Url {
    location.query_pairs_mut().append_pair("digest", &digest.to_string());
    location
}

/// The tag that lists the referrers of `subject` where the registry does not.
fn stand_in(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// Whether `name` is one of a repository: words of a-z and 0-9, with separators between them.
fn is_name(name: &str) -> bool {
    let is_component = |component: &str| {
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let word = |c: Option<char>| c.is_some_and(inside);
        word(component.chars().next())
            && word(component.chars().next_back())
            && component.split(inside).all(|separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.chars().all(|c| c == '-')
            })
    };
    name.len() <= 255 && name.split('/').all(is_component)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn repositories_have_the_names_of_the_specification() {
        let good = ["a", "team/images/debian-12", "a__b/c.d/e---f", "1.2"];
        assert!(good.into_iter().all(is_name));
        let bad = ["", "a/", "/a", "A", "a..b", "a._b", "a___b", "-a", "a-", "a b", "a%2f", "a:b"];
        assert_eq!(bad.into_iter().filter(|name| is_name(name)).collect::<Vec<_>>(), [""; 0]);
    }
}
