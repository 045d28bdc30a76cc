//! For the check of the pack by mutants: moves one time of a pack by less than its unit while it is
//! read, so that a comparison which is inclusive where it should not be (or the other way round)
//! gives another answer.

use std::cell::RefCell;

use crate::domain::Millis;

thread_local! {
    static MOVED: RefCell<Option<(String, Millis)>> = const { RefCell::new(None) };
    static ASKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A time as it is read: moved, if it is the one. Its place is remembered.
pub(super) fn read(place: String, time: Millis) -> Millis {
    let moved = MOVED.with_borrow(|moved| match moved {
        Some((at, by)) if *at == place => Millis(time.0.saturating_add(by.0)),
        _ => time,
    });
    ASKED.with_borrow_mut(|asked| asked.push(place));
    moved
}

/// What reads a pack of this thread gets one time moved.
pub(in crate::assess) fn moved<T>(place: &str, by: Millis, read: impl FnOnce() -> T) -> T {
    MOVED.set(Some((place.to_owned(), by)));
    let got = read();
    MOVED.set(None);
    got
}

/// The places of all times that are read meanwhile.
pub(in crate::assess) fn times<T>(read: impl FnOnce() -> T) -> Vec<String> {
    ASKED.take();
    read();
    ASKED.take()
}
