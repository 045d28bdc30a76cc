//! From the first byte to CONNACK: who is it, may it come in, and what was left of it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use rmqtt_codec::{
    types::QoS,
    v5::{self, ConnectAckReason},
};
use smol_str::SmolStr;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::OwnedSemaphorePermit,
};

use super::{
    alerts::{self, Subscription},
    denied,
    hello::{
        BAD_CLIENT_ID, BUSY, Hello, LOGIN_DENIED, NOT_ITS_NAME, Refusal, TAKEN, UNAVAILABLE,
        WILL_DENIED, WRONG_LOGIN, Will, hello_v3, hello_v5, sniff,
    },
    limits::{CLIENT_ID_MAX, KEEP_ALIVE_MAX, SILENCE_MAX},
    shared::{Door, Login, LoginError, NoPlace, Place, Shared},
    strict::{self, Version, Violation},
    wire::{Moved, Wire},
};
use crate::{
    domain::DoctorId,
    intake::{Identity, Rights, Topic},
    store::CommitSeq,
};

/// A client that is let in.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) client_id: String,
    pub(super) identity: Identity,
    /// By what it is known, for the auditor.
    pub(super) via: SmolStr,
    pub(super) place: Place,
    /// Its room among the logged in, held as long as it lasts.
    _room: OwnedSemaphorePermit,
    /// Longest silence that is borne.
    pub(super) silence: Duration,
    pub(super) will: Option<Will>,
    /// Its subscriptions outlive the connection.
    pub(super) durable: bool,
    /// Publishes that it takes without acknowledging.
    pub(super) window: usize,
    /// What was left of its subscription to alerts.
    pub(super) resumed: Option<(Subscription, CommitSeq)>,
}

/// A client that is not let in.
#[derive(Debug)]
pub(super) enum Turned {
    /// It went away.
    Gone,
    /// It does not speak MQTT, or breaks it; what can be said is in the outbox.
    Violation(&'static str),
    /// It is refused for saying that it is, or would do, what this one is or may not; CONNACK is in the
    /// outbox.
    Pretended(String, &'static str),
    /// Its log-in under this name is refused; CONNACK is in the outbox.
    Login(String, LoginError),
}

/// Lets a client in, or not. The caller bounds the time.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    shared: &Arc<Shared>,
    (from, door): (Option<IpAddr>, Door),
) -> Result<Box<Joined>, Turned> {
    let mut hello = hello(wire, shared).await?;
    if let Err(refusal) = settle_client_id(&mut hello, shared) {
        return Err(refuse(wire, &refusal));
    }
    let expulsions = shared.expulsions();
    let identity = log_in(wire, &mut hello, shared, (from, door)).await?;
    let may_will = |will: &Will| identity.rights.may_publish(&Topic::read(&will.topic));
    if let Some(will) = hello.will.as_ref().filter(|will| !may_will(will)) {
        refuse(wire, &WILL_DENIED);
        return Err(Turned::Pretended(will.topic.clone(), WILL_DENIED.what));
    }
    let Some(room) = shared.gate.log_in() else { return Err(refuse(wire, &BUSY)) };
    let by = (&identity.name, identity.token);
    let (place, before) = match shared.take_place(&hello.client_id, by, expulsions) {
        Ok(place) => place,
        Err(NoPlace::Changed) => return Err(refuse(wire, &UNAVAILABLE)),
        Err(NoPlace::Taken) => {
            refuse(wire, &TAKEN);
            return Err(Turned::Pretended(hello.client_id, TAKEN.what));
        }
    };
    if let Some(before) = before {
        // Its end is told by dropping the sender.
        drop(before.await);
    }
    let resumed = match resume(&hello, &identity, shared).await {
        Ok(resumed) => resumed,
        Err(_error) => return Err(refuse(wire, &UNAVAILABLE)),
    };
    let keeps = matches!(identity.rights, Rights::Doctor(_));
    welcome(wire, &hello, shared, (keeps, resumed.is_some()))?;
    let via = denied::via(door, from);
    Ok(Box::new(join(hello, (identity, via), (place, room), resumed)))
}

/// Asks who it is. Who came by a certificate is that box, and must say so where it says anything.
async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    hello: &mut Hello,
    shared: &Shared,
    (from, door): (Option<IpAddr>, Door),
) -> Result<Identity, Turned> {
    let (client_id, user) = (hello.client_id.clone(), hello.user.take());
    let claimed = user.clone().unwrap_or_else(|| client_id.clone());
    let login = Login { client_id, user, password: hello.password.take(), from, door };
    let says_user = login.user.clone();
    let identity = match (shared.wiring.authenticate)(login).await {
        Ok(identity) => identity,
        Err(error) => {
            let refusal = match error {
                LoginError::WrongCredentials => WRONG_LOGIN,
                LoginError::NotAuthorized => LOGIN_DENIED,
                LoginError::Unavailable => UNAVAILABLE,
            };
            refuse(wire, &refusal);
            return Err(Turned::Login(claimed, error));
        }
    };
    let is_it = |name: &str| name == identity.name;
    let says_so = is_it(&hello.client_id) && says_user.as_deref().is_none_or(is_it);
    if matches!(door, Door::Tls(Some(_))) && !says_so {
        refuse(wire, &NOT_ITS_NAME);
        let pretends = if is_it(&hello.client_id) { claimed } else { hello.client_id.clone() };
        let named = format!("{pretends} by {}", identity.name);
        return Err(Turned::Pretended(named, NOT_ITS_NAME.what));
    }
    Ok(identity)
}

