//! Why bytes were not a frame. One closed list, whose names are a contract (FORMATS §2.4).

use core::fmt;

/// The reason a decoder refused its bytes. The bytes themselves stay with the caller.
///
/// When a frame has several faults the first of this order is named: fixed minimum length, header,
/// length byte, terminator, checksum, content (FORMATS §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DecodeError {
    /// Fewer bytes than the fixed part.
    TooShort,
    /// The flags promise more bytes than there are.
    Truncated,
    /// The first bytes are not those of this format.
    BadHeader,
    /// The length byte, or the length of the whole, is not one this format has.
    BadLength,
    /// The stop byte is not one this format has.
    BadTerminator,
    /// The checksum does not match the bytes.
    BadChecksum,
    /// The line carries no checksum.
    MissingChecksum,
    /// The frame does not end in carriage return and line feed.
    MissingCrlf,
    /// The text does not have the shape of this format.
    BadFormat,
    /// The frame number is not a digit from 0 to 7.
    BadFrameNumber,
    /// The report is not one this format has.
    BadReport,
    /// Day, month, hour or minute do not exist in any calendar.
    InvalidDate,
    /// The value is the device's own mark for "no valid reading", or contradicts its layout.
    InvalidReading,
    /// The memory slot was never written.
    EmptySlot,
    /// The device says that it has no such record.
    NoRecord,
    /// The device asks to be asked again.
    DeviceBusy,
    /// The device reports an error in place of a reading.
    DeviceError,
    /// The serial number does not have the shape of this format.
    InvalidSerial,
    /// The operation code is not that of a reply.
    UnexpectedOpcode,
    /// The operator is not the one a reply carries.
    InvalidOperator,
    /// An error frame was asked for, and this is none.
    NotErrorFrame,
    /// The application data unit is of an unknown kind.
    UnknownApdu,
    /// The caller selected a model that this format does not know. Not a fault of the bytes.
    UnknownModel,
    /// The caller selected a part that this format does not have. Not a fault of the bytes.
    UnknownPart,
}

impl DecodeError {
    /// The name that the contract gives this error (FORMATS §2.4), for example `too_short`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::Truncated => "truncated",
            Self::BadHeader => "bad_header",
            Self::BadLength => "bad_length",
            Self::BadTerminator => "bad_terminator",
            Self::BadChecksum => "bad_checksum",
            Self::MissingChecksum => "missing_checksum",
            Self::MissingCrlf => "missing_crlf",
            Self::BadFormat => "bad_format",
            Self::BadFrameNumber => "bad_frame_number",
            Self::BadReport => "bad_report",
            Self::InvalidDate => "invalid_date",
            Self::InvalidReading => "invalid_reading",
            Self::EmptySlot => "empty_slot",
            Self::NoRecord => "no_record",
            Self::DeviceBusy => "device_busy",
            Self::DeviceError => "device_error",
            Self::InvalidSerial => "invalid_serial",
            Self::UnexpectedOpcode => "unexpected_opcode",
            Self::InvalidOperator => "invalid_operator",
            Self::NotErrorFrame => "not_error_frame",
            Self::UnknownApdu => "unknown_apdu",
            Self::UnknownModel => "unknown_model",
            Self::UnknownPart => "unknown_part",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::TooShort => "fewer bytes than the fixed part",
            Self::Truncated => "the flags promise more bytes than there are",
            Self::BadHeader => "the header is not that of this format",
            Self::BadLength => "the length is not one this format has",
            Self::BadTerminator => "the stop byte is not one this format has",
            Self::BadChecksum => "the checksum does not match",
            Self::MissingChecksum => "the checksum is missing",
            Self::MissingCrlf => "the line end is missing",
            Self::BadFormat => "the text does not have the shape of this format",
            Self::BadFrameNumber => "the frame number is not 0 to 7",
            Self::BadReport => "the report is not one this format has",
            Self::InvalidDate => "the date does not exist",
            Self::InvalidReading => "the device marks the reading as invalid",
            Self::EmptySlot => "the memory slot is empty",
            Self::NoRecord => "the device has no such record",
            Self::DeviceBusy => "the device is busy",
            Self::DeviceError => "the device reports an error",
            Self::InvalidSerial => "the serial number has another shape",
            Self::UnexpectedOpcode => "the operation code is not that of a reply",
            Self::InvalidOperator => "the operator is not that of a reply",
            Self::NotErrorFrame => "the frame is not an error frame",
            Self::UnknownApdu => "the data unit is of an unknown kind",
            Self::UnknownModel => "the format does not know the selected model",
            Self::UnknownPart => "the format does not have the selected part",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())
    }
}

impl core::error::Error for DecodeError {}
