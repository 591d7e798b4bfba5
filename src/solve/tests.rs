//! Tests of the solver on small clusters that can be followed by hand.
