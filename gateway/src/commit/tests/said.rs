//! What another gateway said of a day is on disk before whoever brought it is told so.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::{Pace, Settings, Trust, Work, start};
use crate::{
    assess::Pack,
    domain::Clock,
    receipt::{Day, DayLog, Standing, standing},
    store::{
        CommitSeq, ModelStore, NeighbourSaid, Options, ReceiptSaid, SqliteStore, Store,
        fixtures::{NOON, commit, id, person, reading_fact},
    },
    supervise::Supervisor,
};

async fn check(mut store: Box<dyn Store>) {
    commit(store.as_mut(), &[person("P1", None, "North"), reading_fact(1, "P1", "V03", 0)], &[]);
    let supervisor = Supervisor::new();
    let settings = Settings {
        pack: Arc::new(Pack::built_in().unwrap()),
        people_cached: 10,
        clock: Clock::scripted(|| NOON),
        trust: Trust::Always,
        pace: Pace::REAL,
        silent_after: crate::commit::SILENT_AFTER,
    };
    let reader = store.reader();
    let writer = start(store, settings, &supervisor).unwrap();
    let (site, day) = (id("V03"), Day::of(NOON));
    let ours = || reader.day_log(&site, day).unwrap().receipt();
    let stands = || {
        let said = reader.receipts_said(&site, (day, day)).unwrap();
        standing(&ours(), &said.iter().map(|said| &said.receipt).collect::<Vec<_>>())
    };
    assert_eq!(stands(), Standing::Unsaid);
    let empty = DayLog::new(site.clone(), day, Vec::new()).receipt();
    // What was counted before what it said already comes too late.
    for (upto, receipt, expected) in [
        (3, empty.clone(), Standing::Differs),
        (4, ours(), Standing::Equal),
        (2, empty, Standing::Equal),
    ] {
        let (reply, told) = oneshot::channel();
        let said = Box::new(NeighbourSaid::Receipt(ReceiptSaid {
            receipt,
            by: "county".into(),
            key: "ed25519:AA".to_owned(),
            epoch: 7,
            upto: CommitSeq(upto),
            said_at: NOON,
            at: NOON,
        }));
        writer.inlet.hand_over(Work::Said { said, reply }).await.unwrap();
        told.await.unwrap();
        assert_eq!(stands(), expected, "after {upto}");
    }
    supervisor.stop();
    supervisor.wait().await.unwrap();
}

#[tokio::test]
async fn a_day_is_green_once_the_far_end_s_word_is_on_disk_and_equal_to_ours() {
    let folder = tempfile::tempdir().unwrap();
    check(Box::new(ModelStore::new())).await;
    check(Box::new(SqliteStore::open(Options::new(folder.path())).unwrap())).await;
}
