//! The cli rim.
