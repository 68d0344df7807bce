//! An S3 server: moto, one process with everything in memory, on a port of its own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use camino::Utf8PathBuf;

use crate::build::wait_for;

/// Starts moto, which looks whether an object is there and then writes it, in as many threads as there
/// are questions: one question at a time, it is as atomic as a real store.
const SERVER: &str = r#"
import sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

app, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()

def one_at_a_time(environ, start_response):
    with lock:
        return list(app(environ, start_response))

run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time, threaded=True)
"#;

/// A server that ends with this value.
pub(crate) struct S3 {
    server: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl S3 {
    /// A server with an empty bucket called `images`.
    pub(crate) fn start() -> Self {
        let moto = std::env::var_os("GOLDSMITH_TEST_MOTO")
            .expect("tools/install --with s3 installs moto, and --env puts it to use");
        let folder = tempfile::Builder::new().prefix("goldsmith-s3-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = fs_err::File::create(folder.path().join("log")).unwrap();
        let server = Command::new(moto)
            .args(["-c", SERVER, &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.into_file())
            .spawn()
            .unwrap();
        let s3 = Self { server, port, folder };
        wait_for("the S3 server", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert_eq!(s3.ask("PUT", "/images", "").0, 200);
        s3
    }

    /// The address of a place in the bucket.
    pub(crate) fn address(&self, path: &str) -> String {
        self.address_in("images", path)
    }

    /// The address of a place in a bucket.
    pub(crate) fn address_in(&self, bucket: &str, path: &str) -> String {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        format!("s3://{bucket}/{path}?endpoint={endpoint}&region=us-east-1&path_style=true")
    }

    /// From now on nobody may do `action` with what is in the bucket.
    pub(crate) fn deny(&self, action: &str) {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"{action}","Resource":"arn:aws:s3:::images/*"}}]}}"#
        );
        let (status, said) = self.ask("PUT", "/images?policy", &policy);
        assert!(status < 300, "{}", String::from_utf8_lossy(&said));
    }

    /// The content of an object.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let (status, content) = self.ask("GET", &format!("/images/{path}"), "");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&content));
        content
    }

    /// The paths of all objects, sorted.
    pub(crate) fn list(&self) -> Vec<String> {
        self.keys("/images?list-type=2")
    }

    /// The paths of the objects that are being uploaded in parts.
    pub(crate) fn uploads(&self) -> Vec<String> {
        self.keys("/images?uploads")
    }

    fn keys(&self, path: &str) -> Vec<String> {
        let (status, said) = self.ask("GET", path, "");
        let said = String::from_utf8(said).unwrap();
        assert_eq!(status, 200, "{said}");
        let keys = said.split("<Key>").skip(1);
        keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
    }

    /// The numbers of the parts that have arrived, from 1.
    pub(crate) fn parts(&self) -> Vec<usize> {
        let log = fs_err::read_to_string(self.log()).unwrap();
        let done = log.lines().filter(|line| line.contains("\" 200"));
        let part = |line: &str| line.split_once("partNumber=")?.1.split('&').next()?.parse().ok();
        done.filter_map(part).collect()
    }

    /// The file with a line for each request that was answered.
    pub(crate) fn log(&self) -> Utf8PathBuf {
        Utf8PathBuf::try_from(self.folder.path().join("log")).unwrap()
    }

    /// Asks the server, as somebody who may do everything: it does not check signatures.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer.split_off(end + 4))
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Lets a command be somebody whom the server knows.
pub(crate) fn with_key(command: &mut Command) -> &mut Command {
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test")
}
