//! The metrics rim.
