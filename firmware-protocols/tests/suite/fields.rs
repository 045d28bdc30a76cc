//! Fields that no vector shows, one rule of FORMATS a line.

use firmware_protocols::{Part, Selector, Value, format};

use crate::unhex;

fn told(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(decimal) => decimal.to_string(),
        Value::Text(text) => text.into(),
        Value::DateTime(time) => time.to_string(),
        Value::Strings(list) => list.join(" "),
    }
}

/// `expected` lists `name=value`; a name without a value must not be told.
#[track_caller]
fn check_part(name: &str, selector: Selector<'_>, hex: &str, expected: &[&str]) {
    let mut fields = std::collections::BTreeMap::new();
    let mut sink = |name: &'static str, value: Value<'_>| {
        fields.insert(name, told(value));
    };
    let result = format(name).unwrap().decode(&unhex(hex), selector, &mut sink);
    assert!(result.is_ok(), "{name} {hex}: {result:?}");
    for fact in expected {
        let (field, value) = fact.split_once('=').map_or((*fact, None), |(f, v)| (f, Some(v)));
        assert_eq!(fields.get(field).map(String::as_str), value, "{name} {hex}: {field}");
    }
}

#[track_caller]
fn check(name: &str, model: Option<&str>, hex: &str, expected: &[&str]) {
    check_part(name, Selector { model, part: Part::Frame }, hex, expected);
}

