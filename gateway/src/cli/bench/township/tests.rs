use super::*;

fn json(seed: u64) -> String {
    let command = Load { seed, pack: None, mean: None, kept: 969, recheck_days: 0, json: true };
    let mut out = Vec::new();
    run(&command, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn one_seed_gives_one_year_and_another_seed_another() {
    let first = json(SEED);
    assert_eq!(json(SEED), first, "seed {SEED}");
    assert_ne!(json(7), first);
}
