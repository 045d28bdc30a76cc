//! One MQTT 3.1.1 connection of the load generator, in as few instructions as will do.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A CONNACK that accepts: its type, its length, no session kept, code 0.
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
/// Type and length of every PUBACK of version 3.1.1.
const PUBACK: [u8; 2] = [0x40, 2];
/// PUBLISH at QoS 1.
const PUBLISH: u8 = 0x32;
/// Bytes taken from the socket at once.
const READ: usize = 16 * 1024;

/// A connection that has logged in.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    out: Vec<u8>,
    buffer: Vec<u8>,
    /// Bytes of an acknowledgement that has not come whole.
    part: Vec<u8>,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn length(out: &mut Vec<u8>, mut bytes: usize) {
    loop {
        let low = u8::try_from(bytes & 0x7f).unwrap_or(0x7f);
        bytes >>= 7;
        out.push(if bytes > 0 { low | 0x80 } else { low });
        if bytes == 0 {
            return;
        }
    }
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text);
}

impl Link {
    /// Connects and logs in.
    pub(super) async fn open(address: SocketAddr, client: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut body = Vec::new();
        text(&mut body, b"MQTT");
        // Version 4, clean session, an hour of keep-alive.
        body.extend([4, 2, 0x0e, 0x10]);
        text(&mut body, client.as_bytes());
        let mut connect = vec![0x10];
        length(&mut connect, body.len());
        connect.extend(body);
        stream.write_all(&connect).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        if answer != CONNACK {
            return Err(broken("the log-in was not accepted"));
        }
        Ok(Self { stream, out: Vec::new(), buffer: Vec::new(), part: Vec::new() })
    }

    /// Queues a publish; [`Link::send`] lets it go.
    pub(super) fn publish(&mut self, topic: &str, id: u16, payload: &[u8]) {
        self.out.push(PUBLISH);
        length(&mut self.out, topic.len().saturating_add(payload.len()).saturating_add(4));
        text(&mut self.out, topic.as_bytes());
        self.out.extend(id.to_be_bytes());
        self.out.extend(payload);
    }

    /// Sends everything that was queued.
    pub(super) async fn send(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Waits for acknowledgements; adds their packet ids. May be dropped while it waits.
    pub(super) async fn acknowledged(&mut self, ids: &mut Vec<u16>) -> io::Result<()> {
        self.buffer.resize(READ, 0);
        let got = self.stream.read(&mut self.buffer).await?;
        if got == 0 {
            return Err(broken("the gateway closed the connection"));
        }
        self.part.extend(self.buffer.iter().take(got));
        let mut packets = self.part.chunks_exact(4);
        for packet in packets.by_ref() {
            match *packet {
                [kind, rest, high, low] if [kind, rest] == PUBACK => {
                    ids.push(u16::from_be_bytes([high, low]));
                }
                _ => return Err(broken("something else than an acknowledgement came")),
            }
        }
        self.part = packets.remainder().to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_the_protocol_wants_them() {
        let check = |bytes, expected: &[u8]| {
            let mut out = Vec::new();
            length(&mut out, bytes);
            assert_eq!(out, expected);
        };
        check(0, &[0]);
        check(127, &[127]);
        check(128, &[0x80, 1]);
        check(16_384, &[0x80, 0x80, 1]);
    }
}
