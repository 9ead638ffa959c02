//! The handle that doors hold.

use std::sync::Arc;

use directory::Directory;
use kernel::Kernel;
use store::Blobs;

use crate::mailboxes::Inboxes;
use crate::queue::Queue;
use crate::sieve::Filter;
use crate::view::Views;

/// Mail over a directory and a blob store. Cheap to clone.
#[derive(Clone)]
pub struct Mail(Arc<Inner>);

struct Inner {
    directory: Directory,
    blobs: Blobs,
    filter: Filter,
    inboxes: Inboxes,
    views: Views,
}

impl Mail {
    /// Mail over a directory whose store was opened with [`crate::PART`] and [`store::BLOBS`], and whose kernel
    /// knows [`crate::KIND`].
    pub fn new(directory: Directory, blobs: Blobs) -> Self {
        let (filter, views) = (Filter::new(directory.clone()), Views::default());
        Self(Arc::new(Inner { directory, blobs, filter, inboxes: Inboxes::default(), views }))
    }

    /// The kernel below.
    pub fn kernel(&self) -> &Kernel {
        self.0.directory.kernel()
    }

    /// The directory below.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// The blob store below.
    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    /// Mail on its way out, over the same store.
    pub fn queue(&self) -> Queue {
        Queue::new(self.kernel().store())
    }

    /// Filters of incoming mail, and the settings that people make of them.
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    pub(crate) fn inboxes(&self) -> &Inboxes {
        &self.0.inboxes
    }

    pub(crate) fn views(&self) -> &Views {
        &self.0.views
    }
}
