//! A store to which things happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex};

use ::object_store::multipart::{MultipartStore, PartId};
use ::object_store::path::Path;
use ::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _, once};
use tokio::sync::Notify;

use super::super::upload::md5_of;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// The writer is killed before the request arrives.
    Before,
    /// The writer is killed after it was done, and does not hear of it.
    After,
    /// The network breaks.
    Error,
    /// The writer may not do that.
    Denied,
    /// Something else arrives than was sent.
    Garbled,
}

/// When it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// At the request of this number.
    Request(usize),
    /// When so many parts are there.
    Parts(usize),
}

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault(When, Blow);

impl Fault {
    pub(super) fn before(request: usize) -> Self {
        Self(When::Request(request), Blow::Before)
    }

    pub(super) fn after(request: usize) -> Self {
        Self(When::Request(request), Blow::After)
    }

    pub(super) fn error(request: usize) -> Self {
        Self(When::Request(request), Blow::Error)
    }

    pub(super) fn at_part(part: usize) -> Self {
        Self(When::Parts(part), Blow::Before)
    }

    pub(super) fn denies_part(part: usize) -> Self {
        Self(When::Parts(part), Blow::Denied)
    }

    pub(super) fn garbles_part(part: usize) -> Self {
        Self(When::Parts(part), Blow::Garbled)
    }
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// Whether it has happened.
    past: bool,
    requests: usize,
    parts: usize,
    /// How often each part was sent, whether it arrived or not.
    sent: BTreeMap<usize, usize>,
    open: BTreeSet<(Path, MultipartId)>,
}

/// A store to which things happen.
pub(super) struct Failing<S> {
    pub(super) inner: S,
    state: Mutex<State>,
    happened: Arc<Notify>,
}

impl<S: MultipartStore> Failing<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, state: Mutex::default(), happened: Arc::default() }
    }

    /// From now on `fault` happens, or nothing.
    pub(super) fn set(&self, fault: Option<Fault>) {
        let mut state = self.state.lock().unwrap();
        (state.fault, state.past, state.requests, state.parts) = (fault, false, 0, 0);
    }

    /// Whether it has happened.
    pub(super) fn is_past(&self) -> bool {
        self.state.lock().unwrap().past
    }

    /// Waits for a kill.
    pub(super) async fn happened(&self) {
        self.happened.notified().await;
    }

    /// How often each part was sent.
    pub(super) fn sent(&self) -> BTreeMap<usize, usize> {
        self.state.lock().unwrap().sent.clone()
    }

    /// How many uploads were begun, and neither completed nor given up.
    pub(super) fn open_uploads(&self) -> usize {
        self.state.lock().unwrap().open.len()
    }

    /// Forgets all uploads, as a store does after some days.
    pub(super) async fn forget_uploads(&self) {
        let open = std::mem::take(&mut self.state.lock().unwrap().open);
        for (path, id) in open {
            self.inner.abort_multipart(&path, &id).await.unwrap();
        }
    }

    /// What happens to the next request, which is for a part or for something else.
    fn blow(&self, part: bool) -> Option<Blow> {
        let mut state = self.state.lock().unwrap();
        let Fault(when, blow) = state.fault?;
        let now = match when {
            When::Request(number) => state.requests == number,
            When::Parts(number) => part && state.parts == number,
        };
        state.requests += 1;
        state.parts += usize::from(part);
        state.past |= now;
        now.then_some(blow)
    }

    async fn killed(&self) {
        self.happened.notify_one();
        pending::<()>().await;
    }

    /// Does `work`, unless something happens.
    async fn subject<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.blow(false) {
            Some(Blow::Before) => self.killed().await,
            Some(Blow::After) => {
                drop(work.await);
                self.killed().await;
                unreachable!("who is killed does not come back")
            }
            Some(_) => return Err(broken()),
            None => {}
        }
        work.await
    }

    fn is_open(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let open = self.state.lock().unwrap().open.contains(&(path.clone(), id.clone()));
        let unknown = || Error::NotFound { path: path.to_string(), source: "NoSuchUpload".into() };
        if open { Ok(()) } else { Err(unknown()) }
    }
}

fn broken() -> Error {
    Error::Generic { store: "memory", source: "connection reset by peer".into() }
}

impl<S: fmt::Display> fmt::Display for Failing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<S: fmt::Debug> fmt::Debug for Failing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore + MultipartStore> ObjectStore for Failing<S> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.subject(self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.subject(self.inner.get_opts(location, options)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let happened = self.happened.clone();
        let deleted = self.inner.delete_stream(locations);
        match self.blow(false) {
            None => deleted,
            Some(blow @ (Blow::Before | Blow::After)) => once(async move {
                if blow == Blow::After {
                    drop(deleted.collect::<Vec<_>>().await);
                }
                happened.notify_one();
                pending().await
            })
            .boxed(),
            Some(_) => once(ready(Err(broken()))).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.subject(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl<S: ObjectStore + MultipartStore> MultipartStore for Failing<S> {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.create_multipart_opts(path, PutMultipartOptions::default()).await
    }

    async fn create_multipart_opts(
        &self,
        path: &Path,
        opts: PutMultipartOptions,
    ) -> Result<MultipartId> {
        let create = async {
            let id = self.inner.create_multipart_opts(path, opts).await?;
            self.state.lock().unwrap().open.insert((path.clone(), id.clone()));
            Ok(id)
        };
        self.subject(create).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        *self.state.lock().unwrap().sent.entry(part_idx).or_default() += 1;
        let blow = self.blow(true);
        self.is_open(path, id)?;
        let data = match blow {
            None | Some(Blow::After) => data,
            Some(Blow::Before) => {
                self.killed().await;
                data
            }
            Some(Blow::Error) => return Err(broken()),
            Some(Blow::Denied) => {
                let source = "Server returned non-2xx status code: 403 Forbidden: \
                              <Error><Code>AccessDenied</Code></Error>";
                return Err(Error::PermissionDenied {
                    path: path.to_string(),
                    source: source.into(),
                });
            }
            Some(Blow::Garbled) => PutPayload::from(vec![7; data.content_length()]),
        };
        // As S3 calls it.
        let content_id = md5_of(&Bytes::from(data.clone()));
        self.inner.put_part(path, id, part_idx, data).await?;
        if blow == Some(Blow::After) {
            self.killed().await;
        }
        // Not at once, as over a network: so that several are on their way.
        tokio::task::yield_now().await;
        Ok(PartId { content_id })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.is_open(path, id)?;
        let complete = async {
            let completed = self.inner.complete_multipart(path, id, parts).await?;
            self.state.lock().unwrap().open.remove(&(path.clone(), id.clone()));
            Ok(completed)
        };
        self.subject(complete).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.is_open(path, id)?;
        self.inner.abort_multipart(path, id).await?;
        self.state.lock().unwrap().open.remove(&(path.clone(), id.clone()));
        Ok(())
    }
}
