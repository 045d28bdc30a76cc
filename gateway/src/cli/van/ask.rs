//! What the two gateways say of themselves: asked over HTTP like anybody, never looked up in a store.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use simulators::world::van::SITE;
use tokio::{
    sync::watch,
    time::{Instant, interval},
};

use super::side::{Side, Which};
use crate::{cli::Failure, supervise::Stop};

/// How often each is asked.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// Lists are asked for again at least so often, also where nothing was committed.
const LISTS_EVERY: Duration = Duration::from_secs(5);

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Readings that are shown.
const READINGS: usize = 6;

/// Alerts that are shown and compared.
const ALERTS: usize = 100;

/// A client of a gateway of ours.
pub(super) fn client() -> Result<reqwest::Client, Failure> {
    // The first provider of the process stays.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder().no_proxy().timeout(ANSWER);
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(|error| Failure::of(&error))
}

/// A reading, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) person: String,
    pub(super) value: String,
    pub(super) at: String,
}

/// An alert that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Warned {
    pub(super) id: String,
    pub(super) case: String,
    pub(super) level: String,
    pub(super) person: String,
    pub(super) zh: String,
    pub(super) en: String,
}

/// The receipt of the van's day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Receipt {
    pub(super) people: u64,
    pub(super) readings: u64,
    pub(super) alerts: u64,
    pub(super) quarantined: u64,
    pub(super) hash: String,
}

/// What one of them said last.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// When it answered last.
    pub(super) at: Option<Instant>,
    /// Where its log ends.
    pub(super) position: u64,
    /// Readings that it has on disk.
    pub(super) stored: u64,
    /// Serial lines that are open.
    pub(super) lines: usize,
    /// It knows the people of the township.
    pub(super) peopled: bool,
    /// Facts that wait: at the van to go up, at the centre those that the van has told of.
    pub(super) waiting: Option<u64>,
    /// The van: the centre signed that it has everything. The centre: no box has more for it.
    pub(super) confirmed: bool,
    /// When the other end was last heard, Unix time.
    pub(super) contact: u64,
    pub(super) readings: Vec<Told>,
    pub(super) alerts: Vec<Warned>,
    pub(super) receipt: Receipt,
}

impl Seen {
    /// Whether it answered just now.
    pub(super) fn is_fresh(&self) -> bool {
        self.at.is_some_and(|at| at.elapsed() < ANSWER)
    }
}

/// Asks one of them again and again.
pub(super) struct Asker {
    side: Side,
    client: reqwest::Client,
    person: String,
    seen: Seen,
    /// For which position the lists hold, and since when.
    listed: Option<(u64, Instant)>,
}

impl Asker {
    /// One that also looks whether this person is known.
    pub(super) fn new(side: Side, person: String) -> Result<Self, Failure> {
        Ok(Self { side, client: client()?, person, seen: Seen::default(), listed: None })
    }

    /// Asks until the demonstration ends, and tells what it hears.
    pub(super) async fn run(mut self, tell: Arc<watch::Sender<Seen>>, stop: Stop) {
        let mut tick = interval(ASK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.wait() => return,
                _ = tick.tick() => {}
            }
            // One that does not answer is shown as silent since its last answer.
            if self.look().await.is_some() {
                self.seen.at = Some(Instant::now());
                tell.send_replace(self.seen.clone());
            }
        }
    }

    async fn look(&mut self) -> Option<()> {
        let figures = Figures(self.get("/metrics").await?.text().await.ok()?);
        let position = figures.sum("xunzhen_commit_position");
        let seen = &mut self.seen;
        seen.position = position;
        seen.stored = figures.sum("xunzhen_items_total{status=\"stored\"}");
        seen.lines = usize::try_from(figures.sum("xunzhen_line_open{")).unwrap_or_default();
        match self.side.which {
            Which::Van => {
                seen.waiting = figures.any("xunzhen_uplink_waiting");
                seen.confirmed = figures.any("xunzhen_uplink_green") == Some(1);
                seen.contact = figures.sum("xunzhen_uplink_contact_seconds");
            }
            Which::Centre => {
                seen.waiting = figures.any("xunzhen_box_waiting{");
                seen.confirmed = seen.waiting == Some(0);
            }
        }
        if !self.seen.peopled {
            let person = format!("/api/v1/people/{}", self.person);
            self.seen.peopled = self.get(&person).await.is_some();
        }
        let known = |(at, since): (u64, Instant)| at == position && since.elapsed() < LISTS_EVERY;
        if !self.listed.is_some_and(known) {
            self.lists().await?;
            self.listed = Some((position, Instant::now()));
        }
        Some(())
    }

    async fn lists(&mut self) -> Option<()> {
        let readings =
            self.items(&format!("/api/v1/readings?site={SITE}&limit={READINGS}")).await?;
        let alerts = self.items(&format!("/api/v1/alerts?state=live&limit={ALERTS}")).await?;
        let receipts = self.items(&format!("/api/v1/receipts?site={SITE}")).await?;
        self.seen.readings = readings.iter().map(reading).collect();
        self.seen.alerts = alerts.iter().map(alert).collect();
        self.seen.receipt = receipts.first().map(receipt).unwrap_or_default();
        Some(())
    }

    async fn items(&self, path: &str) -> Option<Vec<Value>> {
        items(self.get(path).await?).await.map(|(items, _)| items)
    }

    async fn get(&self, path: &str) -> Option<reqwest::Response> {
        get(&self.client, &self.side, path).await
    }
}

