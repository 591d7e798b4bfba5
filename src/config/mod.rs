//! Settings: one type per element, parsed from text. Reading the file is `edge`'s.
