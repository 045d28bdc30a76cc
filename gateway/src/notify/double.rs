//! A receiver of webhooks for tests: on a real socket, with every way in which receivers fail.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What the receiver does with each request.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Answers with a status and a JSON body.
    Status(u16, &'static str),
    /// Answers 503 and asks for so many seconds.
    Busy(u32),
    /// Sends elsewhere.
    Redirect(String),
    /// Closes after the request.
    Reset,
    /// Promises more bytes than it sends.
    HalfAnswer,
    /// Sends without end.
    Endless,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    head: String,
    /// Its body.
    pub(crate) body: String,
}

impl Seen {
    /// A header's value, empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> String {
        let wanted = format!("{name}: ");
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&wanted));
        line.and_then(|line| line.get(wanted.len()..)).unwrap_or_default().to_owned()
    }
}

/// The receiver; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, script, Arc::clone(&seen)));
        Self { address, seen, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, script: Script, seen: Arc<Mutex<Vec<Seen>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, script.clone(), Arc::clone(&seen)));
    }
}

async fn answer(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Some(request) = read(&mut stream).await {
        seen.lock().unwrap().push(request);
        let head = match &script {
            Script::Status(status, body) => format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            Script::Busy(seconds) => {
                format!("HTTP/1.1 503 X\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n")
            }
            Script::Redirect(to) => {
                format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
            }
            Script::HalfAnswer => "HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{".to_owned(),
            Script::Endless => "HTTP/1.1 200 X\r\n\r\n".to_owned(),
            Script::Reset => return,
        };
        if stream.write_all(head.as_bytes()).await.is_err() || matches!(script, Script::HalfAnswer)
        {
            return;
        }
        if matches!(script, Script::Endless) {
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let seen = Seen { head: head.to_owned(), body: body.to_owned() };
            if body.len() >= seen.header("content-length").parse().unwrap_or(0) {
                return Some(seen);
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
}
