//! On folders of this machine, in memory, and on stores that do not do as they should.

use ::object_store::memory::InMemory;
use ::object_store::{
    CopyOptions, GetOptions, GetResult, MultipartUpload, PutMultipartOptions, PutOptions, PutResult,
};
use camino::{Utf8Path, Utf8PathBuf};
use futures_util::stream::BoxStream;

use super::super::contract::{Subject, fixtures, registry_contract};
use super::super::{Reach, enter, look, open};
use super::*;
use crate::model::Address;
use crate::objects::Vendor;

/// A folder of this machine, opened as a user opens it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> Utf8PathBuf {
        let root = Utf8Path::from_path(self.0.path()).unwrap();
        root.join("made/when missing")
    }
}

#[async_trait]
impl Subject for Folder {
    async fn open(&self) -> Result<Box<dyn Registry>, RegistryError> {
        open(&Address::Directory(self.root()), &Reach::folders()).await
    }

    async fn plant(&self, path: &str, content: &[u8]) {
        let path = self.root().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    async fn remove(&self, path: &str) {
        fs_err::remove_file(self.root().join(path)).unwrap();
    }
}

/// Memory, as a second implementation of the same promise.
struct Memory(Arc<InMemory>);

impl Memory {
    fn fresh() -> Self {
        Self(Arc::new(InMemory::new()))
    }
}

#[async_trait]
impl Subject for Memory {
    async fn open(&self) -> Result<Box<dyn Registry>, RegistryError> {
        let store = self.0.clone();
        Ok(Box::new(ObjectStoreRegistry::open(store, "memory").await?))
    }

    async fn plant(&self, path: &str, content: &[u8]) {
        let content = content.to_vec();
        self.0.put(&Path::from(path), content.into()).await.unwrap();
    }

