//! Simulated devices and places.
