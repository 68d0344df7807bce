//! Against a server that does what publishers do, and what nobody should.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Limits, check};
use crate::model::{Checksum, Download, ImageName, UpstreamChange};

/// What a server does with a path.
#[derive(Clone)]
enum Does {
    Text(String),
    Status(u16),
    Redirect(&'static str),
    /// Takes the question and says nothing.
    Hang,
    /// Sends bytes for as long as somebody takes them.
    Endless,
    /// Wants `GET`.
    OnlyGet,
    /// Speaks no HTTP.
    Garbage,
}

/// A publisher, whose files can change.
struct Server {
    address: String,
    files: Rc<RefCell<BTreeMap<&'static str, Does>>>,
    /// Every question: method and path.
    asked: Rc<RefCell<Vec<String>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, files: Rc::default(), asked: Rc::default() };
        let (files, asked) = (server.files.clone(), server.asked.clone());
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, files.clone(), asked.clone()));
            }
        });
        server
    }

    fn has(&self, path: &'static str, does: Does) -> &Self {
        self.files.borrow_mut().insert(path, does);
        self
    }

    /// What is told of the image `a`, which downloads `path`.
    async fn says(&self, path: &str, checksum: Checksum) -> String {
        let limits = Limits { answer: Duration::from_millis(300), all: Duration::from_secs(20) };
        let urls = vec![format!("{}{path}", self.address)];
        let changes = check(&[(name("a"), Download { urls, checksum })], limits).await;
        self.told(&changes)
    }

    fn told(&self, changes: &[UpstreamChange]) -> String {
        let told = changes.iter().map(|UpstreamChange { image, url, what }| {
            format!("{image} {url} {}", serde_json::to_string(what).unwrap())
        });
        told.collect::<Vec<_>>().join("\n").replace(&self.address, "SERVER")
    }
}

async fn serve(
    mut stream: TcpStream,
    files: Rc<RefCell<BTreeMap<&'static str, Does>>>,
    asked: Rc<RefCell<Vec<String>>>,
) {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    let Ok(Some(first)) = lines.next_line().await else { return };
    while lines.next_line().await.is_ok_and(|line| line.is_some_and(|line| !line.is_empty())) {}
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    asked.borrow_mut().push(format!("{method} {path}"));
    let does = files.borrow().get(path).cloned().unwrap_or(Does::Status(404));
    let head = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} x\r\nconnection: close\r\n{more}\r\n").into_bytes()
    };
    let answer = match does {
        Does::Hang => std::future::pending().await,
        Does::Garbage => b"SSH-2.0-x\r\n".to_vec(),
        Does::Status(status) => head(status, "content-length: 0\r\n"),
        Does::Redirect(to) => head(302, &format!("location: {to}\r\ncontent-length: 0\r\n")),
        Does::OnlyGet if method == "HEAD" => head(405, "content-length: 0\r\n"),
        Does::OnlyGet => head(200, ""),
        Does::Text(text) => {
            let mut answer = head(200, &format!("content-length: {}\r\n", text.len()));
            if method == "GET" {
                answer.extend(text.into_bytes());
            }
            answer
        }
        Does::Endless => {
            let _ = writing.write_all(&head(200, "")).await;
            while writing.write_all(&[b'a'; 16 * 1024]).await.is_ok() {}
            return;
        }
    };
    let _ = writing.write_all(&answer).await;
}

fn name(text: &str) -> ImageName {
    text.parse().unwrap()
}

/// Runs `test` where the server and its client take turns.
fn with_server(test: impl AsyncFnOnce(&Server)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        test(&Server::start().await).await;
    });
}

fn pinned(digit: &str) -> Checksum {
    Checksum::Pinned(digit.repeat(64))
}

fn sums(digit: &str) -> Does {
    Does::Text(format!("{}  other.iso\n{} *a.iso\n", "0".repeat(64), digit.repeat(64)))
}

