//! The shapes of what is told of groups and their offsets.

use super::Kind::{Array, Text};
use super::{Field, I16, I32, I64, Shape, UUID, always, since};

pub(super) const LIST_GROUPS: Shape = Shape {
    flexible_since: 3,
    fields: &[
        since(1, I32),
        always(I16),
        always(Array(&[always(Text), always(Text), since(4, Text), since(5, Text)])),
    ],
    tagged: &[],
};

/// Offset, leader's epoch, metadata, code.
const COMMITTED: &[Field] = &[always(I32), always(I64), since(5, I32), always(Text), always(I16)];

pub(super) const OFFSET_FETCH: Shape = Shape {
    flexible_since: 6,
    fields: &[
        since(3, I32),
        Field { kind: Array(&[always(Text), always(Array(COMMITTED))]), since: 0, until: 7 },
        Field { kind: I16, since: 2, until: 7 },
        since(
            8,
            Array(&[
                always(Text),
                always(Array(&[
                    Field { kind: Text, since: 8, until: 9 },
                    since(10, UUID),
                    always(Array(COMMITTED)),
                ])),
                always(I16),
            ]),
        ),
    ],
    tagged: &[],
};

pub(super) const SHARE_GROUP_OFFSETS: Shape = Shape {
    flexible_since: 0,
    fields: &[
        always(I32),
        always(Array(&[
            always(Text),
            always(Array(&[
                always(Text),
                always(UUID),
                always(Array(&[always(I32), always(I64), always(I32), always(I16), always(Text)])),
            ])),
            always(I16),
            always(Text),
        ])),
    ],
    tagged: &[],
};
