//! Which parameters others have written since the last step: those are not an update's, and are not taken back with it.

use super::Model;
use crate::Result;
use crate::device::Program;
use crate::kernel::{Adopt, AdoptPorts, CopyRows, CopyRowsPorts, Element, Strided};
use crate::optimizer::spans;
use crate::plan::arena::keys;
use crate::plan::{Purpose, Recorder};

/// Programs for a model whose parameters others can write at any time, having their buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// Takes what has been written since the parameters were sealed into those that an update is taken back to.
    pub(crate) adopt: Program,
    /// Copies the parameters as the last step leaves them.
    pub(crate) seal: Program,
}

/// The parameters as the last step left them.
const SEALED: &str = "parameters after the last step";

impl Model {
    /// Prepares to find out what others write into the parameters from now on.
    pub(crate) fn watch_parameters(&mut self) -> Result<()> {
        if self.written.is_some() {
            return Ok(());
        }
        let len = self.network.arena.len();
        self.keep(keys::PREVIOUS)?;
        self.executor.allocate(SEALED, Element::Float, len)?;
        let mut plan = |name: &str, record: &dyn Fn(&mut Recorder<'_>)| {
            let mut rec = Recorder::new(Purpose::Train, 1, &self.network.arena);
            record(&mut rec);
            self.executor.bind(&rec.finish(name)?)
        };
        let shared = |rec: &mut Recorder<'_>, key| rec.shared(key, Element::Float, len);
        let adopt = plan("adopt", &|rec| {
            let views = [keys::PARAMETERS, SEALED, keys::PREVIOUS].map(|key| shared(rec, key));
            for (first, count) in spans(len) {
                let [parameters, sealed, previous] = views.map(|view| rec.part(view, first, count));
                rec.op(Adopt { count }, AdoptPorts { parameters, sealed, previous });
            }
        })?;
        let seal = plan("seal", &|rec| {
            let views = [keys::PARAMETERS, SEALED].map(|key| shared(rec, key));
            for (first, width) in spans(len) {
                let [values, out] = views.map(|view| rec.part(view, first, width));
                let whole = Strided { first: 0, stride: width };
                let copy = CopyRows { rows: 1, width, from: whole, to: whole, reversed: false };
                rec.op(copy, CopyRowsPorts { values, out });
            }
        })?;
        self.written = Some(Written { adopt, seal });
        self.seal_parameters()
    }

    /// Before steps that are run: what others have written is not an update's.
    pub(crate) fn adopt_parameters(&mut self) -> Result<()> {
        self.written.map_or(Ok(()), |written| self.executor.run(written.adopt, 1))
    }

    /// After steps that were run.
    pub(crate) fn seal_parameters(&mut self) -> Result<()> {
        self.written.map_or(Ok(()), |written| self.executor.run(written.seal, 1))
    }
}