fn join(
    hello: Hello,
    (identity, via): (Identity, SmolStr),
    (place, room): (Place, OwnedSemaphorePermit),
    resumed: Option<(Subscription, CommitSeq)>,
) -> Joined {
    let durable = is_durable(&hello);
    let seconds = imposed_keep_alive(&hello).unwrap_or(hello.keep_alive);
    let silence = match seconds {
        0 => SILENCE_MAX,
        seconds => Duration::from_millis(1500) * u32::from(seconds),
    };
    Joined {
        client_id: hello.client_id,
        identity,
        via,
        place,
        _room: room,
        silence,
        will: hello.will,
        durable,
        window: usize::from(hello.window),
        resumed,
    }
}

async fn hello<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    shared: &Shared,
) -> Result<Hello, Turned> {
    let head = loop {
        match wire.connect_frame() {
            Ok(Some(head)) => break head,
            Ok(None) => {}
            Err(violation) => return Err(Turned::Violation(violation.what)),
        }
        match wire.moved(true).await {
            Ok(Moved::Received(_) | Moved::Drained) => {}
            Ok(Moved::Ended) | Err(_) => return Err(Turned::Gone),
        }
    };
    let body = wire.body(head);
    let version = match sniff(body) {
        Ok(version) => version,
        Err(level) => return Err(refuse_level(wire, level)),
    };
    let checked = strict::connect(version, body);
    wire.speak(version, shared.wiring.limits.packet_bytes, None);
    if let Err(violation) = checked {
        return Err(malformed(wire, violation));
    }
    match version {
        Version::V3 => match wire.take_connect_v3() {
            Ok(connect) => hello_v3(*connect).map_err(|refusal| refuse(wire, &refusal)),
            Err(violation) => Err(malformed(wire, violation)),
        },
        Version::V5 => match wire.take_connect_v5() {
            Ok(connect) => hello_v5(*connect).map_err(|refusal| refuse(wire, &refusal)),
            Err(violation) => Err(malformed(wire, violation)),
        },
    }
}

/// An empty client id is given one; any other must be visible ASCII without the letters of topics,
/// so that it can stand in a log line and in the name of a follower.
fn settle_client_id(hello: &mut Hello, shared: &Shared) -> Result<(), Refusal> {
    if hello.client_id.is_empty() {
        if hello.version == Version::V3 && !hello.clean {
            return Err(BAD_CLIENT_ID);
        }
        hello.client_id = format!("xunzhen-{}", shared.unused_number());
        hello.assigned = true;
        return Ok(());
    }
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'+' | b'/');
    if hello.client_id.len() > CLIENT_ID_MAX || !hello.client_id.bytes().all(allowed) {
        return Err(BAD_CLIENT_ID);
    }
    Ok(())
}

