//! Contexts: who holds which device, and which thread works in which context.

use std::thread;

use crate::{
    machine::{Answer, DEVICE_UNAVAILABLE, ILLEGAL_ADDRESS, INVALID_CONTEXT, Machine},
    script::State,
};

/// Errors after which a context is of no more use.
const STICKY: [i32; 3] = [214, ILLEGAL_ADDRESS, 719];

/// A context.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) device: usize,
    primary: bool,
    retained: u32,
    broken: Option<i32>,
}

impl Machine {
    /// Answers `cuDevicePrimaryCtxRetain`.
    pub(crate) fn retain(&mut self, ordinal: i32) -> Answer<u64> {
        let device = self.enterable(ordinal)?;
        let primary = self
            .contexts
            .iter_mut()
            .find(|(_, c)| c.device == device && c.primary);
        if let Some((handle, context)) = primary {
            context.retained += 1;
            return Ok(*handle);
        }
        self.new_context(ordinal, device, true)
    }

    /// Answers `cuCtxCreate_v2`: a context of one's own, which becomes current.
    pub(crate) fn create_context(&mut self, ordinal: i32) -> Answer<u64> {
        let device = self.enterable(ordinal)?;
        let context = self.new_context(ordinal, device, false)?;
        self.current.insert(thread::current().id(), context);
        Ok(context)
    }

    fn enterable(&self, ordinal: i32) -> Answer<usize> {
        let device = self.device(ordinal)?;
        match (device.compute_mode, device.state) {
            (2, _) | (_, State::Busy) => Err(DEVICE_UNAVAILABLE),
            _ => Ok(ordinal as usize),
        }
    }

    fn new_context(&mut self, ordinal: i32, device: usize, primary: bool) -> Answer<u64> {
        let taken = self
            .contexts
            .values()
            .any(|context| context.device == device);
        if taken && self.device(ordinal)?.compute_mode == 3 {
            return self.misuse(
                DEVICE_UNAVAILABLE,
                "a second context on an exclusive device",
            );
        }
        let handle = self.handle();
        let context = Context {
            device,
            primary,
            retained: 1,
            broken: None,
        };
        self.contexts.insert(handle, context);
        Ok(handle)
    }

    /// Answers `cuDevicePrimaryCtxRelease_v2`.
    pub(crate) fn release(&mut self, ordinal: i32) -> Answer<()> {
        self.device(ordinal)?;
        let device = ordinal as usize;
        let primary = self
            .contexts
            .iter_mut()
            .find(|(_, c)| c.device == device && c.primary);
        let Some((&handle, context)) = primary else {
            return self.misuse(
                INVALID_CONTEXT,
                "a primary context released that nobody holds",
            );
        };
        context.retained -= 1;
        if context.retained == 0 {
            self.end_context(handle);
        }
        Ok(())
    }

    /// Answers `cuCtxDestroy_v2`.
    pub(crate) fn destroy_context(&mut self, handle: u64) -> Answer<()> {
        if self
            .contexts
            .get(&handle)
            .is_none_or(|context| context.primary)
        {
            return self.misuse(INVALID_CONTEXT, "a context destroyed that is not one's own");
        }
        self.end_context(handle);
        Ok(())
    }

    fn end_context(&mut self, handle: u64) {
        let held = self.memory.held_by(handle);
        if held > 0 {
            self.misuses
                .push(format!("a context ended with {held} bytes allocated"));
        }
        if self.current.values().any(|current| *current == handle) {
            self.misuses
                .push("a context ended while a thread works in it".to_string());
        }
        self.memory.free_all(handle);
        self.modules.retain(|_, module| module.context != handle);
        self.current.retain(|_, context| *context != handle);
        self.contexts.remove(&handle);
    }

    /// Answers `cuCtxSetCurrent`; 0 is no context.
    pub(crate) fn set_current(&mut self, handle: u64) -> Answer<()> {
        let thread = thread::current().id();
        if handle == 0 {
            self.current.remove(&thread);
            return Ok(());
        }
        if !self.contexts.contains_key(&handle) {
            return self.misuse(
                INVALID_CONTEXT,
                "a context made current that does not exist",
            );
        }
        self.current.insert(thread, handle);
        Ok(())
    }

    /// Returns the current context of the thread, if it still works.
    pub(crate) fn context(&mut self) -> Answer<u64> {
        let Some(&handle) = self.current.get(&thread::current().id()) else {
            return self.misuse(INVALID_CONTEXT, "a call that needs a context without one");
        };
        match self
            .contexts
            .get(&handle)
            .and_then(|context| context.broken)
        {
            Some(number) => Err(number),
            None => Ok(handle),
        }
    }

    /// Breaks the current context if the error is one that lasts.
    pub(crate) fn remember(&mut self, number: i32) {
        let current = self.current.get(&thread::current().id());
        let context = current.and_then(|handle| self.contexts.get_mut(handle));
        if let Some(context) = context.filter(|_| STICKY.contains(&number)) {
            context.broken.get_or_insert(number);
        }
    }
}
