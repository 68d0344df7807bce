//! Signals that ask the run to stop. The dispatcher owns them; nobody else listens.

use tokio::signal::unix::{SignalKind, signal};

use super::Events;
use crate::model::NoteLevel;
use crate::process::{Cancellation, Cause};

/// Turns interrupts and requests to terminate into requests of `cancellation`, and says so.
pub fn listen(cancellation: Cancellation, events: Events) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            let cause = tokio::select! {
                Some(()) = interrupt.recv() => Cause::Interrupted,
                Some(()) = terminate.recv() => Cause::Terminated,
                else => return,
            };
            let text = match cancellation.requested() {
                None => "stopping; once more to stop at once",
                Some(_) => "stopping at once",
            };
            events.note(None, NoteLevel::Warning, text);
            cancellation.request(cause);
        }
    });
    Ok(())
}