    async fn remove(&self, path: &str) {
        self.0.delete(&Path::from(path)).await.unwrap();
    }
}

#[tokio::test]
async fn the_folder_looks_as_it_is_documented() {
    let folder = Folder::fresh();
    let registry = folder.open().await.unwrap();
    let (image, channel) = (fixtures::image(), fixtures::channel());
    let author = fixtures::author("20261123t100000z-5f3a9c");
    let version = fixtures::publish(&*registry, author.run.as_str()).await;
    enter(&*registry, &author, &image, &channel, version).await.unwrap();
    registry.put_blob(b"inventory").await.unwrap();
    let mut paths: Vec<String> = ignore::Walk::new(folder.root())
        .filter_map(|entry| {
            let path = entry.ok()?.into_path();
            let name = path.strip_prefix(folder.root()).ok()?.to_str()?.to_owned();
            path.is_file().then_some(name)
        })
        .collect();
    paths.sort();
    insta::assert_snapshot!(paths.join("\n"), @"
    blobs/b11a85b296a90afc460430434a504e7acb04b064575b7277724688af0e59d189.zst
    images/debian-12/channels/candidate.json
    images/debian-12/goldsmith.auto.tfvars.json
    images/debian-12/log/00000001.json
    images/debian-12/log/00000002.json
    images/debian-12/log/00000003.json
    images/debian-12/versions/1.0.20261123.json
    index/ca.json
    schema.json
    ");
    let read = |path: &str| fs_err::read_to_string(folder.root().join(path)).unwrap();
    insta::assert_snapshot!(read("schema.json"), @r#"
    {
      "schema": 1
    }
    "#);
    // Where this changes, `HISTORY_FORMAT` has to.
    let shard = read("index/ca.json").replace("{\"", "{\n\"");
    let filters = [
        (r#""size":\d+"#, r#""size":202"#),
        (r#":"2026-11-23T10:0\d:\d\d\.\d+Z"#, r#":"2026-11-23T10:00:00Z"#),
    ];
    insta::with_settings!({filters => filters}, {
        insta::assert_snapshot!(shard, @r#"
        {
        "format":7,"images":{
        "debian-12":{
        "size":202,"history":{
        "head":3,"reserved":["1.0.20261123"],"published":["1.0.20261123"],"satisfied":{
        "version":"1.0.20261123","definition":"sha256:4c4ed1afbfdaa1e4c3bf7bbb82d730cecb7e384da91eea4f3cc093fd545524d6","definition_parts":{
        "prepare":"0123456789ab"},"started_at":"2026-11-23T09:00:00Z","package_set":"sha256:b28b1ed9821f38c64524ea13e19264bb0772f8376afffd5d8a1f8277621833eb"},"rejected":null,"channels":{
        "candidate":"1.0.20261123"},"since":{
        "candidate":"2026-11-23T10:00:00Z"},"stranded":null}}}}
        "#);
    });
    let file = read("images/debian-12/channels/candidate.json");
    insta::with_settings!({filters => [(r"T10:0\d:\d\d\.\d+Z", "T10:00:00Z")]}, {
        insta::assert_snapshot!(file, @r#"
        {
          "schema": 1,
          "seq": 3,
          "image": "debian-12",
          "channel": "candidate",
          "version": "1.0.20261123",
          "act": "entered",
          "held": false,
          "moved_at": "2026-11-23T10:00:00Z",
          "run": "20261123t100000z-5f3a9c",
          "artifacts": [
            {
              "name": "debian-12-v1.0.20261123.qcow2",
              "size": 3,
              "sha256": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
              "locations": [
                "file:///srv/images"
              ]
            }
          ]
        }
        "#);
    });
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let folder = Folder::fresh();
    let file = Utf8Path::from_path(folder.0.path()).unwrap().join("file");
    fs_err::write(&file, "").unwrap();
    let refusal = |error: RegistryError| {
        let reason = error.failure().reason;
        reason.replace(folder.0.path().to_str().unwrap(), "ROOT")
    };
    let looked = look(&Address::Directory(file.join("registry")), &Reach::folders()).await;
    insta::assert_snapshot!(refusal(looked.err().unwrap()), @"cannot open `ROOT/file/registry`: Not a directory (os error 20)");
    let registry = open(&Address::Directory(file.join("registry")), &Reach::folders()).await;
    insta::assert_snapshot!(refusal(registry.err().unwrap()), @"cannot create `ROOT/file/registry`: Not a directory (os error 20)");

    let registry = folder.open().await.unwrap();
    fs_err::write(folder.root().join("images"), "").unwrap();
    let image = "debian-12".parse().unwrap();
    insta::assert_snapshot!(refusal(registry.log(&image, 0).await.unwrap_err()), @"cannot list `ROOT/made/when missing/images/debian-12/log`: Not a directory (os error 20)");
}

#[tokio::test]
async fn a_name_that_cannot_be_read_is_said_to_be_in_the_way() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = Folder::fresh();
    let registry = folder.open().await.unwrap();
    let image = "debian-12".parse().unwrap();
    let log = folder.root().join(layout::log_folder(&image));
    fs_err::create_dir_all(&log).unwrap();
    for name in [&b"\xff"[..], b"a\nb"] {
        let path = log.as_std_path().join(std::ffi::OsStr::from_bytes(name));
        fs_err::write(&path, "").unwrap();
        let error = registry.log(&image, 0).await.unwrap_err();
        assert!(matches!(error, RegistryError::ForeignName { .. }));
        fs_err::remove_file(path).unwrap();
    }
}

/// A bucket whose store writes whatever it is asked to, as some old ones do.
#[derive(Debug)]
struct Careless(InMemory);

impl std::fmt::Display for Careless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        _: PutOptions,
    ) -> Result<PutResult, Error> {
        self.0.put(location, payload).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult, Error> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path, Error>>,
    ) -> BoxStream<'static, Result<Path, Error>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult, Error> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<(), Error> {
        self.0.copy_opts(from, to, how).await
    }
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused() {
    let place = || Place {
        store: Arc::new(InMemory::new()),
        prefix: "registry".into(),
        location: "s3://images/registry".to_owned(),
        bucket: "images".to_owned(),
        vendor: Vendor::S3,
    };
    let careless: Arc<dyn ObjectStore> = Arc::new(Careless(InMemory::new()));
    for _ in 0..2 {
        let registry = ObjectStoreRegistry {
            store: careless.clone(),
            ..ObjectStoreRegistry::at(place()).await.unwrap()
        };
        let refused = registry.write_lease(&"r1".parse().unwrap(), b"{}").await;
        let failure = refused.unwrap_err().failure();
        insta::allow_duplicates! {
            insta::assert_snapshot!(format!("{}\n{}", failure.reason, failure.hints[0]), @"
            cannot write `s3://images/registry/schema.json`: the store ignores `If-None-Match: *`: two runs could write one entry
            use a store that honours it (see docs/stores.md), or `registry: git`
            ");
        }
    }
    let careful = place();
    for _ in 0..2 {
        let registry = ObjectStoreRegistry::at(careful.clone()).await.unwrap();
        registry.write_lease(&"r1".parse().unwrap(), b"{}").await.unwrap();
    }
}

mod folder {
    super::registry_contract!(super::Folder::fresh());
}

mod memory {
    super::registry_contract!(super::Memory::fresh());
}
