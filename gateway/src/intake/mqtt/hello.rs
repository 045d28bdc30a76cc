//! What a CONNECT says, in either version, and the words in which it is refused.

use std::{num::NonZeroU16, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use rmqtt_codec::{
    types::QoS,
    v3,
    v5::{self, ConnectAckReason},
};

use super::{
    limits::WILL_DELAY_MAX,
    strict::{self, Version},
};
use crate::intake::Topic;

/// What a client wants published when it is lost.
#[derive(Debug)]
pub(super) struct Will {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retain: bool,
    pub(super) delay: Duration,
}

impl Will {
    /// What is left of the will of who lost its rights: that its site is gone, where it would have said
    /// so, in none of its words.
    pub(super) fn of_who_is_expelled(self) -> Option<Self> {
        let of_site = matches!(Topic::read(&self.topic), Topic::State { .. });
        of_site.then(|| Self { payload: Bytes::new(), delay: Duration::ZERO, ..self })
    }
}

/// What CONNECT says, in either version.
pub(super) struct Hello {
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) assigned: bool,
    pub(super) clean: bool,
    pub(super) keep_alive: u16,
    pub(super) will: Option<Will>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) expiry_seconds: u32,
    pub(super) window: u16,
    pub(super) packet_max: Option<u32>,
}

/// Why CONNACK says no, in the words of both versions.
pub(super) struct Refusal {
    pub(super) v3: u8,
    pub(super) v5: ConnectAckReason,
    pub(super) what: &'static str,
}

const fn refusal(v3: u8, v5: ConnectAckReason, what: &'static str) -> Refusal {
    Refusal { v3, v5, what }
}

pub(super) const BAD_CLIENT_ID: Refusal =
    refusal(2, ConnectAckReason::ClientIdentifierNotValid, "client id not allowed");
pub(super) const BAD_WILL: Refusal =
    refusal(5, ConnectAckReason::TopicNameInvalid, "topic of the will");
pub(super) const WILL_DENIED: Refusal =
    refusal(5, ConnectAckReason::NotAuthorized, "will outside its rights");
pub(super) const WILL_RETAIN: Refusal =
    refusal(5, ConnectAckReason::RetainNotSupported, "retained will");
pub(super) const WILL_QOS: Refusal = refusal(5, ConnectAckReason::QosNotSupported, "will at QoS 2");
pub(super) const BAD_METHOD: Refusal =
    refusal(5, ConnectAckReason::BadAuthenticationMethod, "authentication method");
pub(super) const QUOTA: Refusal =
    refusal(5, ConnectAckReason::QuotaExceeded, "too many user properties");
pub(super) const BUSY: Refusal = refusal(3, ConnectAckReason::ServerBusy, "too many connections");
pub(super) const UNAVAILABLE: Refusal =
    refusal(3, ConnectAckReason::ServerUnavailable, "cannot check log-in");
pub(super) const WRONG_LOGIN: Refusal =
    refusal(4, ConnectAckReason::BadUserNameOrPassword, "log-in");
pub(super) const LOGIN_DENIED: Refusal = refusal(5, ConnectAckReason::NotAuthorized, "log-in");
pub(super) const NOT_ITS_NAME: Refusal =
    refusal(2, ConnectAckReason::ClientIdentifierNotValid, "client id or user name of another");
pub(super) const TAKEN: Refusal =
    refusal(2, ConnectAckReason::ClientIdentifierNotValid, "client id of somebody else");

/// The version that a CONNECT's body begins with, else the level it asks for.
pub(super) fn sniff(body: &[u8]) -> Result<Version, Option<u8>> {
    if let Some(rest) = body.strip_prefix(b"\0\x04MQTT") {
        return match rest.first() {
            Some(4) => Ok(Version::V3),
            Some(5) => Ok(Version::V5),
            level => Err(level.copied()),
        };
    }
    match body.strip_prefix(b"\0\x06MQIsdp").and_then(<[u8]>::first) {
        Some(3) => Ok(Version::V3),
        Some(level) => Err(Some(*level)),
        None => Err(None),
    }
}

/// What a CONNECT of version 3 says.
pub(super) fn hello_v3(connect: v3::Connect) -> Result<Hello, Refusal> {
    let will = match connect.last_will {
        None => None,
        Some(will) => {
            let topic = will.topic.to_string();
            strict::topic_name(&topic).map_err(|_violation| BAD_WILL)?;
            let payload = Bytes::copy_from_slice(&will.message);
            Some(Will { topic, payload, retain: will.retain, delay: Duration::ZERO })
        }
    };
    Ok(Hello {
        version: Version::V3,
        client_id: connect.client_id.to_string(),
        assigned: false,
        clean: connect.clean_session,
        keep_alive: connect.keep_alive,
        will,
        user: connect.username.map(|text| text.to_string()),
        password: connect.password.map(|bytes| bytes.to_vec()),
        expiry_seconds: if connect.clean_session { 0 } else { u32::MAX },
        window: u16::MAX,
        packet_max: None,
    })
}

/// What a CONNECT of version 5 says.
pub(super) fn hello_v5(connect: v5::Connect) -> Result<Hello, Refusal> {
    if connect.auth_method.is_some() || connect.auth_data.is_some() {
        return Err(BAD_METHOD);
    }
    strict::user_properties(connect.user_properties.len()).map_err(|_violation| QUOTA)?;
    let will = match connect.last_will {
        None => None,
        Some(will) => Some(will_v5(&will, connect.session_expiry_interval_secs)?),
    };
    Ok(Hello {
        version: Version::V5,
        client_id: connect.client_id.to_string(),
        assigned: false,
        clean: connect.clean_start,
        keep_alive: connect.keep_alive,
        will,
        user: connect.username.map(|text| text.to_string()),
        password: connect.password.map(|bytes| bytes.to_vec()),
        expiry_seconds: connect.session_expiry_interval_secs,
        window: connect.receive_max.map_or(u16::MAX, NonZeroU16::get),
        packet_max: connect.max_packet_size.map(NonZeroU32::get),
    })
}

fn will_v5(will: &v5::LastWill, expiry_seconds: u32) -> Result<Will, Refusal> {
    if will.retain {
        return Err(WILL_RETAIN);
    }
    if will.qos == QoS::ExactlyOnce {
        return Err(WILL_QOS);
    }
    strict::user_properties(will.user_properties.len()).map_err(|_violation| QUOTA)?;
    let topic = will.topic.to_string();
    for name in will.response_topic.as_deref().into_iter().chain([topic.as_str()]) {
        strict::topic_name(name).map_err(|_violation| BAD_WILL)?;
    }
    let asked = will.will_delay_interval_sec.unwrap_or(0).min(expiry_seconds);
    let delay = Duration::from_secs(u64::from(asked)).min(WILL_DELAY_MAX);
    Ok(Will { topic, payload: Bytes::copy_from_slice(&will.message), retain: false, delay })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: Result<Version, Option<u8>>) {
        assert_eq!(sniff(body), expected, "{body:?}");
    }

    #[test]
    fn the_version_is_in_the_first_bytes() {
        check(b"\0\x04MQTT\x04", Ok(Version::V3));
        check(b"\0\x04MQTT\x05", Ok(Version::V5));
        check(b"\0\x06MQIsdp\x03", Ok(Version::V3));
        check(b"\0\x04MQTT\x03", Err(Some(3)));
        check(b"\0\x04MQTT\x06", Err(Some(6)));
        check(b"\0\x06MQIsdp\x04", Err(Some(4)));
        check(b"\0\x04MQTX\x04", Err(None));
        check(b"\0\x04MQTT", Err(None));
        check(b"", Err(None));
    }
}
