//! `sig-racp-2a52`: replies of the Record Access Control Point (FORMATS §3.3; Bluetooth Glucose
//! Service, "Record Access Control Point").

use crate::bytes::Packet;
use crate::codec::{FieldSink, Format, Part, Selector, Value};
use crate::error::DecodeError;
use crate::measurement::Meaning;

/// `sig-racp-2a52`.
pub const FORMAT: Format =
    Format { name: "sig-racp-2a52", models: &[], parts: &[Part::Frame], decode, framing: None };

/// Operation code, operator and one byte (FORMATS §2.4).
const FIXED_LENGTH: usize = 3;
const OPCODE_COUNT: u8 = 5;
const OPCODE_RESPONSE: u8 = 6;
const OPERATOR_NULL: u8 = 0;

/// A reply of the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    /// So many records match.
    Count(u32),
    /// How a request ended.
    Response {
        /// The operation code of the request.
        request: u8,
        /// The result code; 1 is success.
        code: u8,
    },
}

impl Reply {
    /// Reads a reply. A count is 1, 2 or 4 bytes, a response is exactly 2.
    ///
    /// # Errors
    /// In this order: `too_short`, `unexpected_opcode`, `invalid_operator`, `bad_length`.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() < FIXED_LENGTH {
            return Err(DecodeError::TooShort);
        }
        let [opcode @ (OPCODE_COUNT | OPCODE_RESPONSE), operator, operand @ ..] = bytes else {
            return Err(DecodeError::UnexpectedOpcode);
        };
        if *operator != OPERATOR_NULL {
            return Err(DecodeError::InvalidOperator);
        }
        match (*opcode, operand) {
            (OPCODE_COUNT, &[count]) => Ok(Self::Count(u32::from(count))),
            (OPCODE_COUNT, &[low, high]) => {
                Ok(Self::Count(u32::from(u16::from_le_bytes([low, high]))))
            }
            (OPCODE_COUNT, &[a, b, c, d]) => Ok(Self::Count(u32::from_le_bytes([a, b, c, d]))),
            (OPCODE_RESPONSE, &[request, code]) => Ok(Self::Response { request, code }),
            _ => Err(DecodeError::BadLength),
        }
    }

    /// The bytes of this reply; a count takes 2 bytes, or 4 where it must.
    #[must_use]
    pub fn emit(&self) -> Packet {
        match self {
            Self::Count(count) => {
                let packet = Packet::new().put(&[OPCODE_COUNT, OPERATOR_NULL]);
                match u16::try_from(*count) {
                    Ok(short) => packet.put(&short.to_le_bytes()),
                    Err(_beyond_two_bytes) => packet.put(&count.to_le_bytes()),
                }
            }
            Self::Response { request, code } => {
                Packet::new().put(&[OPCODE_RESPONSE, OPERATOR_NULL, *request, *code])
            }
        }
    }
}

/// FORMATS §3.3, result codes 1 to 9.
const fn result_name(code: u8) -> &'static str {
    match code {
        1 => "success",
        2 => "op_code_not_supported",
        3 => "invalid_operator",
        4 => "operator_not_supported",
        5 => "invalid_operand",
        6 => "no_records_found",
        7 => "abort_unsuccessful",
        8 => "procedure_not_completed",
        9 => "operand_not_supported",
        _ => "unknown",
    }
}

fn decode(
    bytes: &[u8],
    _selector: Selector<'_>,
    out: &mut dyn FieldSink,
) -> Result<Meaning, DecodeError> {
    match Reply::parse(bytes)? {
        Reply::Count(count) => {
            out.field("kind", Value::Text("record_count"));
            out.field("count", count.into());
            Ok(Meaning::Event("record_count"))
        }
        Reply::Response { request, code } => {
            out.field("kind", Value::Text("response"));
            out.field("request_opcode", request.into());
            out.field("result_code", code.into());
            out.field("result", Value::Text(result_name(code)));
            Ok(Meaning::Event("record_access_response"))
        }
    }
}
