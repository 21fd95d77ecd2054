//! What the child notes while it works: the step at hand and the calls that failed.

use std::{
    cell::{Cell, RefCell},
    io::{self, Write},
};

use gpuenv_core::probe::{FailedCall, Step};
use serde::Serialize;

use crate::message::{self, Message};

/// Notes taken while the probe runs, told to the parent as they come.
pub(crate) struct Journal {
    out: RefCell<Box<dyn Write>>,
    broken: RefCell<Option<io::Error>>,
    device: Cell<Option<u32>>,
    failures: RefCell<Vec<FailedCall>>,
}

impl Journal {
    /// Makes an empty journal that tells `out`.
    pub(crate) fn new(out: impl Write + 'static) -> Self {
        Self {
            out: RefCell::new(Box::new(out)),
            broken: RefCell::new(None),
            device: Cell::new(None),
            failures: RefCell::new(Vec::new()),
        }
    }

    /// Notes that everything from here on is about that device.
    pub(crate) fn turn_to(&self, device: Option<u32>) {
        self.device.set(device);
    }

    /// Notes what is about to be done, before it can go wrong.
    pub(crate) fn at(&self, call: &str) {
        self.tell::<()>(&Message::At(Step {
            call: call.to_string(),
            device: self.device.get(),
        }));
    }

    /// Notes a call that failed.
    pub(crate) fn failed(
        &self,
        call: &str,
        number: i32,
        name: Option<String>,
        text: Option<String>,
    ) {
        self.failures.borrow_mut().push(FailedCall {
            call: call.to_string(),
            number,
            name,
            text,
            device: self.device.get(),
        });
    }

    /// Returns the failures since the last time it was asked.
    pub(crate) fn take_failures(&self) -> Vec<FailedCall> {
        self.failures.take()
    }

    /// Tells what has been seen so far.
    pub(crate) fn so_far(&self, seen: &impl Serialize) {
        self.tell(&Message::SoFar(Box::new(seen)));
    }

    /// Tells what has been seen in all.
    pub(crate) fn finished(&self, seen: &impl Serialize) {
        self.tell(&Message::Final(Box::new(seen)));
    }

    /// Returns what went wrong with the telling.
    pub(crate) fn close(self) -> io::Result<()> {
        self.broken.into_inner().map_or(Ok(()), Err)
    }

    fn tell<T: Serialize>(&self, message: &Message<T>) {
        // A parent that is gone is no reason to leave the GPU in disorder.
        let mut broken = self.broken.borrow_mut();
        if broken.is_none() {
            *broken = message::write(&mut *self.out.borrow_mut(), message).err();
        }
    }
}
