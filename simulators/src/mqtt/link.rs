//! The two versions of `rumqttc` behind one face.

use std::{net::SocketAddr, time::Duration};

use rumqttc::{Outgoing, mqttbytes::v4, v5, v5::mqttbytes::v5 as packets5};

use super::outbox::Letter;

/// Requests that may wait inside the client. More than the window, so that handing over never waits.
const REQUESTS: usize = 64;
/// A side that hears nothing for this long asks whether the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long the far end should remember an interrupted session, in seconds.
const SESSION_EXPIRY_SECONDS: u32 = 24 * 3600;

/// The version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1.
    V311,
    /// 5.
    V5,
}

/// How a sender reaches the far end.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where it listens.
    pub address: SocketAddr,
    /// The version to speak.
    pub version: Version,
    /// The client id, which is also the user name.
    pub client: String,
    /// The password: a token. None: no log-in.
    pub password: Option<String>,
    /// Topic and payload that the far end says for us when we are gone.
    pub will: Option<(String, Vec<u8>)>,
    /// Most messages on the way.
    pub window: u16,
}

/// What happened on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// The far end took us, and whether it remembers the session.
    Connected { resumed: bool },
    /// A message was written under this packet id.
    Sent(u16),
    /// The far end has a message.
    Acknowledged(u16),
    /// The far end will never take a message.
    Declined(u16),
    /// Nothing that matters here.
    Other,
}

/// Hands messages to the client. Cheap to clone.
#[derive(Clone)]
pub(super) enum Hand {
    V311(rumqttc::AsyncClient),
    V5(v5::AsyncClient),
}

impl Hand {
    /// Whether the client took the message.
    pub(super) fn publish(&self, letter: &Letter) -> bool {
        let Letter { topic, payload, .. } = letter;
        let (topic, payload) = (topic.clone(), payload.clone());
        match self {
            Self::V311(client) => {
                client.try_publish(topic, rumqttc::QoS::AtLeastOnce, false, payload).is_ok()
            }
            Self::V5(client) => {
                let once = v5::mqttbytes::QoS::AtLeastOnce;
                client.try_publish(topic, once, false, payload).is_ok()
            }
        }
    }

    /// Says good-bye.
    pub(super) fn leave(&self) {
        // A client that takes no request any more has no connection to leave.
        drop(match self {
            Self::V311(client) => client.try_disconnect().map_err(|error| error.to_string()),
            Self::V5(client) => client.try_disconnect().map_err(|error| error.to_string()),
        });
    }
}

/// The client's event loop.
pub(super) enum Link {
    V311(Box<rumqttc::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// A client and its event loop.
pub(super) fn link(access: &Access) -> (Hand, Link) {
    let (host, port) = (access.address.ip().to_string(), access.address.port());
    match access.version {
        Version::V311 => {
            let mut options = rumqttc::MqttOptions::new(&access.client, host, port);
            options.set_keep_alive(KEEP_ALIVE).set_clean_session(false).set_inflight(access.window);
            if let Some(password) = &access.password {
                options.set_credentials(&access.client, password);
            }
            if let Some((topic, payload)) = access.will.clone() {
                let qos = rumqttc::QoS::AtLeastOnce;
                options.set_last_will(rumqttc::LastWill::new(topic, payload, qos, false));
            }
            let (client, events) = rumqttc::AsyncClient::new(options, REQUESTS);
            (Hand::V311(client), Link::V311(Box::new(events)))
        }
        Version::V5 => {
            let mut options = v5::MqttOptions::new(&access.client, host, port);
            options.set_keep_alive(KEEP_ALIVE).set_clean_start(false);
            options.set_session_expiry_interval(Some(SESSION_EXPIRY_SECONDS));
            options.set_outgoing_inflight_upper_limit(access.window);
            if let Some(password) = &access.password {
                options.set_credentials(&access.client, password);
            }
            if let Some((topic, payload)) = access.will.clone() {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                options.set_last_will(packets5::LastWill::new(topic, payload, qos, false, None));
            }
            let (client, events) = v5::AsyncClient::new(options, REQUESTS);
            (Hand::V5(client), Link::V5(Box::new(events)))
        }
    }
}

impl Link {
    /// Waits for the next happening; connects where there is no connection.
    pub(super) async fn poll(&mut self) -> Result<Happening, String> {
        match self {
            Self::V311(events) => {
                events.poll().await.map(|event| of_v311(&event)).map_err(|error| error.to_string())
            }
            Self::V5(events) => {
                events.poll().await.map(|event| of_v5(&event)).map_err(|error| error.to_string())
            }
        }
    }

    /// After an error: what the client had still to tell of the old connection. Otherwise it would
    /// come after the new one began, under packet ids that mean something else by then.
    pub(super) fn leftovers(&mut self) -> Vec<Happening> {
        match self {
            Self::V311(events) => {
                events.state.events.drain(..).map(|event| of_v311(&event)).collect()
            }
            Self::V5(events) => events.state.events.drain(..).map(|event| of_v5(&event)).collect(),
        }
    }

    /// After an error: marks what was sent before and will be sent again in the same session, as the
    /// protocol asks ([MQTT-3.3.1-1]); the client itself does not.
    pub(super) fn mark_repeats(&mut self) {
        match self {
            Self::V311(events) => {
                for request in &mut events.pending {
                    if let rumqttc::Request::Publish(v4::Publish { dup, pkid: 1.., .. }) = request {
                        *dup = true;
                    }
                }
            }
            Self::V5(events) => {
                for request in &mut events.pending {
                    if let v5::Request::Publish(packets5::Publish { dup, pkid: 1.., .. }) = request
                    {
                        *dup = true;
                    }
                }
            }
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign list of packets, four of which count"
)]
fn of_v311(event: &rumqttc::Event) -> Happening {
    match event {
        rumqttc::Event::Outgoing(Outgoing::Publish(packet_id)) => Happening::Sent(*packet_id),
        rumqttc::Event::Incoming(v4::Packet::ConnAck(connack)) => {
            Happening::Connected { resumed: connack.session_present }
        }
        rumqttc::Event::Incoming(v4::Packet::PubAck(puback)) => {
            Happening::Acknowledged(puback.pkid)
        }
        _ => Happening::Other,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign list of packets, four of which count"
)]
fn of_v5(event: &v5::Event) -> Happening {
    use packets5::PubAckReason::{NoMatchingSubscribers, Success};
    match event {
        v5::Event::Outgoing(Outgoing::Publish(packet_id)) => Happening::Sent(*packet_id),
        v5::Event::Incoming(packets5::Packet::ConnAck(connack)) => {
            Happening::Connected { resumed: connack.session_present }
        }
        v5::Event::Incoming(packets5::Packet::PubAck(puback)) => match puback.reason {
            Success | NoMatchingSubscribers => Happening::Acknowledged(puback.pkid),
            _ => Happening::Declined(puback.pkid),
        },
        _ => Happening::Other,
    }
}
