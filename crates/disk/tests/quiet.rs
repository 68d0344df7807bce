//! Panics of the threads that read are not printed. On its own: a hook is the whole process's.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::Builder;

static TOLD: AtomicU32 = AtomicU32::new(0);

/// How often the hook that was there is called when a thread of this name panics.
fn told(name: &str) -> u32 {
    let before = TOLD.load(Ordering::SeqCst);
    let thread = Builder::new().name(name.to_owned()).spawn(|| panic!("on purpose"));
    thread.unwrap().join().unwrap_err();
    TOLD.load(Ordering::SeqCst) - before
}

#[test]
fn panics_of_readers_are_kept_quiet_and_no_others() {
    std::panic::set_hook(Box::new(|_| {
        TOLD.fetch_add(1, Ordering::SeqCst);
    }));
    assert_eq!(told(goldsmith_disk::READER_THREAD), 1);
    goldsmith_disk::quiet_panics();
    goldsmith_disk::quiet_panics();
    assert_eq!(told(goldsmith_disk::READER_THREAD), 0);
    assert_eq!(told("another"), 1);
}
