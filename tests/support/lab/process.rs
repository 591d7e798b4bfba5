//! A JVM that cannot outlive the test that started it.
//!
//! Between the test and the JVM stands a small shell that reads from a pipe whose other end only the test holds.
//! However the test ends (returns, panics, is killed), the pipe closes, and the shell kills the JVM.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Signal names come in as lines; the end of the input is the end of the JVM.
const GUARD: &str = r#"
log=$1; shift
"$@" </dev/null >>"$log" 2>&1 &
jvm=$!
echo "$jvm"
while read -r signal; do kill "-$signal" "$jvm"; done
kill -KILL "$jvm"
wait "$jvm"
"#;

/// A guarded process.
pub struct Guarded {
    guard: Child,
    orders: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
    /// Where the log ended before this process: a restarted broker goes on in the same file.
    log_start: usize,
}

impl Guarded {
    /// Starts a command with its output in a log file.
    pub fn spawn(words: &[String], log: &Path) -> Self {
        let log_start = fs::read(log).map_or(0, |text| text.len());
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(log)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C on the terminal must reach the test only: the guard has to live to do its work.
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let mut first = String::new();
        let stdout = guard.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut first).expect("the guard tells the process id");
        let pid = first.trim().parse().expect("a process id");
        let orders = guard.stdin.take();
        Self { guard, orders, pid, log: log.to_owned(), log_start }
    }

    /// Whether the process is there and is not a zombie.
    pub fn is_running(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    }

    fn signal(&mut self, name: &str) {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "{name}").expect("the guard listens");
        }
    }

    /// Waits until the log holds this text; ends the test when the process dies before or takes too long.
    pub fn wait_for_line(&self, text: &str, at_most: Duration) {
        let until = Instant::now() + at_most;
        loop {
            let log = fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log[self.log_start.min(log.len())..]).into_owned();
            if log.contains(text) {
                return;
            }
            let tail: Vec<&str> = log.lines().rev().take(25).collect();
            let tail = || tail.iter().rev().copied().collect::<Vec<_>>().join("\n");
            assert!(
                self.is_running(),
                "the process died before `{text}`; {}:\n{}",
                self.log.display(),
                tail()
            );
            assert!(
                Instant::now() < until,
                "no `{text}` in {at_most:?}; {}:\n{}",
                self.log.display(),
                tail()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn wait_gone(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        while self.is_running() {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// SIGSTOP: it is there and does nothing.
    pub fn suspend(&mut self) {
        self.signal("STOP");
    }

    /// SIGCONT: it goes on.
    pub fn wake(&mut self) {
        self.signal("CONT");
    }

    /// SIGKILL: no goodbye.
    pub fn kill(&mut self) {
        self.signal("KILL");
        assert!(self.wait_gone(Duration::from_secs(30)), "process {} survived SIGKILL", self.pid);
    }

    /// SIGTERM, and SIGKILL when that takes too long.
    pub fn stop(&mut self, at_most: Duration) {
        self.signal("TERM");
        if !self.wait_gone(at_most) {
            self.kill();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Closing the pipe is the order to kill; waiting for the guard is what keeps zombies away.
        self.orders = None;
        if let Err(error) = self.guard.wait() {
            eprintln!("the guard of process {} could not be waited for: {error}", self.pid);
        }
    }
}
