//! The CPU executor: runs the kernels' twins, in f32 as the fallback and in f64 as the reference.

use super::executor::{Programs, within};
use super::misfit::{self, missing, named};
use super::{Executor, Pending, Program, Values};
use crate::kernel::{Access, Args, Element, Kernel, MAX_BINDINGS, Slot, Twin};
use crate::plan::{Home, Plan, View};
use crate::real::Numbers;
use crate::{Error, Fault, Real, Result};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

#[derive(Debug)]
enum Storage<T> {
    Float(Vec<T>),
    Index(Vec<u32>),
}

impl<T: Real> Storage<T> {
    const EMPTY: Self = Self::Index(Vec::new());

    /// # Errors
    /// Not enough memory.
    fn zeros(element: Element, len: usize) -> Result<Self> {
        // `vec!` uses memory that is already zero, but aborts the process if there is none.
        let (room, size) = match element {
            Element::Float => (Vec::<T>::new().try_reserve_exact(len), size_of::<T>()),
            Element::Index => (Vec::<u32>::new().try_reserve_exact(len), size_of::<u32>()),
        };
        room.map_err(|_| {
            let reason = format!("no memory for {len} numbers of {size} bytes");
            Error::device(Fault::OutOfMemory, "cpu", reason, "use a smaller batch or smaller layers")
        })?;
        Ok(match element {
            Element::Float => Self::Float(vec![T::zero(); len]),
            Element::Index => Self::Index(vec![0; len]),
        })
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

/// A view with its buffer's index in [`Cpu::storage`].
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
    /// Each with its binding's number.
    args: Vec<(usize, Location)>,
}

#[derive(Debug)]
struct Bound {
    ops: Vec<BoundOp>,
    /// The index of each plan buffer in the storage.
    places: Vec<usize>,
    /// The required length of each scratch slot.
    scratch: Vec<usize>,
}

/// Executes plans on the CPU with numbers of type `T`.
#[derive(Debug, Default)]
pub(crate) struct Cpu<T> {
    storage: Vec<Storage<T>>,
    shared: HashMap<String, usize>,
    /// Indices in the storage whose buffers were freed.
    vacant: Vec<usize>,
    /// Scratch slots, used by all programs in turn: each grows to its largest user.
    scratch: Vec<usize>,
    programs: Programs<Bound>,
}

impl<T: Real> Cpu<T> {
    fn place(&self, key: &str) -> Result<usize> {
        self.shared.get(key).copied().ok_or_else(|| missing(key))
    }

    /// Checks that the buffer at this index, called `what` in errors, has `end` elements of this type.
    fn check(&self, what: &str, place: usize, element: Element, end: usize) -> Result<()> {
        let storage = &self.storage[place];
        misfit::check(what, element, end, (storage.element(), storage.len()))
    }

    fn floats(&self, what: &str, place: usize, offset: usize, len: usize) -> Result<Vec<f64>> {
        self.check(what, place, Element::Float, offset.saturating_add(len))?;
        let Storage::Float(v) = &self.storage[place] else { return Ok(Vec::new()) };
        Ok(v[offset..offset + len].iter().map(|v| v.wide()).collect())
    }
}

/// The error for an op that reaches beyond one of its buffers: the recorder refuses such ops.
fn beyond(end: usize, len: usize) -> Error {
    Error::invalid(
        "bindings of an op",
        format!("a range that ends at element {end}"),
        format!("a range within its buffer of {len} elements"),
        "report this as a bug of autorot",
    )
}

impl<T: Twin> Cpu<T> {
    /// Runs ops of a program several times, on one of the pool's threads: every loop handed over from outside would wake one and
    /// wait for it, which takes as long as many a loop.
    fn repeat(&mut self, program: Program, ops: Range<usize>, times: usize) -> Result<()> {
        let Self { storage, programs, .. } = self;
        let ops = within(&programs.get(program)?.ops, ops);
        rayon::scope(|_| {
            for op in (0..times).flat_map(|_| ops) {
                T::run(&*op.kernel, borrow(storage, &op.args)?);
            }
            Ok(())
        })
    }
}

impl<T: Twin> Executor for Cpu<T> {
    fn allocate(&mut self, key: &str, element: Element, len: usize) -> Result<()> {
        match self.shared.get(key) {
            Some(&place) if self.storage[place].len() == len && self.storage[place].element() == element => {}
            // Programs bound to the old buffer see the new one, since the index stays.
            Some(&place) => self.storage[place] = Storage::zeros(element, len)?,
            None => {
                let zeros = Storage::zeros(element, len)?;
                let place = self.vacant.pop().unwrap_or_else(|| {
                    self.storage.push(Storage::EMPTY);
                    self.storage.len() - 1
                });
                self.storage[place] = zeros;
                self.shared.insert(key.to_owned(), place);
            }
        }
        Ok(())
    }

