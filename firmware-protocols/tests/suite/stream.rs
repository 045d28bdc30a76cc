//! A line's bytes become frames: whatever the split, whatever the noise, nothing is lost.

use firmware_protocols::deframe::{Deframer, Framing, Piece, Refusal};
use firmware_protocols::format;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{property, unhex};

const RAYCOME: &str = "AA80020F01060112091312012000760045003F3C";
const SINOCARE: &str = "534E1000040411040B101B2400360000CD18A2";
const TAIDOC: &str = "51267200474EA523";
const SIG_BP: &str = "167C0056006100E807060F11111B33001000";

/// Serial formats with a frame of each.
const LINES: [(&str, &str); 4] = [
    ("raycome-rbp", RAYCOME),
    ("sinocare-sn", SINOCARE),
    ("taidoc-51", TAIDOC),
    ("sig-bp-2a35", SIG_BP),
];

#[derive(Debug, Clone, PartialEq)]
enum Owned {
    Frame(Vec<u8>),
    Refused(Vec<u8>, Refusal),
}

impl From<Piece<'_>> for Owned {
    fn from(piece: Piece<'_>) -> Self {
        match piece {
            Piece::Frame(bytes) => Self::Frame(bytes.to_vec()),
            Piece::Refused { bytes, reason } => Self::Refused(bytes.to_vec(), reason),
        }
    }
}

fn framing(name: &str) -> Framing {
    format(name).unwrap().framing(None).unwrap()
}

/// Pushes the chunks, then falls silent.
fn run<const N: usize>(name: &str, chunks: &[&[u8]]) -> Vec<Owned> {
    let mut pieces = Vec::new();
    let mut deframer = Deframer::<N>::new(framing(name));
    for chunk in chunks {
        deframer.push(chunk, &mut |piece| pieces.push(piece.into()));
    }
    deframer.idle(&mut |piece| pieces.push(piece.into()));
    assert_eq!(deframer.waiting(), 0, "silence leaves nothing behind");
    pieces
}

fn frames(pieces: &[Owned]) -> Vec<&[u8]> {
    pieces
        .iter()
        .filter_map(|piece| match piece {
            Owned::Frame(bytes) => Some(bytes.as_slice()),
            Owned::Refused(..) => None,
        })
        .collect()
}

fn all_bytes(pieces: &[Owned]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| match piece {
            Owned::Frame(bytes) | Owned::Refused(bytes, _) => bytes.clone(),
        })
        .collect()
}

#[track_caller]
fn check(name: &str, hex: &str, expected: &[(&str, Option<Refusal>)]) {
    let expected: Vec<Owned> = expected
        .iter()
        .map(|(hex, reason)| match reason {
            None => Owned::Frame(unhex(hex)),
            Some(reason) => Owned::Refused(unhex(hex), *reason),
        })
        .collect();
    assert_eq!(run::<512>(name, &[&unhex(hex)]), expected);
}

#[test]
fn frames_and_noise_come_out_apart() {
    let noise = Some(Refusal::Noise);
    check("taidoc-51", &format!("{TAIDOC}{TAIDOC}"), &[(TAIDOC, None), (TAIDOC, None)]);
    check("taidoc-51", &format!("0000{TAIDOC}"), &[("0000", noise), (TAIDOC, None)]);
    check("raycome-rbp", &format!("{RAYCOME}FF"), &[(RAYCOME, None), ("FF", noise)]);
    check("sinocare-sn", "53", &[("53", Some(Refusal::Partial))]);
    check("sinocare-sn", "", &[]);
}

#[test]
fn a_bad_checksum_costs_one_byte_and_not_one_frame() {
    let bad = Some(Refusal::BadChecksum);
    check("taidoc-51", &format!("515126{TAIDOC}"), &[("515126", bad), (TAIDOC, None)]);
    check(
        "taidoc-51",
        &format!("51267200474EA524{TAIDOC}"),
        &[("51267200474EA524", bad), (TAIDOC, None)],
    );
}

#[test]
fn a_corrupted_length_byte_costs_no_good_frame() {
    let broken = "AA8002FF0106";
    let pieces = run::<512>("raycome-rbp", &[&unhex(broken), &unhex(RAYCOME)]);
    assert_eq!(frames(&pieces), [unhex(RAYCOME)], "silence ends the wait");
    let many = RAYCOME.repeat(20);
    let pieces = run::<512>("raycome-rbp", &[&unhex(broken), &unhex(&many)]);
    assert_eq!(frames(&pieces).len(), 20, "a wrong checksum ends the wait");
}

