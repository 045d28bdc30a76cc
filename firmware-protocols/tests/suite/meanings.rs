//! What the gateway may and may not take for a measurement.

use firmware_protocols::{
    BloodPressure, DateTime, Decimal, Flags, Glucose, GlucoseUnit, GlucoseValue, Meal, Meaning,
    Measurement, PressureUnit,
};

use crate::{decode, unhex};

#[track_caller]
fn check_event(name: &str, model: Option<&str>, hex: &str, event: &str) {
    match decode(name, model, &unhex(hex)) {
        Ok(Meaning::Event(got)) => assert_eq!(got, event, "{name} {hex}"),
        other => panic!("{name} {hex}: {other:?}"),
    }
}

#[track_caller]
fn pressure(name: &str, model: Option<&str>, hex: &str) -> BloodPressure {
    match decode(name, model, &unhex(hex)) {
        Ok(Meaning::Measurement(Measurement::BloodPressure(pressure))) => pressure,
        other => panic!("{name} {hex}: {other:?}"),
    }
}

#[track_caller]
fn glucose(name: &str, model: Option<&str>, hex: &str) -> Glucose {
    match decode(name, model, &unhex(hex)) {
        Ok(Meaning::Measurement(Measurement::Glucose(glucose))) => glucose,
        other => panic!("{name} {hex}: {other:?}"),
    }
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[track_caller]
fn check_glucose(name: &str, model: Option<&str>, hex: &str, value: &str, unit: GlucoseUnit) {
    let got = glucose(name, model, hex);
    assert_eq!((got.value, got.unit), (GlucoseValue::Number(decimal(value)), unit));
}

#[test]
fn a_failed_measurement_is_an_event_and_never_a_number() {
    for hex in ["04FF07FF07FF07FF07", "00FF07500055000000", "007800000850005000", "00FE0750005500"]
    {
        check_event("sig-bp-2a35", None, hex, "failed_measurement");
    }
    check_event("raycome-rbp", None, "AA80020301070205", "failed_measurement");
    check_event("sig-glucose-2a18", None, "020100E9070101000000FF0711", "failed_measurement");
}

#[test]
fn a_glucose_frame_without_a_concentration_has_no_value() {
    check_event("sig-glucose-2a18", None, "000100E9070101000000", "no_value");
}

#[test]
fn inflation_commands_and_contexts_are_events() {
    check_event("sig-icp-2a36", None, "00D7F000000000", "cuff_pressure");
    check_event("sig-glucose-context-2a34", None, "02070002", "glucose_context");
    check_event("raycome-rbp", None, "CC80020301020002", "command");
    check_event("taidoc-51", Some("bp"), "512600000000A31A", "command");
    check_event("taidoc-51", None, "51250535A712A50E", "record_time");
}

#[test]
fn a_taidoc_value_without_its_model_is_never_guessed() {
    check_event("taidoc-51", None, "51267200474EA523", "value_without_model");
    check_event("taidoc-51", Some("glucose"), "51267800001CA5B0", "other_analyte");
    check_event("taidoc-51", Some("oximeter"), "512661003C4CA505", "oxygen_saturation");
}

#[test]
fn pressures_keep_unit_flags_user_and_time() {
    let got = pressure("sig-bp-2a35", None, "1E8A0058007800E807041114293B3C00012700");
    let time = DateTime::new(2024, 4, 17, 20, 41, 59).ok();
    assert_eq!(
        got,
        BloodPressure {
            mean: Some(decimal("120")),
            pulse: Some(decimal("60")),
            flags: Flags {
                body_movement: true,
                cuff_too_loose: true,
                irregular_pulse: true,
                pulse_out_of_range: false,
                improper_position: true,
            },
            status: Some(0x27),
            device_time: time,
            user: Some(1),
            ..BloodPressure::new(decimal("138"), decimal("88"), PressureUnit::MmHg)
        }
    );
    let kpa = pressure("sig-bp-2a35", None, "15BDF00B009FF03C001200");
    assert_eq!((kpa.systolic, kpa.unit), (decimal("18.9"), PressureUnit::KPa));
    assert!(kpa.flags.pulse_out_of_range && kpa.flags.cuff_too_loose);
}

#[test]
fn an_unknown_user_mean_zero_and_an_unknown_date_are_absent() {
    let got = pressure("sig-bp-2a35", None, "0A7800500000000000041114293BFF");
    assert_eq!((got.user, got.mean, got.device_time), (None, None, None));
    let got = pressure("taidoc-51", Some("bp"), "51267200474EA523");
    assert_eq!((got.mean, got.device_time), (None, None), "time comes with command 25");
}

#[test]
fn a_cuff_with_an_impossible_clock_keeps_its_reading() {
    let got = pressure("raycome-rbp", None, "AA80020F01060100000012012000760045003F34");
    assert_eq!((got.systolic, got.device_time, got.user), (decimal("118"), None, Some(1)));
}

#[test]
fn glucose_is_scaled_in_decimal() {
    check_glucose(
        "sig-glucose-2a18",
        None,
        "030600E407040D10260A000078B0F1",
        "120",
        GlucoseUnit::MgPerDl,
    );
    check_glucose(
        "sig-glucose-2a18",
        None,
        "060700E9070A0108000037D011",
        "55",
        GlucoseUnit::MmolPerL,
    );
    check_glucose(
        "sig-glucose-2a18",
        None,
        "060700E9070A010800004EC011",
        "7.8",
        GlucoseUnit::MmolPerL,
    );
    check_glucose(
        "sig-glucose-2a18",
        None,
        "022A00E807030F0E1E2D788012",
        "0.12",
        GlucoseUnit::MgPerDl,
    );
    check_glucose(
        "sinocare-sn",
        None,
        "534E1000040411040B101B2400360000CD18A2",
        "5.4",
        GlucoseUnit::MmolPerL,
    );
    check_glucose("taidoc-51", Some("glucose"), "51266B000000A587", "107", GlucoseUnit::MgPerDl);
}

#[test]
fn beyond_the_meter_is_high_or_low_and_never_a_number() {
    let value = |hex: &str| glucose("sig-glucose-2a18", None, hex).value;
    assert_eq!(value("020100E9070101000000FE0711"), GlucoseValue::High);
    assert_eq!(value("020100E9070101000000020811"), GlucoseValue::Low);
    assert_eq!(value("0A0100E907010100000078B0112000"), GlucoseValue::High);
    assert_eq!(value("0A0100E907010100000078B0114000"), GlucoseValue::Low);
    assert_eq!(value("080100E90701010000002000"), GlucoseValue::High, "status alone");
    check_event("sig-glucose-2a18", None, "0A0100E907010100000078B0116000", "failed_measurement");
}

#[test]
fn the_offset_moves_the_clock_across_the_year() {
    let got = glucose("sig-glucose-2a18", None, "030500E8070C1F171E0A3C0078B011");
    assert_eq!(got.device_time, DateTime::new(2025, 1, 1, 0, 30, 10).ok());
    assert_eq!(got.sequence, Some(5));
}

#[test]
fn control_solution_is_marked() {
    assert!(glucose("sig-glucose-2a18", None, "020100E907010100000078B01A").control, "type 10");
    assert!(glucose("sig-glucose-2a18", None, "020100E907010100000078B041").control, "location 4");
    assert!(!glucose("sig-glucose-2a18", None, "020100E907010100000078B011").control);
    assert!(glucose("taidoc-51", Some("glucose"), "51267D0018C0A571").control);
}

#[test]
fn meals_are_told_apart() {
    let meal = |hex: &str| glucose("taidoc-51", Some("glucose"), hex).meal;
    assert_eq!(meal("51266B000000A587"), Meal::Unknown);
    assert_eq!(meal("51266B000040A5C7"), Meal::BeforeMeal);
    assert_eq!(meal("51266B000080A507"), Meal::AfterMeal);
}
