//! What goes to other gateways, from the tables.

use super::reader::SqliteReader;
use crate::store::CarryReader;

impl CarryReader for SqliteReader {}
