//! The whole story without anybody at the page: for tests, and for whoever wants to see it once.

use std::{collections::BTreeSet, io::Write, time::Duration};

use serde_json::json;
use simulators::world::van::SITE;
use tokio::time::{Instant, sleep};

use super::{
    ask,
    side::{Side, Which},
    stage::Stage,
};
use crate::cli::Failure;

/// People who are measured while the cable is pulled.
const PEOPLE: u32 = 5;

/// Longest wait for one step: a pause of the van's uplink after failures takes a minute at most.
const STEP: Duration = Duration::from_secs(120);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// Readings of one page.
const PAGE: usize = 1000;

/// Tells it; whether it went well stands in its last line.
pub(super) async fn tell(stage: &Stage, seed: u64, out: &mut dyn Write) -> Result<(), Failure> {
    wait("the roster on the van, and green", || stage.is_open() && stage.is_green()).await?;
    stage.plug(false);
    while stage.bench().visits < PEOPLE {
        stage.measure();
        let so_far = stage.bench().visits;
        wait("a measurement", || stage.bench().visits > so_far).await?;
    }
    wait("the van's own alert", || stage.round().done[2]).await?;
    let alone = stage.round().warned.len();
    let waited = stage.seen(Which::Van).waiting.unwrap_or_default();
    stage.plug(true);
    wait("green", || stage.round().done[4]).await?;
    let took = stage.round().took.unwrap_or_default();
    let [van, centre] = [records(stage, &stage.van).await?, records(stage, &stage.centre).await?];
    let (there, here) = (van.difference(&centre).count(), centre.difference(&van).count());
    let receipt = stage.seen(Which::Van).receipt;
    let readings = usize::try_from(receipt.readings).unwrap_or_default();
    let complete = van.len() > readings && receipt.people == u64::from(PEOPLE);
    let ok = there == 0 && here == 0 && complete && alone > 0 && stage.lost() == 0;
    let line = json!({
        "event": "summary", "ok": ok, "seed": seed, "people": receipt.people,
        "readings": receipt.readings, "alerts": receipt.alerts, "warned_offline": alone,
        "waited": waited, "seconds_to_green": took.as_secs_f64(), "only_at_van": there,
        "only_at_centre": here, "receipt": receipt.hash, "lost": stage.lost(),
    });
    writeln!(out, "{line}")?;
    if ok { Ok(()) } else { Err(Failure::AnsweredNo) }
}

async fn wait(what: &str, done: impl Fn() -> bool) -> Result<(), Failure> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > STEP {
            return Err(Failure::Failed(format!("{what}: not within {} s", STEP.as_secs())));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Ids of the van's readings, of the alerts of their people, and the hash of the day, as one says.
async fn records(stage: &Stage, side: &Side) -> Result<BTreeSet<String>, Failure> {
    let (mut records, mut people) = (BTreeSet::new(), BTreeSet::new());
    for item in list(stage, side, &format!("/api/v1/readings?site={SITE}")).await? {
        records.insert(ask::text(&item, "id"));
        people.insert(ask::text(&item, "person"));
    }
    for item in list(stage, side, "/api/v1/alerts").await? {
        // The centre may have alerts of its own, about the van and about people elsewhere.
        if people.contains(&ask::text(&item, "person")) {
            records.insert(format!("{} {}", ask::text(&item, "id"), ask::text(&item, "level")));
        }
    }
    for item in list(stage, side, &format!("/api/v1/receipts?site={SITE}")).await? {
        records.insert(ask::text(&item, "hash"));
    }
    Ok(records)
}

async fn list(stage: &Stage, side: &Side, path: &str) -> Result<Vec<serde_json::Value>, Failure> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let limit =
            if path.contains("receipts") { String::new() } else { format!("{joint}limit={PAGE}") };
        let answer = ask::get(&stage.client, side, &format!("{path}{limit}{after}")).await;
        let silent = || Failure::Failed(format!("{} does not answer {path}", side.which.as_str()));
        let (items, next) = ask::items(answer.ok_or_else(silent)?).await.ok_or_else(silent)?;
        all.extend(items);
        match next {
            Some(next) => after = format!("&after={}", crate::cli::registry::escaped(&next)),
            None => return Ok(all),
        }
    }
}
