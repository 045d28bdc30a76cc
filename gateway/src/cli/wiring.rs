//! What each source and follower is wired to: closures over the pieces, nothing decided here.

use std::sync::Arc;

use serde_json::json;
use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::{Failure, configure, figures, files::Files, login, pieces, pieces::Core};
use crate::{
    admit::{self, Source},
    assess::Pack,
    audit::Refusals,
    commit::Work,
    config::{Config, Serial},
    domain::{DeviceId, DoctorId, Road, SiteId, case_code},
    export,
    intake::{
        Admission, Arrival, DeviceBook, Item, NotCommitted, Topic,
        broker::{BrokerConfig, BrokerWiring, consume},
        mqtt::{self, Alerts, CursorKeeper, Limits},
        serial::{Arrived, SerialArrival, SerialIntake, SerialLine},
    },
    notify,
    store::{CommitSeq, Origin, Reader, view::Delivered},
    supervise::Supervisor,
    trial::{SHADOW, Shadow},
};

/// First letters of case codes.
pub(super) const CASE_PREFIX: &str = "QS";

/// The own MQTT listener.
pub(super) fn mqtt(
    config: &Config,
    core: &Arc<Core>,
    (links, refusals): (&notify::Links, &Arc<Refusals>),
) -> mqtt::Wiring {
    let (loading, keeping) = (Arc::clone(&core.reader), core.writer.inlet.clone());
    let known = Arc::clone(&core.reader);
    let cursors = CursorKeeper {
        load: Arc::new(move |name| {
            let at = loading.cursor(name)?;
            Ok((at != CommitSeq::default()).then_some(at))
        }),
        keep: Arc::new(move |name, to| {
            let (inlet, reader) = (keeping.clone(), Arc::clone(&known));
            Box::pin(async move {
                if let Some(at) = to
                    && let Some(doctor) = name.split('/').nth(1)
                    && has_begun(reader, name.clone()).await?
                {
                    advance(&inlet, acknowledged_by(doctor), Some(at)).await?;
                }
                advance(&inlet, name, to).await
            })
        }),
    };
    let defaults = Limits::default();
    mqtt::Wiring {
        inlet: core.writer.inlet.clone(),
        admission: admission(core.book.clone()),
        authenticate: login::authenticate(core),
        alerts: alerts(core, cursors, links.clone()),
        uplink: Some(exchange(core)),
        refusals: Some(Arc::clone(refusals)),
        clock: core.clock.clone(),
        limits: Limits {
            packet_bytes: usize::try_from(config.mqtt.packet_max).unwrap_or(usize::MAX),
            in_flight: config.mqtt.in_flight_max,
            connections: config.mqtt.connections_max,
            sockets: Files::now().mqtt,
            ..defaults
        },
    }
}

/// What answers gateways below that come over the own listener.
fn exchange(core: &Arc<Core>) -> mqtt::Exchange {
    let upper = Arc::clone(&core.upper);
    Arc::new(move |by, question| {
        let upper = Arc::clone(&upper);
        Box::pin(async move { upper.answer(&by, Road::Mqtt, question).await })
    })
}

/// Alerts for doctors' clients; none while messages may not leave (DESIGN section 11).
fn alerts(core: &Arc<Core>, cursors: CursorKeeper, links: notify::Links) -> Alerts {
    let (reader, last, gate) =
        (Arc::clone(&core.reader), Arc::clone(&core.reader), core.gate.subscribe());
    Alerts {
        after: Arc::new(move |doctor, after, limit| {
            let open = gate.borrow().is_open();
            if open { reader.delivered_to(doctor, after, limit) } else { Ok(Vec::new()) }
        }),
        last: Arc::new(move || last.last()),
        commits: core.writer.committed.clone(),
        message: Arc::new(move |doctor, delivered| alert_message(&links, doctor, delivered)),
        cursors,
    }
}

/// The follower that stands for the alerts that any client of a doctor has acknowledged.
fn acknowledged_by(doctor: &str) -> String {
    format!("mqtt-acknowledged/{doctor}")
}

/// Whether a subscription is kept already: the first position kept for one is where it begins, and
/// acknowledges nothing.
async fn has_begun(reader: Arc<dyn Reader>, name: String) -> Result<bool, NotCommitted> {
    let asked = tokio::task::spawn_blocking(move || reader.cursor(&name)).await;
    let at = asked.map_err(|_ended| NotCommitted)?.map_err(|_store| NotCommitted)?;
    Ok(at != CommitSeq::default())
}

async fn advance(
    inlet: &crate::intake::Inlet,
    follower: String,
    to: Option<CommitSeq>,
) -> Result<(), NotCommitted> {
    let (reply, told) = oneshot::channel();
    inlet.hand_over(Work::Advance { follower, to, reply }).await?;
    told.await.map_err(|_dropped| NotCommitted)
}

