//! An existing broker.
