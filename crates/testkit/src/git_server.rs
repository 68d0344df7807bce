//! A git server over HTTP, as small as it can be: `git http-backend` for every request, and a token
//! for those who may.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use camino::{Utf8Path, Utf8PathBuf};

/// The token that may read and write.
pub const WRITER: &str = "writers-token-3f9a";

/// The token that may only read.
pub const READER: &str = "readers-token-7c21";

/// What goes wrong with a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accident {
    /// The connection breaks before the server has done anything.
    Before,
    /// The connection breaks when the server has done it all.
    After,
}

type Act = Box<dyn FnOnce() + Send>;

/// A server with the repositories in a folder. Gone when it is dropped.
pub struct GitServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    root: Utf8PathBuf,
    accident: Mutex<Option<Accident>>,
    /// What to do when so many further pushes have been taken, before the last is answered.
    taken: Mutex<Option<(usize, Act)>>,
    /// The command lines of the machine whenever a request came.
    seen: Mutex<Vec<String>>,
    stops: AtomicBool,
}

impl GitServer {
    /// Serves the repositories in `root`, by their names, on a free port.
    pub fn start(root: &Utf8Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            accident: Mutex::default(),
            taken: Mutex::default(),
            seen: Mutex::default(),
            stops: AtomicBool::new(false),
        });
        let serving = shared.clone();
        let listener = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.stops.load(Ordering::SeqCst) {
                    break;
                }
                let shared = serving.clone();
                thread::spawn(move || shared.answer(&stream));
            }
        });
        Ok(Self { address, shared, listener: Some(listener) })
    }

    /// The address of the repository called `name`.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// Has the next push come to harm.
    pub fn harm_next_push(&self, accident: Accident) {
        *lock(&self.shared.accident) = Some(accident);
    }

    /// Does `act` when the push that is the `number`th from now on is done, before it is answered.
    pub fn when_push_is_taken(&self, number: usize, act: impl FnOnce() + Send + 'static) {
        *lock(&self.shared.taken) = Some((number, Box::new(act)));
    }

    /// The command lines of all processes of the machine at the times of all requests so far.
    pub fn command_lines(&self) -> Vec<String> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request, as far as the backend wants to know.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut request = Self { method, path, query, headers, body: Vec::new() };
        if request.header("expect").is_some() {
            (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if request.header("transfer-encoding") == Some("chunked") {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size)?;
                let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
                reader.by_ref().take(size).read_to_end(&mut request.body)?;
                reader.read_line(&mut String::new())?;
                if size == 0 {
                    break;
                }
            }
        } else {
            let size = request.header("content-length").and_then(|size| size.parse().ok());
            reader.take(size.unwrap_or(0)).read_to_end(&mut request.body)?;
        }
        Ok(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn writes(&self) -> bool {
        self.path.ends_with("git-receive-pack") || self.query.contains("git-receive-pack")
    }

    /// Whether the token says who it is.
    fn is_from(&self, token: &str) -> bool {
        let expected = BASE64_STANDARD.encode(format!("x-access-token:{token}"));
        let given = self.header("authorization").and_then(|header| header.split(' ').nth(1));
        given == Some(&expected)
    }
}

impl Shared {
    /// A connection that breaks is nobody's fault here.
    fn answer(&self, stream: &TcpStream) {
        if let Ok(answer) = Request::read(stream).and_then(|request| self.serve(&request)) {
            let mut stream = stream;
            let _ = stream.write_all(&answer);
        }
    }

    fn serve(&self, request: &Request) -> io::Result<Vec<u8>> {
        self.look_around()?;
        if !request.is_from(WRITER) && !request.is_from(READER) {
            let header = "WWW-Authenticate: Basic realm=\"git\"\r\n";
            return Ok(closed("401 Unauthorized", header, b""));
        }
        if request.writes() && !request.is_from(WRITER) {
            return Ok(closed("403 Forbidden", "", b"this token may not write"));
        }
        let is_push = request.method == "POST" && request.writes();
        let accident = if is_push { lock(&self.accident).take() } else { None };
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        if accident == Some(Accident::Before) {
            return Err(broken());
        }
        let answer = self.backend(request)?;
        if accident == Some(Accident::After) {
            return Err(broken());
        }
        if is_push && let Some(act) = self.due() {
            act();
        }
        Ok(answer)
    }

    /// What is to be done now that another push is taken.
    fn due(&self) -> Option<Act> {
        let mut taken = lock(&self.taken);
        let (left, _) = taken.as_mut()?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        taken.take().map(|(_, act)| act)
    }

    /// RFC 3875, as far as git-http-backend(1) goes.
    fn backend(&self, request: &Request) -> io::Result<Vec<u8>> {
        let mut backend = Command::new("git");
        backend
            .arg("http-backend")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REMOTE_USER", "token")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_LENGTH", request.body.len().to_string());
        for (header, variable) in [
            ("content-type", "CONTENT_TYPE"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "GIT_PROTOCOL"),
        ] {
            if let Some(value) = request.header(header) {
                backend.env(variable, value);
            }
        }
        let mut backend =
            backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (mut stdin, body) = (backend.stdin.take(), request.body.clone());
        let writer = thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(&body)));
        let output = backend.wait_with_output()?.stdout;
        let _ = writer.join();
        let end = output.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.ok_or_else(|| io::Error::other("the backend has said nothing"))?;
        let headers = String::from_utf8_lossy(&output[..end]).into_owned();
        let status = headers.lines().find_map(|line| line.strip_prefix("Status: "));
        let others = headers.lines().filter(|line| !line.starts_with("Status: "));
        let others: String = others.flat_map(|line| [line, "\r\n"]).collect();
        Ok(closed(status.unwrap_or("200 OK"), &others, &output[end + 4..]))
    }

    /// Notes what everybody on the machine could see now.
    fn look_around(&self) -> io::Result<()> {
        let mut seen = lock(&self.seen);
        for process in Utf8Path::new("/proc").read_dir_utf8()? {
            if let Ok(line) = fs_err::read(process?.path().join("cmdline"))
                && !line.is_empty()
            {
                seen.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        Ok(())
    }
}

/// An answer after which the connection ends.
fn closed(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
