//! An interpreter for the few instructions of PTX that the kernels use.
//!
//! It reads the very text that a driver gets, so that what the text computes is
//! tested where there is no GPU. What it does not know ends the test. Threads of
//! a block run one after the other from barrier to barrier.

use std::collections::HashMap;

/// Where the shared memory of a block begins.
const SHARED: u64 = 0x100;

/// A kernel, ready to run.
pub(crate) struct Interpreter {
    parameters: Vec<String>,
    code: Vec<Vec<String>>,
    labels: HashMap<String, usize>,
    shared: HashMap<String, u64>,
}

/// The memory of a device: blocks of words, and where each begins.
pub(crate) type Memory = Vec<(u64, Vec<u32>)>;

struct Thread {
    registers: HashMap<String, u64>,
    at: usize,
    done: bool,
}

impl Interpreter {
    pub(crate) fn read(text: &str, entry: &str) -> Self {
        let lines = text
            .lines()
            .map(|line| line.split("//").next().unwrap().trim());
        let text = lines
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n");
        let (_, text) = text
            .split_once(&format!(".visible .entry {entry}("))
            .unwrap();
        let (head, body) = text.split_once(")\n{").unwrap();
        let (body, _) = body.split_once('}').unwrap();
        let name = |line: &str| line.split_whitespace().nth(2).unwrap().to_string();
        let parameters = head.trim().split(",\n").map(name).collect();
        let mut found = Self {
            parameters,
            code: Vec::new(),
            labels: HashMap::new(),
            shared: HashMap::new(),
        };
        for line in body.lines().map(str::trim) {
            found.take(line);
        }
        found
    }

    fn take(&mut self, line: &str) {
        if let Some(label) = line.strip_suffix(':') {
            self.labels.insert(label.to_string(), self.code.len());
        } else if let Some(array) = line.strip_prefix(".shared .align 4 .b8 ") {
            let (name, room) = array.trim_end_matches("];").split_once('[').unwrap();
            assert_eq!(room, "1024");
            let start = SHARED + 1024 * self.shared.len() as u64;
            self.shared.insert(name.to_string(), start);
        } else if line.is_empty() || line.starts_with(".reg") {
        } else {
            let line = line.strip_suffix(';').unwrap();
            let words = line
                .split([' ', ',', '[', ']'])
                .filter(|word| !word.is_empty());
            self.code.push(words.map(str::to_string).collect());
        }
    }

    /// Runs all blocks of a grid one after the other.
    pub(crate) fn run(
        &self,
        arguments: &[u64],
        (across, down, threads): (u32, u32, u32),
        memory: &mut Memory,
    ) {
        assert_eq!(arguments.len(), self.parameters.len());
        for block in 0..across * down {
            let thread = |index| {
                let special = [
                    ("%ctaid.x", block % across),
                    ("%ctaid.y", block / across),
                    ("%tid.x", index),
                    ("%ntid.x", threads),
                    ("%nctaid.x", across),
                ];
                let special = special.map(|(name, value)| (name.to_string(), u64::from(value)));
                let arguments = self
                    .parameters
                    .iter()
                    .cloned()
                    .zip(arguments.iter().copied());
                let shared = self.shared.clone();
                Thread {
                    registers: special.into_iter().chain(arguments).chain(shared).collect(),
                    at: 0,
                    done: false,
                }
            };
            let mut block: Vec<Thread> = (0..threads).map(thread).collect();
            // What was in shared memory before is unknown.
            memory.push((SHARED, vec![0x7fc0_0000; 512]));
            while block.iter().any(|thread| !thread.done) {
                for thread in &mut block {
                    self.run_to_barrier(thread, memory);
                }
                let done = block.iter().filter(|thread| thread.done).count();
                assert!(
                    done == 0 || done == block.len(),
                    "a barrier that not all reach"
                );
            }
            memory.pop();
        }
    }