/// What a doctor's client gets: a code, a level and a link, never a name or a value (promise P10).
fn alert_message(links: &notify::Links, doctor: &DoctorId, delivered: &Delivered) -> Vec<u8> {
    json!({
        "alert": delivered.alert,
        "case": case_code(CASE_PREFIX, &delivered.alert),
        "level": notify::level_code(delivered.level),
        "change": delivered.change.as_str(),
        "deadline": delivered.deadline,
        "link": links.to_alert(&delivered.alert, doctor).as_str(),
    })
    .to_string()
    .into_bytes()
}

/// Turns messages into items.
pub(super) fn admission(book: DeviceBook) -> Admission {
    Admission { admit: Arc::new(move |arrival| admit_message(&book, arrival)) }
}

fn admit_message(book: &DeviceBook, arrival: &Arrival<'_>) -> Vec<Item> {
    let Arrival { road, payload, received_at, .. } = *arrival;
    let of_device = |site: &SiteId, device: &DeviceId, admit: &dyn Fn(&Source<'_>) -> Vec<Item>| {
        let registered = book.get(device);
        let model = registered.as_ref().map(|device| device.model.as_str());
        let model = model.filter(|model| !model.is_empty());
        admit(&Source { road, site, device, bench: None, model, received_at, live: false })
    };
    let refuse = |site: Option<&SiteId>, device: Option<&str>| {
        let origin = Origin { road, site: site.cloned(), device: device.map(SmolStr::new) };
        vec![admit::refuse(origin, received_at, unknown_topic(device), payload)]
    };
    match arrival.topic {
        Topic::Reading { site, device } => {
            of_device(site, device, &|source| admit::readings(payload, source))
        }
        Topic::Frame { site, device, format } => {
            of_device(site, device, &|source| admit::frame(format, payload, source))
        }
        Topic::Card { site, bench } => {
            vec![admit::card(payload, road, (site, bench), received_at)]
        }
        Topic::State { site } => vec![admit::presence(payload, road, site, received_at)],
        Topic::Up { gateway } | Topic::Down { gateway } => refuse(None, Some(gateway.as_str())),
        Topic::Alert { doctor } => refuse(None, Some(doctor.as_str())),
        Topic::Unknown { site, device } => {
            refuse(site.as_ref(), device.as_ref().map(DeviceId::as_str))
        }
    }
}

/// Why a topic is none of ours: `xz/1/{site}/card` has no bench in its place.
fn unknown_topic(device: Option<&str>) -> &'static str {
    if device == Some("card") { "card: the topic names no bench" } else { "unknown_topic" }
}

/// The configured serial lines.
pub(super) fn serial(
    config: &Config,
    core: &Arc<Core>,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let intake = SerialIntake {
        inlet: core.writer.inlet.clone(),
        admit: Arc::new(admit_line),
        clock: core.clock.clone(),
        supervisor: supervisor.clone(),
    };
    for line in &config.serial {
        let wanted = serial_line(line)?;
        let Some(watch) = intake.start(wanted) else {
            return Err(Failure::Configuration(format!(
                "serial.format: {:?} is not carried by serial lines / 此协议不用于串口",
                line.format
            )));
        };
        figures::of_line(&core.metrics, &line.device, watch);
    }
    Ok(())
}

/// A configured line.
pub(super) fn serial_line(line: &Serial) -> Result<SerialLine, Failure> {
    let format = firmware_protocols::format(&line.format).ok_or_else(|| {
        Failure::Configuration(format!("serial.format: {:?} is unknown", line.format))
    })?;
    let mut wanted =
        SerialLine::new(line.port.clone(), format, line.device.clone(), line.site.clone());
    wanted.model = line.model.as_deref().map(SmolStr::new);
    wanted.bench.clone_from(&line.bench);
    wanted.baud = line.baud;
    if let Some(poll_every) = line.poll_every {
        wanted.timing.poll_every = poll_every;
    }
    Ok(wanted)
}

fn admit_line(arrival: SerialArrival) -> Vec<Item> {
    let line = &arrival.line;
    let source = Source {
        road: Road::Serial,
        site: &line.site,
        device: &line.device,
        bench: line.bench.as_ref(),
        model: line.model.as_deref(),
        received_at: arrival.received_at,
        live: true,
    };
    match arrival.arrived {
        Arrived::Frame(bytes) if line.format.is_of_cards() => {
            admit::read_card(line.format, &bytes, &source).into_iter().collect()
        }
        Arrived::Frame(bytes) => {
            admit::cut_frame(line.format, &bytes, &source).into_iter().collect()
        }
        Arrived::Left(bytes) => admit::left(line.format, &bytes, &source).into_iter().collect(),
        // A memory is no live line: a record without a time was taken at some time before.
        Arrived::ReadOut(read_out) => {
            let check = read_out.clock.zip(read_out.clock_read_at);
            let check = check.and_then(|(shown, at)| admit::ClockCheck::of(shown, at));
            admit::memory(&read_out.records, check, &Source { live: false, ..source })
        }
    }
}

