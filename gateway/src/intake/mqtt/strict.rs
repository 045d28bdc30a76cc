//! What MQTT forbids and the codec lets pass.
//!
//! `rmqtt-codec` 0.3.1 accepts every valid packet but is lenient in the places checked here
//! (spikes/MQTT.md section A). Frames are checked as raw bytes before the codec sees them, contents
//! after. Every length is proven before it is used; nothing here indexes.

use std::num::NonZeroU16;

use rmqtt_codec::{
    error::DecodeError,
    types::{Publish, QoS},
    v5::DisconnectReasonCode as Code,
};

use super::limits::{FILTERS_MAX, USER_PROPERTIES_MAX};

/// The client broke the protocol or a limit: the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Violation {
    /// What a version 5 client is told.
    pub(super) code: Code,
    /// What the log says.
    pub(super) what: &'static str,
}

impl Violation {
    pub(super) const fn new(code: Code, what: &'static str) -> Self {
        Self { code, what }
    }

    const fn malformed(what: &'static str) -> Self {
        Self::new(Code::MalformedPacket, what)
    }

    const fn protocol(what: &'static str) -> Self {
        Self::new(Code::ProtocolError, what)
    }
}

impl From<DecodeError> for Violation {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::MaxSizeExceeded { .. } => Self::new(Code::PacketTooLarge, "too large"),
            DecodeError::InvalidTopicName => Self::new(Code::TopicNameInvalid, "topic name"),
            DecodeError::InvalidTopicFilter => Self::new(Code::TopicFilterInvalid, "topic filter"),
            DecodeError::InvalidProtocol => Self::protocol("protocol name"),
            DecodeError::UnsupportedProtocolLevel => Self::protocol("protocol level"),
            DecodeError::InvalidClientId => Self::protocol("client id"),
            DecodeError::Utf8Error => Self::malformed("text is not UTF-8"),
            DecodeError::UnsupportedPacketType => Self::malformed("packet type or its flags"),
            DecodeError::InvalidLength
            | DecodeError::MalformedPacket
            | DecodeError::ConnectReservedFlagSet
            | DecodeError::InvalidConnectFlags
            | DecodeError::ConnAckReservedFlagSet
            | DecodeError::PacketIdRequired
            | DecodeError::Io(_) => Self::malformed("packet"),
        }
    }
}

/// Which of the two families of MQTT a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 3.1 or 3.1.1.
    V3,
    /// 5.
    V5,
}

/// The fixed header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Type and flags.
    pub(super) first: u8,
    /// Where its body begins.
    pub(super) body_at: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// Reads a fixed header; `None` while it is not complete. A length beyond `limit` bytes for the
/// whole frame is refused as soon as it is written, before any of its body is awaited.
pub(super) fn head(bytes: &[u8], limit: usize) -> Result<Option<Head>, Violation> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let mut length: usize = 0;
    for (place, &byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let body_at = place + 2;
            let end = body_at.saturating_add(length);
            if end > limit {
                return Err(Violation::new(Code::PacketTooLarge, "packet over the limit"));
            }
            return Ok(Some(Head { first, body_at, end }));
        }
    }
    if rest.len() >= 4 {
        return Err(Violation::malformed("length has more than four bytes"));
    }
    Ok(None)
}

/// Checks a whole frame that is not a CONNECT, before it is decoded.
pub(super) fn frame(version: Version, head: Head, frame: &[u8]) -> Result<(), Violation> {
    let body = frame.get(head.body_at..).unwrap_or_default();
    let minimal = head.body_at == 2 || body.len() >= 1 << (7 * (head.body_at - 2));
    if version == Version::V5 && !minimal {
        return Err(Violation::malformed("length is not in its shortest form"));
    }
    match head.first >> 4 {
        1 => Err(Violation::protocol("second CONNECT")),
        2 | 9 | 11 | 13 => Err(Violation::protocol("packet that only a server sends")),
        5..=7 => Err(Violation::protocol("packet of QoS 2")),
        15 => Err(Violation::protocol("AUTH without a method")),
        12 if !body.is_empty() => Err(Violation::malformed("PINGREQ with a body")),
        14 if version == Version::V3 && !body.is_empty() => {
            Err(Violation::malformed("DISCONNECT with a body"))
        }
        8 if version == Version::V3 => subscribe_v3(body),
        _ => Ok(()),
    }
}

/// The codec takes only two bits of the byte after each filter.
fn subscribe_v3(body: &[u8]) -> Result<(), Violation> {
    let mut walk = Walk(body.get(2..).unwrap_or_default());
    while !walk.0.is_empty() {
        walk.field()?;
        if walk.byte()? > 2 {
            return Err(Violation::malformed("reserved bits of SUBSCRIBE"));
        }
    }
    Ok(())
}

