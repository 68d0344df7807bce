//! Against a registry in memory.

use std::time::Duration;

use camino::Utf8Path;

use super::super::contract::{Build, Subject, assert_whole, store_contract};
use super::double::{Double, Fault, Setup};
use super::*;

/// A registry, and a folder for what a machine keeps.
struct Registry {
    double: Double,
    machine: tempfile::TempDir,
    login: bool,
}

impl Registry {
    async fn new(setup: Setup) -> Self {
        let login = setup.password || setup.tokens_for.is_some();
        Self { double: Double::start(setup).await, machine: tempfile::tempdir().unwrap(), login }
    }

    async fn usual() -> Self {
        Self::new(Setup::default()).await
    }

    fn store(&self) -> OciStore {
        let login = [("GOLDSMITH_OCI_USERNAME", "hugo"), ("GOLDSMITH_OCI_PASSWORD", "secret")];
        self.store_with(if self.login { &login } else { &[] })
    }

    fn store_with(&self, variables: &[(&str, &str)]) -> OciStore {
        let reference = format!("{}/team/images", self.double.host).parse().unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let mut store = OciStore::new(reference, variables.collect(), self.state().to_owned());
        store.patience.wait = Duration::ZERO;
        store
    }

    fn state(&self) -> &Utf8Path {
        Utf8Path::from_path(self.machine.path()).unwrap()
    }

    /// What a failure says, and its hint.
    fn told<T: std::fmt::Debug>(&self, result: Result<T, StoreError>) -> String {
        let failure = result.unwrap_err().failure();
        let told = format!("{}\n  {}", failure.reason, failure.hints.join(" / "));
        told.replace(&self.double.host, "HOST")
    }
}

/// The repository, the tag and the file name of a path in a store.
fn parts(path: &str) -> (String, String, &str) {
    let (rejected, path) = match path.strip_prefix("rejected/") {
        Some(path) => (REJECTED, path),
        None => ("", path),
    };
    let mut words = path.splitn(3, '/');
    let (image, version) = (words.next().unwrap(), words.next().unwrap());
    (format!("team/images/{image}"), format!("{rejected}{version}"), words.next().unwrap())
}

impl Subject for Registry {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.store())
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let (name, tag, file) = parts(path);
        let content = self.double.content();
        let (_, digest) = content.files(&name, &tag).into_iter().find(|(name, _)| name == file)?;
        content.blobs.get(&(name, digest)).cloned()
    }

    fn damage(&self, path: &str) {
        let (name, tag, file) = parts(path);
        let mut content = self.double.content();
        let files = content.files(&name, &tag);
        let (_, digest) = files.into_iter().find(|(name, _)| name == file).unwrap();
        content.blobs.get_mut(&(name, digest)).unwrap()[0] ^= 1;
    }

    fn visible(&self) -> Vec<String> {
        let content = self.double.content();
        let tags = content.tags.keys().filter(|(_, tag)| !tag.starts_with("sha256-"));
        tags.flat_map(|(name, tag)| {
            let files = content.files(name, tag).into_iter();
            files.map(move |(file, _)| format!("{name}:{tag} {file}"))
        })
        .collect()
    }
}

mod with_referrers {
    use super::*;
    store_contract!(Registry::usual().await);
}

mod with_tags_for_referrers {
    use super::*;
    store_contract!({
        let setup = Setup { no_referrers: true, no_ranges: true, ..Setup::default() };
        Registry::new(setup).await
    });
}

const VERSION: &str = "1.0.20261123";
const PLACE: &str = "debian-12/1.0.20261123";

/// A build with a disk of `size` bytes that are all different to the eye.
fn large(size: usize) -> Build {
    let mut build = Build::new(VERSION);
    let mixed = |at: usize| at.wrapping_mul(2_654_435_761).to_le_bytes()[2];
    let disk: Vec<u8> = (0..size).map(mixed).collect();
    fs_err::write(build.disk(), &disk).unwrap();
    let file = &mut build.publication.artifact.files[0];
    (file.size, file.digest) = (size as u64, Digest::of(&disk));
    build
}