/// A page of one of the two, where it answers and has one.
pub(super) async fn get(
    client: &reqwest::Client,
    side: &Side,
    path: &str,
) -> Option<reqwest::Response> {
    let run = side.run();
    run.pid?;
    let asked = client.get(format!("http://{}{path}", run.http?)).bearer_auth(&run.token);
    asked.send().await.ok().filter(|answer| answer.status().is_success())
}

/// The items of a list, and where it goes on.
pub(super) async fn items(answer: reqwest::Response) -> Option<(Vec<Value>, Option<String>)> {
    let text = answer.bytes().await.ok()?;
    let mut list: Value = serde_json::from_slice(&text).ok()?;
    let next = list.get("next").and_then(Value::as_str).map(str::to_owned);
    match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Some((items, next)),
        _ => None,
    }
}

/// A field as it is shown: text without its quotes.
pub(super) fn text(of: &Value, name: &str) -> String {
    match of.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

fn reading(of: &Value) -> Told {
    let value = if text(of, "kind") == "glucose" {
        format!("{} {}", text(of, "value"), text(of, "unit"))
    } else {
        format!("{}/{} {}", text(of, "systolic"), text(of, "diastolic"), text(of, "unit"))
    };
    let at = text(of, "measured_at");
    Told {
        id: text(of, "id"),
        person: text(of, "person"),
        value,
        at: at.get(11..19).unwrap_or_default().to_owned(),
    }
}

fn alert(of: &Value) -> Warned {
    Warned {
        id: text(of, "id"),
        case: text(of, "case"),
        level: text(of, "level"),
        person: text(of, "person"),
        zh: text(of, "concept_zh"),
        en: text(of, "concept_en"),
    }
}

fn receipt(of: &Value) -> Receipt {
    let count = |name: &str| of.get(name).and_then(Value::as_u64).unwrap_or_default();
    Receipt {
        people: count("people"),
        readings: count("readings"),
        alerts: count("alerts"),
        quarantined: count("quarantined"),
        hash: text(of, "hash"),
    }
}

/// The text of `/metrics`.
struct Figures(String);

impl Figures {
    /// The values of every line that begins so.
    fn each(&self, begins: &str) -> impl Iterator<Item = u64> {
        let lines = self.0.lines().filter_map(move |line| line.strip_prefix(begins));
        lines.filter_map(|rest| rest.rsplit(' ').next()?.parse().ok())
    }

    fn sum(&self, begins: &str) -> u64 {
        self.each(begins).sum()
    }

    /// Their sum, where there are any.
    fn any(&self, begins: &str) -> Option<u64> {
        self.each(begins).reduce(u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(begins: &str, expected: Option<u64>) {
        let text = "# HELP xunzhen_line_open 1.\nxunzhen_line_open{device=\"a\"} 1\n\
                    xunzhen_line_open{device=\"b\"} 1\nxunzhen_uplink_waiting 0\n";
        assert_eq!(Figures(text.to_owned()).any(begins), expected, "{begins}");
    }

    #[test]
    fn figures_are_read_by_the_beginning_of_their_lines() {
        check("xunzhen_line_open{", Some(2));
        check("xunzhen_uplink_waiting", Some(0));
        check("xunzhen_box_waiting{", None);
    }
}
