//! Masks: whether a network leaves out the padding of its inputs.

use super::Network;
use crate::layer::Node;
use crate::{Dataset, Error, Result};

impl Network {
    /// Refuses rows all of whose steps are masked, as far as it can be told from the inputs: where the network
    /// begins with a masking layer. Chunks of sequences that go on from batch to batch may be masked as a whole.
    pub(crate) fn check_masks(&self, inputs: &[f32], place: &str) -> Result<()> {
        let value = self.nodes.first().and_then(|node| node.facts().mask_value);
        let Some(value) = value.filter(|_| self.stateful().is_none()) else {
            return Ok(());
        };
        let hidden = |row: &[f32]| row.iter().all(|&v| v == value);
        match inputs.chunks_exact(self.input.len()).position(hidden) {
            None => Ok(()),
            Some(row) => Err(Error::invalid(
                place,
                format!("row {row} with {value} in all its steps, the value that masks them"),
                "a step at least that counts",
                "drop the empty sequences",
            )),
        }
    }

    /// Refuses data with padded steps that the network would take for numbers.
    pub(crate) fn check_padding(&self, data: &Dataset) -> Result<()> {
        let Some(value) = data.padded() else { return Ok(()) };
        let masking = self.masking(value)?;
        let features = self.input.len() / self.input.shape.first().map_or(1, |&steps| steps.max(1));
        match data.row_unmasked_by(features) {
            None => Ok(()),
            Some(row) => Err(Error::invalid(
                "data set inputs",
                format!("row {row} with padding in a part of a step of {features} numbers"),
                format!("whole steps of {value}, which {} masks", masking.path()),
                "give the rows the shape in which they were padded",
            )),
        }
    }

    /// The layer that masks padded steps of this value: the first, since others change the steps or do without the mask, and
    /// the only one, since another would replace its mask.
    pub(super) fn masking(&self, value: f32) -> Result<&dyn Node> {
        let masks = self.every_node().into_iter().filter_map(|node| Some((node, node.facts().mask_value?)));
        let masks: Vec<_> = masks.collect();
        let first = self.nodes.first().map_or("", |node| node.path());
        let found = match masks.as_slice() {
            [] => "a network without a Masking layer".to_owned(),
            [(node, other), ..] if *other != value => format!("{} of the value {other}", node.path()),
            [(node, _), ..] if node.path() != first => {
                format!("{}, which is not the first layer", node.path())
            }
            [(node, _)] => return Ok(*node),
            [_, (node, other), ..] => format!("a second mask by {}, of the value {other}", node.path()),
        };
        Err(Error::invalid(
            "data set inputs",
            format!("steps padded with {value}, and {found}"),
            format!("a network that begins with Masking::new({value}), and masks nothing else"),
            "mask the padding, or let it count as numbers by Dataset::without_mask",
        ))
    }
}
