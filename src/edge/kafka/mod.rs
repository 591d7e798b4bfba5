//! The kafka rim.
