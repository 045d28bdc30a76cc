//! MQTT 3.1.1 by hand: a publisher that knows exactly which messages were acknowledged, and a way
//! to send what no library would.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longest wait for the listener to take or to give bytes.
const WIRE: Duration = Duration::from_secs(15);

/// One connection that has logged in.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    arrived: Vec<u8>,
    next_id: u16,
}

/// A packet of the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Type and flags.
    pub first: u8,
    /// Everything after the length.
    pub body: Vec<u8>,
}

impl Packet {
    /// The packet id, where this is a PUBACK.
    #[must_use]
    pub fn acknowledged(&self) -> Option<u16> {
        match (self.first, self.body.as_slice()) {
            (0x40, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}

impl Connection {
    /// Connects and logs in under a client id, without credentials.
    ///
    /// # Errors
    /// When nobody listens, or the log-in is refused.
    pub fn open(address: SocketAddr, client: &str) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, WIRE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WIRE))?;
        stream.set_write_timeout(Some(WIRE))?;
        let mut connection = Self { stream, arrived: Vec::new(), next_id: 0 };
        connection.send(&connect(client))?;
        let answer = connection.read()?;
        match (answer.first, answer.body.get(1)) {
            (0x20, Some(0)) => Ok(connection),
            _ => Err(io::Error::new(ErrorKind::PermissionDenied, format!("{answer:?}"))),
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// A number for the next message.
    pub const fn next_id(&mut self) -> u16 {
        self.next_id = if self.next_id == u16::MAX { 1 } else { self.next_id + 1 };
        self.next_id
    }

    /// Reads the next packet.
    ///
    /// # Errors
    /// When the connection ends, or nothing comes in time.
    pub fn read(&mut self) -> io::Result<Packet> {
        loop {
            if let Some(packet) = take(&mut self.arrived) {
                return Ok(packet);
            }
            let mut more = [0; 4096];
            let length = self.stream.read(&mut more)?;
            if length == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.arrived.extend_from_slice(&more[..length]);
        }
    }

    /// Publishes at QoS 1 and waits for the acknowledgement.
    ///
    /// # Errors
    /// When none comes.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> io::Result<()> {
        let id = self.next_id();
        self.send(&publish(topic, id, payload, false))?;
        loop {
            if self.read()?.acknowledged() == Some(id) {
                return Ok(());
            }
        }
    }

    /// Sets how long a read waits.
    ///
    /// # Errors
    /// When the socket does not take it.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))
    }

    /// Asks whether the listener still answers this connection.
    ///
    /// # Errors
    /// When it does not.
    pub fn ping(&mut self) -> io::Result<()> {
        self.send(&[0xC0, 0])?;
        loop {
            if self.read()?.first == 0xD0 {
                return Ok(());
            }
        }
    }
}

fn take(arrived: &mut Vec<u8>) -> Option<Packet> {
    let first = *arrived.first()?;
    let mut length = 0_usize;
    for (place, byte) in arrived.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            let from = place + 2;
            let body = arrived.get(from..from + length)?.to_vec();
            arrived.drain(..from + length);
            return Some(Packet { first, body });
        }
    }
    None
}

/// A CONNECT packet: 3.1.1, clean session, keep-alive of a minute.
#[must_use]
pub fn connect(client: &str) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend([4, 0x02, 0, 60]);
    body.extend(text(client));
    packet(0x10, &body)
}

/// A PUBLISH packet at QoS 1.
#[must_use]
pub fn publish(topic: &str, id: u16, payload: &[u8], again: bool) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(id.to_be_bytes());
    body.extend(payload);
    packet(if again { 0x3A } else { 0x32 }, &body)
}

/// A packet of a type with a body.
#[must_use]
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let low = u8::try_from(rest & 0x7F).unwrap();
        rest >>= 7;
        bytes.push(if rest == 0 { low } else { low | 0x80 });
        if rest == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_survives_its_length() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let body = vec![7; length];
            let mut bytes = packet(0x32, &body);
            bytes.push(0xC0);
            assert_eq!(take(&mut bytes), Some(Packet { first: 0x32, body }), "{length}");
            assert_eq!(bytes, [0xC0]);
        }
    }
}
