use super::*;

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
