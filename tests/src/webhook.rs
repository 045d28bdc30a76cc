//! A doctor's webhook: takes messages, and checks each signature as Standard Webhooks has it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::Value;
use tokio::time::Instant;

/// The secret of every sink, as the registry has it: `whsec_` and 32 bytes of 7.
pub const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const SECRET_BYTES: [u8; 32] = [7; 32];

/// A message that came.
#[derive(Debug, Clone)]
pub struct Message {
    /// `webhook-id`.
    pub id: String,
    /// The body.
    pub body: Value,
    /// The signature is ours, over id, time and body.
    pub genuine: bool,
    /// When it came.
    pub at: Instant,
}

/// A listening sink. It ends with the process.
#[derive(Debug, Clone)]
pub struct Sink {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Sink {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sink = Self { address: listener.local_addr().unwrap(), messages: Arc::default() };
        let messages = Arc::clone(&sink.messages);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let messages = Arc::clone(&messages);
                thread::spawn(move || drop(serve(stream, &messages)));
            }
        });
        sink
    }

    /// Where messages go.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What has come so far.
    ///
    /// # Panics
    /// When a receiving thread panicked.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// Messages about an alert.
    #[must_use]
    pub fn about(&self, alert: &str) -> Vec<Message> {
        let names = |message: &Message| {
            let several = message.body["alerts"].as_array();
            message.body["alert"] == alert
                || several.is_some_and(|all| all.iter().any(|one| one == alert))
        };
        self.messages().into_iter().filter(names).collect()
    }
}

/// Serves one connection, which may carry many requests.
fn serve(stream: TcpStream, messages: &Mutex<Vec<Message>>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(message) = receive(&mut reader)? {
        messages.lock().unwrap().push(message);
        writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
    Ok(())
}

fn receive(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Message>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let at = Instant::now();
    let (mut length, mut id, mut time, mut signature) = (0, String::new(), String::new(), None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "webhook-id" => id = value,
            "webhook-timestamp" => time = value,
            "webhook-signature" => signature = Some(value),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let genuine = signature.is_some_and(|signed| is_genuine(&signed, &[&id, &time], &body));
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Some(Message { id, body, genuine, at }))
}

fn is_genuine(signed: &str, head: &[&str; 2], body: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET_BYTES);
    let content = [head[0].as_bytes(), b".", head[1].as_bytes(), b".", body].concat();
    signed.split(' ').filter_map(|one| one.strip_prefix("v1,")).any(|encoded| {
        let tag = STANDARD.decode(encoded).unwrap_or_default();
        hmac::verify(&key, &content, &tag).is_ok()
    })
}
