//! Runs a future to its end on this thread. Nothing in a history waits for the world, so what stays pending has died.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

struct Woken {
    thread: Thread,
    again: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// The future's value; `None` if `dead` says that the process died underway, and the future is dropped where it stood.
pub(crate) fn block_on<T>(future: impl Future<Output = T>, dead: &AtomicBool) -> Option<T> {
    let woken = Arc::new(Woken { thread: std::thread::current(), again: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        if dead.load(Ordering::SeqCst) {
            return None;
        }
        // A ledger on disk answers from its own thread.
        while !woken.again.swap(false, Ordering::SeqCst) {
            std::thread::park();
        }
    }
}
