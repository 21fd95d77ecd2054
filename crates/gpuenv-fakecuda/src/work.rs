//! Modules, memory and launches: what a program does inside of a context.

use crate::{
    kernel::{self, ENTRY, Scalars},
    machine::{
        Answer, ILLEGAL_ADDRESS, INVALID_HANDLE, INVALID_IMAGE, INVALID_PTX, INVALID_VALUE,
        Machine, NOT_FOUND, OUT_OF_MEMORY, UNSUPPORTED_PTX_VERSION,
    },
    more_kernels::{CHECK, FILL, Launch, PRODUCT},
    script::{self, Mode},
};

/// A module.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) context: u64,
    entries: Vec<String>,
}

/// A launch's grid: blocks, then threads of a block, each in three dimensions.
pub(crate) type Grid = [u32; 6];

impl Machine {
    /// Answers `cuModuleLoadDataEx`; an error comes with the compiler's log.
    pub(crate) fn load_module(&mut self, text: &str) -> Result<u64, (i32, String)> {
        let context = self.context().map_err(|number| (number, String::new()))?;
        let version = text.lines().find_map(|line| line.strip_prefix(".version "));
        let number = version.and_then(script::two_numbers);
        let too_new = number
            .zip(self.script.newest_ptx)
            .filter(|(is, newest)| is > newest);
        if let Some((_, newest)) = too_new {
            let log = format!(
                "ptxas application ptx input, line 2; fatal   : Unsupported .version {}; current version is '{}.{}'",
                version.unwrap_or("?"),
                newest.0,
                newest.1
            );
            return Err((UNSUPPORTED_PTX_VERSION, log));
        }
        match self.script.mode {
            Mode::OldDriver => {
                let version = version.unwrap_or("?");
                let log = format!(
                    "ptxas application ptx input, line 12; fatal   : Unsupported .version {version}; current version is '4.3'"
                );
                return Err((UNSUPPORTED_PTX_VERSION, log));
            }
            Mode::JitFailure => {
                let log = "ptxas application ptx input, line 40; error   : Internal error";
                return Err((INVALID_PTX, log.to_string()));
            }
            Mode::Ok | Mode::WrongResult | Mode::NoDevice | Mode::Stub => {}
        }
        let entries =
            kernel::entries(text).ok_or_else(|| (INVALID_IMAGE, "not a PTX text".to_string()))?;
        let handle = self.handle();
        self.modules.insert(handle, Module { context, entries });
        Ok(handle)
    }

    /// Answers `cuModuleUnload`.
    pub(crate) fn unload_module(&mut self, handle: u64) -> Answer<()> {
        let context = self.context()?;
        if self
            .modules
            .get(&handle)
            .is_none_or(|module| module.context != context)
        {
            return self.misuse(INVALID_HANDLE, "a module unloaded that is not loaded");
        }
        self.modules.remove(&handle);
        self.functions.retain(|_, (module, _)| *module != handle);
        Ok(())
    }

    /// Answers `cuModuleGetFunction`.
    pub(crate) fn function(&mut self, module: u64, name: &str) -> Answer<u64> {
        self.context()?;
        let Some(found) = self.modules.get(&module) else {
            return self.misuse(INVALID_HANDLE, "a function of a module that is not loaded");
        };
        let known = [ENTRY, PRODUCT, FILL, CHECK].contains(&name);
        if !known || !found.entries.iter().any(|entry| entry == name) {
            return Err(NOT_FOUND);
        }
        let handle = self.handle();
        self.functions.insert(handle, (module, name.to_string()));
        Ok(handle)
    }

    /// Answers `cuMemAlloc_v2`.
    pub(crate) fn allocate(&mut self, length: usize) -> Answer<u64> {
        let context = self.context()?;
        let ordinal = self.contexts[&context].device as i32;
        let left = self
            .device(ordinal)?
            .memory
            .saturating_sub(self.memory.held_by(context));
        match length {
            0 => Err(INVALID_VALUE),
            _ if length > left => Err(OUT_OF_MEMORY),
            _ => Ok(self.memory.allocate(context, length)),
        }
    }

    /// Answers `cuMemFree_v2`.
    pub(crate) fn free(&mut self, address: u64) -> Answer<()> {
        let context = self.context()?;
        match self.memory.free(context, address) {
            true => Ok(()),
            false => self.misuse(INVALID_VALUE, "memory freed that is not allocated"),
        }
    }

