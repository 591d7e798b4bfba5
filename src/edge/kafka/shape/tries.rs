//! The shapes of answers to requests by which rights are tried.

use super::Kind::{self, Array, Text};
use super::{I16, I32, I64, Shape, always, since};

/// Up to version 11; later ones are not spoken.
pub(super) const FETCH: Shape = Shape {
    flexible_since: 12,
    fields: &[
        always(I32),
        since(7, I16),
        since(7, I32),
        always(Array(&[
            always(Text),
            always(Array(&[
                always(I32),
                always(I16),
                always(I64),
                always(I64),
                since(5, I64),
                always(Array(&[always(I64), always(I64)])),
                since(11, I32),
                always(Kind::Blob),
            ])),
        ])),
    ],
    tagged: &[],
};

/// Up to version 8; later ones are not spoken.
pub(super) const PRODUCE: Shape = Shape {
    flexible_since: 9,
    fields: &[
        always(Array(&[
            always(Text),
            always(Array(&[
                always(I32),
                always(I16),
                always(I64),
                always(I64),
                since(5, I64),
                since(8, Array(&[always(I32), always(Text)])),
                since(8, Text),
            ])),
        ])),
        always(I32),
    ],
    tagged: &[],
};

pub(super) const END_TXN: Shape = Shape {
    flexible_since: 3,
    fields: &[always(I32), always(I16), since(5, I64), since(5, I16)],
    tagged: &[],
};

pub(super) const CREATE_PARTITIONS: Shape = Shape {
    flexible_since: 2,
    fields: &[always(I32), always(Array(&[always(Text), always(I16), always(Text)]))],
    tagged: &[],
};
