//! The buffers that a CPU twin works on.

use crate::Real;

/// One buffer handed to a twin.
#[derive(Debug)]
pub enum Slot<'a, T> {
    /// Numbers to read.
    Read(&'a [T]),
    /// Numbers to write.
    Write(&'a mut [T]),
    /// Integers to read.
    ReadIndex(&'a [u32]),
    /// Integers to write.
    WriteIndex(&'a mut [u32]),
    /// No buffer: the kernel's options leave it out.
    Absent,
}

/// The executor passed a kind of buffer that the port does not declare: a bug that every test would find.
fn mismatch<T: std::fmt::Debug>(slot: &Slot<'_, T>) -> ! {
    unreachable!("{slot:?} is bound to a port of another kind")
}

impl<'a, T: Real> Slot<'a, T> {
    /// The numbers of a read-only port.
    pub fn read(self) -> &'a [T] {
        match self {
            Self::Read(values) => values,
            other => mismatch(&other),
        }
    }

    /// The numbers of a written port.
    pub fn write(self) -> &'a mut [T] {
        match self {
            Self::Write(values) => values,
            other => mismatch(&other),
        }
    }

    /// The integers of a read-only port.
    pub fn read_index(self) -> &'a [u32] {
        match self {
            Self::ReadIndex(values) => values,
            other => mismatch(&other),
        }
    }

    /// The integers of a written port.
    pub fn write_index(self) -> &'a mut [u32] {
        match self {
            Self::WriteIndex(values) => values,
            other => mismatch(&other),
        }
    }
}

/// The most buffers per kernel: WebGPU's limit on storage buffers per shader stage.
pub const MAX_BINDINGS: usize = 8;

/// The buffers of one run, in the order of the kernel's bindings.
#[derive(Debug)]
pub struct Args<'a, T> {
    slots: std::array::IntoIter<Slot<'a, T>, MAX_BINDINGS>,
}

impl<'a, T: Real> Args<'a, T> {
    /// Takes at most [`MAX_BINDINGS`] slots, in binding order.
    pub fn new(slots: impl IntoIterator<Item = Slot<'a, T>>) -> Self {
        let mut all = [const { Slot::Absent }; MAX_BINDINGS];
        for (place, slot) in all.iter_mut().zip(slots) {
            *place = slot;
        }
        Self { slots: all.into_iter() }
    }

    /// Whether the next buffer is present; an absent one is skipped.
    pub fn skip_absent(&mut self) -> bool {
        let there = !matches!(self.slots.as_slice().first(), None | Some(Slot::Absent));
        if !there {
            self.slots.next();
        }
        there
    }

    /// Takes the next buffer.
    pub fn take(&mut self) -> Slot<'a, T> {
        self.slots.next().unwrap_or(Slot::Absent)
    }
}
