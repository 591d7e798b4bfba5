//! Where a lab's files are, and who removes them when the test cannot.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the brokers' data go: to memory where there is room, because a goal looks at how full the volume is, and
/// how full the disk of a developer's machine is must not decide a test.
pub(super) fn data_dir(dir: &Path) -> PathBuf {
    let available = Command::new("df").args(["--output=avail", "--block-size=1M", "/dev/shm"]).output();
    let text =
        available.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let available_mib: u64 =
        text.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or_default();
    if available_mib < 2_048 {
        return dir.join("data");
    }
    let in_memory = tempfile::Builder::new().prefix("evenkeel-lab-").tempdir_in("/dev/shm");
    in_memory.expect("a folder for the data").keep()
}

/// What is mounted below the folders goes first.
const SWEEP: &str = r#"
read -r done && exit 0
sleep 2
for dir in "$@"; do
    cut -d' ' -f2 /proc/mounts | grep -F "$dir/" | sort -r | while read -r on; do umount -l "$on"; done
done
rm -rf "$@"
"#;

/// Removes the lab's folders when the test process is killed and cannot do so itself.
pub(super) fn sweeper(dirs: &[&Path]) -> Child {
    Command::new("sh")
        .args(["-c", SWEEP, "sweeper"])
        .args(dirs)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh starts")
}
