//! The loop, and the one door to the outside: [`World`].
//!
//! [`propose`] makes a judged plan of one look, [`Controller`] decides what the daemon does with it, [`drive`] runs
//! one plan to its end, and [`World`] is what all of it acts on. Nothing here knows Kafka's wire.

mod approval;
mod controller;
mod drive;
mod journal;
mod mortal;
mod permit;
mod propose;
mod settings;
mod world;

pub use approval::{Approval, ApprovalFate, Fit, fit};
pub use controller::{Controller, ControllerSettings, Decision, HeldBack};
pub use drive::{Charge, Happening, drive};
pub use journal::{
    Entry, ExecutionId, Intended, Journal, JournalError, NoJournal, Recollection, Record, Unfinished,
};
pub use mortal::{Fate, KillPoint, Moment, MortalJournal, MortalWorld, SharedFate, mortal};
pub use permit::Permit;
pub use propose::{CANARY_TOPIC, Proposal, ProposeError, propose, propose_ahead};
pub use world::{Scope, World, WorldError};
pub(crate) use world::{all_but_looking, all_but_looking_and_waiting};

#[cfg(test)]
mod controller_tests;
#[cfg(test)]
mod drive_tests;