    fn free(&mut self, key: &str) {
        if let Some(place) = self.shared.remove(key) {
            self.storage[place] = Storage::EMPTY;
            self.vacant.push(place);
        }
    }

    fn clear(&mut self, key: &str) -> Result<()> {
        if let Some(&place) = self.shared.get(key) {
            match &mut self.storage[place] {
                Storage::Float(v) => v.fill(T::zero()),
                Storage::Index(v) => v.fill(0),
            }
        }
        Ok(())
    }

    fn write(&mut self, key: &str, offset: usize, values: Values<'_>) -> Result<()> {
        let place = self.place(key)?;
        let end = offset.saturating_add(values.len());
        self.check(&named(key), place, values.element(), end)?;
        match (&mut self.storage[place], values) {
            (Storage::Float(v), Values::F32(values)) => {
                v[offset..end].iter_mut().zip(values).for_each(|(v, &new)| *v = T::of(new.into()));
            }
            (Storage::Float(v), Values::F64(values)) => {
                v[offset..end].iter_mut().zip(values).for_each(|(v, &new)| *v = T::of(new));
            }
            (Storage::Index(v), Values::U32(values)) => v[offset..end].copy_from_slice(values),
            // Refused above.
            (Storage::Float(_), Values::U32(_)) | (Storage::Index(_), Values::F32(_) | Values::F64(_)) => {}
        }
        Ok(())
    }

