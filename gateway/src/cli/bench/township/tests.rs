use super::*;

/// A year of the township's first people, as programs read it.
fn lived(seed: u64) -> serde_json::Value {
    let pack = pieces::pack(None, Pack::draft).unwrap();
    let habits = Habits { kept_per_mille: 969, recheck_days: 0, seed };
    let counted = year::live(&pack, Draw { people: 500, ..Draw::of(seed) }, habits).unwrap();
    let command = Load { seed, pack: None, mean: None, kept: 969, recheck_days: 0, json: true };
    let mut picture = Vec::new();
    counted.draw(&pack, &command, &mut picture).unwrap();
    assert!(String::from_utf8(picture).unwrap().contains("Doctor-level alerts"));
    counted.json(&pack, &command)
}

#[test]
fn one_seed_gives_one_year_and_another_seed_another() {
    let first = lived(SEED);
    assert_eq!(lived(SEED).to_string(), first.to_string(), "seed {SEED}");
    assert_ne!(lived(7)["alerts_per_patient_month"], first["alerts_per_patient_month"]);
}

#[test]
fn every_true_emergency_and_everybody_clearly_uncontrolled_of_c2_is_listed() {
    let year = lived(SEED);
    let emergencies = &year["emergencies"]["alert"];
    assert!(emergencies["people"].as_u64() > Some(0), "{emergencies}");
    assert_eq!(emergencies["listed"], emergencies["people"]);
    let weekly = &year["truly_uncontrolled"]["C2 clearly"];
    assert_eq!(weekly["listed"], weekly["people"], "{weekly}");
    for class in ["C1", "C2", "C3"] {
        let found = &year["truly_uncontrolled"][format!("{class} found twice")];
        assert!(found["people"].as_u64() > Some(0), "{found}");
    }
}
