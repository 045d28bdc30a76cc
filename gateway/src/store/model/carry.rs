//! What goes to other gateways, from the log in memory.

use super::reader::ModelReader;
use crate::store::CarryReader;

impl CarryReader for ModelReader {}
