//! What must hold for all bytes. The fuzz targets and, on a stable toolchain, the noise tests of
//! the crate drive the same three functions.

use firmware_protocols::codec::NoFields;
use firmware_protocols::deframe::{Deframer, Piece};
use firmware_protocols::taidoc::session::{
    ATTEMPTS_MAX, Event, MeterKind, Options, Output, Session,
};
use firmware_protocols::{FieldSink, Format, Part, Selector, Value, formats};

/// Decoding ends, twice alike, and tells no field before an error and none twice.
pub(crate) fn decode_any(bytes: &[u8]) {
    let Some((pick, frame)) = bytes.split_first() else { return };
    let format = pick_format(*pick);
    for model in format.models.iter().copied().map(Some).chain([None]) {
        for part in Part::ALL {
            let selector = Selector { model, part };
            let mut told = Told::default();
            let result = format.decode(frame, selector, &mut told);
            assert_eq!(result, format.decode(frame, selector, &mut NoFields));
            assert!(result.is_ok() || told.names.is_empty(), "fields before an error");
        }
    }
}

#[derive(Default)]
struct Told {
    names: Vec<&'static str>,
}

impl FieldSink for Told {
    fn field(&mut self, name: &'static str, _value: Value<'_>) {
        assert!(!self.names.contains(&name), "{name} was told twice");
        self.names.push(name);
    }
}

fn pick_format(pick: u8) -> &'static Format {
    &formats()[usize::from(pick) % formats().len()]
}

/// Every byte of a line comes out once and in order, and the pieces do not depend on the split.
pub(crate) fn deframe(bytes: &[u8]) {
    let [pick, chunk, line @ ..] = bytes else { return };
    let format = pick_format(*pick);
    for model in format.models.iter().copied().map(Some).chain([None]) {
        let Some(framing) = format.framing(model) else { return };
        let chunk = usize::from(*chunk).max(1);
        let whole = pieces(Deframer::<512>::new(framing), line.chunks(line.len().max(1)));
        let split = pieces(Deframer::<512>::new(framing), line.chunks(chunk));
        assert_eq!(whole, split, "the split changed the pieces");
        conserves(&whole, line);
        conserves(&pieces(Deframer::<16>::new(framing), line.chunks(chunk)), line);
    }
}

fn pieces<'a, const N: usize>(
    mut deframer: Deframer<N>,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> Vec<(bool, Vec<u8>)> {
    let mut found = Vec::new();
    let mut keep = |piece: Piece<'_>| {
        assert!(!piece.bytes().is_empty(), "an empty piece");
        found.push((matches!(piece, Piece::Frame(_)), piece.bytes().to_vec()));
    };
    for chunk in chunks {
        deframer.push(chunk, &mut keep);
    }
    deframer.idle(&mut keep);
    assert_eq!(deframer.waiting(), 0, "silence leaves nothing behind");
    found
}

fn conserves(pieces: &[(bool, Vec<u8>)], line: &[u8]) {
    let together: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(together, line, "bytes were lost, added or moved");
}

/// A session sends a bounded number of requests, none of which acts on patient or device, and
/// once it is over it stays silent.
pub(crate) fn taidoc_session(bytes: &[u8]) {
    const KINDS: [Option<MeterKind>; 4] =
        [None, Some(MeterKind::TwoInOne), Some(MeterKind::Glucose), Some(MeterKind::BloodPressure)];
    let Some((pick, script)) = bytes.split_first() else { return };
    let kind = KINDS[usize::from(*pick) % KINDS.len()];
    let mut session = Session::new(Options { kind, user: None });
    let mut open = open_request(session.start());
    for step in script.chunks(5) {
        let was_over = session.is_finished();
        let outputs = match (step, open) {
            ([with, d0, d1, d2, d3], Some(command)) if *with != 0 => {
                let command = if *with < 0x60 { *with } else { command };
                let frame = firmware_protocols::taidoc::device_frame(command, [*d0, *d1, *d2, *d3]);
                session.handle(Event::Frame(&frame))
            }
            _ => session.handle(Event::Timeout),
        };
        assert!(!was_over || outputs.into_iter().count() == 0, "a session that is over spoke");
        open = open_request(outputs).or(open);
    }
    for _ in 0..=ATTEMPTS_MAX + 1 {
        open_request(session.handle(Event::Timeout));
    }
    assert!(session.is_finished(), "silence did not end the session");
}

/// The command that was sent, which must be one that only reads.
fn open_request(outputs: impl IntoIterator<Item = Output>) -> Option<u8> {
    let mut sent = None;
    for output in outputs {
        if let Output::Send(bytes) = output {
            assert!([0x22, 0x23, 0x24, 0x25, 0x26, 0x2B].contains(&bytes[1]), "{bytes:02X?}");
            sent = Some(bytes[1]);
        }
    }
    sent
}