    fn run_to_barrier(&self, thread: &mut Thread, memory: &mut Memory) {
        loop {
            let mut words: Vec<&str> = self.code[thread.at].iter().map(String::as_str).collect();
            thread.at += 1;
            if let Some(condition) = words[0].strip_prefix('@') {
                if thread.value(condition) == 0 {
                    continue;
                }
                words.remove(0);
            }
            match words[..] {
                ["ret"] => {
                    thread.done = true;
                    return;
                }
                ["bar.sync", "0"] => return,
                ["bra", label] => thread.at = self.labels[label],
                [instruction, to, ref from @ ..] => thread.execute(instruction, to, from, memory),
                _ => panic!("{words:?}"),
            }
        }
    }
}

impl Thread {
    fn value(&self, name: &str) -> u64 {
        let digits = name.strip_prefix("0x").or_else(|| name.strip_prefix("0f"));
        match digits.map(|digits| u64::from_str_radix(digits, 16)) {
            Some(number) => number.unwrap(),
            None => name.parse().unwrap_or_else(|_| self.registers[name]),
        }
    }

    fn execute(&mut self, instruction: &str, to: &str, from: &[&str], memory: &mut Memory) {
        let result = match instruction {
            "st.global.f32" | "st.global.u32" | "st.shared.f32" => {
                let word = self.value(from[0]) as u32;
                *place(memory, self.value(to)) = word;
                return;
            }
            "atom.global.add.u32" | "atom.global.min.u32" => {
                let place = place(memory, self.value(from[0]));
                let (old, operand) = (*place, self.value(from[1]) as u32);
                *place = match instruction {
                    "atom.global.add.u32" => old.wrapping_add(operand),
                    _ => old.min(operand),
                };
                old.into()
            }
            "ld.param.u64" => self.registers[from[0]],
            "ld.param.u32" | "ld.param.f32" => self.registers[from[0]] & 0xffff_ffff,
            "ld.global.f32" | "ld.global.u32" | "ld.shared.f32" => {
                (*place(memory, self.value(from[0]))).into()
            }
            _ => {
                let operands: Vec<u64> = from.iter().map(|name| self.value(name)).collect();
                compute(instruction, &operands)
            }
        };
        self.registers.insert(to.to_string(), result);
    }
}

fn place(memory: &mut Memory, address: u64) -> &mut u32 {
    assert_eq!(address % 4, 0);
    let block = memory
        .iter_mut()
        .find(|(start, words)| (*start..start + 4 * words.len() as u64).contains(&address));
    let (start, words) = block.unwrap_or_else(|| panic!("{address:#x} is nobody's memory"));
    &mut words[((address - *start) / 4) as usize]
}

fn compute(instruction: &str, operands: &[u64]) -> u64 {
    let short = |index: usize| operands[index] as u32;
    let single = |index: usize| f32::from_bits(short(index));
    match instruction {
        "cvta.to.global.u64" | "mov.u32" | "mov.f32" => operands[0],
        "mad.lo.u32" => short(0)
            .wrapping_mul(short(1))
            .wrapping_add(short(2))
            .into(),
        "mul.lo.u32" => short(0).wrapping_mul(short(1)).into(),
        "mul.wide.u32" => u64::from(short(0)) * u64::from(short(1)),
        "add.s64" => operands[0].wrapping_add(operands[1]),
        "add.u32" => short(0).wrapping_add(short(1)).into(),
        "sub.u32" => short(0).wrapping_sub(short(1)).into(),
        "shr.u32" => (short(0) >> short(1)).into(),
        "and.b32" => (short(0) & short(1)).into(),
        "xor.b32" => (short(0) ^ short(1)).into(),
        "setp.ge.u32" => (short(0) >= short(1)).into(),
        "setp.eq.u32" => (short(0) == short(1)).into(),
        "selp.u32" => {
            if operands[2] == 0 {
                operands[1]
            } else {
                operands[0]
            }
        }
        "fma.rn.f32" => single(0).mul_add(single(1), single(2)).to_bits().into(),
        _ => panic!("{instruction}"),
    }
}
