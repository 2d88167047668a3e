//! The CPU executor: runs the kernels' twins, in f32 as the fallback and in f64 as the oracle.

use super::{Executor, Pending, Program, Programs, Values};
use crate::kernel::{Access, Args, Element, Kernel, Slot};
use crate::plan::{Home, Plan, View};
use crate::{Error, Real, Result};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug)]
enum Storage<T> {
    Float(Vec<T>),
    Index(Vec<u32>),
}

impl<T: Real> Storage<T> {
    fn zeros(element: Element, len: usize) -> Self {
        match element {
            Element::Float => Self::Float(vec![T::zero(); len]),
            Element::Index => Self::Index(vec![0; len]),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Float(v) => v.len(),
            Self::Index(v) => v.len(),
        }
    }

    fn element(&self) -> Element {
        match self {
            Self::Float(_) => Element::Float,
            Self::Index(_) => Element::Index,
        }
    }
}

/// A view with its buffer's place in [`Cpu::storage`].
#[derive(Clone, Copy, Debug)]
struct Location {
    storage: usize,
    offset: usize,
    len: usize,
    access: Access,
}

#[derive(Debug)]
struct BoundOp {
    kernel: Arc<dyn Kernel>,
    args: Vec<Location>,
}

#[derive(Debug)]
struct Bound {
    ops: Vec<BoundOp>,
    /// Each plan buffer's place in the storage.
    places: Vec<usize>,
}

/// Executes plans on the CPU in numbers of type `T`.
#[derive(Debug, Default)]
pub(crate) struct Cpu<T> {
    storage: Vec<Storage<T>>,
    shared: HashMap<String, usize>,
    /// Places in the storage whose buffers were freed.
    vacant: Vec<usize>,
    /// Scratch slots, used by all programs in turn: each grows to the largest user.
    scratch: Vec<usize>,
    programs: Programs<Bound>,
}

impl<T: Real> Cpu<T> {
    fn place(&self, key: &str) -> Result<usize> {
        self.shared.get(key).copied().ok_or_else(|| missing(key))
    }

    fn floats(&self, place: usize, offset: usize, len: usize) -> Result<Vec<f64>> {
        match &self.storage[place] {
            Storage::Float(v) if offset + len <= v.len() => {
                Ok(v[offset..offset + len].iter().map(|v| v.wide()).collect())
            }
            other => Err(bounds(offset + len, other.len())),
        }
    }
}

fn missing(key: &str) -> Error {
    Error::invalid(
        format!("buffer {key:?}"),
        "nothing",
        "an allocated buffer",
        "allocate it before binding or reading",
    )
}

fn bounds(end: usize, len: usize) -> Error {
    Error::invalid(
        "buffer access",
        format!("an end at {end}"),
        format!("at most {len} elements of its type"),
        "shorten it",
    )
}

impl<T: Real> Executor for Cpu<T> {
    fn allocate(&mut self, key: &str, element: Element, len: usize) -> Result<()> {
        match self.shared.get(key) {
            Some(&place) if self.storage[place].len() == len && self.storage[place].element() == element => {}
            // Programs that are bound to the old buffer see the new one: the place stays.
            Some(&place) => self.storage[place] = Storage::zeros(element, len),
            None => {
                let place = self.vacant.pop().unwrap_or_else(|| {
                    self.storage.push(Storage::zeros(Element::Index, 0));
                    self.storage.len() - 1
                });
                self.storage[place] = Storage::zeros(element, len);
                self.shared.insert(key.to_owned(), place);
            }
        }
        Ok(())
    }

    fn free(&mut self, key: &str) {
        if let Some(place) = self.shared.remove(key) {
            self.storage[place] = Storage::zeros(Element::Index, 0);
            self.vacant.push(place);
        }
    }

    fn clear(&mut self, key: &str) -> Result<()> {
        if let Some(&place) = self.shared.get(key) {
            self.storage[place] = Storage::zeros(self.storage[place].element(), self.storage[place].len());
        }
        Ok(())
    }

    fn write(&mut self, key: &str, offset: usize, values: Values<'_>) -> Result<()> {
        let place = self.place(key)?;
        let (end, len) = (offset + values.len(), self.storage[place].len());
        match (&mut self.storage[place], values) {
            (Storage::Float(v), Values::F32(values)) if end <= len => {
                v[offset..end].iter_mut().zip(values).for_each(|(v, &new)| *v = T::of(new.into()));
            }
            (Storage::Float(v), Values::F64(values)) if end <= len => {
                v[offset..end].iter_mut().zip(values).for_each(|(v, &new)| *v = T::of(new));
            }
            (Storage::Index(v), Values::U32(values)) if end <= len => v[offset..end].copy_from_slice(values),
            _ => return Err(bounds(end, len)),
        }
        Ok(())
    }