    fn read(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Vec<f64>>> {
        let result = self.place(key).and_then(|place| self.floats(&named(key), place, offset, len));
        Box::pin(std::future::ready(result))
    }

    fn read_own(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Numbers>> {
        let result = self.place(key).and_then(|place| {
            let end = offset.saturating_add(len);
            self.check(&named(key), place, Element::Float, end)?;
            let Storage::Float(v) = &self.storage[place] else { return Ok(T::numbers(Vec::new())) };
            Ok(T::numbers(v[offset..end].to_vec()))
        });
        Box::pin(std::future::ready(result))
    }

    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>> {
        let result = self.place(key).and_then(|place| {
            self.check(&named(key), place, Element::Index, len)?;
            let Storage::Index(v) = &self.storage[place] else { return Ok(Vec::new()) };
            Ok(v[..len].to_vec())
        });
        Box::pin(std::future::ready(result))
    }

    fn bind(&mut self, plan: &Plan) -> Result<Program> {
        for (slot, &len) in plan.scratch.iter().enumerate() {
            if slot == self.scratch.len() {
                self.storage.push(Storage::zeros(Element::Float, len)?);
                self.scratch.push(self.storage.len() - 1);
            } else if self.storage[self.scratch[slot]].len() < len {
                self.storage[self.scratch[slot]] = Storage::zeros(Element::Float, len)?;
            }
        }
        let places = plan.buffers.iter().map(|buffer| match &buffer.home {
            Home::Shared(key) => self.place(key),
            Home::Scratch(slot) => Ok(self.scratch[*slot]),
        });
        let places: Vec<usize> = places.collect::<Result<_>>()?;
        for (buffer, &place) in plan.buffers.iter().zip(&places) {
            let what = match &buffer.home {
                Home::Shared(key) => named(key),
                Home::Scratch(slot) => format!("scratch buffer {slot}"),
            };
            self.check(&what, place, buffer.element, buffer.len)?;
        }
        let ops = plan.ops.iter().map(|op| {
            let args = op.args.iter().zip(op.kernel.bindings()).zip(op.kernel.lens()).map(
                |((view, binding), len)| {
                    let storage = places[view.buffer];
                    len.map(|len| Location { storage, offset: view.offset, len, access: binding.access })
                },
            );
            Ok(BoundOp { kernel: op.kernel.clone(), args: in_order(args)? })
        });
        let ops: Vec<BoundOp> = ops.collect::<Result<_>>()?;
        Ok(self.programs.add(Bound { ops, places, scratch: plan.scratch.clone() }))
    }

    fn release(&mut self, program: Program) {
        self.programs.release(program);
        let wanted = self.programs.scratch(self.scratch.len(), |bound| &bound.scratch);
        for (&place, wanted) in self.scratch.iter().zip(wanted) {
            if let Storage::Float(values) = &mut self.storage[place] {
                values.truncate(wanted);
                values.shrink_to_fit();
            }
        }
    }

    fn run(&mut self, program: Program, times: usize) -> Result<()> {
        self.repeat(program, 0..usize::MAX, times)
    }

    fn run_ops(&mut self, program: Program, ops: Range<usize>) -> Result<()> {
        self.repeat(program, ops, 1)
    }

    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>> {
        let place = self.programs.get(program).map(|bound| bound.places[view.buffer]);
        let floats = |place| self.floats("a view of a program", place, view.offset, view.len);
        Box::pin(std::future::ready(place.and_then(floats)))
    }

    fn bytes(&self) -> u64 {
        let bytes = self.storage.iter().map(|s| match s {
            Storage::Float(v) => size_of_val(v.as_slice()) as u64,
            Storage::Index(v) => size_of_val(v.as_slice()) as u64,
        });
        bytes.sum()
    }
}

/// The ranges in the order of their storage indices, each with its binding's number, as [`borrow`] takes them.
///
/// # Errors
/// A written range in a buffer that the op also uses elsewhere, unless both ranges are written and do not overlap: the recorder refuses
/// such ops.
fn in_order(args: impl IntoIterator<Item = Option<Location>>) -> Result<Vec<(usize, Location)>> {
    let mut args: Vec<_> = args.into_iter().enumerate().filter_map(|(i, arg)| Some((i, arg?))).collect();
    args.sort_by_key(|(_, arg)| (arg.storage, arg.offset));
    for pair in args.windows(2) {
        let [(_, a), (_, b)] = pair else { continue };
        let read = [a, b].map(|arg| arg.access == Access::Read);
        let overlap = a.offset + a.len > b.offset;
        if a.storage == b.storage && (read[0] != read[1] || !read[0] && overlap) {
            return Err(Error::invalid(
                "bindings of an op",
                format!("{a:?} and {b:?}"),
                "written ranges that overlap no other range of the op",
                "report this as a bug of autorot",
            ));
        }
    }
    Ok(args)
}

/// Borrows all of an op's ranges of the storage at once.
fn borrow<'a, T: Real>(storage: &'a mut [Storage<T>], args: &[(usize, Location)]) -> Result<Args<'a, T>> {
    let mut slots = [const { Slot::Absent }; MAX_BINDINGS];
    let (mut rest, mut first) = (storage, 0);
    for of_one in args.chunk_by(|(_, a), (_, b)| a.storage == b.storage) {
        let (_, Location { storage, access, .. }) = of_one[0];
        let (one, others) = rest.split_at_mut(storage + 1 - first);
        (rest, first) = (others, storage + 1);
        match (one.last_mut(), access) {
            (Some(Storage::Float(v)), Access::Read) => shared(v, of_one, &mut slots, Slot::Read)?,
            (Some(Storage::Index(v)), Access::Read) => shared(v, of_one, &mut slots, Slot::ReadIndex)?,
            (Some(Storage::Float(v)), _) => exclusive(v, of_one, &mut slots, Slot::Write)?,
            (Some(Storage::Index(v)), _) => exclusive(v, of_one, &mut slots, Slot::WriteIndex)?,
            (None, _) => {}
        }
    }
    Ok(Args::new(slots))
}

/// Ranges of one buffer, for reading.
fn shared<'a, V, T>(
    values: &'a [V],
    args: &[(usize, Location)],
    slots: &mut [Slot<'a, T>],
    slot: fn(&'a [V]) -> Slot<'a, T>,
) -> Result<()> {
    for &(binding, Location { offset, len, .. }) in args {
        slots[binding] =
            slot(values.get(offset..offset + len).ok_or_else(|| beyond(offset + len, values.len()))?);
    }
    Ok(())
}

/// Non-overlapping ranges of one buffer, for writing.
fn exclusive<'a, V, T>(
    mut values: &'a mut [V],
    args: &[(usize, Location)],
    slots: &mut [Slot<'a, T>],
    slot: fn(&'a mut [V]) -> Slot<'a, T>,
) -> Result<()> {
    let (all, mut first) = (values.len(), 0);
    for &(binding, Location { offset, len, .. }) in args {
        let end = offset + len;
        let (stretch, rest) = values.split_at_mut_checked(end - first).ok_or_else(|| beyond(end, all))?;
        slots[binding] = slot(&mut stretch[offset - first..]);
        (values, first) = (rest, end);
    }
    Ok(())
}
