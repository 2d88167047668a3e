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
    /// Already taken by the twin, or not there.
    Taken,
}

/// The most buffers of a kernel: WebGPU's limit on storage buffers a stage.
pub const MAX_BINDINGS: usize = 8;

/// The buffers of one run, in the order of the kernel's bindings.
#[derive(Debug)]
pub struct Args<'a, T> {
    slots: [Slot<'a, T>; MAX_BINDINGS],
}

impl<'a, T: Real> Args<'a, T> {
    /// From the slots in binding order, at most eight.
    pub fn new(slots: impl IntoIterator<Item = Slot<'a, T>>) -> Self {
        let mut all = [const { Slot::Taken }; MAX_BINDINGS];
        for (place, slot) in all.iter_mut().zip(slots) {
            *place = slot;
        }
        Self { slots: all }
    }

    /// The numbers of a read-only binding.
    pub fn read(&self, index: usize) -> &'a [T] {
        match self.slots[index] {
            Slot::Read(values) => values,
            ref other => mismatch(index, other),
        }
    }

    /// The numbers of a written binding; each can be taken once.
    pub fn write(&mut self, index: usize) -> &'a mut [T] {
        match std::mem::replace(&mut self.slots[index], Slot::Taken) {
            Slot::Write(values) => values,
            other => mismatch(index, &other),
        }
    }

    /// The integers of a read-only binding.
    pub fn read_index(&self, index: usize) -> &'a [u32] {
        match self.slots[index] {
            Slot::ReadIndex(values) => values,
            ref other => mismatch(index, other),
        }
    }

    /// The integers of a written binding; each can be taken once.
    pub fn write_index(&mut self, index: usize) -> &'a mut [u32] {
        match std::mem::replace(&mut self.slots[index], Slot::Taken) {
            Slot::WriteIndex(values) => values,
            other => mismatch(index, &other),
        }
    }
}

/// A twin that asks for something else than its bindings declare: a bug in the kernel's file, which the
/// kernel table finds.
fn mismatch<T: std::fmt::Debug>(index: usize, slot: &Slot<'_, T>) -> ! {
    let kind = match slot {
        Slot::Read(_) => "read",
        Slot::Write(_) => "write",
        Slot::ReadIndex(_) => "read-index",
        Slot::WriteIndex(_) => "write-index",
        Slot::Taken => "taken",
    };
    unreachable!("binding {index} is a {kind} slot")
}
