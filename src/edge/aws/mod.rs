//! AWS: requests signed in the name of an identity ([`Signer`]).

mod sign;
#[cfg(test)]
mod tests;

pub use sign::{Credentials, Signer, Unsigned};