    fn read(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Vec<f64>>> {
        let result = self.place(key).and_then(|place| self.floats(place, offset, len));
        Box::pin(std::future::ready(result))
    }

    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>> {
        let result = self.place(key).and_then(|place| match &self.storage[place] {
            Storage::Index(v) if len <= v.len() => Ok(v[..len].to_vec()),
            other => Err(bounds(len, other.len())),
        });
        Box::pin(std::future::ready(result))
    }

    fn bind(&mut self, plan: &Plan) -> Result<Program> {
        for (slot, &len) in plan.scratch.iter().enumerate() {
            if slot == self.scratch.len() {
                self.storage.push(Storage::zeros(Element::Float, len));
                self.scratch.push(self.storage.len() - 1);
            } else if self.storage[self.scratch[slot]].len() < len {
                self.storage[self.scratch[slot]] = Storage::zeros(Element::Float, len);
            }
        }
        let places = plan.buffers.iter().map(|buffer| match &buffer.home {
            Home::Shared(key) => self.place(key),
            Home::Scratch(slot) => Ok(self.scratch[*slot]),
        });
        let places: Vec<usize> = places.collect::<Result<_>>()?;
        for (buffer, &place) in plan.buffers.iter().zip(&places) {
            if self.storage[place].len() < buffer.len || self.storage[place].element() != buffer.element {
                return Err(bounds(buffer.len, self.storage[place].len()));
            }
        }
        let ops = plan.ops.iter().map(|op| {
            let args = op.args.iter().zip(op.kernel.bindings()).zip(op.kernel.lens()).map(
                |((view, binding), len)| Location {
                    storage: places[view.buffer],
                    offset: view.offset,
                    len,
                    access: binding.access,
                },
            );
            BoundOp { kernel: op.kernel.clone(), args: args.collect() }
        });
        let ops: Vec<BoundOp> = ops.collect();
        for op in &ops {
            assert_apart(&op.args);
        }
        Ok(self.programs.add(Bound { ops, places }))
    }

    fn release(&mut self, program: Program) {
        self.programs.release(program);
    }

    fn run(&mut self, program: Program, times: usize) -> Result<()> {
        let Self { storage, programs, .. } = self;
        for _ in 0..times {
            for op in &programs.get(program)?.ops {
                T::run(&*op.kernel, borrow(storage, &op.args)?);
            }
        }
        Ok(())
    }

    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>> {
        let place = self.programs.get(program).map(|bound| bound.places[view.buffer]);
        Box::pin(std::future::ready(place.and_then(|place| self.floats(place, view.offset, view.len))))
    }

    fn bytes(&self) -> u64 {
        let bytes = self.storage.iter().map(|s| match s {
            Storage::Float(v) => size_of_val(v.as_slice()) as u64,
            Storage::Index(v) => size_of_val(v.as_slice()) as u64,
        });
        bytes.sum()
    }
}

/// The soundness of [`borrow`]: a written stretch overlaps no other stretch of the same op.
fn assert_apart(args: &[Location]) {
    for (i, a) in args.iter().enumerate() {
        for (j, b) in args.iter().enumerate() {
            let apart =
                a.storage != b.storage || a.offset + a.len <= b.offset || b.offset + b.len <= a.offset;
            assert!(i == j || apart || (a.access == Access::Read && b.access == Access::Read));
        }
    }
}

/// Borrows an op's stretches of the storage all at once.
#[expect(unsafe_code, reason = "disjoint parts of several vectors, some shared and some exclusive")]
fn borrow<'a, T: Real>(storage: &'a mut [Storage<T>], args: &[Location]) -> Result<Args<'a, T>> {
    for arg in args {
        let len = storage[arg.storage].len();
        if arg.offset + arg.len > len {
            return Err(bounds(arg.offset + arg.len, len));
        }
    }
    let base = storage.as_mut_ptr();
    Ok(Args::new(args.iter().map(|arg| {
        // SAFETY: `storage` is borrowed exclusively for 'a, every stretch was just checked to lie inside its
        // vector, and `assert_apart` held at binding: written stretches overlap nothing. The vectors are
        // never resized while the slices live.
        unsafe {
            match (&mut *base.add(arg.storage), arg.access) {
                (Storage::Float(v), Access::Read) => {
                    Slot::Read(std::slice::from_raw_parts(v.as_mut_ptr().add(arg.offset), arg.len))
                }
                (Storage::Float(v), _) => {
                    Slot::Write(std::slice::from_raw_parts_mut(v.as_mut_ptr().add(arg.offset), arg.len))
                }
                (Storage::Index(v), Access::Read) => {
                    Slot::ReadIndex(std::slice::from_raw_parts(v.as_mut_ptr().add(arg.offset), arg.len))
                }
                (Storage::Index(v), _) => {
                    Slot::WriteIndex(std::slice::from_raw_parts_mut(v.as_mut_ptr().add(arg.offset), arg.len))
                }
            }
        }
    })))
}
