//! The doors that the targets knock at, shared with the ordinary tests of evenkeel.

#[path = "../../tests/property/doors.rs"]
pub mod doors;
