//! [`LoadShelf`]: the windows of loads of the last day, one small file for each, so that a restart forgets none.
//!
//! With them lie the weights of processor time that were drawn from them, for commands that take one look and know no windows.
//!
//! They are no part of the journal: nothing that is done follows from one of them alone, and a file that is lost or torn costs
//! a quarter of an hour of knowledge.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use serde::{Deserialize, Serialize};

use crate::base::TimestampMs;
use crate::observe::{CpuFit, LoadWindow, NoFit};

/// A window of a million replicas has some 20 MB of text.
const TEXT_BYTES_MOST: u64 = 1 << 28;

/// Older files are of no more use.
const KEPT_FOR: Duration = Duration::from_secs(86_400);

const ENDING: &str = ".json.gz";

/// The file of the weights; its ending is no window's.
const WEIGHTS: &str = "cpu-weights.json";

/// It holds a handful of numbers.
const WEIGHTS_BYTES_MOST: u64 = 1 << 16;

/// What a byte costs, as a daemon found out; or why it did not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeptWeights {
    /// When it looked.
    pub at: TimestampMs,
    fit: Option<CpuFit>,
    why_not: Option<NoFit>,
}

impl KeptWeights {
    /// What a daemon found out by then.
    pub fn new(at: TimestampMs, told: Result<CpuFit, NoFit>) -> Self {
        Self { at, fit: told.ok(), why_not: told.err() }
    }

    /// The weights.
    ///
    /// # Errors
    /// Why there are none.
    pub fn told(self) -> Result<CpuFit, NoFit> {
        self.fit.ok_or(self.why_not.unwrap_or(NoFit::OneLook))
    }
}

/// Where windows are kept.
#[derive(Debug, Clone)]
pub struct LoadShelf {
    dir: PathBuf,
}

impl LoadShelf {
    /// That of a cluster whose journal is in this folder.
    pub fn of(cluster_dir: &Path) -> Self {
        Self { dir: cluster_dir.join("loads") }
    }

    /// What was kept, and in words what could not be read of it.
    pub fn read(&self) -> (Vec<LoadWindow>, Vec<String>) {
        let (mut windows, mut problems) = (Vec::new(), Vec::new());
        match self.files() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(format!("{}: {error}", self.dir.display())),
            Ok(files) => {
                for (_, path) in files {
                    match read(&path) {
                        Ok(window) => windows.push(window),
                        Err(error) => problems.push(format!("{}: {error}", path.display())),
                    }
                }
            }
        }
        (windows, problems)
    }

    /// Keeps a window, and throws away what is a day older.
    ///
    /// # Errors
    /// It cannot be written; what was kept before is still there.
    pub fn keep(&self, window: &LoadWindow) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let name = format!("{:013}{ENDING}", window.begun_at.0);
        let half = self.dir.join(format!("{name}.half"));
        let mut text = GzEncoder::new(fs::File::create(&half)?, Compression::fast());
        text.write_all(&serde_json::to_vec(window)?)?;
        text.finish()?.sync_all()?;
        fs::rename(&half, self.dir.join(name))?;
        for (begun_at, path) in self.files()? {
            if window.begun_at.since(begun_at) > KEPT_FOR {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The weights that were kept last, where any were.
    ///
    /// # Errors
    /// They cannot be read, or are no weights.
    pub fn read_weights(&self) -> io::Result<Option<KeptWeights>> {
        let file = match fs::File::open(self.dir.join(WEIGHTS)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kept: KeptWeights = serde_json::from_reader(file.take(WEIGHTS_BYTES_MOST))?;
        if kept.fit.is_some_and(|fit| !fit.is_sound()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{WEIGHTS}: a number of it is negative"),
            ));
        }
        Ok(Some(kept))
    }

    /// Keeps the weights in place of those before.
    ///
    /// # Errors
    /// They cannot be written; what was kept before is still there.
    pub fn keep_weights(&self, weights: &KeptWeights) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let half = self.dir.join(format!("{WEIGHTS}.half"));
        let mut file = fs::File::create(&half)?;
        file.write_all(&serde_json::to_vec(weights)?)?;
        file.sync_all()?;
        fs::rename(&half, self.dir.join(WEIGHTS))
    }

    /// The files, and when their windows began.
    fn files(&self) -> io::Result<Vec<(TimestampMs, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(begun_at) = name.strip_suffix(ENDING).and_then(|number| number.parse().ok()) {
                files.push((TimestampMs(begun_at), path));
            }
        }
        files.sort();
        Ok(files)
    }
}

fn read(path: &Path) -> io::Result<LoadWindow> {
    let mut text = Vec::new();
    GzDecoder::new(fs::File::open(path)?).take(TEXT_BYTES_MOST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::TrafficWeights;

    fn window(begun_at: u64) -> LoadWindow {
        let text = format!("{{\"begun_at\":\"{}\",\"looks\":3,\"topics\":{{}}}}", TimestampMs(begun_at));
        serde_json::from_str(&text).expect("a window")
    }

    #[test]
    fn windows_outlive_the_process_for_a_day_and_a_torn_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = LoadShelf::of(folder.path());
        assert_eq!(shelf.read(), (Vec::new(), Vec::new()), "nothing was ever kept");
        let day = 86_400_000;
        for begun_at in [5_000, day, day + 6_000] {
            shelf.keep(&window(begun_at)).expect("it is kept");
        }
        let (kept, problems) = shelf.read();
        assert_eq!((kept, problems), (vec![window(day), window(day + 6_000)], Vec::new()));
        fs::write(folder.path().join("loads/0000086400007.json.gz"), b"torn").expect("written");
        let (kept, problems) = shelf.read();
        assert_eq!((kept.len(), problems.len()), (2, 1));
        assert!(problems[0].contains("0000086400007"), "{problems:?}");
    }

    #[test]
    fn weights_outlive_the_process_and_none_that_cannot_be_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = LoadShelf::of(folder.path());
        assert_eq!(shelf.read_weights().expect("nothing is wrong"), None);
        let weights = TrafficWeights { produce: 3e-8, consume: 1e-8, follow: 1e-8, serve: 0.0 };
        let fit = CpuFit {
            weights,
            base_cores: 0.25,
            windows: 90,
            brokers: 6,
            left_out: 3,
            median_off: 0.03,
            p95_off: 0.125,
            static_median_off: 0.5,
        };
        for told in [Ok(fit), Err(NoFit::TooFew { windows: 3, rows: 18, left_out: 0 }), Err(NoFit::Alike)] {
            shelf.keep_weights(&KeptWeights::new(TimestampMs(7_000), told)).expect("it is kept");
            let kept = shelf.read_weights().expect("as written").expect("kept");
            assert_eq!((kept.at, kept.told()), (TimestampMs(7_000), told));
            assert_eq!(shelf.read().1, Vec::<String>::new(), "it is no window");
        }
        let wrong = CpuFit { base_cores: -1.0, ..fit };
        shelf.keep_weights(&KeptWeights::new(TimestampMs(7_000), Ok(wrong))).expect("it is kept");
        assert!(shelf.read_weights().is_err());
        fs::write(folder.path().join("loads/cpu-weights.json"), b"{\"at\":").expect("written");
        assert!(shelf.read_weights().is_err(), "torn");
    }
}
