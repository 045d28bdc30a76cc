//! Registry files through the real program: names as they are written, an import that was
//! interrupted, what a dry run and a comparison say.

use std::{fs, path::Path};

use end_to_end::{
    gateway::{READY, Setup},
    patience::wait_for,
};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::setup;

/// Characters of the extensions B, C, E and G: two surrogates, or four bytes, each.
const RARE: [&str; 4] = ["张𠮷", "𬭚𪚥", "王𰻞", "𠮷"];

/// Every column of people, in the order of an export.
const HEADER: &str = "person,name,sex,birth_date,id_number,cards,phone,consent,household,village,\
                      diagnoses,medicines,cohorts,pregnant";

/// What the last line of a command says, and whether it ended well.
#[track_caller]
fn told(setup: &Setup, command: &str, kind: &str, path: &Path, more: &[&str]) -> (bool, Value) {
    let (folder, path) = (setup.folder().display().to_string(), path.display().to_string());
    let arguments = ["registry", command, "--kind", kind, &path, "--data-dir", &folder];
    let output = setup.run(&[&arguments, more].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let troubles = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().last().unwrap_or_else(|| panic!("said nothing: {troubles}"));
    (output.status.success(), serde_json::from_str(line).unwrap())
}

/// GB18030 of ASCII, 张 and 王, and of characters beyond the first plane, which it counts through in
/// four bytes.
fn gb18030(text: &str) -> Vec<u8> {
    let four = |letter: char| {
        let number = u32::from(letter) - 0x10000 + 189_000;
        let digits = [number / 12600, number / 1260 % 10, number / 10 % 126, number % 10];
        let bases = [0x81, 0x30, 0x81, 0x30];
        digits.iter().zip(bases).map(|(digit, base)| u8::try_from(digit + base).unwrap()).collect()
    };
    let bytes = |letter: char| match letter {
        '张' => vec![0xD5, 0xC5],
        '王' => vec![0xCD, 0xF5],
        letter if letter.is_ascii() => vec![u8::try_from(letter).unwrap()],
        letter => four(letter),
    };
    text.chars().flat_map(bytes).collect()
}

fn rare_people() -> String {
    let row = |(number, name): (usize, &&str)| format!("R{number},{name},,,,,,,,North,,,,\n");
    let rows: String = RARE.iter().enumerate().map(row).collect();
    format!("{HEADER}\n{rows}")
}

#[track_caller]
fn check_rare(bytes: &[u8]) {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let (file, back) = (scratch.path().join("people.csv"), scratch.path().join("back.csv"));
    fs::write(&file, bytes).unwrap();
    let gateway = setup.start();
    assert_eq!(told(&setup, "import", "people", &file, &[]).1["entered"], 4);
    for (number, name) in RARE.iter().enumerate() {
        let person = gateway.get_json(&format!("/api/v1/people/R{number}"));
        assert_eq!(person["name"], *name, "over the wire");
        let escaped: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let found = gateway.get_json(&format!("/api/v1/people?q={escaped}"));
        let names: Vec<_> =
            found["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert!(names.contains(&&json!(name)), "{name} among {names:?}");
        let page = gateway.get(&format!("/lite/people?q={escaped}"));
        assert!(page.body.contains(&format!(">{name} R{number}</a>")), "{}", page.body);
        assert!(page.body.contains(&format!("value=\"{name}\"")), "in the box itself");
        assert!(gateway.get(&format!("/lite/people/R{number}")).body.contains(name));
    }
    let found = gateway.get_json("/api/v1/people?q=zj&limit=5");
    assert_eq!(found["items"][0]["name"], "张𠮷", "by the initials of its pinyin");
    let out = back.display().to_string();
    setup.run_well(&["registry", "export", "--kind", "people", &out]);
    let exported = fs::read_to_string(&back).unwrap();
    // Without those whom `--dev` invents.
    let ours = |line: &&str| !line.starts_with("P00");
    let lines: Vec<String> =
        exported.lines().filter(ours).map(|line| format!("{line}\n")).collect();
    assert_eq!(lines.concat(), rare_people(), "byte for byte");
    gateway.stop();
}

#[test]
fn rare_characters_of_a_utf_8_file_come_back_as_they_were() {
    check_rare(rare_people().as_bytes());
}

#[test]
fn rare_characters_of_a_gb18030_file_come_back_as_they_were() {
    check_rare(&gb18030(&rare_people()));
}

fn many(people: u32) -> String {
    let row = |number: u32| format!("P{number:06},王{number},North\n");
    "person,name,village\n".to_owned() + &(0..people).map(row).collect::<String>()
}

/// Rows of the file that is imported in pieces.
const MANY: u32 = 10_000;

/// Starts an import and kills it when some of it is done.
#[track_caller]
fn import_and_kill(setup: &Setup, file: &Path) {
    let path = file.display().to_string();
    let mut begun = setup.begin(&["registry", "import", "--kind", "people", &path]);
    let progress = Path::new(&format!("{path}.progress")).to_owned();
    wait_for(READY, "the first batches", || {
        let ended = begun.ended().map(|status| panic!("ended before the kill: {status}"));
        ended.or_else(|| progress.try_exists().unwrap().then_some(()))
    });
    begun.kill();
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_stood() {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let file = scratch.path().join("people.csv");
    fs::write(&file, many(MANY)).unwrap();
    import_and_kill(&setup, &file);
    let (well, line) = told(&setup, "import", "people", &file, &[]);
    assert!(well, "{line}");
    assert!(line["resumed_at"].as_u64().unwrap() >= 1000, "{line}");
    assert_eq!((&line["read"], &line["rejected"]), (&json!(MANY), &json!(0)));
    assert!(!scratch.path().join("people.csv.progress").try_exists().unwrap());
    setup.run_well(&["db", "check"]);
    let exported = setup.run_well(&["registry", "export", "--kind", "people"]);
    assert_eq!(exported.lines().count(), usize::try_from(MANY).unwrap() + 1);
    // Again: nothing new, and nothing to go on with.
    let (_, again) = told(&setup, "import", "people", &file, &[]);
    let counts = (&again["entered"], &again["unchanged"], &again["resumed_at"]);
    assert_eq!(counts, (&json!(0), &json!(MANY), &Value::Null));
}

#[test]
fn a_changed_file_starts_anew_and_a_bad_row_is_told_once() {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let file = scratch.path().join("people.csv");
    let bad = many(MANY).replacen("P000000,", "no name at all,", 1);
    fs::write(&file, &bad).unwrap();
    import_and_kill(&setup, &file);
    let (well, line) = told(&setup, "import", "people", &file, &[]);
    assert!(!well && line["resumed_at"].as_u64() >= Some(1000), "{line}");
    assert_eq!(line["rejected"], 1);
    let rejects = fs::read_to_string(scratch.path().join("people.csv.rejects.csv")).unwrap();
    assert_eq!(rejects.lines().count(), 2, "{rejects}");
    assert!(rejects.contains("\n2,person,"), "{rejects}");
    fs::write(&file, bad + "P999999,李,North\n").unwrap();
    import_and_kill(&setup, &file);
    fs::write(&file, many(MANY + 1)).unwrap();
    let (_, line) = told(&setup, "import", "people", &file, &[]);
    assert_eq!((&line["read"], &line["resumed_at"]), (&json!(MANY + 1), &Value::Null), "{line}");
}

#[test]
fn a_dry_run_says_what_an_import_would_do_and_does_nothing() {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let path = |name: &str| scratch.path().join(name);
    let rows = "person,name,village\nP1,张三,North\nP2,李四,North\n";
    fs::write(path("first.csv"), rows).unwrap();
    told(&setup, "import", "people", &path("first.csv"), &[]);
    let rows = "person,name,village\nP1,张三,North\nP2,李四,South\nP3,王五,South\nbad id,,\n";
    fs::write(path("second.csv"), rows).unwrap();
    let (well, line) = told(&setup, "import", "people", &path("second.csv"), &["--dry-run"]);
    assert!(!well, "a row is rejected");
    let expected = json!({
        "read": 4, "entered": 0, "unchanged": 1, "rejected": 1, "new": 1, "changed": 1,
        "dry_run": true, "rejects": path("second.csv.rejects.csv").display().to_string(),
    });
    assert_eq!(line, expected);
    let (_, line) = told(&setup, "import", "people", &path("second.csv"), &[]);
    assert_eq!(line["entered"], 2, "the dry run entered nothing");
    // What only the store knows is checked in a dry run too.
    let plan = "person,from,systolic_lt\nP1,2026-01-01,180\n";
    fs::write(path("plans.csv"), plan).unwrap();
    let (well, line) = told(&setup, "import", "plans", &path("plans.csv"), &["--dry-run"]);
    assert!(!well && line["rejected"] == 1, "{line}");
}

#[test]
fn a_comparison_says_what_theirs_and_ours_have_apart() {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let path = |name: &str| scratch.path().join(name);
    let ours = "person,name,phone,village,小组\nP1,张𠮷,1,North,一组\nP2,李四,2,North,\nP3,王五,3,South,\n";
    fs::write(path("ours.csv"), ours).unwrap();
    told(&setup, "import", "people", &path("ours.csv"), &[]);
    let (well, line) = told(&setup, "compare", "people", &path("ours.csv"), &[]);
    assert!(well, "{line}");
    assert_eq!(line, json!({"read": 3, "same": 3, "differences": {}}));
    let theirs = "village,person,name,小组\nNorth,P1,张𠮷,二组\nSouth,P2,李四,\nNorth,P9,赵六,\n\
                  North,P1,张𠮷,一组\nNorth,bad id,,\n";
    fs::write(path("theirs.csv"), theirs).unwrap();
    let (well, line) = told(&setup, "compare", "people", &path("theirs.csv"), &[]);
    assert!(!well, "{line}");
    let found = json!({
        "differs:village": 1, "differs:小组": 1, "only_ours": 1, "only_theirs": 1,
        "rejected:unreadable": 1, "repeated": 1,
    });
    assert_eq!((&line["differences"], &line["same"]), (&found, &json!(0)));
    let told_of = fs::read_to_string(path("theirs.csv.differences.csv")).unwrap();
    let expected = "line,name,code,theirs,ours,reason\n\
                    6,bad id,rejected:unreadable,,,";
    assert!(told_of.starts_with(expected), "{told_of}");
    for row in [
        "\n2,P1,differs:小组,二组,一组,\n",
        "\n3,P2,differs:village,South,North,\n",
        "\n4,P9,only_theirs,,,\n",
        "\n5,P1,repeated,,,\n",
        "\n,P3,only_ours,,,\n",
    ] {
        assert!(told_of.contains(row), "{row} in {told_of}");
    }
    let exported = setup.run_well(&["registry", "export", "--kind", "people"]);
    assert_eq!(exported.lines().count(), 4, "nothing was entered");
}

#[test]
fn a_file_marked_utf_8_that_is_gb18030_is_refused_with_its_line_and_nothing_entered() {
    let (folder, scratch) = (tempdir().unwrap(), tempdir().unwrap());
    let setup = setup(folder.path());
    let file = scratch.path().join("people.csv");
    let mut bytes = "\u{feff}person,name\nP1,张三\n".as_bytes().to_vec();
    bytes.extend(gb18030("P2,张\n"));
    fs::write(&file, bytes).unwrap();
    let (store, path) = (folder.path().display().to_string(), file.display().to_string());
    let arguments = ["registry", "import", "--kind", "people", &path, "--data-dir", &store];
    let output = setup.run(&arguments);
    let troubles = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && troubles.contains("line 3 is not UTF-8"), "{troubles}");
    let exported = setup.run_well(&["registry", "export", "--kind", "people"]);
    assert_eq!(exported.lines().count(), 1, "nothing was entered");
}
