//! [`Screen`]: results go to stdout, everything else to stderr; what each of the two understands.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use clap::ValueEnum;

use super::Failure;
use crate::report::Style;

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where results and notes go, and what is understood there.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// For results on stdout.
    pub results: Style,
    /// For notes on stderr.
    pub notes: Style,
    /// Whether results go to a terminal.
    pub results_on_terminal: bool,
    /// Whether notes go to a terminal: then progress is a bar that moves, else a line now and then.
    pub notes_on_terminal: bool,
}

impl Screen {
    /// Looks at stdout, stderr and the environment.
    pub fn new(colour: Colour) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let style = |terminal: bool, width: Option<u16>| Style {
            colour: match colour {
                Colour::Auto => terminal && !plain,
                Colour::Always => true,
                Colour::Never => false,
            },
            width,
        };
        let columns =
            |size: Option<(terminal_size::Width, terminal_size::Height)>| size.map(|(width, _)| width.0);
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let results_on_terminal = stdout.is_terminal();
        let notes_on_terminal = stderr.is_terminal();
        let width = |terminal: bool, size| if terminal { columns(size).or(Some(80)) } else { None };
        Self {
            results: style(
                results_on_terminal,
                width(results_on_terminal, terminal_size::terminal_size_of(&stdout)),
            ),
            notes: style(
                notes_on_terminal,
                width(notes_on_terminal, terminal_size::terminal_size_of(&stderr)),
            ),
            results_on_terminal,
            notes_on_terminal,
        }
    }

    /// For results that go into a file.
    pub fn plain() -> Self {
        Self {
            results: Style::default(),
            notes: Style::default(),
            results_on_terminal: false,
            notes_on_terminal: false,
        }
    }

    /// Writes a result to stdout. A reader that has seen enough (`| head`) is no failure.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub fn result(&self, text: &str) -> Result<(), Failure> {
        write_result(text.as_bytes())
    }

    /// Writes a result to a file where one is given and is not `-`, else to stdout.
    ///
    /// # Errors
    /// The file or stdout cannot be written to.
    pub fn result_to(&self, file: Option<&Path>, content: &[u8], what: &str) -> Result<(), Failure> {
        let Some(path) = file.filter(|path| *path != Path::new("-")) else {
            return write_result(content);
        };
        std::fs::write(path, content).map_err(|error| Failure::in_file("write", path, &error))?;
        self.note(&format!("{what} written to {}", path.display()));
        Ok(())
    }

    /// Tells something on stderr. A stderr that is closed leaves nobody to tell.
    pub fn note(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        // Nothing can be done, and nobody told, where stderr itself does not take it.
        drop(writeln!(stderr, "{text}"));
    }

    /// Tells of something that needs attention.
    pub fn warn(&self, text: &str) {
        self.note(&format!("{} {text}", self.notes.warning("warning:")));
    }

    /// Tells of a failure.
    pub fn fail(&self, failure: &Failure) {
        let mut lines = failure.message.lines();
        self.note(&format!("{} {}", self.notes.bad("error:"), lines.next().unwrap_or_default()));
        for line in lines {
            self.note(&format!("  {line}"));
        }
        self.hint(failure.hint.as_deref().unwrap_or_default());
    }

    /// Tells what would help, if anything is known to.
    pub fn hint(&self, hint: &str) {
        for (at, line) in hint.lines().enumerate() {
            let lead = if at == 0 { self.notes.warning("hint:") } else { "     ".to_owned() };
            self.note(&format!("{lead} {line}"));
        }
    }

    /// Asks a question that is answered by `yes` or by anything else. Where nobody is there to answer (stdin or
    /// stderr is not a terminal), nothing is asked and the answer is yes: `--execute` was leave enough.
    ///
    /// # Errors
    /// Stdin cannot be read.
    pub fn ask(&self, question: &str) -> Result<bool, Failure> {
        if !io::stdin().is_terminal() || !self.notes_on_terminal {
            return Ok(true);
        }
        let mut stderr = io::stderr().lock();
        drop(write!(stderr, "{} [yes/no] ", self.notes.bold(question)).and_then(|()| stderr.flush()));
        drop(stderr);
        let mut answer = String::new();
        io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| Failure::failed(format!("cannot read the answer: {error}")))?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}

fn write_result(content: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(content).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