/// Checks the body of a CONNECT of either version, before it is decoded.
pub(super) fn connect(version: Version, body: &[u8]) -> Result<(), Violation> {
    let mut walk = Walk(body);
    walk.field()?;
    walk.byte()?;
    let flags = walk.byte()?;
    let bit = |number: u8| flags & (1 << number) != 0;
    let (user, password, will) = (bit(7), bit(6), bit(2));
    if bit(0) {
        return Err(Violation::malformed("reserved flag of CONNECT"));
    }
    if !will && flags & 0b0011_1000 != 0 {
        return Err(Violation::malformed("QoS or retain of a will that is not there"));
    }
    if version == Version::V3 && password && !user {
        return Err(Violation::malformed("password without user name"));
    }
    walk.skip(2)?;
    if version == Version::V5 {
        walk.properties()?;
    }
    text(walk.field()?)?;
    if will {
        if version == Version::V5 {
            walk.properties()?;
        }
        walk.field()?;
        walk.field()?;
    }
    if user {
        text(walk.field()?)?;
    }
    if password {
        walk.field()?;
    }
    if walk.0.is_empty() { Ok(()) } else { Err(Violation::malformed("bytes after CONNECT")) }
}

/// Walks over a body by its own length fields.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    fn skip(&mut self, count: usize) -> Result<&'a [u8], Violation> {
        let short = Violation::malformed("shorter than it says");
        let (taken, rest) = self.0.split_at_checked(count).ok_or(short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Violation> {
        self.skip(1).map(|bytes| bytes.first().copied().unwrap_or_default())
    }

    fn field(&mut self) -> Result<&'a [u8], Violation> {
        let length = u16::from_be_bytes([self.byte()?, self.byte()?]);
        self.skip(usize::from(length))
    }

    fn properties(&mut self) -> Result<(), Violation> {
        let mut length: usize = 0;
        for place in 0..4 {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.skip(length)?;
                return Ok(());
            }
        }
        Err(Violation::malformed("length of properties"))
    }
}

/// No text of MQTT may hold U+0000; that it is UTF-8 the codec sees to.
fn text(bytes: &[u8]) -> Result<(), Violation> {
    if bytes.contains(&0) { Err(Violation::malformed("text holds U+0000")) } else { Ok(()) }
}

/// Checks a decoded PUBLISH from a client. Topic aliases are announced as unavailable.
pub(super) fn publish(version: Version, publish: &Publish) -> Result<(), Violation> {
    if publish.dup && publish.qos == QoS::AtMostOnce {
        return Err(Violation::malformed("DUP at QoS 0"));
    }
    if publish.qos == QoS::ExactlyOnce {
        return Err(Violation::new(Code::QosNotSupported, "QoS 2"));
    }
    if version == Version::V5 && publish.retain {
        return Err(Violation::new(Code::RetainNotSupported, "retain"));
    }
    if let Some(properties) = &publish.properties {
        if properties.topic_alias.is_some() {
            return Err(Violation::new(Code::TopicAliasInvalid, "topic alias"));
        }
        if !properties.subscription_ids.is_empty() {
            return Err(Violation::protocol("subscription identifier from a client"));
        }
        if let Some(topic) = &properties.response_topic {
            topic_name(topic)?;
        }
        user_properties(properties.user_properties.len())?;
    }
    topic_name(&publish.topic)
}

/// Checks a topic that something is published on.
pub(super) fn topic_name(topic: &str) -> Result<(), Violation> {
    if topic.is_empty() || topic.contains(['#', '+', '\0']) {
        return Err(Violation::new(Code::TopicNameInvalid, "topic name"));
    }
    Ok(())
}

/// Whether a filter keeps to the rules: wildcards fill whole levels, `#` only the last.
pub(super) fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut well_formed = !filter.is_empty() && !filter.contains('\0');
    while let Some(level) = levels.next() {
        let plain = !level.contains(['#', '+']);
        well_formed &= plain || level == "+" || (level == "#" && levels.peek().is_none());
    }
    well_formed
}

/// Whether a filter asks for a shared subscription.
pub(super) fn is_shared(filter: &str) -> bool {
    filter == "$share" || filter.starts_with("$share/")
}

/// Checks how many filters a packet brings.
pub(super) fn filters(count: usize) -> Result<(), Violation> {
    if count > FILTERS_MAX {
        return Err(Violation::new(Code::QuotaExceeded, "too many filters"));
    }
    Ok(())
}

/// Checks how many user properties a packet brings.
pub(super) fn user_properties(count: usize) -> Result<(), Violation> {
    if count > USER_PROPERTIES_MAX {
        return Err(Violation::new(Code::QuotaExceeded, "too many user properties"));
    }
    Ok(())
}

/// The packet id of a QoS 1 publish; the codec has made sure that there is one.
pub(super) fn packet_id(publish: &Publish) -> Option<NonZeroU16> {
    publish.packet_id.filter(|_| publish.qos != QoS::AtMostOnce)
}