#[tokio::test]
async fn a_version_is_an_artifact_that_other_clients_understand() {
    let (registry, mut build) = (Registry::usual().await, Build::new(VERSION));
    for name in ["provenance.intoto.jsonl", "report.json", "results.sarif"] {
        let document = crate::model::Document { name: name.to_owned(), content: b"{}".to_vec() };
        build.publication.documents.push(document);
    }
    registry.store().put(&build.publication).await.unwrap();
    let content = registry.double.content();
    let (media_type, manifest) = content.manifest("team/images/debian-12", VERSION).unwrap();
    assert_eq!(media_type, MANIFEST);
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    insta::assert_json_snapshot!(manifest, @r#"
    {
      "annotations": {
        "org.opencontainers.image.title": "debian-12",
        "org.opencontainers.image.version": "1.0.20261123",
        "vnd.goldsmith.manifest": "sha256:5b18dd9c8f7045e3c2a31f058cdaa574bfb311f7ce6202e7160afba8c8b32269"
      },
      "artifactType": "application/vnd.goldsmith.image.v1",
      "config": {
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "mediaType": "application/vnd.oci.empty.v1+json",
        "size": 2
      },
      "layers": [
        {
          "annotations": {
            "org.opencontainers.image.title": "debian-12-v1.0.20261123.qcow2"
          },
          "digest": "sha256:91e0d94daffd52cced7bbd2aa02440283db9a9830717ff95a0a2a843ae50c64f",
          "mediaType": "application/vnd.goldsmith.disk.qcow2",
          "size": 1202400
        },
        {
          "annotations": {
            "org.opencontainers.image.title": "debian-12-v1.0.20261123-efivars.fd"
          },
          "digest": "sha256:30c4c5f63a585c1eb13266fd3ffa8d05cd7a3593194d139806f443aeedc304ba",
          "mediaType": "application/octet-stream",
          "size": 7
        }
      ],
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "schemaVersion": 2
    }
    "#);
    let kinds: Vec<String> = content
        .manifests
        .values()
        .filter_map(|(_, content)| {
            let manifest: ImageManifest = serde_json::from_slice(content).unwrap();
            let layer = manifest.subject.as_ref().map(|_| &manifest.layers[0])?;
            let kind = manifest.artifact_type.as_ref().unwrap();
            Some(format!("{}: {kind} ({})", layer.name().unwrap(), layer.media_type))
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    insta::assert_snapshot!(kinds.join("\n"), @"
    SHA256SUMS: application/vnd.goldsmith.checksums.v1 (text/plain)
    manifest.json: application/vnd.goldsmith.manifest.v1+json (application/vnd.goldsmith.manifest.v1+json)
    provenance.intoto.jsonl: application/vnd.in-toto+json (application/vnd.in-toto+json)
    report.json: application/vnd.goldsmith.report.v1+json (application/vnd.goldsmith.report.v1+json)
    results.sarif: application/sarif+json (application/sarif+json)
    sbom.cdx.json: application/vnd.cyclonedx+json (application/vnd.cyclonedx+json)
    ");
}

#[tokio::test]
async fn what_is_asked_is_little_and_the_same_again_sends_nothing() {
    let (registry, build) = (Registry::usual().await, Build::new(VERSION));
    registry.store().put(&build.publication).await.unwrap();
    insta::assert_snapshot!(registry.double.asked(), @"
    GET /v2/team/images/debian-12/manifests/1.0.20261123 404
    HEAD /v2/team/images/debian-12/blobs/DIGEST 404
    POST /v2/team/images/debian-12/blobs/uploads/ 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 0-1202399 202
    PUT /v2/team/images/debian-12/blobs/uploads/UPLOAD 201
    HEAD /v2/team/images/debian-12/blobs/DIGEST 404
    POST /v2/team/images/debian-12/blobs/uploads/ 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 0-6 202
    PUT /v2/team/images/debian-12/blobs/uploads/UPLOAD 201
    HEAD /v2/team/images/debian-12/blobs/DIGEST 404
    POST /v2/team/images/debian-12/blobs/uploads/ 202
    PUT /v2/team/images/debian-12/blobs/uploads/UPLOAD 201
    HEAD /v2/team/images/debian-12/blobs/DIGEST 200
    HEAD /v2/team/images/debian-12/blobs/DIGEST 404
    POST /v2/team/images/debian-12/blobs/uploads/ 202
    PUT /v2/team/images/debian-12/blobs/uploads/UPLOAD 201
    HEAD /v2/team/images/debian-12/blobs/DIGEST 404
    POST /v2/team/images/debian-12/blobs/uploads/ 202
    PUT /v2/team/images/debian-12/blobs/uploads/UPLOAD 201
    PUT /v2/team/images/debian-12/manifests/DIGEST 201
    PUT /v2/team/images/debian-12/manifests/DIGEST 201
    PUT /v2/team/images/debian-12/manifests/DIGEST 201
    PUT /v2/team/images/debian-12/manifests/DIGEST 201
    PUT /v2/team/images/debian-12/manifests/1.0.20261123 201
    ");
    registry.store().put(&build.publication).await.unwrap();
    insta::assert_snapshot!(registry.double.asked(), @"
    GET /v2/team/images/debian-12/manifests/1.0.20261123 200
    GET /v2/team/images/debian-12/blobs/DIGEST 200
    HEAD /v2/team/images/debian-12/blobs/DIGEST 200
    GET /v2/team/images/debian-12/blobs/DIGEST 200
    HEAD /v2/team/images/debian-12/blobs/DIGEST 200
    GET /v2/team/images/debian-12/blobs/DIGEST 200
    HEAD /v2/team/images/debian-12/blobs/DIGEST 200
    GET /v2/team/images/debian-12/blobs/DIGEST 200
    HEAD /v2/team/images/debian-12/blobs/DIGEST 200
    GET /v2/team/images/debian-12/blobs/DIGEST 200
    ");
}

#[tokio::test]
async fn what_breaks_goes_on_where_it_broke_off() {
    const SIZE: usize = 40 << 20;
    let (registry, build) = (Registry::usual().await, large(SIZE));
    registry
        .double
        .fails("PATCH", Fault::CutAfter(5_000_000))
        .fails("PATCH", Fault::Answer(503, "retry-after: 0\r\n"))
        .fails("PATCH", Fault::LoseAnswer)
        .fails("PUT", Fault::LoseAnswer)
        .fails("HEAD", Fault::Answer(429, ""))
        .fails("GET", Fault::LoseAnswer);
    registry.store().put(&build.publication).await.unwrap();
    let small = build.publication.artifact.files[1].size;
    assert_eq!(registry.double.content().received, SIZE + usize::try_from(small).unwrap());
    let parts = registry.double.asked();
    let parts: Vec<_> = parts.lines().filter(|line| line.starts_with("PATCH")).collect();
    insta::assert_snapshot!(parts.join("\n"), @"
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 0-16777215 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 5000000-21777215 503
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 5000000-21777215 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 21777216-38554431 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 38554432-41943039 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 0-6 202
    ");
    assert_whole(&registry, PLACE, &build);
}

#[tokio::test]
async fn killed_between_parts_the_next_run_sends_only_the_rest() {
    const SIZE: usize = 34 << 20;
    let (registry, build) = (Registry::usual().await, large(SIZE));
    let mut impatient = registry.store();
    impatient.patience.attempts = 1;
    // The registry has the first part, and nobody hears of it.
    registry.double.fails("PATCH", Fault::LoseAnswer);
    let _ = impatient.put(&build.publication).await.unwrap_err();
    assert_eq!(registry.double.content().received, 16 << 20);
    assert_eq!(registry.visible(), Vec::<String>::new());
    assert_eq!(registry.store().sweep().await.unwrap(), Vec::<String>::new());
    registry.store().put(&build.publication).await.unwrap();
    let small = build.publication.artifact.files[1].size;
    assert_eq!(registry.double.content().received, SIZE + usize::try_from(small).unwrap());
    assert_whole(&registry, PLACE, &build);
    assert_eq!(fs_err::read_dir(registry.state().join("uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn killed_at_every_tenth_percent_the_next_run_sends_only_the_rest() {
    const SIZE: usize = 10 << 20;
    let build = large(SIZE);
    let small = usize::try_from(build.publication.artifact.files[1].size).unwrap();
    for tenth in 0..10 {
        let registry = Registry::usual().await;
        let mut killed = registry.store();
        killed.patience.attempts = 1;
        registry.double.fails("PATCH", Fault::CutAfter(SIZE * tenth / 10));
        let _ = killed.put(&build.publication).await.unwrap_err();
        assert_eq!(registry.visible(), Vec::<String>::new(), "{tenth}");
        assert_eq!(registry.double.content().received, SIZE * tenth / 10);
        registry.store().put(&build.publication).await.unwrap();
        assert_eq!(registry.double.content().received, SIZE + small, "{tenth}");
        assert_whole(&registry, PLACE, &build);
    }
}

#[tokio::test]
async fn a_registry_that_takes_small_parts_only_gets_small_parts() {
    const SIZE: usize = 10 << 20;
    let setup = Setup { largest_part: Some(4 << 20), ..Setup::default() };
    let (registry, build) = (Registry::new(setup).await, large(SIZE));
    registry.store().put(&build.publication).await.unwrap();
    let parts = registry.double.asked();
    let parts: Vec<_> = parts.lines().filter(|line| line.starts_with("PATCH")).collect();
    insta::assert_snapshot!(parts.join("\n"), @"
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 0-10485759 416
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 0-4194303 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 4194304-8388607 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 8388608-10485759 202
    PATCH /v2/team/images/debian-12/blobs/uploads/UPLOAD 0-6 202
    ");
    assert_whole(&registry, PLACE, &build);
}

#[tokio::test]
async fn an_upload_that_nobody_comes_back_for_is_given_up() {
    let (registry, build) = (Registry::usual().await, Build::new(VERSION));
    let mut impatient = registry.store();
    impatient.patience.attempts = 1;
    registry.double.fails("PATCH", Fault::CutAfter(10));
    let _ = impatient.put(&build.publication).await.unwrap_err();
    let uploads = registry.state().join("uploads");
    let note = fs_err::read_dir(&uploads).unwrap().next().unwrap().unwrap().path();
    let day_ago = std::time::SystemTime::now() - Duration::from_hours(25);
    fs_err::File::options().write(true).open(note).unwrap().set_modified(day_ago).unwrap();
    registry.double.asked();
    let given_up = registry.store().sweep().await.unwrap();
    let disk = build.publication.artifact.disk().digest;
    let place = format!("{}/team/images/debian-12@{disk}", registry.double.host);
    assert_eq!(given_up, [place]);
    insta::assert_snapshot!(registry.double.asked(), @"
    GET /v2/team/images/debian-12/blobs/uploads/UPLOAD 204
    DELETE /v2/team/images/debian-12/blobs/uploads/UPLOAD 204
    ");
    assert_eq!(registry.store().sweep().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn tokens_and_passwords_open_a_registry() {
    for setup in [
        Setup { tokens_for: Some("pull,push,delete"), ..Setup::default() },
        Setup { password: true, ..Setup::default() },
    ] {
        let (registry, build) = (Registry::new(setup).await, Build::new(VERSION));
        registry.store().put(&build.publication).await.unwrap();
        assert_whole(&registry, PLACE, &build);
        let unpublished = Unpublished {
            image: build.publication.image.clone(),
            version: build.publication.version,
            disk: None,
            rejected: false,
        };
        let gone = registry.store().withdraw(&unpublished).await.unwrap().unwrap();
        assert!(gone.ends_with("/team/images/debian-12:1.0.20261123"), "{gone}");
        assert!(registry.double.content().manifests.is_empty());
        assert_eq!(registry.store().withdraw(&unpublished).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_refusal_says_who_may_not_do_what() {
    let build = Build::new(VERSION);
    let put = &build.publication;
    let tokens = Registry::new(Setup { tokens_for: Some("pull"), ..Setup::default() }).await;
    let wrong = [("GOLDSMITH_OCI_USERNAME", "hugo"), ("GOLDSMITH_OCI_PASSWORD", "guess")];
    let password = Registry::new(Setup { password: true, ..Setup::default() }).await;
    let closed = Registry::usual().await;
    closed.double.fails("POST", Fault::Answer(405, ""));
    let missing = Registry::usual().await;
    missing.double.fails("POST", Fault::Answer(404, ""));
    let elsewhere = Registry::usual().await;
    elsewhere.double.fails("POST", Fault::Answer(202, "location: ftp://example.org/x\r\n"));
    let told = [
        tokens.told(tokens.store().put(put).await),
        tokens.told(tokens.store_with(&wrong).put(put).await),
        password.told(password.store_with(&wrong).put(put).await),
        password.told(password.store_with(&[]).put(put).await),
        closed.told(closed.store().put(put).await),
        missing.told(missing.store().put(put).await),
        elsewhere.told(elsewhere.store().put(put).await),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    `HOST` lets `hugo` read `team/images/debian-12`, but not write to it: UNAUTHORIZED said the registry
      give the token the right to push: `packages: write` on GitHub, the scope `write:package` on Gitea and Forgejo, `write_registry` on GitLab
    `HOST`, which gives tokens for `HOST`, refuses `hugo`: 401 Unauthorized UNAUTHORIZED said the registry
      check the name and the password or token: it may have expired, or be for another registry
    `HOST` does not let `hugo` read `team/images/debian-12`: UNAUTHORIZED said the registry
      check the name and the password or token: it may have expired, or be for another registry
    `HOST` does not let somebody without a name read `team/images/debian-12`: UNAUTHORIZED said the registry
      set GOLDSMITH_OCI_USERNAME and GOLDSMITH_OCI_PASSWORD, or log in with `docker login` or `oras login`
    `HOST` takes nothing at the moment: it is read-only
      wait until its maintenance is over, or push to the registry that it mirrors
    `HOST` has no repository `team/images/debian-12`
      make the repository or the project there, or correct `ref` in images.yml
    `HOST` answers POST /v2/team/images/debian-12/blobs/uploads/ with something that no registry may: its `Location` has another scheme than `https`
      look at the registry and at proxies before it; behind one, it must know its own address (X-Forwarded-Proto)
    ");
    let image = put.image.clone();
    let unpublished = Unpublished { image, version: put.version, disk: None, rejected: false };
    let keeps = Registry::new(Setup { no_deletes: true, ..Setup::default() }).await;
    keeps.store().put(put).await.unwrap();
    let told = keeps.told(keeps.store().withdraw(&unpublished).await);
    insta::assert_snapshot!(told.replace(&hex(&keeps), "HEX"), @"
    `HOST` allows no deletes: `team/images/debian-12@sha256:HEX` stays there
      remove it by hand where the registry has a page for that, or allow deletes there
    ");
    // Rejected builds are kept by such a registry for ever, which is no reason to fail.
    keeps.store().keep_rejected(put).await.unwrap();
    keeps.store().keep_rejected(&Build::new("1.0.20261124").publication).await.unwrap();
    let mut odd = Build::new(VERSION);
    odd.publication.image = "a._b".parse().unwrap();
    insta::assert_snapshot!(keeps.told(keeps.store().put(&odd.publication).await), @"
    `team/images/a._b` cannot be a repository of an OCI registry
      rename the image: words of a-z and 0-9 with `.`, `_`, `__` or `-` between them
    ");
}

/// The digest of the version's manifest.
fn hex(registry: &Registry) -> String {
    let content = registry.double.content();
    content.tags[&("team/images/debian-12".to_owned(), VERSION.to_owned())].hex()
}

#[tokio::test]
async fn what_is_no_version_of_ours_is_left_alone() {
    let (registry, build) = (Registry::usual().await, Build::new(VERSION));
    let foreign = br#"{"schemaVersion":2,"manifests":[]}"#.to_vec();
    let name = "team/images/debian-12".to_owned();
    {
        let mut content = registry.double.content();
        let digest = Digest::of(&foreign);
        content.manifests.insert((name.clone(), digest), ("x/y".to_owned(), foreign));
        for tag in [VERSION, "rejected-1.0.20261122"] {
            content.tags.insert((name.clone(), tag.to_owned()), digest);
        }
    }
    let told = registry.told(registry.store().put(&build.publication).await);
    insta::assert_snapshot!(told, @"
    `HOST/team/images/debian-12:1.0.20261123` is in the way, and it is no complete version of `debian-12`
      look at it, and move it away if nobody needs it
    ");
    registry.store().keep_rejected(&build.publication).await.unwrap();
    let unpublished = Unpublished {
        image: build.publication.image.clone(),
        version: build.publication.version,
        disk: None,
        rejected: false,
    };
    assert_eq!(registry.store().withdraw(&unpublished).await.unwrap(), None);
    assert_eq!(registry.double.content().tags.len(), 3);
}

/// A server that answers every question with the same bytes.
async fn answers(answer: &'static str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            if answer.contains("99999999") {
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            }
        }
    });
    address
}

#[tokio::test]
async fn credentials_stay_at_home() {
    let seen = Double::start(Setup { password: true, ..Setup::default() }).await;
    let digest = Digest::of(b"x");
    let registry = Registry::new(Setup { password: true, ..Setup::default() }).await;
    let store = registry.store();
    let client = store.client().unwrap();
    let repository = store.repository(&client, &"debian-12".parse().unwrap()).unwrap();
    assert_eq!(repository.blob(&digest).await.unwrap(), None);
    let elsewhere: &str = format!("location: http://{}/v2/a/blobs/{digest}\r\n", seen.host).leak();
    registry.double.fails("GET", Fault::Answer(307, elsewhere));
    let refused = repository.blob(&digest).await.unwrap_err();
    assert!(matches!(refused, OciError::NoAccess { .. }), "{refused}");
    // Once, without anything that could be refused a second time.
    assert_eq!(seen.asked(), "GET /v2/a/blobs/DIGEST 401");
    registry.double.fails("GET", Fault::Answer(307, elsewhere));
    let refused = repository.open(&digest, 5).await.err();
    assert!(matches!(refused, Some(StoreError::Oci(OciError::NoAccess { .. }))));
    assert_eq!(seen.asked(), "GET /v2/a/blobs/DIGEST 401");
}

#[tokio::test]
async fn a_hostile_server_is_refused_in_bounded_time() {
    let told = async |base: String| {
        let patience = Patience { attempts: 2, wait: Duration::ZERO };
        let host = base.split_once("://").unwrap().1.trim_end_matches('/').to_owned();
        let base = base.parse().unwrap();
        let client = Client::at(base, &host, Credentials::None, patience).unwrap();
        let repository = Repository::new(&client, "a".to_owned()).unwrap();
        let error = repository.manifest("1").await.unwrap_err();
        error.to_string().replace(&host, "HOST")
    };
    let around =
        answers("HTTP/1.1 302 x\r\nlocation: /v2/a/manifests/1\r\ncontent-length: 0\r\n\r\n");
    let weaker = answers("HTTP/1.1 302 x\r\nlocation: gopher://x/\r\ncontent-length: 0\r\n\r\n");
    let named = answers("HTTP/1.1 302 x\r\nlocation: http://a:b@x/\r\ncontent-length: 0\r\n\r\n");
    let huge = answers("HTTP/1.1 200 x\r\ncontent-length: 99999999\r\n\r\n");
    let noise = answers("SSH-2.0-OpenSSH\r\n");
    let hostile = answers(
        "HTTP/1.1 401 x\r\nwww-authenticate: Bearer realm=\"file:///etc/passwd\"\r\ncontent-length: 0\r\n\r\n",
    );
    let told = [
        told(format!("http://{}/", around.await)).await,
        told(format!("http://{}/", weaker.await)).await,
        told(format!("http://{}/", named.await)).await,
        told(format!("http://{}/", huge.await)).await,
        told(format!("http://{}/", noise.await)).await,
        told(format!("http://{}/", hostile.await)).await,
        told(format!("https://{}/", answers("HTTP/1.1 200 x\r\n\r\n").await)).await,
        told("http://127.0.0.1:1/".to_owned()).await,
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    `HOST` answers GET /v2/a/manifests/1 with something that no registry may: it leads from one address to the next
    `HOST` answers GET /v2/a/manifests/1 with something that no registry may: its `Location` has another scheme than `https`
    `HOST` answers GET /v2/a/manifests/1 with something that no registry may: its `Location` names a user
    `HOST` answers GET /v2/a/manifests/1 with something that no registry may: it has more than 8 MiB
    `HOST` cannot be reached: invalid HTTP version parsed
    `HOST` answers GET /v2/a/manifests/1 with something that no registry may: it sends us for a token to no safe address
    no trusted connection to `HOST`: received corrupt message of type InvalidContentType
    `HOST` cannot be reached: Connection refused (os error 111)
    ");
}

#[tokio::test]
async fn a_manifest_under_another_digest_is_refused() {
    let registry = Registry::usual().await;
    let store = registry.store();
    let client = store.client().unwrap();
    let repository = store.repository(&client, &"debian-12".parse().unwrap()).unwrap();
    let asked = Digest::of(b"asked");
    let (key, manifest) = ((repository.name.clone(), asked), (MANIFEST.to_owned(), b"{}".to_vec()));
    registry.double.content().manifests.insert(key, manifest);
    let refused = repository.manifest(&asked.to_string()).await.unwrap_err();
    assert!(matches!(refused, OciError::Strange { .. }), "{refused}");
}

#[test]
fn plain_http_is_for_this_machine_only() {
    let here = ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"];
    assert!(here.into_iter().all(client::is_this_machine));
    let elsewhere = ["registry.example.org", "localhost.example.org", "10.0.0.1:5000", "[::2]", ""];
    assert!(!elsewhere.into_iter().any(client::is_this_machine));
}
