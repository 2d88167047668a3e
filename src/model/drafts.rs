//! Networks of layers as people write them.

use super::Sequential;
use crate::Result;
use crate::layer::draft::{Draft, Drafts};

impl Sequential {
    /// Appends layers by their kinds and options.
    ///
    /// # Errors
    /// As [`Draft::complete`]; the error names the layer's path.
    pub fn add_drafts(mut self, drafts: &[Draft]) -> Result<Self> {
        let reader = Drafts::default();
        for draft in drafts {
            let path = format!("{}.{}", self.layers.len(), draft.kind);
            self = self.add_shared(reader.layer(draft, &path)?);
        }
        Ok(self)
    }
}
