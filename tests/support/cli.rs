//! Runs the built `evenkeel` binary as a person would: words in, screen and exit code out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a command left behind.
pub struct Screen {
    words: Vec<String>,
    /// The exit code; absent when a signal ended the command.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ evenkeel {}", self.words.join(" "))?;
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)?;
        writeln!(f, "--- exit code {:?} after {:.1?}", self.code, self.took)
    }
}

/// Runs `evenkeel` with these words and no input, and waits for its end.
pub fn evenkeel<S: AsRef<str>>(words: &[S]) -> Screen {
    Running::start(words).wait()
}

/// Where journals go that no `--state-dir` puts elsewhere: never to where a user's own are.
fn state_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("state-{}", std::process::id()))
}

/// An `evenkeel` at work. Dropping it kills it.
pub struct Running {
    words: Vec<String>,
    child: Option<Child>,
    began: Instant,
}

impl Running {
    /// Starts `evenkeel` with these words and no input.
    pub fn start<S: AsRef<str>>(words: &[S]) -> Self {
        Self::start_with(words, &[])
    }

    /// Starts `evenkeel` with these words, these variables in its environment, and no input.
    pub fn start_with<S: AsRef<str>>(words: &[S], variables: &[(&str, &str)]) -> Self {
        let words: Vec<String> = words.iter().map(|word| word.as_ref().to_owned()).collect();
        let child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(&words)
            .env("NO_COLOR", "1")
            // A third of a minute for each command, unless a test is about it.
            .env("EVENKEEL_LOAD_WINDOW", "0s")
            .envs(variables.iter().copied())
            .env("EVENKEEL_STATE_DIR", state_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the evenkeel binary starts");
        Self { words, child: Some(child), began: Instant::now() }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was started").id()
    }

    /// Asks it to stop, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let script = "kill -\"$1\" \"$2\"";
        let sent = Command::new("sh").args(["-c", script, "kill", name, &self.pid().to_string()]).status();
        assert!(sent.expect("sh starts").success(), "evenkeel was gone before it got SIG{name}");
    }

    /// Kills it, as the kernel does when memory runs out.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("it was started");
        child.kill().and_then(|()| child.wait()).expect("evenkeel was there to be killed");
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("it was started");
        child.try_wait().expect("evenkeel can be waited for").is_some()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Screen {
        let child = self.child.take().expect("waited for once");
        let output = child.wait_with_output().expect("evenkeel can be waited for");
        Screen {
            words: std::mem::take(&mut self.words),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: self.began.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let ended = child.kill().and_then(|()| child.wait());
            if let Err(error) = ended {
                eprintln!("an evenkeel may be left behind: {error}");
            }
        }
    }
}

impl Screen {
    /// Ends the test unless the command ended with this code. Returns itself for further looks.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "unexpected exit code\n{self}");
        self
    }

    /// Ends the test unless the command said this, on either stream.
    pub fn expect_says(self, words: &str) -> Self {
        let said = self.stdout.to_lowercase().contains(&words.to_lowercase())
            || self.stderr.to_lowercase().contains(&words.to_lowercase());
        assert!(said, "`{words}` was not said\n{self}");
        self
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self}"))
    }
}
