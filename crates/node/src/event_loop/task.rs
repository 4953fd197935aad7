//! The futures of one loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::park::Shared;
use super::{Completion, Pending};

/// Names a future of a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskKey(u64);

pub(super) struct Task {
    future: Pending,
    waker: Waker,
    pub(super) referenced: bool,
}

struct TaskWaker {
    key: u64,
    shared: Arc<Shared>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.shared.wake_task(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.wake_task(self.key);
    }
}

pub(super) struct Tasks {
    shared: Arc<Shared>,
    tasks: HashMap<u64, Task>,
    next_key: u64,
}

impl Tasks {
    pub(super) fn new(shared: Arc<Shared>) -> Tasks {
        Tasks {
            shared,
            tasks: HashMap::new(),
            next_key: 1,
        }
    }

    /// Adds a future; it is polled first in the next poll phase.
    pub(super) fn insert(&mut self, future: Pending, referenced: bool) -> TaskKey {
        let key = self.next_key;
        self.next_key += 1;
        let waker = Waker::from(Arc::new(TaskWaker {
            key,
            shared: self.shared.clone(),
        }));
        self.tasks.insert(
            key,
            Task {
                future,
                waker,
                referenced,
            },
        );
        self.shared.wake_task(key);
        TaskKey(key)
    }

    pub(super) fn remove(&mut self, key: TaskKey) -> Option<Task> {
        self.tasks.remove(&key.0)
    }

    pub(super) fn take(&mut self, key: u64) -> Option<Task> {
        self.tasks.remove(&key)
    }

    pub(super) fn put_back(&mut self, key: u64, task: Task) {
        self.tasks.insert(key, task);
    }
}

impl Task {
    pub(super) fn poll(&mut self) -> Poll<Completion> {
        let waker = self.waker.clone();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}
