//! AWS: who this machine is there ([`Identity`]), requests signed in that name ([`Signer`]), and the token by which Amazon
//! MSK lets it in ([`msk_token`]).

mod identity;
mod msk;
mod sign;
#[cfg(test)]
mod tests;

pub use identity::Identity;
pub use msk::{MskToken, msk_token, region_of};
pub use sign::{Credentials, Signer, Unsigned};

/// Why there is no AWS identity, or no use for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// Nothing tells who we are.
    #[error(
        "this machine has no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor a profile in ~/.aws, web identity, container or instance metadata gives any"
    )]
    NoCredentials,
    /// A source of credentials failed.
    #[error("AWS credentials cannot be had: {0}")]
    Credentials(String),
    /// Nothing tells the region.
    #[error("the AWS region is not known: neither the brokers' host names nor AWS_REGION tell it")]
    NoRegion,
}
