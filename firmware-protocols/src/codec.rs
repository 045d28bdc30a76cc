//! What every format looks like from outside: decode one frame, get fields and a meaning.

use crate::decimal::Decimal;
use crate::deframe::Framing;
use crate::error::DecodeError;
use crate::measurement::Meaning;
use crate::time::DateTime;

/// What the bytes are a part of, where they alone do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Part {
    /// A whole frame.
    #[default]
    Frame,
    /// A bare memory record.
    Record,
    /// A bare time field.
    Time,
    /// Bytes whose checksum is asked.
    CrcInput,
    /// A text record without its frame.
    Text,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Frame, Self::Record, Self::Time, Self::CrcInput, Self::Text];

    /// The name used in vectors and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Record => "record",
            Self::Time => "time",
            Self::CrcInput => "crc_input",
            Self::Text => "text",
        }
    }

    /// The part of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// What selects a reading of the bytes besides the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selector<'a> {
    /// One of the format's `models`, or none.
    pub model: Option<&'a str>,
    /// Which part the bytes are.
    pub part: Part,
}

/// One named fact of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Known to be unknown.
    Null,
    /// A flag.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A word.
    Text(&'a str),
    /// Naive device-local time.
    DateTime(DateTime),
    /// A list of words, in the order of their bits.
    Strings(&'a [&'a str]),
}

impl Value<'_> {
    /// A time, or null where there is none.
    pub(crate) fn time(time: Option<DateTime>) -> Self {
        time.map_or(Self::Null, Self::DateTime)
    }
}

macro_rules! integers {
    ($($from:ty),+) => {$(
        impl From<$from> for Value<'_> {
            fn from(value: $from) -> Self {
                Self::Integer(i64::from(value))
            }
        }
    )+};
}
integers!(u8, u16, i16, u32);

/// Where a decoder puts the fields of a frame. Nothing is put when decoding fails.
pub trait FieldSink {
    /// Takes one field.
    fn field(&mut self, name: &'static str, value: Value<'_>);
}

/// A sink for callers who want only the [`Meaning`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFields;

impl FieldSink for NoFields {
    fn field(&mut self, _name: &'static str, _value: Value<'_>) {}
}

impl<F: FnMut(&'static str, Value<'_>)> FieldSink for F {
    fn field(&mut self, name: &'static str, value: Value<'_>) {
        self(name, value);
    }
}

pub(crate) type Decoder =
    fn(&[u8], Selector<'_>, &mut dyn FieldSink) -> Result<Meaning, DecodeError>;

/// One wire format.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The name in `vectors.json`, in topics and in the configuration.
    pub name: &'static str,
    /// The models that change how bytes are read; empty where none does.
    pub models: &'static [&'static str],
    /// The parts that can be decoded.
    pub parts: &'static [Part],
    pub(crate) decode: Decoder,
    pub(crate) framing: Option<fn(Option<&str>) -> Framing>,
}

impl Format {
    /// Decodes one frame (or the selected part): fields go to the sink, the meaning comes back.
    ///
    /// # Errors
    /// The first fault in the order of FORMATS §2.4; `unknown_model` or `unknown_part` when the
    /// selector asks for what this format does not have.
    pub fn decode(
        &self,
        bytes: &[u8],
        selector: Selector<'_>,
        out: &mut dyn FieldSink,
    ) -> Result<Meaning, DecodeError> {
        if !self.parts.contains(&selector.part) {
            return Err(DecodeError::UnknownPart);
        }
        if selector.model.is_some_and(|model| !self.models.contains(&model)) {
            return Err(DecodeError::UnknownModel);
        }
        (self.decode)(bytes, selector, out)
    }

    /// Whether it is what readers of cards send: its frames tell a `card` and measure nothing.
    #[must_use]
    pub fn is_of_cards(&self) -> bool {
        [crate::card_line::FORMAT.name, crate::resident_id::FORMAT.name].contains(&self.name)
    }

    /// How frames of this format are found in a line's bytes; `None` where a serial line never
    /// carries them.
    #[must_use]
    pub fn framing(&self, model: Option<&str>) -> Option<Framing> {
        self.framing.map(|framing| framing(model))
    }
}
