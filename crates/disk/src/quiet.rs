//! Keeps panics that are caught off the terminal.

use std::sync::Once;

use crate::filesystem::READER_THREAD;

/// Lets the threads that read file systems panic without a word, from now on: what they read is made
/// to break them, they are caught, and the file system is told as [`Unreadable`](crate::Unreadable).
/// The panics of all other threads go on to the hook that was there. To be called once a program,
/// after it has set a hook of its own; more calls change nothing.
pub fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(READER_THREAD) {
                former(panic);
            }
        }));
    });
}
