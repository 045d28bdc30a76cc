//! What a connected client may say, in the words of neither version.

use std::num::NonZeroU16;

use rmqtt_codec::{
    types::{Publish, QoS},
    v3,
    v5::{self, DisconnectReasonCode},
};

use super::strict::{self, Version, Violation};

/// A packet from a client that has connected.
#[derive(Debug)]
pub(super) enum Packet {
    /// PUBLISH.
    Publish(Box<Publish>),
    /// PUBACK, with whether the client took the message.
    Acked(NonZeroU16, bool),
    /// SUBSCRIBE.
    Subscribe(Box<Subscribe>),
    /// UNSUBSCRIBE.
    Unsubscribe(NonZeroU16, Vec<String>),
    /// PINGREQ.
    Ping,
    /// DISCONNECT, with whether the will is wanted and a changed session expiry.
    Disconnect { will: bool, expiry_seconds: Option<u32> },
}

/// What a client wants to read.
#[derive(Debug)]
pub(super) struct Subscribe {
    /// Its packet id.
    pub(super) id: NonZeroU16,
    /// It brings a subscription identifier.
    pub(super) identified: bool,
    /// Filters, each with the QoS asked for.
    pub(super) filters: Vec<(String, QoS)>,
}

/// A packet of version 3, checked.
pub(super) fn from_v3(packet: v3::Packet) -> Result<Packet, Violation> {
    Ok(match packet {
        v3::Packet::Publish(publish) => {
            strict::publish(Version::V3, &publish)?;
            Packet::Publish(publish)
        }
        v3::Packet::PublishAck { packet_id } => Packet::Acked(packet_id, true),
        v3::Packet::Subscribe { packet_id, topic_filters } => {
            strict::filters(topic_filters.len())?;
            let texts = topic_filters.into_iter().map(|(filter, qos)| (filter.to_string(), qos));
            let filters = texts.collect();
            Packet::Subscribe(Box::new(Subscribe { id: packet_id, identified: false, filters }))
        }
        v3::Packet::Unsubscribe { packet_id, topic_filters } => {
            strict::filters(topic_filters.len())?;
            let filters = topic_filters.iter().map(ToString::to_string).collect();
            Packet::Unsubscribe(packet_id, filters)
        }
        v3::Packet::PingRequest => Packet::Ping,
        v3::Packet::Disconnect => Packet::Disconnect { will: false, expiry_seconds: None },
        v3::Packet::Connect(_)
        | v3::Packet::ConnectAck(_)
        | v3::Packet::PublishReceived { .. }
        | v3::Packet::PublishRelease { .. }
        | v3::Packet::PublishComplete { .. }
        | v3::Packet::SubscribeAck { .. }
        | v3::Packet::UnsubscribeAck { .. }
        | v3::Packet::PingResponse => return Err(WRONG_ROLE),
    })
}

/// A packet of version 5, checked.
pub(super) fn from_v5(packet: v5::Packet) -> Result<Packet, Violation> {
    Ok(match packet {
        v5::Packet::Publish(publish) => {
            strict::publish(Version::V5, &publish)?;
            Packet::Publish(publish)
        }
        v5::Packet::PublishAck(ack) => {
            strict::user_properties(ack.properties.len())?;
            Packet::Acked(ack.packet_id, u8::from(ack.reason_code) < 0x80)
        }
        v5::Packet::Subscribe(subscribe) => {
            strict::user_properties(subscribe.user_properties.len())?;
            strict::filters(subscribe.topic_filters.len())?;
            let filters = subscribe.topic_filters.into_iter();
            let filters = filters.map(|(filter, options)| (filter.to_string(), options.qos));
            Packet::Subscribe(Box::new(Subscribe {
                id: subscribe.packet_id,
                identified: subscribe.id.is_some(),
                filters: filters.collect(),
            }))
        }
        v5::Packet::Unsubscribe(unsubscribe) => {
            strict::user_properties(unsubscribe.user_properties.len())?;
            strict::filters(unsubscribe.topic_filters.len())?;
            let filters = unsubscribe.topic_filters.iter().map(ToString::to_string).collect();
            Packet::Unsubscribe(unsubscribe.packet_id, filters)
        }
        v5::Packet::PingRequest => Packet::Ping,
        v5::Packet::Disconnect(disconnect) => {
            strict::user_properties(disconnect.user_properties.len())?;
            Packet::Disconnect {
                will: disconnect.reason_code != DisconnectReasonCode::NormalDisconnection,
                expiry_seconds: disconnect.session_expiry_interval_secs,
            }
        }
        v5::Packet::Connect(_)
        | v5::Packet::ConnectAck(_)
        | v5::Packet::PublishReceived(_)
        | v5::Packet::PublishRelease(_)
        | v5::Packet::PublishComplete(_)
        | v5::Packet::SubscribeAck(_)
        | v5::Packet::UnsubscribeAck(_)
        | v5::Packet::PingResponse
        | v5::Packet::Auth(_) => return Err(WRONG_ROLE),
    })
}

const WRONG_ROLE: Violation =
    Violation::new(DisconnectReasonCode::ProtocolError, "packet that no client may send here");
