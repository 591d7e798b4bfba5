//! What a certificate says in words.

/// How the least bytes follow from the prices, for whoever checks it.
pub const FORMULA: &str = "Sum over partitions of the cheapest end, less sum over prices of price times bound (plus for \
at-least). The load that a broker ends with costs its price for each unit (at-least: earns it); a replica that changes its \
broker costs its bytes. The cheapest end of a partition: each of its replicas stays, or moves to the live broker that costs \
least, in its own rack where the partition stands once on every rack and has as many replicas as racks; one of them leads, \
whichever is cheapest; replicas on emptied brokers move; of partitions whose rack spread is to be mended as many replicas \
move as racks are lacking. From this 1e-9 of the sums is taken off for rounding. True for all prices that are not negative.";
