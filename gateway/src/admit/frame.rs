//! Device frames to readings, through the codecs of `firmware-protocols`.

use firmware_protocols::Measurement;
use smol_str::{SmolStr, ToSmolStr};

use super::{Decoded, Source};
use crate::{domain::{Remarks, Sequence}, intake::Item};
