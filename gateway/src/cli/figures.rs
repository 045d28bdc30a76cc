//! What sources and followers count, for `/metrics`: looked up when it is asked for.

use std::sync::Arc;

use smol_str::{SmolStr, ToSmolStr};

use crate::{
    domain::DeviceId,
    export::Progress,
    intake::{broker::BrokerMetrics, mqtt, serial::LineWatch},
    notify::Board,
    serve::metrics::{Registry, Sample},
    store::Reader,
};

type Figure = (&'static str, &'static str, &'static str, u64);

fn samples(labels: &[(&'static str, SmolStr)], figures: &[Figure]) -> Vec<Sample> {
    let sample = |(name, help, kind, value): &Figure| Sample {
        name,
        help,
        kind,
        labels: labels.to_vec(),
        value: i64::try_from(*value).unwrap_or(i64::MAX),
    };
    figures.iter().map(sample).collect()
}

/// The own listener.
pub(super) fn of_mqtt(registry: &Registry, shared: Arc<mqtt::Shared>) {
    registry.probe(Arc::new(move || {
        let of = shared.metrics();
        samples(
            &[],
            &[
                ("xunzhen_mqtt_connected", "MQTT clients now.", "gauge", of.connected.get()),
                ("xunzhen_mqtt_publishes_total", "Publishes taken.", "counter", of.publishes.get()),
                (
                    "xunzhen_mqtt_acknowledged_total",
                    "Publishes acknowledged, after their commit.",
                    "counter",
                    of.acknowledged.get(),
                ),
                (
                    "xunzhen_mqtt_not_committed_total",
                    "Publishes that were not committed; their senders keep them.",
                    "counter",
                    of.not_committed.get(),
                ),
                (
                    "xunzhen_mqtt_logins_refused_total",
                    "Log-ins with a wrong name or token.",
                    "counter",
                    of.logins_refused.get(),
                ),
                (
                    "xunzhen_mqtt_violations_total",
                    "Clients cut off for breaking the protocol.",
                    "counter",
                    of.violations.get(),
                ),
                (
                    "xunzhen_mqtt_live_skipped_total",
                    "Live values that slow readers missed.",
                    "counter",
                    of.live_skipped.get(),
                ),
            ],
        )
    }));
}

/// One serial line.
pub(super) fn of_line(registry: &Registry, device: &DeviceId, watch: Arc<LineWatch>) {
    let labels = [("device", device.to_smolstr())];
    registry.probe(Arc::new(move || {
        let of = watch.figures();
        samples(
            &labels,
            &[
                ("xunzhen_line_open", "1 while the port is open.", "gauge", of.connected.into()),
                ("xunzhen_line_silent", "1 while the device is silent.", "gauge", of.silent.into()),
                ("xunzhen_line_frames_total", "Frames with a right sum.", "counter", of.frames),
                (
                    "xunzhen_line_refused_bytes_total",
                    "Bytes that were in no frame; they are kept.",
                    "counter",
                    of.refused_bytes,
                ),
                (
                    "xunzhen_line_not_yet_saved",
                    "Items that are not on disk yet.",
                    "gauge",
                    of.not_yet_saved,
                ),
                (
                    "xunzhen_line_lost_total",
                    "Items given back when the writer stopped.",
                    "counter",
                    of.lost,
                ),
            ],
        )
    }));
}

/// The existing broker.
pub(super) fn of_broker(registry: &Registry, of: Arc<BrokerMetrics>) {
    registry.probe(Arc::new(move || {
        samples(
            &[],
            &[
                ("xunzhen_broker_connected", "1 while connected.", "gauge", of.connected.get()),
                ("xunzhen_broker_received_total", "Messages taken.", "counter", of.received.get()),
                (
                    "xunzhen_broker_failures_total",
                    "Connections lost or refused.",
                    "counter",
                    of.failures.get(),
                ),
                (
                    "xunzhen_broker_certificates_refused_total",
                    "Of them, for the certificate that the broker shows.",
                    "counter",
                    of.certificates_refused.get(),
                ),
                (
                    "xunzhen_broker_acknowledged_total",
                    "Messages acknowledged, after their commit.",
                    "counter",
                    of.acknowledged.get(),
                ),
            ],
        )
    }));
}

/// Messages to doctors.
pub(super) fn of_notify(registry: &Registry, board: Arc<Board>) {
    registry.probe(Arc::new(move || {
        let of = board.numbers();
        samples(
            &[],
            &[
                ("xunzhen_messages_delivered_total", "Delivered.", "counter", of.delivered),
                ("xunzhen_messages_failed_total", "Attempts that failed.", "counter", of.failed),
                ("xunzhen_messages_dead_total", "Given up; each an alarm.", "counter", of.dead),
                (
                    "xunzhen_messages_capped_total",
                    "Held by a cap; the alert went to the next step.",
                    "counter",
                    of.capped,
                ),
                (
                    "xunzhen_messages_gate_open",
                    "1 while messages may leave.",
                    "gauge",
                    of.gate_open.into(),
                ),
            ],
        )
    }));
}

/// A follower that exports.
pub(super) fn of_follower(
    registry: &Registry,
    name: &'static str,
    (progress, reader): (Arc<Progress>, Arc<dyn Reader>),
) {
    registry.probe(Arc::new(move || {
        // Where the log cannot be read, readiness says so; the lag is then as last known.
        let last = reader.last().unwrap_or_else(|_unreadable| progress.read());
        samples(
            &[("follower", SmolStr::new_static(name))],
            &[
                ("xunzhen_follower_lag", "Facts not read yet.", "gauge", progress.lag(last)),
                (
                    "xunzhen_follower_troubles_total",
                    "Times the follower had to wait and try again.",
                    "counter",
                    progress.troubles(),
                ),
            ],
        )
    }));
}