#[test]
fn nothing_is_decoded_from_the_tail_of_an_over_long_frame() {
    let mut long = unhex("AA800260");
    while long.len() + 20 <= 0x60 + 5 {
        long.extend(unhex(RAYCOME));
    }
    long.resize(0x60 + 5, 0);
    let good = unhex(RAYCOME);
    let pieces = run::<32>("raycome-rbp", &[&long, &good]);
    assert_eq!(frames(&pieces), [good.as_slice()], "only the frame after the over-long one");
    assert_eq!(all_bytes(&pieces), [long.clone(), good].concat());
    let refused = pieces.iter().filter(|p| matches!(p, Owned::Refused(_, Refusal::TooLong)));
    assert_eq!(refused.count(), 4, "101 bytes leave a buffer of 32 in four pieces");
}

#[test]
fn silence_ends_an_over_long_frame() {
    let mut pieces = Vec::new();
    let mut deframer = Deframer::<32>::new(framing("raycome-rbp"));
    deframer.push(&unhex("AA8002600106"), &mut |piece| pieces.push(Owned::from(piece)));
    deframer.idle(&mut |piece| pieces.push(piece.into()));
    deframer.push(&unhex(RAYCOME), &mut |piece| pieces.push(piece.into()));
    assert_eq!(frames(&pieces), [unhex(RAYCOME)]);
}

#[test]
fn a_scale_line_has_frames_of_seven_bytes() {
    let framing = format("taidoc-51").unwrap().framing(Some("scale")).unwrap();
    let frame = unhex("5171020000A500");
    let sum = frame[..6].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let frame = [&frame[..6], &[sum]].concat();
    let mut found = 0;
    let mut deframer = Deframer::<512>::new(framing);
    for _ in 0..3 {
        deframer.push(&frame, &mut |piece| {
            assert_eq!(piece, Piece::Frame(&frame));
            found += 1;
        });
    }
    assert_eq!(found, 3);
}

/// Bytes of a line: good frames, broken frames, headers and plain noise.
fn line(hex: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let good = unhex(hex);
    let broken = (Just(good.clone()), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut frame, at, byte)| {
            let at = at.index(frame.len());
            frame[at] = byte;
            frame
        },
    );
    let cut = (Just(good.clone()), any::<prop::sample::Index>()).prop_map(|(mut frame, at)| {
        frame.truncate(at.index(frame.len()));
        frame
    });
    let piece = prop_oneof![Just(good), broken, cut, vec(any::<u8>(), 0..6)];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn check_any_split<const N: usize>(name: &str, hex: &'static str) {
    let strategy = (line(hex), any::<prop::sample::Index>(), any::<prop::sample::Index>());
    property(600, &strategy, |(bytes, one, two)| {
        let (one, two) = (one.index(bytes.len() + 1), two.index(bytes.len() + 1));
        let (one, two) = (one.min(two), one.max(two));
        let whole = run::<N>(name, &[&bytes]);
        let split = run::<N>(name, &[&bytes[..one], &bytes[one..two], &bytes[two..]]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&whole, &split, "the split changed the pieces");
        prop_assert_eq!(&whole, &run::<N>(name, &single), "byte by byte changed the pieces");
        prop_assert_eq!(all_bytes(&whole), bytes, "bytes were lost, added or moved");
        Ok(())
    });
}

#[test]
fn any_split_gives_the_same_pieces_and_every_byte_comes_out_once() {
    for (name, hex) in LINES {
        check_any_split::<512>(name, hex);
        check_any_split::<24>(name, hex);
        check_any_split::<8>(name, hex);
    }
}

#[test]
fn silence_at_any_moment_loses_no_byte() {
    for (name, hex) in LINES {
        property(400, &(line(hex), any::<prop::sample::Index>()), |(bytes, at)| {
            let at = at.index(bytes.len() + 1);
            let mut pieces = run::<512>(name, &[&bytes[..at]]);
            pieces.extend(run::<512>(name, &[&bytes[at..]]));
            prop_assert_eq!(all_bytes(&pieces), bytes);
            Ok(())
        });
    }
}

#[test]
fn a_good_frame_after_any_noise_and_a_silence_is_found() {
    for (name, hex) in LINES {
        let good = unhex(hex);
        property(400, &vec(any::<u8>(), 0..600), |noise| {
            let mut pieces = Vec::new();
            let mut deframer = Deframer::<512>::new(framing(name));
            deframer.push(&noise, &mut |_| ());
            deframer.idle(&mut |_| ());
            deframer.push(&good, &mut |piece| pieces.push(Owned::from(piece)));
            prop_assert_eq!(&pieces, &[Owned::Frame(good.clone())]);
            Ok(())
        });
    }
}
