//! A frame with two faults has one answer: the earlier check's (FORMATS §2.4).

use crate::{decode, unhex};

#[track_caller]
fn check(name: &str, model: Option<&str>, hex: &str, expected: &str) {
    let error = decode(name, model, &unhex(hex)).unwrap_err();
    assert_eq!(error.name(), expected, "{name} {hex}");
}

#[test]
fn taidoc_header_then_length_then_stop_then_sum_then_content() {
    let bp = Some("bp");
    check("taidoc-51", bp, "", "bad_length");
    check("taidoc-51", bp, "50", "bad_header");
    check("taidoc-51", bp, "51", "bad_length");
    check("taidoc-51", bp, "50267200474EA523", "bad_header");
    check("taidoc-51", bp, "51267200474EA52300", "bad_length");
    check("taidoc-51", bp, "51267200474EA4FF", "bad_terminator");
    check("taidoc-51", bp, "51267200474EA524", "bad_checksum");
    check("taidoc-51", None, "512500000000A500", "bad_checksum");
    check("taidoc-51", None, "512500000000A51B", "invalid_date");
    check("taidoc-51", None, "512300000000A519", "invalid_date");
    check("taidoc-51", Some("glucose"), "5126FF000000A500", "bad_checksum");
    check("taidoc-51", Some("glucose"), "5126FF000000A51B", "invalid_reading");
    check("taidoc-51", Some("glucose"), "5126FFFF0000A51A", "invalid_reading");
    check("taidoc-51", Some("scale"), "51267200474EA523", "bad_length");
}

#[test]
fn taidoc_mean_outside_the_pressures_is_no_reading() {
    check("taidoc-51", Some("bp"), "51267246474EA569", "invalid_reading");
    check("taidoc-51", Some("bp"), "51267273474EA596", "invalid_reading");
    assert!(decode("taidoc-51", Some("bp"), &unhex("51267247474EA56A")).is_ok(), "as diastolic");
    assert!(decode("taidoc-51", Some("bp"), &unhex("51267272474EA595")).is_ok(), "as systolic");
}

#[test]
fn raycome_short_then_header_then_length_then_sum() {
    check("raycome-rbp", None, "CC800203010100", "too_short");
    check("raycome-rbp", None, "00000000000000", "too_short");
    check("raycome-rbp", None, "CC81020401010002", "bad_header");
    check("raycome-rbp", None, "CC80030401010002", "bad_header");
    check("raycome-rbp", None, "CC80020401010002", "bad_length");
    check("raycome-rbp", None, "AA80020301060006", "bad_length");
    check("raycome-rbp", None, "CC80020301010002", "bad_checksum");
}

#[test]
fn sinocare_short_then_header_then_length_then_sum() {
    check("sinocare-sn", None, "534E04000403", "too_short");
    check("sinocare-sn", None, "000000000000", "too_short");
    check("sinocare-sn", None, "534F0500040300", "bad_header");
    check("sinocare-sn", None, "534E0500040300", "bad_length");
    check("sinocare-sn", None, "534E0F0004040F061113280A2E0001410000", "bad_length");
    check("sinocare-sn", None, "534E0400040300", "bad_checksum");
}

#[test]
fn bluetooth_short_then_truncated() {
    check("sig-bp-2a35", None, "1F0000000000", "too_short");
    check("sig-bp-2a35", None, "1F000000000000", "truncated");
    check("sig-bp-2a35.quirk-beurer", None, "00000000000000", "truncated");
    check("sig-icp-2a36", None, "1F0000000000", "too_short");
    check("sig-icp-2a36", None, "10000000000000", "truncated");
    check("sig-glucose-2a18", None, "1F0000000000000000", "too_short");
    check("sig-glucose-2a18", None, "01000000000000000000", "truncated");
    check("sig-glucose-context-2a34", None, "FF00", "too_short");
    check("sig-glucose-context-2a34", None, "400000", "truncated");
    check("sig-datetime-2a08", None, "", "truncated");
    check("sig-glucose-feature-2a51", None, "", "too_short");
    check("ieee11073-sfloat", None, "00", "too_short");
    check("ieee11073-float", None, "000000", "too_short");
}

#[test]
fn record_access_short_then_opcode_then_operator_then_length() {
    check("sig-racp-2a52", None, "0101", "too_short");
    check("sig-racp-2a52", None, "010101", "unexpected_opcode");
    check("sig-racp-2a52", None, "0501020304", "invalid_operator");
    check("sig-racp-2a52", None, "0500020304", "bad_length");
    check("sig-racp-2a52", None, "060001", "bad_length");
    check("sig-racp-2a52", None, "0600010101", "bad_length");
}

#[test]
fn a_selection_that_the_format_does_not_have_is_refused() {
    check("taidoc-51", Some("toaster"), "51267200474EA523", "unknown_model");
    check("sig-bp-2a35", Some("bp"), "00780050005A00", "unknown_model");
}