    /// Answers `cuMemcpyHtoD_v2`.
    pub(crate) fn upload(&mut self, address: u64, bytes: &[u8]) -> Answer<()> {
        let context = self.context()?;
        match self.memory.stretch_mut(context, address, bytes.len()) {
            Some(stretch) => stretch.copy_from_slice(bytes),
            None => return self.misuse(INVALID_VALUE, "a copy that leaves its memory"),
        }
        Ok(())
    }

    /// Answers `cuMemcpyDtoH_v2`.
    pub(crate) fn download(&mut self, address: u64, bytes: &mut [u8]) -> Answer<()> {
        let context = self.context()?;
        match self.memory.stretch(context, address, bytes.len()) {
            Some(stretch) => bytes.copy_from_slice(stretch),
            None => return self.misuse(INVALID_VALUE, "a copy that leaves its memory"),
        }
        Ok(())
    }

    /// Answers `cuMemGetInfo_v2`: what is free, and all.
    pub(crate) fn memory_info(&mut self) -> Answer<(usize, usize)> {
        let context = self.context()?;
        let ordinal = self.contexts[&context].device as i32;
        let total = self.device(ordinal)?.memory;
        Ok((total.saturating_sub(self.memory.held_by(context)), total))
    }

    /// Returns the name of a function that is to be launched.
    pub(crate) fn entry(&mut self, function: u64) -> Answer<String> {
        let context = self.context()?;
        let found = self.functions.get(&function).cloned();
        let (module, name) = found.unwrap_or_default();
        let module = self.modules.get(&module);
        if module.is_none_or(|module| module.context != context) {
            return self.misuse(INVALID_HANDLE, "a launch of a function that does not exist");
        }
        Ok(name)
    }

    /// Answers `cuLaunchKernel`, and runs the kernel before it returns.
    pub(crate) fn launch(&mut self, grid: Grid, launch: Launch) -> Answer<()> {
        let context = self.context()?;
        let done = match launch {
            Launch::Saxpy(y, x, scalars) => self.saxpy(context, grid, (y, x), scalars)?,
            Launch::Product { c, a, b, size } => self.product(context, grid, (c, a, b), size)?,
            Launch::Fill(pattern) => self.fill(context, pattern),
            Launch::Check(pattern, result) => self.check(context, pattern, result),
        };
        if done.is_none() {
            // As on a real device, the launch goes well and what follows fails.
            self.misuses
                .push("a kernel that leaves its memory".to_string());
            self.remember(ILLEGAL_ADDRESS);
        }
        Ok(())
    }

    /// Runs the saxpy kernel; `None` where a thread would leave its memory.
    fn saxpy(
        &mut self,
        context: u64,
        grid: Grid,
        (y_address, x_address): (u64, u64),
        scalars: Scalars,
    ) -> Answer<Option<()>> {
        let threads = grid[0].checked_mul(grid[3]).filter(|threads| *threads > 0);
        let flat = [grid[1], grid[2], grid[4], grid[5]] == [1; 4];
        let Some(threads) = threads.filter(|_| flat && grid[3] <= 1024) else {
            return self.misuse(
                INVALID_VALUE,
                "a launch with a grid that the kernel is not for",
            );
        };
        let length = 4 * scalars.length as usize;
        let x = self
            .memory
            .stretch(context, x_address, length)
            .map(<[u8]>::to_vec);
        let y = self.memory.stretch_mut(context, y_address, length);
        let done = x
            .zip(y)
            .and_then(|(x, y)| kernel::run(y, &x, scalars, threads));
        if done.is_some() && self.script.mode == Mode::WrongResult {
            self.spoil(context, y_address, scalars.length);
        }
        Ok(done)
    }

    fn spoil(&mut self, context: u64, y: u64, length: u32) {
        let device = self.contexts[&context].device;
        if self
            .script
            .wrong_device
            .is_some_and(|wrong| wrong != device)
        {
            return;
        }
        let element = self.script.wrong_element.unwrap_or(u64::from(length) / 2);
        if let Some(bytes) = self.memory.stretch_mut(context, y + 4 * element, 4) {
            // The lowest bit of the number, as a bad cell of memory would.
            bytes[0] ^= 1;
        }
    }
}
