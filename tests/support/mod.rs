//! What several test binaries share. Nothing here is a test itself.

pub mod cli;
pub mod lab;
pub mod words;
