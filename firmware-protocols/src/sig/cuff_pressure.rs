//! `sig-icp-2a36`: the Intermediate Cuff Pressure characteristic (FORMATS §3.2; Bluetooth Blood
//! Pressure Service, "Intermediate Cuff Pressure"). The layout of 2A35 with the cuff pressure
//! first; never a measurement.

use crate::codec::{FieldSink, Format, Part, Selector};
use crate::deframe::Framing;
use crate::error::DecodeError;
use crate::measurement::{Meaning, PressureUnit};
use crate::sig::blood_pressure::{Layout, PressureFrame, scan_strict};

/// `sig-icp-2a36`.
pub const FORMAT: Format = Format {
    name: "sig-icp-2a36",
    models: &[],
    parts: &[Part::Frame],
    decode,
    framing: Some(|_model| Framing { scan: scan_strict, intact: super::always_intact }),
};

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    let (frame, trailing) = PressureFrame::parse(bytes, Layout::Strict)?;
    let name = match frame.unit {
        PressureUnit::MmHg => "cuff_mmHg",
        PressureUnit::KPa => "cuff_kPa",
    };
    let [cuff, _, _] = frame.values;
    out.field(name, cuff.real().value());
    frame.put_shared_fields(trailing, out);
    Ok(Meaning::Event("cuff_pressure"))
}
