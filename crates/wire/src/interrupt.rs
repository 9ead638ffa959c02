//! Wakes a connection that waits for its client: the server stops, or the session was ended elsewhere.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::Fault;

/// Why a connection is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The server stops.
    Stopping,
    /// The session was ended elsewhere.
    Ended,
}

/// Interrupts a connection between two reads. Cheap to clone; clones interrupt the same connection.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reason: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Interrupt {
    /// Interrupts. What was told first stays, except that an ended session is told in any case.
    pub fn tell(&self, reason: Reason) {
        let number = match reason {
            Reason::Stopping => 1,
            Reason::Ended => 2,
        };
        self.0.reason.fetch_max(number, Ordering::AcqRel);
        let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What was told, if anything.
    pub fn told(&self) -> Option<Reason> {
        match self.0.reason.load(Ordering::Acquire) {
            1 => Some(Reason::Stopping),
            2 => Some(Reason::Ended),
            _ => None,
        }
    }

    /// Waits until something is told. One task waits at a time.
    pub(crate) async fn wait(&self) -> Reason {
        std::future::poll_fn(|context| {
            let _ = self.poll(context);
            self.told().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The fault of a read that was interrupted; otherwise the task is woken when something is told.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Option<Fault> {
        if self.told().is_none() {
            let mut waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                *waker = Some(context.waker().clone());
            }
        }
        self.told().map(|reason| match reason {
            Reason::Stopping => Fault::Stopping,
            Reason::Ended => Fault::Ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_and_the_end_of_a_session_wins() {
        let interrupt = Interrupt::default();
        let waiting = interrupt.clone();
        let task = tokio::spawn(async move {
            std::future::poll_fn(|context| match waiting.poll(context) {
                Some(fault) => Poll::Ready(fault),
                None => Poll::Pending,
            })
            .await
        });
        tokio::task::yield_now().await;
        interrupt.tell(Reason::Ended);
        assert!(matches!(task.await.unwrap(), Fault::Ended));
        interrupt.tell(Reason::Stopping);
        assert_eq!(interrupt.told(), Some(Reason::Ended));
    }
}
