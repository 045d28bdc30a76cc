//! `xunzhen bench webhook`: from the publish of a reading that crosses an emergency line to the
//! message at the doctor's webhook, through the real store.
//!
//! There are so many doctors that none is sent more in a minute than the notifier's caps allow.

use std::{collections::HashMap, io::Write, time::Duration};

use axum::{Router, body::Bytes, extract::State, routing::post};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    Ground,
    figure::{Figure, Times},
    fill::fill,
    place::{Gateway, Place},
    traffic::{self, Load},
    usage::machine_load,
    world::{Random, World, person_name},
};
use crate::{
    cli::Failure,
    domain::AlertId,
    store::{Reader, view::Scope},
};

/// Messages of one doctor, half of what [`crate::notify::Caps`] lets go at once.
const MESSAGES_OF_A_DOCTOR: u32 = 6;
/// Messages between the receiver and the count. Full: the receiver waits, and the wait is counted.
const RECEIVED: usize = 65_536;
/// Longest wait for the last message.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reading to webhook at a fixed rate
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Webhook {
    #[command(flatten)]
    ground: Ground,
    /// Readings a second, each across a line
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// How long to publish
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
}

type Message = (AlertId, Instant);

/// `bench webhook`.
pub(super) fn run(command: &Webhook, out: &mut dyn Write) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("receiver")
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let (received, mut messages) = mpsc::channel::<Message>(RECEIVED);

    let place = Place::temporary()?;
    let people = command.rate.saturating_mul(command.seconds).saturating_add(command.rate);
    let mut world = World::new(people, command.ground.devices);
    world.doctors = people.div_ceil(MESSAGES_OF_A_DOCTOR);
    world.webhook = Some(address);
    fill(place.open()?, world, 0, &mut Random::new(command.ground.seed))?;

    let gateway = Gateway::start(&place.config()?)?;
    let stop = gateway.stopping();
    gateway.spawn("webhook receiver", async move {
        let router = Router::new().route("/{doctor}", post(receive)).with_state(received);
        let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
            stop.wait().await;
        });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the receiver ended");
        }
    });
    let load = Load {
        connections: 10,
        window: 1000,
        rate: Some(command.rate),
        time: Duration::from_secs(command.seconds.into()),
        crossings: 100,
        seed: command.ground.seed,
    };
    let heard = traffic::run(load, world, gateway.running.mqtt)?;
    let wanted = heard.crossed.len();
    let arrived = runtime.block_on(collect(&mut messages, wanted));
    let mut times = match_up(&arrived, &heard.crossed, gateway.running.reader.as_ref())?;
    gateway.stop()?;

    let mut figure = Figure::new("webhook", command.ground.seed);
    figure.add("rate", command.rate);
    figure.add("crossings", wanted);
    figure.add("messages", times.len());
    figure.add_times(["webhook_p50_us", "webhook_p99_us"], &mut times);
    let mut acks = heard.times;
    figure.add_times(["puback_p50_us", "puback_p99_us"], &mut acks);
    figure.add("machine_load", machine_load());
    let whole = times.len() == wanted;
    figure.add("every_message_came", whole);
    figure.tell(out)?;
    if whole { Ok(()) } else { Err(Failure::AnsweredNo) }
}

async fn receive(State(received): State<mpsc::Sender<Message>>, body: Bytes) {
    let at = Instant::now();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let alert = body.get("alert").and_then(serde_json::Value::as_str);
    if let Some(alert) = alert.and_then(|alert| alert.parse().ok())
        && received.send((alert, at)).await.is_err()
    {
        tracing::debug!("a message came after the count was over");
    }
}

/// The first message of each alert.
async fn collect(
    messages: &mut mpsc::Receiver<Message>,
    wanted: usize,
) -> HashMap<AlertId, Instant> {
    let mut arrived = HashMap::new();
    while arrived.len() < wanted {
        let Ok(Some((alert, at))) = timeout(PATIENCE, messages.recv()).await else { break };
        arrived.entry(alert).or_insert(at);
    }
    arrived
}

/// From each person's reading to the message about them.
fn match_up(
    arrived: &HashMap<AlertId, Instant>,
    crossed: &[(u32, Instant)],
    reader: &dyn Reader,
) -> Result<Times, Failure> {
    let mut left = HashMap::new();
    for (person, at) in crossed {
        left.entry(person_name(*person)?).or_insert(*at);
    }
    let mut times = Times::default();
    for (alert, at) in arrived {
        let Some(history) = reader.alert(&Scope::Everything, alert)? else { continue };
        if let Some(left) = left.get(&history.alert.person) {
            times.add(at.duration_since(*left));
        }
    }
    Ok(times)
}
