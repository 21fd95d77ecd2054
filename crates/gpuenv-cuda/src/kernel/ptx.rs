//! An interpreter for the few instructions of PTX that the kernel uses.
//!
//! It reads the very text that a driver gets, so that what the text computes is
//! tested where there is no GPU. What it does not know ends the test.

use std::collections::HashMap;

use super::Workload;

const Y: u64 = 0x1000_0000;
const X: u64 = 0x2000_0000;

/// The kernel, ready to run.
pub(super) struct Interpreter {
    parameters: Vec<String>,
    code: Vec<Vec<String>>,
    labels: HashMap<String, usize>,
}

impl Interpreter {
    pub(super) fn read(text: &str, entry: &str) -> Self {
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
        let name = |line: &str| line.split_whitespace().nth(2).unwrap().to_string();
        let parameters = head.trim().split(",\n").map(name).collect();
        let (mut code, mut labels) = (Vec::new(), HashMap::new());
        for line in body.trim_end_matches('}').lines().map(str::trim) {
            if let Some(label) = line.strip_suffix(':') {
                labels.insert(label.to_string(), code.len());
            } else if let Some(line) = line.strip_suffix(';').filter(|l| !l.starts_with(".reg")) {
                let words = line
                    .split([' ', ',', '[', ']'])
                    .filter(|word| !word.is_empty());
                code.push(words.map(str::to_string).collect());
            } else {
                assert!(line.is_empty() || line.starts_with(".reg"), "{line}");
            }
        }
        Self {
            parameters,
            code,
            labels,
        }
    }

    /// Runs all threads of a grid one after the other and returns `y`.
    pub(super) fn run(&self, workload: &Workload, (blocks, block): (u32, u32)) -> Vec<f32> {
        let mut y = workload.y.clone();
        for index in 0..blocks * block {
            let special = [
                ("%ctaid.x", index / block),
                ("%tid.x", index % block),
                ("%ntid.x", block),
                ("%nctaid.x", blocks),
            ];
            let mut thread = Thread {
                registers: special
                    .map(|(name, value)| (name.into(), value.into()))
                    .into(),
                arguments: self.arguments(workload),
                y: &mut y,
                x: &workload.x,
            };
            self.run_thread(&mut thread);
        }
        y
    }

    fn arguments(&self, workload: &Workload) -> HashMap<String, u64> {
        let values = [
            Y,
            X,
            workload.factor.to_bits().into(),
            workload.y.len() as u64,
            workload.rounds.into(),
            workload.step.into(),
        ];
        assert_eq!(self.parameters.len(), values.len());
        self.parameters.iter().cloned().zip(values).collect()
    }

    fn run_thread(&self, thread: &mut Thread<'_>) {
        let mut at = 0;
        loop {
            let mut words: Vec<&str> = self.code[at].iter().map(String::as_str).collect();
            at += 1;
            if let Some(condition) = words[0].strip_prefix('@') {
                if thread.value(condition) == 0 {
                    continue;
                }
                words.remove(0);
            }
            match words[..] {
                ["ret"] => return,
                ["bra", label] => at = self.labels[label],
                [instruction, to, ref from @ ..] => thread.execute(instruction, to, from),
                _ => panic!("{words:?}"),
            }
        }
    }
}

struct Thread<'a> {
    registers: HashMap<String, u64>,
    arguments: HashMap<String, u64>,
    y: &'a mut Vec<f32>,
    x: &'a [f32],
}

impl Thread<'_> {
    fn value(&self, name: &str) -> u64 {
        match name.parse() {
            Ok(number) => number,
            Err(_) => self.registers[name],
        }
    }

    fn execute(&mut self, instruction: &str, to: &str, from: &[&str]) {
        if instruction == "st.global.f32" {
            let number = f32::from_bits(self.value(from[0]) as u32);
            let index = place(self.value(to), Y);
            self.y[index] = number;
            return;
        }
        let result = match instruction {
            "ld.param.u64" => self.arguments[from[0]],
            "ld.param.u32" | "ld.param.f32" => self.arguments[from[0]] & 0xffff_ffff,
            "ld.global.f32" => self.load(self.value(from[0])),
            _ => {
                let operands: Vec<u64> = from.iter().map(|name| self.value(name)).collect();
                compute(instruction, &operands)
            }
        };
        self.registers.insert(to.to_string(), result);
    }

    fn load(&self, address: u64) -> u64 {
        let number = match address < X {
            true => self.y[place(address, Y)],
            false => self.x[place(address, X)],
        };
        number.to_bits().into()
    }
}

fn place(address: u64, start: u64) -> usize {
    assert_eq!(address % 4, 0);
    ((address - start) / 4) as usize
}

fn compute(instruction: &str, operands: &[u64]) -> u64 {
    let short = |index: usize| operands[index] as u32;
    let single = |index: usize| f32::from_bits(short(index));
    match instruction {
        "cvta.to.global.u64" | "mov.u32" => operands[0],
        "mad.lo.u32" => short(0)
            .wrapping_mul(short(1))
            .wrapping_add(short(2))
            .into(),
        "mul.lo.u32" => short(0).wrapping_mul(short(1)).into(),
        "mul.wide.u32" => operands[0] * operands[1],
        "add.s64" => operands[0].wrapping_add(operands[1]),
        "add.u32" => short(0).wrapping_add(short(1)).into(),
        "sub.u32" => short(0).wrapping_sub(short(1)).into(),
        "setp.ge.u32" => (short(0) >= short(1)).into(),
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
