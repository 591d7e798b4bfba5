//! What is shown while a plan runs: a bar on a terminal, a line every ten seconds elsewhere, and what matters as
//! it happens. The rest goes to the log (`-v`).

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Screen;
use crate::control::Happening;
use crate::execute::{ExecutionEvent, Progress, StepEnd};

/// How often a line tells the progress where no bar can.
pub const LINE_EVERY: Duration = Duration::from_secs(10);

/// The bar counts in thousandths: bytes of a plan without copies would leave it empty.
const BAR_PARTS: f64 = 1000.0;

/// Shows the progress of one execution.
pub struct Progression {
    screen: Screen,
    bar: Option<ProgressBar>,
    line_every: Duration,
    last_line: Option<Instant>,
}

impl Progression {
    /// Begins to show; `line_every` is how often a line tells the progress where no bar can.
    pub fn new(screen: &Screen, line_every: Duration) -> Self {
        let bar = screen.notes_on_terminal.then(|| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small constant")]
            let parts = BAR_PARTS as u64;
            let bar = ProgressBar::with_draw_target(Some(parts), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:24} {wide_msg}");
            bar.set_style(style.expect("the template is right").progress_chars("=> "));
            bar
        });
        Self { screen: *screen, bar, line_every, last_line: None }
    }

    /// Shows what happened.
    pub fn tell(&mut self, happening: &Happening<'_>) {
        match happening {
            Happening::Event(event) if is_detail(event) => tracing::info!("{event}"),
            Happening::Event(event) => self.line(&event.to_string()),
            Happening::Progress(progress) => self.progress(progress),
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a ratio from 0 to 1"
            )]
            bar.set_position((progress.ratio() * BAR_PARTS) as u64);
            bar.set_message(progress.to_string());
            return;
        }
        if self.last_line.is_none_or(|last| last.elapsed() >= self.line_every) {
            self.last_line = Some(Instant::now());
            self.screen.note(&progress.to_string());
        }
    }

    /// A line above the bar, or just a line.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.screen.note(text)),
            None => self.screen.note(text),
        }
    }

    /// Takes the bar away.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether an event is one of the thousands that a good execution has.
fn is_detail(event: &ExecutionEvent) -> bool {
    matches!(
        event,
        ExecutionEvent::StageStarted { .. }
            | ExecutionEvent::OrderRestored { .. }
            | ExecutionEvent::StepEnded { end: StepEnd::Done | StepEnd::Stopped, .. }
    )
}
