//! A kernel's shader against its twin in Rust.

use super::{close, numbers};
use crate::device::{Executor, Values};
use crate::kernel::{Access, Binding, Element, Family, Kernel, UNUSED};
use crate::plan::arena::Arena;
use crate::plan::{Purpose, Recorder};
use crate::{Device, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The number of guard elements after every buffer, which must not change.
const GUARD: usize = 64;
const GUARD_VALUE: f32 = 12_345.0;

/// The maximum relative error, by norm, of a buffer against the twin's.
const LIMIT: f64 = 1e-5;

/// Compares a kernel's shader with its twin in Rust: every variant that the device supports, on the same numbers, with guard elements
/// after every buffer.
///
/// Buffers that the kernel reads hold the given numbers, or else random ones in −1..1; those that it only writes are filled with NaN, all
/// of which must be overwritten.
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
    /// With the guard elements.
    Float(Vec<f64>),
    Index(Vec<u32>),
}

impl KernelCheck {
    /// A check of a kernel with its sizes and options.
    pub fn new(kernel: impl Family + 'static) -> Self {
        Self::of(Arc::new(kernel))
    }

    /// A check of a kernel as a trait object.
    pub fn of(kernel: Arc<dyn Kernel>) -> Self {
        Self { kernel, numbers: HashMap::new(), indices: HashMap::new(), every_variant: true }
    }

    /// Sets the numbers of a port.
    pub fn numbers(mut self, port: &'static str, values: Vec<f32>) -> Self {
        self.numbers.insert(port, values);
        self
    }

    /// Sets the integers of a port; every integer port needs them.
    pub fn indices(mut self, port: &'static str, values: Vec<u32>) -> Self {
        self.indices.insert(port, values);
        self
    }

    /// Checks only the variant that the device would use.
    pub fn preferred_variant(mut self) -> Self {
        self.every_variant = false;
        self
    }

    /// Runs shader and twin, and compares their results.
    ///
    /// # Errors
    /// A port, by name, whose numbers differ, that is written past its end or not filled; given numbers that do not fit; the device's
    /// errors.
    pub fn run(&self, device: &Device) -> Result<()> {
        self.check_names()?;
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
            // A store past the end only reaches the guard elements without the driver's checks. OpenGL has no checks.
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

    /// Refuses values for ports that the kernel does not have.
    fn check_names(&self) -> Result<()> {
        let given = self.numbers.keys().map(|name| (name, Element::Float));
        for (name, element) in given.chain(self.indices.keys().map(|name| (name, Element::Index))) {
            let own = self.bindings().filter(|(binding, _, _)| binding.element == element);
            let own: Vec<&str> = own.map(|(binding, _, _)| binding.name).collect();
            if !own.contains(name) {
                let found = format!("values of the type {element:?} for the port {name}");
                return Err(Error::invalid(
                    format!("{:?}", self.kernel),
                    found,
                    format!("one of {}", own.join(", ")),
                    "give values to the kernel's own ports",
                ));
            }
        }
        Ok(())
    }

    /// A port's name in errors.
    fn place(&self, port: &str) -> String {
        format!("{:?}: {port}", self.kernel)
    }

    /// The values given for a port, if any; their number must be the port's length.
    fn given<T: Clone>(&self, all: &HashMap<&str, Vec<T>>, port: &str, len: usize) -> Result<Option<Vec<T>>> {
        match all.get(port) {
            Some(values) if values.len() == len => Ok(Some(values.clone())),
            Some(values) => Err(Error::invalid(
                self.place(port),
                format!("{} values", values.len()),
                format!("{len}"),
                "give as many as the kernel declares for the port",
            )),
            None => Ok(None),
        }
    }

    /// Runs the kernel once; returns its buffers.
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
        // For ports that the options leave out, the plan has a placeholder: replace it by a buffer that is checked.
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
            // NaN may only remain in ports that the kernel's options leave out.
            if left_out && untouched(wanted) {
                if untouched(found) {
                    continue;
                }
                return wrong(
                    name,
                    "numbers, although the options leave it out",
                    "do not write to ports that are left out",
                );
            }
            if let Some(value) = wanted.iter().find(|v| !v.is_finite()) {
                let found = format!("{value} from the twin");
                return wrong(
                    name,
                    &found,
                    "write every element, and give numbers whose results are all finite",
                );
            }
            let place = format!("{} ({what})", self.place(name));
            close(&place, found, wanted, LIMIT, "correct shader or twin")?;
        }
        Ok(())
    }
}
