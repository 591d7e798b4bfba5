//! Scenarios on a cluster that can be followed by hand.