#[test]
fn what_is_as_it_was_is_not_told_and_what_moves_on_is() {
    with_server(async |server| {
        server.has("/a.iso", Does::Text("disk".into())).has("/SHA256SUMS", sums("a"));
        assert_eq!(server.says("/a.iso", pinned("a")).await, "");
        server.has("/SHA256SUMS", sums("b"));
        let mut told = vec![server.says("/a.iso", pinned("a")).await];
        server
            .has("/SHA256SUMS", Does::Status(404))
            .has("/a.iso.sha256", Does::Text("c".repeat(64)));
        told.push(server.says("/a.iso", pinned("a")).await);
        let listed = || Checksum::Listed(format!("{}/list", server.address));
        server.has("/list", sums("d"));
        assert_eq!(server.says("/a.iso", listed()).await, "");
        server.has("/list", Does::Text("nothing".into()));
        told.push(server.says("/a.iso", listed()).await);
        server.has("/a.iso", Does::Status(404));
        told.push(server.says("/a.iso", pinned("a")).await);
        insta::assert_snapshot!(told.join("\n"), @r#"
        a SERVER/a.iso {"upstream":"moved","from":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","to":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","listed":"SERVER/SHA256SUMS"}
        a SERVER/a.iso {"upstream":"moved","from":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","to":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","listed":"SERVER/a.iso.sha256"}
        a SERVER/a.iso {"upstream":"unlisted","listed":"SERVER/list"}
        a SERVER/a.iso {"upstream":"gone","status":404}
        "#);
    });
}

#[test]
fn whatever_a_server_does_there_is_an_answer() {
    with_server(async |server| {
        server
            .has("/sums/a.iso", Does::Text(String::new()))
            .has("/sums/SHA256SUMS", Does::Endless)
            .has("/endless", Does::Endless)
            .has("/old", Does::Redirect("/sums/a.iso"))
            .has("/round", Does::Redirect("/round"))
            .has("/moved-and-gone", Does::Redirect("/nowhere"))
            .has("/busy", Does::Status(503))
            .has("/only-get", Does::OnlyGet)
            .has("/garbage", Does::Garbage)
            .has("/hang", Does::Hang);
        for fine in ["/sums/a.iso", "/endless", "/old", "/only-get"] {
            assert_eq!(server.says(fine, pinned("a")).await, "", "{fine}");
        }
        let listed = Checksum::Listed(format!("{}/endless", server.address));
        let mut told = vec![server.says("/old", listed).await];
        for path in ["/round", "/moved-and-gone", "/busy", "/garbage", "/hang"] {
            told.push(server.says(path, Checksum::Open).await);
        }
        insta::assert_snapshot!(told.join("\n"), @r#"
        a SERVER/old {"upstream":"unknown","why":"`SERVER/endless`: the answer has more than 1 MiB"}
        a SERVER/round {"upstream":"unknown","why":"too many redirects"}
        a SERVER/moved-and-gone {"upstream":"gone","status":404}
        a SERVER/busy {"upstream":"unknown","why":"the server answers 503 Service Unavailable"}
        a SERVER/garbage {"upstream":"unknown","why":"invalid HTTP version parsed"}
        a SERVER/hang {"upstream":"unknown","why":"no answer in time"}
        "#);
    });
}

#[test]
fn each_address_is_asked_once_and_there_is_an_end_to_it() {
    with_server(async |server| {
        server.has("/a.iso", Does::Status(410)).has("/hang", Does::Hang);
        let download = |paths: &[&str]| {
            let urls = paths.iter().map(|path| format!("{}{path}", server.address)).collect();
            Download { urls, checksum: Checksum::Open }
        };
        let all = [(name("a"), download(&["/a.iso", "/hang"])), (name("b"), download(&["/a.iso"]))];
        let limits = Limits { answer: Duration::from_mins(1), all: Duration::from_millis(300) };
        let changes = check(&all, limits).await;
        insta::assert_snapshot!(server.told(&changes), @r#"
        a SERVER/a.iso {"upstream":"gone","status":410}
        a SERVER/hang {"upstream":"unknown","why":"there was no time left"}
        b SERVER/a.iso {"upstream":"gone","status":410}
        "#);
        server.asked.borrow_mut().sort();
        assert_eq!(*server.asked.borrow(), ["HEAD /a.iso", "HEAD /hang"]);
    });
}
