//! The sim rim.
