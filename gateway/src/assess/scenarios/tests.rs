use super::*;
use crate::assess::{State, fold, keep::JUDGEMENT};

const OPEN_CASES: &str = include_str!("../../../clinical/scenarios.json");

/// Cases of the open file that do not come out yet. The number may only fall.
const NOT_YET: usize = 0;

fn run(feed: Feed) -> (Counts, String) {
    let pack = Pack::built_in().unwrap();
    let mut out = Vec::new();
    let counts = run_scenarios(OPEN_CASES, &pack, feed, &mut out).unwrap();
    (counts, String::from_utf8(out).unwrap())
}

#[test]
fn every_open_case_comes_out_as_expected() {
    let (counts, out) = run(Feed::default());
    let failed: Vec<&str> = out.lines().filter(|line| line.contains("\"ok\":false")).collect();
    assert_eq!(counts.failed, NOT_YET, "{}", failed.join("\n"));
    assert_eq!(counts.passed + counts.failed, 177);
    assert_eq!(out.lines().last(), Some("{\"passed\":177,\"failed\":0}"));
}

#[test]
fn order_and_copies_change_no_byte() {
    let (_, plain) = run(Feed::default());
    for seed in 0..40 {
        let feed = Feed { shuffle: Some(seed), duplicate: seed % 2 == 0 };
        assert_eq!(run(feed).1, plain, "seed {seed}");
    }
    assert_eq!(run(Feed { shuffle: None, duplicate: true }).1, plain);
}

/// What the states of all open cases come to by the built-in pack, as they are kept, under the number beside it. Where
/// this fails, the lines or the encoding changed: raise [`JUDGEMENT`] and write the new digest here,
/// so that nobody goes on from a state that other lines had judged.
const KEPT: (u32, &str) = (3, "37e0bb790a8dffd77085716450eae7a9f7382f98bc91950ed6da4de155736c7e");

#[test]
fn what_is_kept_changes_only_with_its_number() {
    let pack = Pack::built_in().unwrap();
    let file: Value = serde_json::from_str(OPEN_CASES).unwrap();
    let mut digest = blake3::Hasher::new();
    for list in ["scenarios", "boundary_grid"] {
        for value in cases(&file, list).unwrap() {
            let case = Case::read(&pack, value).unwrap();
            let last = case.facts.iter().map(|fact| fact.received_at.max(fact.at)).max();
            for until in last.into_iter().chain([case.until]) {
                let (state, _) = fold(&pack, &case.patient, &case.facts, until);
                let bytes = state.to_bytes().unwrap();
                let again = State::from_bytes(&bytes).unwrap();
                assert_eq!(format!("{again:?}"), format!("{state:?}"), "{}", case.id);
                assert!(State::from_bytes(&bytes[..bytes.len() - 1]).is_none(), "{}", case.id);
                assert!(State::from_bytes(&[&bytes[..], &[0]].concat()).is_none(), "{}", case.id);
                digest.update(&bytes);
            }
        }
    }
    assert_eq!((JUDGEMENT, &*digest.finalize().to_hex()), KEPT);
}