/// Reads from an existing broker as well, where one is configured.
pub(super) fn broker(
    config: &Config,
    core: &Arc<Core>,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let Some(broker) = &config.broker else { return Ok(()) };
    let tls = match &broker.tls {
        Some(tls) => Some(configure::broker_tls(tls).map_err(Failure::Configuration)?),
        None => None,
    };
    let settings = BrokerConfig {
        host: broker.host.clone(),
        port: broker.port,
        client_id: broker.client_id.clone(),
        credentials: broker
            .login
            .as_ref()
            .map(|(user, password)| (user.clone(), password.expose().clone())),
        tls,
        group: "xunzhen".to_owned(),
    };
    let wiring = BrokerWiring {
        inlet: core.writer.inlet.clone(),
        admission: admission(core.book.clone()),
        clock: core.clock.clone(),
        metrics: Arc::default(),
    };
    figures::of_broker(&core.metrics, Arc::clone(&wiring.metrics));
    supervisor.spawn("broker", consume(settings, wiring, supervisor.stopping()));
    Ok(())
}

/// The log as its followers need it.
fn log(core: &Arc<Core>) -> export::Log {
    let inlet = core.writer.inlet.clone();
    export::Log {
        reader: Arc::clone(&core.reader),
        advance: Arc::new(move |follower, to| {
            let inlet = inlet.clone();
            Box::pin(async move {
                let kept = advance(&inlet, follower.to_owned(), Some(to)).await;
                kept.map_err(|_not_committed| export::NotAdvanced)
            })
        }),
        commits: core.writer.committed.clone(),
    }
}

/// Runs a second pack beside the one in force, where one is configured.
pub(super) fn shadow(
    config: &Config,
    core: &Arc<Core>,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let Some(shadow) = &config.shadow else { return Ok(()) };
    let pack = pieces::pack(Some(&shadow.pack_file), Pack::laid_over)?;
    let packs = [Arc::clone(&core.pack), Arc::new(pack)];
    let (sites, clock) = (shadow.sites.clone(), core.clock.clone());
    let follower = Shadow::new(&config.store.dir, log(core), packs, sites, clock)
        .map_err(|error| Failure::of(&error))?;
    let seen = (follower.progress(), Arc::clone(&core.reader));
    figures::of_follower(&core.metrics, SHADOW, seen);
    supervisor.spawn("shadow pack", follower.run(supervisor.stopping()));
    Ok(())
}

/// Exports readings, where a server is configured.
pub(super) fn export(
    config: &Config,
    core: &Arc<Core>,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let Some(influx) = &config.influx else { return Ok(()) };
    let log = log(core);
    let settings = export::InfluxConfig {
        url: influx.url.clone(),
        org: influx.org.clone(),
        bucket: influx.bucket.clone(),
        token: influx.token.expose().clone(),
    };
    let exporter = export::Influx::new(&settings, log).map_err(|error| Failure::of(&error))?;
    figures::of_follower(
        &core.metrics,
        export::INFLUX,
        (exporter.progress(), Arc::clone(&core.reader)),
    );
    supervisor.spawn("export to influx", exporter.run(supervisor.stopping()));
    Ok(())
}

/// What the notifier is wired to.
pub(super) fn notify(core: &Arc<Core>) -> notify::Parts {
    let reader = Arc::clone(&core.reader);
    notify::Parts {
        reader: Arc::clone(&core.reader),
        inlet: core.writer.inlet.clone(),
        commits: core.writer.committed.clone(),
        gate: core.gate.subscribe(),
        clock: core.clock.clone(),
        mqtt_cursor: Arc::new(move |doctor| reader.cursor(&acknowledged_by(doctor.as_str()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reason that is told for what came under a topic.
    #[track_caller]
    fn check(topic: &str, expected: &str) {
        let topic = Topic::read(topic);
        assert_eq!(unknown_topic(topic.device()), expected, "{topic:?}");
    }

    #[test]
    fn a_card_without_a_bench_has_a_reason_of_its_own() {
        check("xz/1/van/card", "card: the topic names no bench");
        check("xz/1/van/cuff/temperature", "unknown_topic");
        check("xz/1/van", "unknown_topic");
    }
}
