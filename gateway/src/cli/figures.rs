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
    uplink::{Below, Status},
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
                    "xunzhen_mqtt_turned_away_total",
                    "Connections turned away before a byte was read: too many, or too fast.",
                    "counter",
                    of.turned_away.get(),
                ),
                (
                    "xunzhen_mqtt_no_file_total",
                    "Connections refused because no file was left for them.",
                    "counter",
                    of.no_file.get(),
                ),
                (
                    "xunzhen_mqtt_logins_refused_total",
                    "Log-ins with a wrong name or token.",
                    "counter",
                    of.logins_refused.get(),
                ),
                (
                    "xunzhen_mqtt_tls_refused_total",
                    "TLS handshakes that came to nothing.",
                    "counter",
                    of.tls_refused.get(),
                ),
                (
                    "xunzhen_mqtt_denied_total",
                    "Publishes and subscriptions outside their sender's rights.",
                    "counter",
                    of.publishes_denied.get().saturating_add(of.filters_denied.get()),
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

/// A figure of a gateway below: name, help, kind, and the figure.
type OfBox = (&'static str, &'static str, &'static str, fn(&Below) -> u64);

/// Gateways above and below.
pub(super) fn of_neighbours(registry: &Registry, (status, reader): (Arc<Status>, Arc<dyn Reader>)) {
    registry.probe(Arc::new(move || {
        let mut all = Vec::new();
        if let Some(up) = status.up() {
            let uploaded = up.uploaded.unwrap_or_default();
            let last = reader.last().unwrap_or(uploaded);
            let upto = u64::try_from(uploaded.0).unwrap_or(0);
            let contact = up.contact.map_or(0, |at| at.as_millis().max(0).cast_unsigned() / 1000);
            all.extend(samples(
                &[],
                &[
                    (
                        "xunzhen_uplink_uploaded",
                        "Position that the gateway above has.",
                        "gauge",
                        upto,
                    ),
                    ("xunzhen_uplink_waiting", "Positions above it.", "gauge", up.waiting(last)),
                    (
                        "xunzhen_uplink_green",
                        "1 while the gateway above said that it has everything.",
                        "gauge",
                        up.is_green(last).into(),
                    ),
                    ("xunzhen_uplink_contact_seconds", "When it last answered.", "gauge", contact),
                    (
                        "xunzhen_uplink_failures",
                        "Exchanges that failed since.",
                        "gauge",
                        up.failures,
                    ),
                    ("xunzhen_uplink_batches_total", "Batches taken.", "counter", up.batches),
                    ("xunzhen_uplink_bytes_total", "Bytes of them.", "counter", up.bytes),
                    (
                        "xunzhen_uplink_alarm",
                        "1 while somebody must look at it.",
                        "gauge",
                        up.must_be_looked_at().into(),
                    ),
                ],
            ));
        }
        all.extend(of_receipts(&status, reader.as_ref()));
        let below = status.below();
        // By metric, as Prometheus wants them.
        let of: [OfBox; 5] = [
            ("xunzhen_box_batches_total", "Batches taken.", "counter", |it| it.batches),
            ("xunzhen_box_refused_total", "Envelopes refused.", "counter", |it| it.refused),
            ("xunzhen_box_upto", "Position of its log that is here.", "gauge", |it| {
                u64::try_from(it.upto.0).unwrap_or(0)
            }),
            ("xunzhen_box_waiting", "Positions that it still has for us.", "gauge", |it| {
                u64::try_from(it.last.0.saturating_sub(it.upto.0)).unwrap_or(0)
            }),
            ("xunzhen_box_alarm", "1 while somebody must look at it.", "gauge", |it| {
                it.alarm.is_some().into()
            }),
        ];
        for (metric, help, kind, value) in of {
            for (name, it) in &below {
                let labels = [("box", SmolStr::new(name.as_str()))];
                all.extend(samples(&labels, &[(metric, help, kind, value(it))]));
            }
        }
        all
    }));
}

/// Receipts, and what came from neighbours and waits for what it refers to.
fn of_receipts(status: &Status, reader: &dyn Reader) -> Vec<Sample> {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (red, differ) = status.days(|days| (count(days.red()), count(days.differs().len())));
    let unchecked = status.up().map_or(0, |up| up.unchecked);
    let waiting = reader.parcels_waiting().unwrap_or(0);
    let (red_help, differ_help) = (
        "Sites' days of which the far end last said something else.",
        "Of these, days of which the first record that differs was found.",
    );
    let (left_help, waiting_help) = (
        "Sites' days still to be compared with the gateway above.",
        "Facts of neighbours that wait for what they refer to.",
    );
    samples(
        &[],
        &[
            ("xunzhen_receipt_days_red", red_help, "gauge", red),
            ("xunzhen_receipt_days_differ", differ_help, "gauge", differ),
            ("xunzhen_receipt_days_unchecked", left_help, "gauge", unchecked),
            ("xunzhen_parcels_waiting", waiting_help, "gauge", waiting),
        ],
    )
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
