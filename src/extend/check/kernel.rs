//! A kernel's shader against its twin.

use super::{close, numbers};
use crate::device::{Executor, Values};
use crate::kernel::{Access, Binding, Element, Family, Kernel, UNUSED};
use crate::plan::arena::Arena;
use crate::plan::{Purpose, Recorder};
use crate::{Device, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// Elements after every buffer that nothing may touch.
const GUARD: usize = 64;
const GUARD_VALUE: f32 = 12_345.0;

/// How far a buffer may lie from the twin's, by its norm.
const LIMIT: f64 = 1e-5;

/// Compares a kernel's shader with its twin: every variant that the device supports, on the same numbers, with guard words after
/// every buffer.
///
/// What a kernel reads is filled with numbers from −1 to 1, unless they are given; what it writes without reading is filled with NaN, which
/// must be gone afterwards.
#[derive(Clone, Debug)]
pub struct KernelCheck {
    kernel: Arc<dyn Kernel>,
    numbers: HashMap<&'static str, Vec<f32>>,
    indices: HashMap<&'static str, Vec<u32>>,
    every_variant: bool,
}

/// The buffers after a run, by port.
type Buffers = Vec<(&'static str, Outcome)>;

#[derive(Debug, PartialEq)]
enum Outcome {
    /// With the guard words.
    Float(Vec<f64>),
    Index(Vec<u32>),
}

impl KernelCheck {
    /// Of a use of a kernel: its sizes and options.
    pub fn new(kernel: impl Family + 'static) -> Self {
        Self::of(Arc::new(kernel))
    }

    /// Of a kernel whose family is not known.
    pub fn of(kernel: Arc<dyn Kernel>) -> Self {
        Self { kernel, numbers: HashMap::new(), indices: HashMap::new(), every_variant: true }
    }

    /// Gives the numbers of a port.
    pub fn numbers(mut self, port: &'static str, values: Vec<f32>) -> Self {
        self.numbers.insert(port, values);
        self
    }

    /// Gives the integers of a port: every port of integers wants some.
    pub fn indices(mut self, port: &'static str, values: Vec<u32>) -> Self {
        self.indices.insert(port, values);
        self
    }

    /// Looks at the variant alone that the device would take.
    pub fn preferred_variant(mut self) -> Self {
        self.every_variant = false;
        self
    }

    /// Runs shader and twin.
    ///
    /// # Errors
    /// A port whose numbers differ, that is written past its end or not filled, by name; numbers that were given and do not
    /// fit; the device's errors.
    pub fn run(&self, device: &Device) -> Result<()> {
        let twin = self.buffers(&mut *Device::cpu_f64().executor())?;
        if !device.is_gpu() {
            return self.compare("in single precision", &self.buffers(&mut *device.executor())?, &twin);
        }
        let (kernel, traits) = (&self.kernel, device.traits());
        for (index, &variant) in kernel.variants().iter().enumerate() {
            let preferred = index == kernel.prefer(traits);
            if !(preferred || self.every_variant && kernel.supports(index, traits)) {
                continue;
            }
            // Without the driver's checks a store past the end would reach the guard words. OpenGL has no checks.
            let unchecked = kernel.trusted().then_some(false);
            let checked = (!device.name().ends_with("(gl)")).then_some(true);
            let ways = unchecked.into_iter().chain(checked.or((!kernel.trusted()).then_some(true)));
            for checked in ways {
                let device = device.clone().with_variant(variant).with_checks(checked);
                let what = format!("variant {variant}{}", if checked { ", checked" } else { "" });
                self.compare(&what, &self.buffers(&mut *device.executor())?, &twin)?;
            }
        }
        Ok(())
    }

    /// The bindings with their lengths, and whether the kernel's options leave them out.
    fn bindings(&self) -> impl Iterator<Item = (Binding, usize, bool)> + use<> {
        let all = self.kernel.bindings().iter().zip(self.kernel.lens());
        all.map(|(binding, len)| (*binding, len.unwrap_or(UNUSED), len.is_none()))
    }

    /// The place of a port in messages.
    fn place(&self, port: &str) -> String {
        format!("{:?}: {port}", self.kernel)
    }

    /// What was given for a port, which must be as long as it is.
    fn given<T: Clone>(&self, all: &HashMap<&str, Vec<T>>, port: &str, len: usize) -> Result<Option<Vec<T>>> {
        match all.get(port) {
            Some(values) if values.len() == len => Ok(Some(values.clone())),
            Some(values) => Err(Error::invalid(
                self.place(port),
                format!("{} values", values.len()),
                format!("{len}"),
                "give the port as many as the kernel declares",
            )),
            None => Ok(None),
        }
    }

    /// Runs the kernel once.
    fn buffers(&self, executor: &mut dyn Executor) -> Result<Buffers> {
        let seed = self.bindings().map(|(_, len, _)| len as u64).sum::<u64>();
        let arena = Arena::default();
        let mut rec = Recorder::new(Purpose::Train, 1, &arena);
        let mut views = Vec::new();
        for (i, (Binding { name, access, element }, len, _)) in self.bindings().enumerate() {
            executor.allocate(name, element, len + GUARD)?;
            if element == Element::Float {
                let values = match access {
                    Access::Write => vec![f32::NAN; len],
                    _ => {
                        self.given(&self.numbers, name, len)?.unwrap_or_else(|| numbers(seed + i as u64, len))
                    }
                };
                executor.write(name, 0, Values::F32(&values))?;
                executor.write(name, len, Values::F32(&[GUARD_VALUE; GUARD]))?;
            } else {
                let values = self.given(&self.indices, name, len)?.ok_or_else(|| {
                    let expected = format!("{len} integers");
                    Error::invalid(self.place(name), "none", expected, "give them with KernelCheck::indices")
                })?;
                executor.write(name, 0, Values::U32(&values))?;
            }
            let whole = rec.shared(name, element, len + GUARD);
            views.push(rec.part(whole, 0, len));
        }
        rec.op_dyn(self.kernel.clone(), views.iter().copied().map(Some).collect());
        let mut plan = rec.finish("kernel check")?;
        // Where the options leave a port out the plan has something of its own: here it is one that is watched.
        plan.ops[0].args = views;
        let program = executor.bind(&plan)?;
        executor.run(program, 1)?;
        let outcome = |(Binding { name, element, .. }, len, _): (Binding, usize, bool)| {
            Ok((
                name,
                match element {
                    Element::Float => {
                        Outcome::Float(pollster::block_on(executor.read(name, 0, len + GUARD))?)
                    }
                    Element::Index => Outcome::Index(pollster::block_on(executor.read_index(name, len))?),
                },
            ))
        };
        self.bindings().map(outcome).collect()
    }

    fn compare(&self, what: &str, found: &Buffers, wanted: &Buffers) -> Result<()> {
        let wrong = |name: &str, found: &str, remedy: &str| {
            Err(Error::invalid(
                format!("{} ({what})", self.place(name)),
                found,
                "what the twin computes",
                remedy,
            ))
        };
        for (((_, len, left_out), (name, found)), (_, wanted)) in self.bindings().zip(found).zip(wanted) {
            let (Outcome::Float(found), Outcome::Float(wanted)) = (found, wanted) else {
                if found == wanted {
                    continue;
                }
                return wrong(name, "other integers", "correct shader or twin");
            };
            if found[len..].iter().any(|&v| v != f64::from(GUARD_VALUE)) {
                return wrong(
                    name,
                    "numbers written past its end",
                    "stay below the length that the port declares",
                );
            }
            let (found, wanted) = (&found[..len], &wanted[..len]);
            let untouched = |values: &[f64]| values.iter().all(|v| v.is_nan());
            // Poison may stay only where the kernel's options leave a port out.
            if left_out && untouched(wanted) {
                if untouched(found) {
                    continue;
                }
                return wrong(
                    name,
                    "numbers, though the options leave it out",
                    "write to no port that is not there",
                );
            }
            if let Some(value) = wanted.iter().find(|v| !v.is_finite()) {
                let found = format!("{value} from the twin");
                return wrong(
                    name,
                    &found,
                    "write every element, and give numbers of which the results are finite",
                );
            }
            let place = format!("{} ({what})", self.place(name));
            close(&place, found, wanted, LIMIT, "correct shader or twin")?;
        }
        Ok(())
    }
}
