//! Sizings that can be followed by hand.
