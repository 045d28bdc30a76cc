//! The end of a connection: what was decoded is handed over, what was promised is done, and the
//! client is told why, where its version has words for it.

use futures_util::FutureExt;
use rmqtt_codec::v5::DisconnectReasonCode as Code;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    alerts::Subscription,
    hello::Will,
    limits::{DRAIN, EXPELLED_REST, FAREWELL},
    session::{Done, End, Session},
    shared::Kick,
};
use crate::{
    intake::{Item, NotCommitted, Rights, Topic},
    store::Presence,
    supervise::Stop,
};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Ends the connection.
    pub(super) async fn finish(mut self, end: End, stop: &Stop) {
        self.count(&end);
        if let End::Kicked(Kick::Expelled { forget }) = end {
            return self.see_off(&end, forget).await;
        }
        self.hand_over_rest().await;
        if matches!(end, End::Stop) {
            self.drain().await;
        }
        if !self.client.durable || matches!(end, End::Goodbye { forget: true, .. }) {
            self.forget().await;
        }
        let will = self.client.will.take().filter(|_| wants_will(&end));
        let later = self.publish_if_due(will).await;
        self.say_goodbye(&end);
        let later = later.filter(|_| !matches!(end, End::Kicked(Kick::TakenOver { .. })));
        // Whoever took over may come in from here.
        drop(end);
        self.hang_up().await;
        if let Some(will) = later {
            self.publish_later(&will, stop).await;
        }
    }

    /// Ends the connection of who lost its rights: at once, before anything that may wait. What was read
    /// of it before is handed over; of its will nothing is left but that its site is gone.
    async fn see_off(mut self, end: &End, forget: bool) {
        self.say_goodbye(end);
        self.hang_up().await;
        let rest = async {
            self.hand_over_rest().await;
            if forget || !self.client.durable {
                self.forget().await;
            }
            if let Some(will) = self.client.will.take().and_then(Will::of_who_is_expelled) {
                self.publish_will(&will).await;
            }
        };
        if timeout(EXPELLED_REST, rest).await.is_err() {
            self.shared.metrics().not_committed.add_one();
            let client = &self.client.client_id;
            warn!(%client, "what an expelled client had sent was not handed over in time");
        }
    }

    fn say_goodbye(&mut self, end: &End) {
        if let Some(code) = farewell_code(end) {
            self.wire.disconnect(code);
        }
    }

    async fn hang_up(&mut self) {
        // A client that does not listen any more has nothing to lose.
        drop(timeout(FAREWELL, self.wire.close()).await);
    }

    /// Publishes a will that is due now, and gives back one that has a delay.
    async fn publish_if_due(&mut self, will: Option<Will>) -> Option<Will> {
        let will = will?;
        if !will.delay.is_zero() {
            return Some(will);
        }
        self.publish_will(&will).await;
        None
    }

    /// Hands over everything that was decoded, though its sender will hear nothing.
    async fn hand_over_rest(&mut self) {
        loop {
            match self.doing.take() {
                Some(doing) => {
                    if let Done::HandedOver(Ok(pending)) = doing.await {
                        self.in_flight.handed_over(Some(pending));
                    }
                }
                None if self.in_flight.forming.is_empty() => return,
                None => self.begin(),
            }
        }
    }

    /// Acknowledges what is committed in time, as the process stops.
    async fn drain(&mut self) {
        let acknowledged = async {
            while !self.in_flight.is_settled() {
                match self.in_flight.front() {
                    None => {
                        // It awaits no commit of its own.
                        if self.in_flight.land_if_free().is_none() {
                            return Ok(());
                        }
                    }
                    Some(pending) => {
                        let receipt = pending.await?;
                        self.on_committed(&receipt);
                    }
                }
            }
            Ok::<(), NotCommitted>(())
        };
        if !matches!(timeout(DRAIN, acknowledged).await, Ok(Ok(()))) {
            debug!(client = %self.client.client_id, "stopped with acknowledgements owed");
        }
    }

    /// Forgets what the client left here, if it left anything.
    async fn forget(&mut self) {
        let follower = match (&self.alerts, &self.client.identity.rights) {
            (Some(feed), _) => feed.subscription.follower.clone(),
            (None, Rights::Doctor(doctor)) if self.client.durable => {
                Some(Subscription::follower(&self.client.client_id, doctor))
            }
            _ => None,
        };
        let Some(follower) = follower else { return };
        if (self.shared.wiring.alerts.cursors.keep)(follower, None).await.is_err() {
            warn!(client = %self.client.client_id, "the end of a subscription was not kept");
        }
    }

    async fn publish_will(&mut self, will: &Will) {
        let topic = Topic::read(&will.topic);
        let items = match &topic {
            Topic::State { site } => vec![Item::Presence(Presence {
                site: site.clone(),
                online: false,
                detail: (!will.payload.is_empty())
                    .then(|| String::from_utf8_lossy(&will.payload).into_owned()),
                at: self.shared.wiring.clock.now(),
            })],
            Topic::Reading { .. }
            | Topic::Frame { .. }
            | Topic::Card { .. }
            | Topic::Up { .. }
            | Topic::Down { .. }
            | Topic::Alert { .. }
            | Topic::Unknown { .. } => {
                self.admit(&will.topic, &topic, &will.payload, (will.retain, false))
            }
        };
        let bytes = will.payload.len() + will.topic.len();
        // Nobody awaits its receipt; the log has it in its place among what came before and after.
        if self.shared.wiring.inlet.deliver(items, bytes).await.is_ok() {
            self.shared.metrics().wills.add_one();
        } else {
            self.shared.metrics().wills_lost.add_one();
            warn!(client = %self.client.client_id, "a last will was not committed");
        }
    }

    /// Waits the will's delay, unless the client comes back before.
    async fn publish_later(&mut self, will: &Will, stop: &Stop) {
        tokio::select! {
            () = sleep(will.delay) => self.publish_will(will).await,
            _ = (&mut self.client.place.kicked).fuse() => {}
            () = stop.wait() => {}
        }
    }

    fn count(&self, end: &End) {
        let (metrics, client) = (self.shared.metrics(), &self.client.client_id);
        let name = &self.client.identity.name;
        match end {
            End::Gone | End::Goodbye { .. } | End::Stop => debug!(%client, %name, "left"),
            End::Violation(violation) => {
                metrics.violations.add_one();
                info!(%client, %name, reason = violation.what, "mqtt connection closed");
            }
            End::Silent => {
                metrics.silent.add_one();
                info!(%client, %name, reason = "keep-alive ran out", "mqtt connection closed");
            }
            End::Kicked(Kick::TakenOver { .. }) => {
                metrics.taken_over.add_one();
                info!(%client, %name, reason = "taken over", "mqtt connection closed");
            }
            End::Kicked(Kick::Expelled { .. }) => {
                info!(%client, %name, reason = "rights changed", "mqtt connection closed");
            }
            End::NotCommitted => {
                metrics.not_committed.add_one();
                warn!(%client, %name, "mqtt connection closed: the gateway does not commit");
            }
            End::Alerts(error) => {
                let error: &dyn std::error::Error = error;
                warn!(%client, %name, error, "mqtt connection closed");
            }
        }
    }
}

const fn wants_will(end: &End) -> bool {
    !matches!(end, End::Goodbye { will: false, .. } | End::Stop)
}

const fn farewell_code(end: &End) -> Option<Code> {
    match end {
        End::Gone | End::Goodbye { .. } => None,
        End::Violation(violation) => Some(violation.code),
        End::Silent => Some(Code::KeepAliveTimeout),
        End::Kicked(Kick::TakenOver { .. }) => Some(Code::SessionTakenOver),
        End::Kicked(Kick::Expelled { .. }) => Some(Code::AdministrativeAction),
        End::NotCommitted | End::Alerts(_) => Some(Code::ServerBusy),
        End::Stop => Some(Code::ServerShuttingDown),
    }
}
