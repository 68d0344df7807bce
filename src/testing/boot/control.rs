//! Talking to a machine over its sockets: QEMU's own protocol (QMP), and the guest agent's, which
//! has the same form. A line of JSON goes each way.

use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use camino::Utf8Path;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long QEMU may take to answer. Writing a picture takes longest.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a guest agent may take, also one that is emulated.
const AGENT_PATIENCE: Duration = Duration::from_secs(5);
/// How often the guest agent is asked: it may start after cloud-init.
const AGENT_ROUNDS: u32 = 12;
/// Bytes of an answer.
const MAX_ANSWER: u64 = 1 << 20;

/// QEMU, asked for orders.
pub(super) struct Monitor(Connection);

impl Monitor {
    /// The QEMU whose socket is `qmp.sock` in `folder`.
    pub(super) async fn of(folder: &Utf8Path) -> io::Result<Self> {
        let work = async {
            let mut connection = Connection::to(folder, "qmp.sock").await?;
            connection.line().await?;
            connection.ask(&json!({ "execute": "qmp_capabilities" })).await?;
            Ok(Self(connection))
        };
        timeout(PATIENCE, work).await?
    }

    /// Has a picture of the screen written to `path`, as PNG. QEMU before 7.1 knows only PPM, and
    /// makes none.
    pub(super) async fn picture(&mut self, path: &Utf8Path) -> io::Result<()> {
        let arguments = json!({ "filename": path, "format": "png" });
        let order = json!({ "execute": "screendump", "arguments": arguments });
        timeout(PATIENCE, self.0.ask(&order)).await??;
        Ok(())
    }

    /// Ends the machine as if its plug were pulled: it is thrown away.
    pub(super) async fn quit(&mut self) -> io::Result<()> {
        timeout(PATIENCE, self.0.ask(&json!({ "execute": "quit" }))).await??;
        Ok(())
    }
}

/// Asks the guest agent behind `agent.sock` in `folder` whether it is there; why not, if not.
pub(super) async fn ask_agent(folder: &Utf8Path) -> Result<(), String> {
    let mut why = String::new();
    for _ in 0..AGENT_ROUNDS {
        let ask = async {
            let mut connection = Connection::to(folder, "agent.sock").await?;
            connection.ask(&json!({ "execute": "guest-ping" })).await
        };
        match timeout(AGENT_PATIENCE, ask).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => {
                why = error.to_string();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(_) => "it is installed, and does not answer".clone_into(&mut why),
        }
    }
    Err(why)
}

struct Connection(BufReader<UnixStream>);

impl Connection {
    /// To a socket in `folder`. The address of a socket has 108 bytes at most, and the folder of a
    /// run can be deeper: the way leads over the open folder.
    async fn to(folder: &Utf8Path, name: &str) -> io::Result<Self> {
        let folder = fs_err::File::open(folder)?;
        let path = format!("/proc/self/fd/{}/{name}", folder.as_raw_fd());
        Ok(Self(BufReader::new(UnixStream::connect(path).await?)))
    }

    async fn line(&mut self) -> io::Result<Value> {
        let mut line = Vec::new();
        if (&mut self.0).take(MAX_ANSWER).read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&line)?)
    }

    /// The answer to `order`. Events that come before it are passed over.
    async fn ask(&mut self, order: &Value) -> io::Result<Value> {
        let mut line = order.to_string();
        line.push('\n');
        self.0.get_mut().write_all(line.as_bytes()).await?;
        loop {
            let mut answer = self.line().await?;
            if let Some(error) = answer.get("error") {
                let text = error.get("desc").and_then(Value::as_str).unwrap_or("it refuses");
                return Err(io::Error::other(text.to_owned()));
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }
}
