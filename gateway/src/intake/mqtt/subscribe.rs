//! What a client may read, filter by filter. Default: nothing (ATTACKS A3).

use std::num::NonZeroU16;

use futures_util::future::BoxFuture;
use rmqtt_codec::{
    types::QoS,
    v5::{DisconnectReasonCode as Code, SubscribeAckReason as Reason},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    alerts::{self, Subscription},
    live::LiveView,
    packet::Subscribe,
    session::{Done, End, Session},
    shared::Alerts,
    strict::{self, Version, Violation},
};
use crate::{domain::DoctorId, intake::Topic};

/// Version 3.1.1 has one word for every refusal.
const FAILURE_V3: u8 = 0x80;

/// Codes of UNSUBACK: done, and there was none.
const UNSUBSCRIBED: u8 = 0;
const WAS_NOT_SUBSCRIBED: u8 = 0x11;

/// A subscription to alerts that is to be opened before its SUBACK.
#[derive(Debug)]
pub(super) struct Opening {
    id: NonZeroU16,
    codes: Vec<u8>,
    subscription: Subscription,
}

impl Opening {
    pub(super) fn open(self, wiring: Alerts) -> BoxFuture<'static, Done> {
        let Self { id, codes, subscription } = self;
        Box::pin(async move { Done::Opened(id, codes, alerts::begin(wiring, subscription).await) })
    }
}

/// What becomes of one filter.
enum Grant {
    Now(QoS),
    Alerts(DoctorId),
    No(Reason),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn on_subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        let mut opens = None;
        for (filter, qos) in subscribe.filters {
            if !strict::is_filter(&filter) {
                return Err(Violation::new(Code::TopicFilterInvalid, "topic filter").into());
            }
            let code = match self.grant(&filter, qos, subscribe.identified) {
                Grant::Now(qos) => qos.value(),
                Grant::No(reason) => {
                    if reason == Reason::NotAuthorized {
                        self.tell_denied("MQTT SUBSCRIBE", &filter);
                    }
                    self.deny(reason)
                }
                Grant::Alerts(doctor) => self.grant_alerts(doctor, qos, &mut opens),
            };
            codes.push(code);
        }
        match opens {
            None => self.wire.suback(subscribe.id, &codes),
            Some(subscription) => {
                let opening = Opening { id: subscribe.id, codes, subscription };
                self.opening = Some(Box::new(opening));
            }
        }
        Ok(())
    }

    fn deny(&self, reason: Reason) -> u8 {
        self.shared.metrics().filters_denied.add_one();
        match self.wire.version() {
            Version::V3 => FAILURE_V3,
            Version::V5 => reason.into(),
        }
    }

    fn grant(&mut self, filter: &str, qos: QoS, identified: bool) -> Grant {
        let rights = &self.client.identity.rights;
        if identified {
            return Grant::No(Reason::SubscriptionIdentifiersNotSupported);
        }
        if strict::is_shared(filter) {
            return Grant::No(if rights.may_read_live() {
                Reason::SharedSubscriptionNotSupported
            } else {
                Reason::NotAuthorized
            });
        }
        let topic = Topic::read(filter);
        if let Topic::Alert { doctor } = topic {
            return if rights.may_read_alerts(&doctor) {
                Grant::Alerts(doctor)
            } else {
                Grant::No(Reason::NotAuthorized)
            };
        }
        if matches!(&topic, Topic::Down { gateway } if rights.may_read_down(gateway)) {
            // Answers come without an acknowledgement: who does not get one asks again.
            self.reads_down = true;
            return Grant::Now(qos.less_value(QoS::AtLeastOnce));
        }
        if rights.may_read_live() && !filter.starts_with('$') {
            return self.grant_live(filter.to_owned());
        }
        Grant::No(Reason::NotAuthorized)
    }

    fn grant_live(&mut self, filter: String) -> Grant {
        let live = &self.shared.live;
        let view = self.live.get_or_insert_with(|| Box::new(LiveView::new(live.subscribe())));
        if view.add(filter) {
            Grant::Now(QoS::AtMostOnce)
        } else {
            Grant::No(Reason::QuotaExceeded)
        }
    }

    /// One doctor's alerts for one connection.
    fn grant_alerts(&self, doctor: DoctorId, qos: QoS, opens: &mut Option<Subscription>) -> u8 {
        let granted = qos.less_value(QoS::AtLeastOnce);
        let running = self.alerts.as_ref().map(|feed| &feed.subscription).or(opens.as_ref());
        match running {
            Some(running) if running.doctor == doctor => {
                if running.acknowledged {
                    QoS::AtLeastOnce.value()
                } else {
                    QoS::AtMostOnce.value()
                }
            }
            Some(_) => self.deny(Reason::QuotaExceeded),
            None => {
                let acknowledged = granted == QoS::AtLeastOnce;
                let durable = self.client.durable && acknowledged;
                let follower =
                    durable.then(|| Subscription::follower(&self.client.client_id, &doctor));
                *opens = Some(Subscription { doctor, follower, acknowledged });
                granted.value()
            }
        }
    }

    pub(super) fn on_unsubscribe(&mut self, id: NonZeroU16, filters: &[String]) -> Result<(), End> {
        let mut codes = Vec::with_capacity(filters.len());
        for filter in filters {
            if !strict::is_filter(filter) {
                return Err(Violation::new(Code::TopicFilterInvalid, "topic filter").into());
            }
            let ended = self.end_alerts(filter) || self.end_live(filter);
            codes.push(if ended { UNSUBSCRIBED } else { WAS_NOT_SUBSCRIBED });
        }
        self.wire.unsuback(id, &codes);
        Ok(())
    }

    fn end_alerts(&mut self, filter: &str) -> bool {
        let Some(feed) = self.alerts.take_if(|feed| feed.topic() == filter) else { return false };
        if let Some(forget) = feed.forget() {
            self.doing = Some(Box::pin(async move { Done::Forgotten(forget.await) }));
        }
        true
    }

    fn end_live(&mut self, filter: &str) -> bool {
        let ended = self.live.as_mut().is_some_and(|view| view.remove(filter));
        self.live.take_if(|view| view.is_empty());
        ended
    }
}
