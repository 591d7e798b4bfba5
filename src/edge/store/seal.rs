//! [`Seal`]: how it is known that entries are whole, all there, and none twice.

use sha2::{Digest, Sha256};

/// Bytes of a checksum.
const SUM: usize = 32;

/// A checksum of one entry.
pub(super) type Checksum = [u8; SUM];

/// The number of entries and the sum of their checksums: one that is lost, changed or repeated does not fit it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) count: i64,
    pub(super) sum: Checksum,
}

impl Seal {
    /// An entry more.
    pub(super) fn add(&mut self, checksum: &Checksum) {
        self.count += 1;
        self.mix(checksum);
    }

    /// An entry less.
    pub(super) fn remove(&mut self, checksum: &Checksum) {
        self.count -= 1;
        self.mix(checksum);
    }

    fn mix(&mut self, checksum: &Checksum) {
        self.sum.iter_mut().zip(checksum).for_each(|(sum, byte)| *sum ^= byte);
    }
}

/// One entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    pub(super) execution: Option<String>,
    pub(super) key: Option<String>,
    pub(super) body: String,
}

impl Row {
    /// The checksum of everything that is kept of it.
    pub(super) fn checksum(&self) -> Checksum {
        let mut hash = Sha256::new();
        hash.update(b"evenkeel-entry/1");
        hash.update(self.seq.to_le_bytes());
        hash.update(self.at_ms.to_le_bytes());
        for text in [self.execution.as_deref(), self.key.as_deref(), Some(self.body.as_str())] {
            // Each part carries its length, so that a letter cannot wander from one to the next.
            hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            hash.update(text.unwrap_or_default());
        }
        hash.finalize().into()
    }
}