#[test]
fn numbers_of_ieee_11073() {
    for (hex, value) in [
        ("FE07", "+INF"),
        ("FF07", "NaN"),
        ("0008", "NRes"),
        ("0108", "reserved"),
        ("0208", "-INF"),
        ("FD07", "2045"),
        ("0308", "-2045"),
        ("FE17", "20460"),
        ("01F8", "-204.7"),
        ("0170", "10000000"),
    ] {
        check("ieee11073-sfloat", None, hex, &[&format!("value={value}")]);
    }
    for (hex, value) in [
        ("FEFF7F00", "+INF"),
        ("00008000", "NRes"),
        ("01008000", "reserved"),
        ("FFFFFFFF", "-0.1"),
        ("FFFF7F01", "83886070"),
        (
            "01000080",
            "0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        ),
    ] {
        check("ieee11073-float", None, hex, &[&format!("value={value}")]);
    }
}

#[test]
fn pulse_range_has_four_codes() {
    for (status, range) in
        [("00", "in_range"), ("08", "above"), ("10", "below"), ("18", "reserved")]
    {
        let hex = format!("10780050005A00{status}00");
        check(
            "sig-bp-2a35",
            None,
            &hex,
            &[&format!("pulse_range={range}"), "pulse_bpm", "user_id"],
        );
    }
}

#[test]
fn pressures_tell_their_unit_and_what_is_absent() {
    check(
        "sig-bp-2a35",
        None,
        "00780050005A00",
        &["systolic_mmHg=120", "systolic_kPa", "year", "device_time=null", "trailing=0"],
    );
    check(
        "sig-bp-2a35",
        None,
        "01A0F06EF080F0AA",
        &["systolic_kPa=16", "diastolic_kPa=11", "map_kPa=12.8", "unit=kPa", "trailing=1"],
    );
    check("sig-bp-2a35", None, "08780050005A00FF", &["user_id=255"]);
    check(
        "sig-bp-2a35",
        None,
        "02780050005A00E8071F01183C3C",
        &["month=31", "hour=24", "date_valid=false", "device_time=null"],
    );
    check(
        "sig-bp-2a35",
        None,
        "02780050005A00E8070000000000",
        &["year=2024", "month=null", "day=null", "date_valid=false"],
    );
    check("sig-icp-2a36", None, "0096F0FF07FF07", &["cuff_mmHg=15", "unit=mmHg"]);
    check("sig-icp-2a36", None, "00FF0700000000", &["cuff_mmHg=NaN"]);
    check(
        "sig-bp-2a35.quirk-beurer",
        None,
        "045600460000000041FF",
        &["pulse_bpm=65", "user_id=255", "status_raw"],
    );
    check(
        "sig-datetime-2a08",
        None,
        "E8070B150E1E05",
        &["device_time=2024-11-21T14:30:05", "year=2024"],
    );
}

#[test]
fn glucose_tells_type_place_status_and_offset() {
    check(
        "sig-glucose-2a18",
        None,
        "020100E8070101000000FF071A",
        &["concentration_kg_L=NaN", "glucose_mg_dL", "type=10", "type_name=control_solution"],
    );
    check(
        "sig-glucose-2a18",
        None,
        "060100E80701010000000208F1",
        &["concentration_mol_L=-INF", "glucose_mmol_L", "location_name=not_available"],
    );
    check(
        "sig-glucose-2a18",
        None,
        "080100E8070101000000FF0F",
        &[
            "status_raw=4095",
            "status_flags=battery_low sensor_malfunction sample_insufficient strip_insertion strip_type result_high result_low temp_too_high temp_too_low read_interrupt general_fault time_fault",
        ],
    );
    check(
        "sig-glucose-2a18",
        None,
        "010100E807030100000010FB",
        &[
            "time_offset_min=-1264",
            "device_time=2024-02-29T02:56:00",
            "base_time=2024-03-01T00:00:00",
        ],
    );
    check(
        "sig-glucose-2a18",
        None,
        "010100E8070301000000FF7F",
        &["time_offset_min=32767", "device_time=null"],
    );
    check(
        "sig-glucose-2a18",
        None,
        "0001000000030100000000",
        &["base_time=null", "device_time=null", "trailing=1", "context_follows=false"],
    );
    check(
        "sig-glucose-feature-2a51",
        None,
        "0F04",
        &["features=low_battery sensor_malfunction sample_size strip_insertion multiple_bond"],
    );
    check("sig-glucose-feature-2a51", None, "0000", &["features="]);
}

#[test]
fn a_full_context_is_told_part_by_part() {
    let hex = "FF0500AA0114C00253100E3C021EC048F0";
    let facts = [
        "sequence=5",
        "extended_flags=170",
        "carbohydrate_id=1",
        "carbohydrate_kg=0.002",
        "meal=2",
        "tester=3",
        "health=5",
        "exercise_s=3600",
        "exercise_pct=60",
        "medication_id=2",
        "medication_L=0.003",
        "hba1c_pct=7.2",
        "trailing=0",
    ];
    check("sig-glucose-context-2a34", None, hex, &facts);
    check(
        "sig-glucose-context-2a34",
        None,
        "100500021EC0",
        &["medication_kg=0.003", "medication_L", "meal"],
    );
}

#[test]
fn record_access_results_have_names() {
    let names = [
        "unknown",
        "success",
        "op_code_not_supported",
        "invalid_operator",
        "operator_not_supported",
        "invalid_operand",
        "no_records_found",
        "abort_unsuccessful",
        "procedure_not_completed",
        "operand_not_supported",
        "unknown",
    ];
    for (code, name) in names.iter().enumerate() {
        check(
            "sig-racp-2a52",
            None,
            &format!("060004{code:02X}"),
            &[
                &format!("result={name}"),
                &format!("result_code={code}"),
                "request_opcode=4",
                "kind=response",
            ],
        );
    }
}

#[test]
fn taidoc_answers_of_every_kind() {
    check(
        "taidoc-51",
        Some("thermometer"),
        "51266D01E100A56B",
        &["object_temp_C=36.5", "command=38", "direction=device"],
    );
    check("taidoc-51", Some("thermometer"), "51266DF1E100A55B", &["object_temp_C=36.5"]);
    check("taidoc-51", Some("oximeter"), "51266100004CA5C9", &["spo2_pct=97", "pulse_bpm=76"]);
    check(
        "taidoc-51",
        Some("bp"),
        "51267858504EA58A",
        &["systolic_mmHg=120", "map_mmHg=88", "diastolic_mmHg=80", "pulse_bpm=78"],
    );
    check(
        "taidoc-51",
        Some("glucose"),
        "512658021880A50E",
        &["glucose_mg_dL=600", "context=pc", "ambient=24"],
    );
    check(
        "taidoc-51",
        Some("glucose"),
        "51262C01005CA5A5",
        &["glucose_mg_dL", "value_raw=300", "type=7", "context=ac"],
    );
    check("taidoc-51", None, "512477420000A5D3", &["model=TD-4277"]);
    check("taidoc-51", None, "512B2C010000A54E", &["record_count=300"]);
    check("taidoc-51", None, "512B0000FFFFA51F", &["record_count=0"]);
    check(
        "taidoc-51",
        None,
        "51230535A712A50C",
        &["device_time=2026-08-05T18:39:00", "record_kind"],
    );
    check(
        "taidoc-51",
        None,
        "51250535E7F2A52E",
        &[
            "device_time=2026-08-05T18:39:00",
            "record_kind=bp",
            "arrhythmia=true",
            "ihb=3",
            "average=true",
        ],
    );
    check(
        "taidoc-51",
        None,
        "512505352712A58E",
        &["record_kind=glucose", "arrhythmia=false", "ihb=0", "average=false"],
    );
    check(
        "taidoc-51",
        None,
        "513305352712A39A",
        &["direction=host", "device_time=2026-08-05T18:39:00"],
    );
    check("taidoc-51", None, "512602010003A320", &["index=258", "user=3"]);
    check("taidoc-51", None, "515400000000A54A", &["command=84", "direction=device"]);
    check("taidoc-51", Some("scale"), "5171020000A569", &["command=113", "direction=device"]);
    check("taidoc-51", Some("scale"), "51710200A50069", &["command=113", "direction=device"]);
    let time = Selector { model: None, part: Part::Time };
    check_part("taidoc-51", time, "9FFF3B17", &["device_time=2127-12-31T23:59:00"]);
}

#[test]
fn raycome_and_sinocare_frames_of_every_kind() {
    check("raycome-rbp", None, "AA80020301010001", &["direction=device", "type=1", "sub=1"]);
    check("raycome-rbp", None, "AA8002080105000000008C0082", &["cuff_mmHg=140", "sub=5"]);
    check("raycome-rbp", None, "AA8002080105000100008C0083", &["cuff_mmHg"]);
    check("raycome-rbp", None, "AA80020301070601", &["error_code=6"]);
    check("raycome-rbp", None, "AA80020404040E747C", &["battery_mV=3700"]);
    check(
        "raycome-rbp",
        None,
        "AA80020F0106011A0305071E000104005A004110",
        &[
            "systolic_mmHg=260",
            "diastolic_mmHg=90",
            "pulse_bpm=65",
            "device_time=2026-03-05T07:30:00",
            "user=1",
        ],
    );
    check("sinocare-sn", None, "534E040004030B", &["machine=4", "command=3", "glucose_mmol_L"]);
    check(
        "sinocare-sn",
        None,
        "534E0E00040E0F06111328002E000141F1",
        &["command=14", "glucose_mmol_L=4.6", "code"],
    );
    check(
        "sinocare-sn",
        None,
        "534E1000040411040B101B24014D0100CD18BB",
        &["glucose_mmol_L=33.3", "sample_type=1", "code=24"],
    );
    check(
        "sinocare-sn",
        None,
        "534E10000404110D0B101B2400360000CD18AB",
        &["device_time=null", "glucose_mmol_L=5.4"],
    );
}
