//! What every recorded kernel must satisfy.

use super::{ALIGNMENT, Recorder, View};
use crate::kernel::{Access, Kernel, MAX_GROUPS, MAX_ROUNDS, UNUSED};
use crate::{Error, Result};

impl Recorder<'_> {
    /// Checks the kernel's limits, and that kernel and layer agree; a mismatch is a bug in a layer.
    pub(super) fn check(&self, kernel: &dyn Kernel, args: &[View], scope: &str) -> Result<()> {
        let place = format!("{scope}: {}", kernel.name());
        let wrong = |found: String, expected: String| {
            Err(Error::invalid(&place, found, expected, "report this as a bug of autorot"))
        };
        let refused = |found: String, expected: String| {
            Err(Error::invalid(&place, found, expected, "use a smaller layer, window or batch"))
        };
        let variants = 0..kernel.variants().len();
        let rounds = variants.clone().map(|variant| kernel.rounds(variant)).min().unwrap_or(0);
        if rounds > MAX_ROUNDS {
            return refused(format!("loops of {rounds} rounds"), format!("at most {MAX_ROUNDS}"));
        }
        let widest = |variant: usize| kernel.grid(variant).into_iter().max().unwrap_or(0);
        let groups = variants.map(widest).min().unwrap_or(0);
        if groups > MAX_GROUPS {
            return refused(format!("{groups} workgroups in one dimension"), format!("at most {MAX_GROUPS}"));
        }
        let bindings = kernel.bindings();
        for ((view, binding), used) in args.iter().zip(bindings).zip(kernel.lens()) {
            let len = used.unwrap_or(UNUSED);
            let (name, buffer, end) = (binding.name, &self.buffers[view.buffer], view.offset + view.len);
            if len == 0 || view.len < len {
                return wrong(
                    format!("{} elements for {name}", view.len),
                    format!("at least {}", len.max(1)),
                );
            }
            if end > buffer.len {
                let found = format!("a view that ends at element {end} for {name}");
                return wrong(found, format!("one within its buffer of {}", buffer.len));
            }
            if used.is_some() && buffer.element != binding.element {
                let found = format!("a view of {:?} elements for {name}", buffer.element);
                return wrong(found, format!("{:?} elements", binding.element));
            }
            if !view.offset.is_multiple_of(ALIGNMENT) {
                let found = format!("a view from element {} on for {name}", view.offset);
                return wrong(found, format!("one that begins at a multiple of {ALIGNMENT}"));
            }
        }
        for (i, (a, written)) in args.iter().zip(bindings).enumerate() {
            if written.access == Access::Read {
                continue;
            }
            for (j, (b, other)) in args.iter().zip(bindings).enumerate() {
                let apart = a.offset + a.len <= b.offset || b.offset + b.len <= a.offset;
                if i != j && a.buffer == b.buffer && (other.access == Access::Read || !apart) {
                    return wrong(
                        format!("{} and {} in one buffer", written.name, other.name),
                        "a written buffer to be bound once".into(),
                    );
                }
            }
        }
        Ok(())
    }
}
