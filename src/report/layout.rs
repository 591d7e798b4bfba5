//! [`Style`], and the shape that all screens share: headings, indented blocks, borderless tables.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Where a screen is going: how wide it is and whether it shows colour. Colour never carries meaning alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether colour codes are understood.
    pub colour: bool,
    /// Columns of the terminal; absent when the text goes into a file or a pipe, where nothing is cut.
    pub width: Option<u16>,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// For headings.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For what is as it should be.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// For what needs attention.
    pub fn warning(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// For what is wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }
}

/// Which side the text of a column stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Renders a table without borders, two spaces in, each column as wide as it needs. On a terminal the last
/// columns wrap to its width. Each rendered line ends without blanks.
pub(super) fn table(
    style: Style,
    columns: &[(&str, Side)],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|(name, _)| *name));
    match style.width {
        Some(width) => {
            // Below some 40 columns wrapping makes one word to a line: let the terminal wrap instead.
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width.max(40) - INDENT_WIDTH);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    for row in rows {
        table.add_row(row);
    }
    for (at, (_, side)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(at) {
            column.set_padding((0, 2));
            column.set_cell_alignment(match side {
                Side::Left => CellAlignment::Left,
                Side::Right => CellAlignment::Right,
            });
        }
    }
    indent(&table.to_string())
}

const INDENT: &str = "  ";
const INDENT_WIDTH: u16 = 2;

/// Sets every line two spaces in and takes blanks off its end.
pub(super) fn indent(text: &str) -> String {
    text.lines().map(|line| format!("{INDENT}{line}").trim_end().to_owned() + "\n").collect()
}

/// Like [`indent`], but on a terminal long lines are broken between words; what follows stands further in.
pub(super) fn prose(style: Style, text: &str) -> String {
    let Some(width) = style.width else { return indent(text) };
    let width = usize::from(width.max(40));
    let mut out = String::new();
    for line in text.lines() {
        let own = line.len() - line.trim_start().len();
        let mut row = format!("{INDENT}{}", &line[..own]);
        let hanging = " ".repeat(row.len() + 2);
        let mut used = row.len();
        let mut first = true;
        for word in line.trim_start().split(' ') {
            let length = visible_width(word);
            if !first && used + 1 + length > width {
                out.extend([row.trim_end(), "\n"]);
                (row, used, first) = (hanging.clone(), hanging.len(), true);
            }
            if !first {
                row.push(' ');
                used += 1;
            }
            row.push_str(word);
            used += length;
            first = false;
        }
        out.extend([row.trim_end(), "\n"]);
    }
    out
}

/// Columns that a text takes, colour codes not counted.
fn visible_width(text: &str) -> usize {
    let mut parts = text.split("\x1b[");
    let plain = parts.next().map_or(0, |part| part.chars().count());
    plain + parts.map(|part| part.split_once('m').map_or(0, |(_, rest)| rest.chars().count())).sum::<usize>()
}

/// A screen in the making: a title, then sections with a heading each.
pub(super) struct Page {
    style: Style,
    text: String,
}

impl Page {
    /// Opens a page; `title` is set in bold, `below` stands under it.
    pub(super) fn new(style: Style, title: &str, below: &str) -> Self {
        Self { style, text: style.bold(title) + "\n" + &prose(style, below) }
    }

    /// Adds a section; nothing when there is nothing to say.
    pub(super) fn section(&mut self, title: &str, body: &str) {
        if !body.is_empty() {
            let title = self.style.bold(title);
            self.text.extend(["\n", title.as_str(), "\n", body]);
        }
    }

    /// Adds closing lines, apart from what is above them.
    pub(super) fn close(&mut self, lines: &[String]) {
        for (at, line) in lines.iter().enumerate() {
            self.text.extend([if at == 0 { "\n" } else { "" }, line.as_str(), "\n"]);
        }
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// `1 move`, `2 moves`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_rows(width: Option<u16>) -> String {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["long name".to_owned(), "1000".to_owned()]];
        table(Style { colour: false, width }, &[("name", Side::Left), ("size", Side::Right)], rows)
    }

    #[test]
    fn tables_have_no_borders_and_no_blanks_at_the_end() {
        assert_eq!(two_rows(None), "  name       size\n  a             1\n  long name  1000\n");
        assert_eq!(two_rows(Some(80)), two_rows(None), "a table that fits is not stretched");
    }

    #[test]
    fn prose_wraps_between_words_on_a_terminal_only() {
        let text = "price  one two three four five six seven eight nine ten";
        assert_eq!(prose(Style::default(), text), format!("  {text}\n"));
        let narrow = Style { colour: true, width: Some(40) };
        assert_eq!(prose(narrow, text), "  price  one two three four five six\n    seven eight nine ten\n");
        let painted = narrow.bad("one") + " two three four five six seven";
        assert_eq!(prose(narrow, &painted).lines().count(), 1, "colour codes take no columns");
    }

    #[test]
    fn colour_is_only_written_where_it_is_understood() {
        assert_eq!(Style::default().bad("not met"), "not met");
        assert_eq!(Style { colour: true, width: None }.bad("not met"), "\x1b[31mnot met\x1b[0m");
    }
}
