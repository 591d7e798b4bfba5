//! The rim: the only place with async, sockets, files, clocks and the environment.

pub mod aws;
pub mod canary;
pub mod cli;
pub mod http;
pub mod kafka;
pub mod lease;
pub mod librdkafka;
pub mod metrics;
pub mod pem;
pub mod sim;
pub mod store;
pub mod token;
pub mod web_client;
