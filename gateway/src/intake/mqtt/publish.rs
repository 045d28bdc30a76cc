//! A publish: may it, is it new, and what is it made of.

use bytes::Bytes;
use rmqtt_codec::{
    types::Publish,
    v5::{DisconnectReasonCode as Code, PublishAckReason},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    batch::{Repeat, Slot, digest},
    denied::{By, Denial, FORBIDDEN},
    limits::LIVE_BYTES_MAX,
    live::LiveValue,
    session::{End, Session},
    strict::{self, Version, Violation},
};
use crate::{
    domain::Road,
    intake::{Arrival, Item, Topic},
};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn on_publish(&mut self, publish: &Publish) -> Result<(), End> {
        let metrics = self.shared.metrics();
        metrics.publishes.add_one();
        let id = strict::packet_id(publish);
        let digest = id.map(|id| (id, digest(&publish.topic, &publish.payload)));
        if let Some((id, digest)) = digest.filter(|_| publish.dup) {
            match self.in_flight.repeats(id, &digest) {
                Repeat::No => {}
                Repeat::InFlight => {
                    metrics.repeats.add_one();
                    return Ok(());
                }
                Repeat::Acknowledged => {
                    metrics.repeats.add_one();
                    return self.owe(Slot { id, digest, refused: None });
                }
            }
        }
        let topic = Topic::read(&publish.topic);
        if !self.client.identity.rights.may_publish(&topic) {
            metrics.publishes_denied.add_one();
            self.tell_denied("MQTT PUBLISH", &publish.topic);
            return match digest {
                Some((id, digest)) if self.wire.version() == Version::V5 => {
                    self.owe(Slot { id, digest, refused: Some(PublishAckReason::NotAuthorized) })
                }
                _ => Err(Violation::new(Code::NotAuthorized, "topic outside its rights").into()),
            };
        }
        let slot = digest.map(|(id, digest)| Slot { id, digest, refused: None });
        if self.asks(&topic, publish, slot) {
            return Ok(());
        }
        if let Some(slot) = slot {
            self.owe(slot)?;
        }
        let flags = (publish.retain, publish.dup);
        let items = self.admit(&publish.topic, &topic, &publish.payload, flags);
        self.watch(&topic, publish);
        let forming = &mut self.in_flight.forming;
        forming.items.extend(items);
        forming.bytes += publish.payload.len() + publish.topic.len();
        Ok(())
    }

    /// Tells the auditor what this client may not.
    pub(super) fn tell_denied(&self, act: &'static str, object: &str) {
        let by = By::Known(&self.client.identity, &self.client.via);
        self.shared.tell(&Denial { act, object, of: None, outcome: FORBIDDEN, by });
    }

    /// Version 5 was told how many may be owed; 3.1.1 is simply not read beyond.
    pub(super) fn owe(&mut self, slot: Slot) -> Result<(), End> {
        if self.wire.version() == Version::V5 && self.in_flight.owed() >= self.owed_max() {
            let what = "more in flight than the receive maximum";
            return Err(Violation::new(Code::ReceiveMaximumExceeded, what).into());
        }
        self.in_flight.owe(slot);
        Ok(())
    }

    /// Makes items of a message; never none.
    pub(super) fn admit(
        &self,
        name: &str,
        topic: &Topic,
        payload: &[u8],
        (retained, duplicate): (bool, bool),
    ) -> Vec<Item> {
        if matches!(topic, Topic::Unknown { .. }) {
            self.shared.metrics().topics_unknown.add_one();
        }
        let (sender, road) = (&self.client.identity, Road::Mqtt);
        let received_at = self.shared.wiring.clock.now();
        let arrival = Arrival { road, topic, payload, received_at, sender, retained, duplicate };
        self.shared.wiring.admission.items(name, &arrival)
    }

    /// Readings are shown live after their commit, where somebody watches.
    fn watch(&mut self, topic: &Topic, publish: &Publish) {
        if self.shared.live.receiver_count() == 0 || !matches!(topic, Topic::Reading { .. }) {
            return;
        }
        if publish.payload.len() > LIVE_BYTES_MAX {
            self.shared.metrics().live_skipped.add_one();
            return;
        }
        // A copy, for the payload is a view of the whole read.
        let payload = Bytes::copy_from_slice(&publish.payload);
        let value = LiveValue { topic: publish.topic.to_string(), payload };
        self.in_flight.forming.live.push(value);
    }
}
