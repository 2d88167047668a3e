//! Which parameters others have written since the last step: these are not part of an update, and are not taken back with it.

use super::Model;
use crate::Result;
use crate::device::Program;
use crate::kernel::{Adopt, AdoptPorts, Element};
use crate::optimizer::spans;
use crate::plan::arena::keys;
use crate::plan::{Purpose, Recorder};

/// Programs for a model whose parameter buffer others can write at any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// Copies what was written since the parameters were sealed into the parameters before the last update.
    pub(crate) adopt: Program,
    /// Copies the parameters that the last step leaves.
    pub(crate) seal: Program,
}

/// The parameters as the last step left them.
const SEALED: &str = "parameters after the last step";

impl Model {
    /// Starts to detect what others write into the parameters.
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
                rec.copy(values, out);
            }
        })?;
        self.written = Some(Written { adopt, seal });
        self.seal_parameters()
    }

    /// Before running steps: adopts what others have written.
    pub(crate) fn adopt_parameters(&mut self) -> Result<()> {
        self.written.map_or(Ok(()), |written| self.executor.run(written.adopt, 1))
    }

    /// After running steps: seals the parameters.
    pub(crate) fn seal_parameters(&mut self) -> Result<()> {
        self.written.map_or(Ok(()), |written| self.executor.run(written.seal, 1))
    }
}
