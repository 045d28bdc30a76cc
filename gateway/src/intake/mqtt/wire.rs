//! Bytes in, packets out, and back: one connection's stream with its two buffers.
//!
//! A buffer that is empty holds no memory, so that thousands of idle connections cost little. Both
//! are bounded: the inbox by the largest packet and one read, the outbox by whoever fills it, who
//! asks [`Wire::is_clogged`] first.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    num::NonZeroU16,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rmqtt_codec::{
    error::EncodeError,
    types::{Publish, QoS},
    v3,
    v5::{self, DisconnectReasonCode},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    limits::{OUTBOX_BYTES_MAX, READ_BYTES_MAX},
    packet::{self, Packet},
    strict::{self, Head, Version, Violation},
};

/// Bytes read by one call; on the stack, so an idle connection has none of it.
const CHUNK: usize = 16 * 1024;

/// What happened on the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// So many bytes came.
    Received(usize),
    /// The client will send no more.
    Ended,
    /// The client has everything that was written for it.
    Drained,
}

#[derive(Debug)]
enum Codec {
    V3(v3::Codec),
    V5(v5::Codec),
}

/// One connection's stream with its buffers.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    inbox: BytesMut,
    outbox: BytesMut,
    unflushed: bool,
    codec: Codec,
    packet_max: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A stream before its first packet, which may have `packet_max` bytes.
    pub(super) fn new(stream: S, packet_max: usize) -> Self {
        let (inbox, outbox) = (BytesMut::new(), BytesMut::new());
        let codec = Codec::V3(v3::Codec::new(0));
        Self { stream, inbox, outbox, unflushed: false, codec, packet_max }
    }

    /// The version is known: from here packets may have `packet_max` bytes, and a version 5 client
    /// is sent none above its own limit.
    pub(super) fn speak(&mut self, version: Version, packet_max: usize, client_max: Option<u32>) {
        self.packet_max = packet_max;
        self.codec = match version {
            Version::V3 => Codec::V3(v3::Codec::new(0)),
            Version::V5 => {
                let mut codec = v5::Codec::new(0, 0);
                codec.set_max_outbound_size(client_max.unwrap_or(0));
                Codec::V5(codec)
            }
        };
    }

    pub(super) const fn version(&self) -> Version {
        match self.codec {
            Codec::V3(_) => Version::V3,
            Codec::V5(_) => Version::V5,
        }
    }

    /// Whether the client lets so much lie that it should not be read.
    pub(super) fn is_clogged(&self) -> bool {
        self.outbox.len() >= OUTBOX_BYTES_MAX
    }

    /// Waits until something moves: what is written goes out, and, if `reading`, bytes come in.
    /// Safe to drop at any time.
    pub(super) async fn moved(&mut self, reading: bool) -> io::Result<Moved> {
        poll_fn(|cx| self.poll_moved(cx, reading)).await
    }

    fn poll_moved(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<io::Result<Moved>> {
        if (self.unflushed || !self.outbox.is_empty()) && self.poll_drain(cx)?.is_ready() {
            return Poll::Ready(Ok(Moved::Drained));
        }
        if reading { self.poll_fill(cx) } else { Poll::Pending }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outbox))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbox.advance(written);
            self.unflushed = true;
        }
        self.outbox = BytesMut::new();
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let mut total = 0;
        while total < READ_BYTES_MAX {
            let mut chunk = [const { MaybeUninit::<u8>::uninit() }; CHUNK];
            let mut into = ReadBuf::uninit(&mut chunk);
            match Pin::new(&mut self.stream).poll_read(cx, &mut into) {
                Poll::Ready(Ok(())) if into.filled().is_empty() => {
                    // After bytes, the end is met again by the next read.
                    return Poll::Ready(Ok(if total == 0 {
                        Moved::Ended
                    } else {
                        Moved::Received(total)
                    }));
                }
                Poll::Ready(Ok(())) => {
                    total += into.filled().len();
                    self.inbox.extend_from_slice(into.filled());
                }
                Poll::Ready(Err(error)) if total == 0 => return Poll::Ready(Err(error)),
                Poll::Ready(Err(_)) | Poll::Pending => break,
            }
        }
        if total == 0 { Poll::Pending } else { Poll::Ready(Ok(Moved::Received(total))) }
    }

    /// Writes what is left and closes our half. The caller bounds the wait.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_drain(cx)).await?;
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await?;
        // Reading to the end keeps the last packet from being lost in a reset.
        while self.moved(true).await? != Moved::Ended {
            self.inbox.clear();
        }
        Ok(())
    }

    /// The first frame, if it is complete, and only if it is a CONNECT.
    pub(super) fn connect_frame(&mut self) -> Result<Option<Head>, Violation> {
        if self.inbox.first().is_some_and(|&first| first != 0x10) {
            return Err(Violation::new(DisconnectReasonCode::ProtocolError, "no CONNECT"));
        }
        let head = strict::head(&self.inbox, self.packet_max)?;
        Ok(head.filter(|head| self.inbox.len() >= head.end))
    }

    /// The body of the frame at the front.
    pub(super) fn body(&self, head: Head) -> &[u8] {
        self.inbox.get(head.body_at..head.end).unwrap_or_default()
    }

    /// Takes the CONNECT at the front, as version 3.
    pub(super) fn take_connect_v3(&mut self) -> Result<Box<v3::Connect>, Violation> {
        match v3::Codec::new(0).decode(&mut self.inbox)? {
            Some((v3::Packet::Connect(connect), _)) => Ok(connect),
            _ => Err(Violation::new(DisconnectReasonCode::ProtocolError, "no CONNECT")),
        }
    }

    /// Takes the CONNECT at the front, as version 5.
    pub(super) fn take_connect_v5(&mut self) -> Result<Box<v5::Connect>, Violation> {
        match v5::Codec::new(0, 0).decode(&mut self.inbox)? {
            Some((v5::Packet::Connect(connect), _)) => Ok(connect),
            _ => Err(Violation::new(DisconnectReasonCode::ProtocolError, "no CONNECT")),
        }
    }

    /// The next complete packet, checked.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, Violation> {
        let head = strict::head(&self.inbox, self.packet_max)?;
        let Some(head) = head.filter(|head| self.inbox.len() >= head.end) else {
            if self.inbox.is_empty() {
                self.inbox = BytesMut::new();
            }
            return Ok(None);
        };
        let version = self.version();
        strict::frame(version, head, self.inbox.get(..head.end).unwrap_or_default())?;
        match &mut self.codec {
            Codec::V3(codec) => match codec.decode(&mut self.inbox)? {
                Some((packet, _)) => packet::from_v3(packet).map(Some),
                None => Ok(None),
            },
            Codec::V5(codec) => match codec.decode(&mut self.inbox)? {
                Some((packet, _)) => packet::from_v5(packet).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Acknowledges a publish. `refused` is a reason code of version 5.
    pub(super) fn puback(&mut self, id: NonZeroU16, refused: Option<v5::PublishAckReason>) {
        match refused {
            None => self.outbox.put_slice(&[0x40, 2]),
            Some(_) => self.outbox.put_slice(&[0x40, 3]),
        }
        self.outbox.put_u16(id.get());
        if let Some(reason) = refused {
            self.outbox.put_u8(reason.into());
        }
    }

    /// Answers a SUBSCRIBE, filter by filter, with codes of this connection's version.
    pub(super) fn suback(&mut self, id: NonZeroU16, codes: &[u8]) {
        self.answer(0x90, id, codes);
    }

    /// Answers an UNSUBSCRIBE; version 3.1.1 has no codes there.
    pub(super) fn unsuback(&mut self, id: NonZeroU16, codes: &[u8]) {
        let codes = if self.version() == Version::V3 { &[] } else { codes };
        self.answer(0xb0, id, codes);
    }

    fn answer(&mut self, first: u8, id: NonZeroU16, codes: &[u8]) {
        let properties: &[u8] = if self.version() == Version::V3 { &[] } else { &[0] };
        // At most as many codes as a packet may bring filters, so one byte holds the length.
        let length = u8::try_from(2 + properties.len() + codes.len()).unwrap_or(0x7f);
        self.outbox.put_slice(&[first, length]);
        self.outbox.put_u16(id.get());
        self.outbox.put_slice(properties);
        self.outbox.put_slice(codes);
    }

    /// Answers a PINGREQ.
    pub(super) fn pingresp(&mut self) {
        self.outbox.put_slice(&[0xd0, 0]);
    }

    /// Says goodbye to a version 5 client; version 3.1.1 has no words for it.
    pub(super) fn disconnect(&mut self, code: DisconnectReasonCode) {
        if self.version() == Version::V5 {
            self.outbox.put_slice(&[0xe0, 1, code.into()]);
        }
    }

    /// Answers a CONNECT of version 3: session present, return code.
    pub(super) fn connack_v3(&mut self, session_present: bool, code: u8) {
        self.outbox.put_slice(&[0x20, 2, u8::from(session_present), code]);
    }

    /// Answers a CONNECT of version 5.
    pub(super) fn connack_v5(&mut self, connack: v5::ConnectAck) -> Result<(), EncodeError> {
        let packet = v5::Packet::ConnectAck(Box::new(connack));
        v5::Codec::new(0, 0).encode(packet, &mut self.outbox)
    }

    /// Sends a message to the client.
    pub(super) fn publish(
        &mut self,
        topic: &str,
        payload: Bytes,
        id: Option<NonZeroU16>,
    ) -> Result<(), EncodeError> {
        let qos = if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let publish = Box::new(Publish {
            dup: false,
            retain: false,
            qos,
            topic: topic.to_owned().into(),
            packet_id: id,
            payload,
            properties: None,
        });
        match &mut self.codec {
            Codec::V3(codec) => codec.encode(v3::Packet::Publish(publish), &mut self.outbox),
            Codec::V5(codec) => codec.encode(v5::Packet::Publish(publish), &mut self.outbox),
        }
    }
}

#[cfg(test)]
impl Wire<tokio::io::DuplexStream> {
    /// A wire that has already received these bytes.
    pub(super) fn holding(version: Version, packet_max: usize, bytes: &[u8]) -> Self {
        let mut wire = Self::new(tokio::io::duplex(1).0, packet_max);
        wire.speak(version, packet_max, None);
        wire.inbox.extend_from_slice(bytes);
        wire
    }
}