const fn is_durable(hello: &Hello) -> bool {
    hello.expiry_seconds > 0
}

/// Finds what is left of a doctor's client, or forgets it if the client wants to begin anew.
async fn resume(
    hello: &Hello,
    identity: &Identity,
    shared: &Shared,
) -> Result<Option<(Subscription, CommitSeq)>, alerts::AlertsError> {
    let Rights::Doctor(doctor) = &identity.rights else { return Ok(None) };
    let cursors = &shared.wiring.alerts.cursors;
    let follower = Subscription::follower(&hello.client_id, doctor);
    let Some(at) = alerts::left(cursors.clone(), follower.clone()).await? else {
        return Ok(None);
    };
    if hello.clean {
        (cursors.keep)(follower, None).await?;
        return Ok(None);
    }
    Ok(Some((subscription(doctor, follower), at)))
}

fn subscription(doctor: &DoctorId, follower: String) -> Subscription {
    Subscription { doctor: doctor.clone(), follower: Some(follower), acknowledged: true }
}

fn imposed_keep_alive(hello: &Hello) -> Option<u16> {
    let max = u16::try_from(KEEP_ALIVE_MAX.as_secs()).unwrap_or(u16::MAX);
    let imposes = hello.version == Version::V5 && (hello.keep_alive == 0 || hello.keep_alive > max);
    imposes.then_some(max)
}

fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    hello: &Hello,
    shared: &Shared,
    (keeps, session_present): (bool, bool),
) -> Result<(), Turned> {
    let limits = &shared.wiring.limits;
    wire.speak(hello.version, limits.packet_bytes, hello.packet_max);
    if hello.version == Version::V3 {
        wire.connack_v3(session_present, 0);
        return Ok(());
    }
    let connack = v5::ConnectAck {
        session_present,
        receive_max: limits.in_flight.try_into().unwrap_or(std::num::NonZeroU16::MAX),
        max_qos: QoS::AtLeastOnce,
        max_packet_size: u32::try_from(limits.packet_bytes).ok(),
        assigned_client_id: hello.assigned.then(|| hello.client_id.clone().into()),
        topic_alias_max: 0,
        retain_available: false,
        wildcard_subscription_available: true,
        subscription_identifiers_available: false,
        shared_subscription_available: false,
        server_keepalive_sec: imposed_keep_alive(hello),
        // Only doctors' clients have something here that could outlive the connection.
        session_expiry_interval_secs: (is_durable(hello) && !keeps).then_some(0),
        ..v5::ConnectAck::default()
    };
    wire.connack_v5(connack).map_err(|_too_large| Turned::Violation("no room for CONNACK"))
}

fn refuse<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, refusal: &Refusal) -> Turned {
    match wire.version() {
        Version::V3 => wire.connack_v3(false, refusal.v3),
        Version::V5 => answer_v5(wire, refusal.v5),
    }
    Turned::Violation(refusal.what)
}

/// A version 3.1.1 client that breaks the protocol is not answered, except about its client id.
fn malformed<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    violation: Violation,
) -> Turned {
    if violation.what == "client id" {
        return refuse(wire, &BAD_CLIENT_ID);
    }
    if wire.version() == Version::V5 {
        let code = ConnectAckReason::try_from(u8::from(violation.code));
        answer_v5(wire, code.unwrap_or(ConnectAckReason::MalformedPacket));
    }
    Turned::Violation(violation.what)
}

/// Whoever speaks MQTT of another level is told so, in the words of the level nearest to it.
fn refuse_level<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    level: Option<u8>,
) -> Turned {
    match level {
        None => {}
        Some(6..) => answer_v5(wire, ConnectAckReason::UnsupportedProtocolVersion),
        Some(_) => wire.connack_v3(false, 1),
    }
    Turned::Violation("protocol level")
}

fn answer_v5<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, reason_code: ConnectAckReason) {
    let connack = v5::ConnectAck { reason_code, ..v5::ConnectAck::default() };
    // A CONNACK without properties always fits; without it the connection ends all the same.
    drop(wire.connack_v5(connack));
}
