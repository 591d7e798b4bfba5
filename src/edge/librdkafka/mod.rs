//! librdkafka, where its client does what ours does not: transactions. What its users share: settings as its
//! properties, its log lines, its questions for tokens, and its errors in words.

mod ears;
mod properties;
mod words;

pub use ears::Ears;
pub use properties::properties;
pub use words::{Right, Words, is_denial, is_fencing};
