//! [`one_line`]: text from outside inside a line for a person.

/// The text on one line, of so many letters at most: what breaks a line, and what a terminal obeys, is written as an escape, and
/// `...` stands where it was cut.
pub fn one_line(text: &str, letters: usize) -> String {
    let mut line = String::new();
    let mut left = letters;
    for letter in text.trim().chars() {
        if left == 0 {
            return line + "...";
        }
        left -= 1;
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_not_broken_nor_longer_than_said_and_no_terminal_obeys_it() {
        assert_eq!(one_line(" as it `is`, é \n", 20), "as it `is`, é");
        assert_eq!(one_line("red \u{1b}[31m\r\nnext\u{85}", 30), "red \\u{1b}[31m\\r\\nnext");
        assert_eq!(one_line("a\u{0}b", 3), "a\\u{0}b");
        assert_eq!(one_line("abcd", 3), "abc...");
    }
}
