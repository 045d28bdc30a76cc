//! A line over MQTT: the question is published on `xz/1/{box}/up`, the answer comes on
//! `xz/1/{box}/down`. What proves anything is the answer's signature; a PUBACK says only that the
//! listener has heard.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use rumqttc::{
    NetworkOptions, TlsConfiguration, Transport,
    v5::{
        AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError,
        mqttbytes::{
            self, QoS,
            v5::{ConnectProperties, Packet, SubscribeReasonCode},
        },
    },
};

use super::line::{Line, LineError, is_withdrawal};
use crate::{
    domain::BoxId,
    uplink::batch::{ENVELOPE_MAX, Message, Nonce, Sealed, split},
};

/// Requests that wait for the connection: a subscription and one question.
const REQUESTS: usize = 8;

/// Publishes that are not acknowledged yet: one question at a time. The library keeps room for as many as
/// it may send, by default for 65,535: 13 MB of a van's 32.
const IN_FLIGHT: u16 = 4;

/// Sign of life; the line is looked at when something is asked, every 15 s at least.
const KEEP_ALIVE: Duration = Duration::from_secs(120);

/// Largest packet that comes, in bytes.
const PACKET_MAX: usize = 4 * ENVELOPE_MAX;

/// Longest time until a connection stands: TCP, TLS and CONNACK on a line that loses a third of its packets,
/// where five seconds (the library's) are over after four losses in a row.
const CONNECT_SECONDS: u64 = 30;

/// Where to, and who we are there.
#[derive(Clone)]
pub struct MqttTo {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom alone we believe, where it speaks TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// This gateway's name: user name, client id and topics.
    pub name: BoxId,
    /// Its token.
    pub token: String,
}

/// Without the token.
impl fmt::Debug for MqttTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttTo").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A line over MQTT. It connects when something is asked.
pub struct MqttLine {
    to: MqttTo,
    live: Option<(AsyncClient, EventLoop)>,
}

impl fmt::Debug for MqttLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttLine").field("to", &self.to).finish_non_exhaustive()
    }
}

impl MqttLine {
    /// A line that is down.
    #[must_use]
    pub const fn new(to: MqttTo) -> Self {
        Self { to, live: None }
    }

    async fn ask(&mut self, question: Vec<u8>) -> Result<Vec<u8>, LineError> {
        let asked = nonce(&question);
        // Given up in the middle, whatever happens: a line that was cut is made anew.
        let live = match self.live.take() {
            Some(live) => live,
            None => connect(&self.to).await?,
        };
        let (client, mut events) = live;
        let up = format!("xz/1/{}/up", self.to.name);
        client.publish(up, QoS::AtLeastOnce, false, question).await.map_err(broken)?;
        loop {
            if let Packet::Publish(publish) = incoming(&mut events).await? {
                // An answer to a question that was given up is nobody's any more.
                if nonce(&publish.payload) == asked {
                    self.live = Some((client, events));
                    return Ok(publish.payload.to_vec());
                }
            }
        }
    }
}

async fn connect(to: &MqttTo) -> Result<(AsyncClient, EventLoop), LineError> {
    let (client, mut events) = AsyncClient::new(to.options(), REQUESTS);
    let down = format!("xz/1/{}/down", to.name);
    client.subscribe(down, QoS::AtLeastOnce).await.map_err(broken)?;
    loop {
        if let Packet::SubAck(answer) = incoming(&mut events).await? {
            let granted = |code| matches!(code, &SubscribeReasonCode::Success(_));
            return if answer.return_codes.iter().all(granted) {
                Ok((client, events))
            } else {
                Err(LineError::Denied(format!("{:?}", answer.return_codes)))
            };
        }
    }
}

impl MqttTo {
    fn options(&self) -> MqttOptions {
        let Self { host, port, tls, name, token } = self;
        // Who shows a certificate goes by its own name alone; a token leaves that to other clients.
        let certified = tls.as_ref().is_some_and(|tls| tls.client_auth_cert_resolver.has_certs());
        let client_id = if certified { name.to_string() } else { format!("{name}-uplink") };
        let mut options = MqttOptions::new(client_id, host, *port);
        options.set_clean_start(true).set_keep_alive(KEEP_ALIVE);
        options.set_connection_timeout(CONNECT_SECONDS);
        options.set_outgoing_inflight_upper_limit(IN_FLIGHT);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        options.set_connect_properties(ConnectProperties {
            max_packet_size: u32::try_from(PACKET_MAX).ok(),
            topic_alias_max: None,
            ..ConnectProperties::new()
        });
        options.set_credentials(name.as_str(), token);
        if let Some(tls) = tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(tls))));
        }
        options
    }
}

impl Line for MqttLine {
    fn exchange(&mut self, question: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, LineError>> {
        Box::pin(self.ask(question))
    }
}

async fn incoming(events: &mut EventLoop) -> Result<Packet, LineError> {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(packet)) => return Ok(packet),
            Ok(Event::Outgoing(_)) => {}
            Err(error) if withdraws(&error) => return Err(LineError::Withdrawn),
            Err(error) => return Err(broken(error)),
        }
    }
}

/// Whether the other end said that our certificate is withdrawn. What broke while a packet was read is
/// no cause of the client's error, so it is looked for by hand.
fn withdraws(error: &ConnectionError) -> bool {
    if let ConnectionError::MqttState(StateError::Deserialization(mqttbytes::Error::Io(read))) =
        error
    {
        return is_withdrawal(read);
    }
    is_withdrawal(error)
}

fn broken(error: impl fmt::Display) -> LineError {
    LineError::Broken(error.to_string())
}

/// The question of the first envelope; whether to believe it is another matter.
fn nonce(train: &[u8]) -> Option<Nonce> {
    let parts = split(train).ok()?;
    let sealed = Sealed::read(parts.first()?).ok()?;
    Message::named(&sealed).ok().map(|told| told.nonce)
}
