//! The result slip: what an old person without a telephone takes home, on 58 mm of paper.
//!
//! 1. [`Slip`]: what is said, and its lines within so many columns. Pure.
//! 2. [`escpos`]: the lines as the bytes of an ESC/POS printer, and what its status says. Pure.
//! 3. [`Printer`]: one serial line, a bounded queue, what the printer is doing.
//!
//! A slip is printed from what is committed and judged, never before. A printer that is gone or has no
//! paper stops nothing: its slips wait, at most [`WAITS`] and [`PATIENCE`], and its state is told.

pub mod escpos;
mod printer;
mod text;

pub(crate) use printer::send;
pub use printer::{Job, PATIENCE, Printer, PrinterLine, PrinterState, Printers, QueueFull, WAITS};
pub use text::{Line, Slip, Taken, columns_of, fold};
