//! The way back through a recurrent layer.

use super::cell::Cell;
use super::node::{Kept, Kernels, Parameters, RecurrentNode, Rotated};
use crate::LearnL;
use crate::kernel::{
    CopyRows, CopyRowsPorts, RecurrentBackward, RecurrentBackwardPorts, Stage, Strided, UnfoldRotation,
    UnfoldRotationPorts, state_part,
};
use crate::layer::product::Product;
use crate::layer::{Regularizer, Trace};
use crate::plan::{Recorder, View};

impl RecurrentNode {
    /// Records the time steps backwards, and the gradients of what they share.
    pub(super) fn record_backward(
        &self,
        rec: &mut Recorder<'_>,
        trace: &Trace,
        d_y: View,
        need_d_x: bool,
    ) -> Option<View> {
        let Some(&kept) = trace.kept::<Kept>() else { return trace.refuse(rec, &self.path) };
        let (batch, units, columns) = (rec.batch(), self.units, self.columns());
        let rows = batch * self.steps;
        let carry = rec.scratch(2 * state_part(batch, units));
        for number in (0..self.steps).rev() {
            let last = number + 1 == self.steps;
            let cut = self.truncate.is_some_and(|steps| (number + 1).is_multiple_of(steps));
            let next = (!last && !cut).then(|| self.place(number + 1).0);
            for &stage in self.stages().iter().rev() {
                let step = self.step(rec, number, stage);
                let d_y_at = match (self.return_sequences, last) {
                    (true, _) => Some((step.to * units, self.steps * units)),
                    (false, true) => Some((0, units)),
                    (false, false) => None,
                };
                let kernel = match stage {
                    Stage::GruGates => RecurrentBackward { step, next: Some(step.at), d_y: None },
                    _ => RecurrentBackward { step, next, d_y: d_y_at },
                };
                let Kept { z, y, memory, state, mask, kernels, .. } = kept;
                let u_kernel = kernels.u;
                rec.op(
                    kernel,
                    RecurrentBackwardPorts { u_kernel, d_y, state, mask, y: Some(y), memory, z, carry },
                );
            }
        }
        let d_w = rec.gradient(self.parameters.kernel);
        let w = rec.parameter(self.parameters.kernel);
        let penalty = if self.rotated.is_some() { Regularizer::default() } else { self.penalties[0] };
        let product = Product { rows, inputs: self.features, units: columns };
        product.backward_weight(rec, [kept.x, kept.z, w, d_w], penalty);
        if self.backward_recurrent(rec, &kept).is_none() || self.backward_bias(rec, &kept).is_none() {
            return trace.refuse(rec, &self.path);
        }
        if let (Some(rotated), Some(rotation)) = (&self.rotated, trace.rotation) {
            self.unfold(rec, rotated, rotation);
        }
        need_d_x.then(|| {
            let d_x = product.backward_input(rec, kept.z, kept.kernels.w);
            self.drop_inputs(rec, d_x)
        })
    }

    /// Records the gradient of the recurrent kernel, one product over all time steps, or two where the candidate
    /// has another left operand than the gates. `None` where the forward pass has not kept what it takes.
    fn backward_recurrent(&self, rec: &mut Recorder<'_>, kept: &Kept) -> Option<()> {
        let (units, columns) = (self.units, self.columns());
        let rotated = self.rotated.as_ref().is_some_and(|r| r.h_q.is_some());
        let penalty = if rotated { Regularizer::default() } else { self.penalties[1] };
        let product = Product { rows: rec.batch() * self.steps, inputs: units, units: columns };
        let u = rec.parameter(self.parameters.recurrent);
        let d_u = rec.gradient(self.parameters.recurrent);
        let d_recurrent = if self.has_own_recurrent_gradients() { kept.memory? } else { kept.z };
        product.backward_weight(rec, [kept.left?, d_recurrent, u, d_u], penalty);
        if self.resets_before() {
            let of_candidate = rec.scratch(units * columns);
            product.backward_weight(rec, [kept.memory?, kept.z, u, of_candidate], penalty);
            let rows = Strided { first: 2 * units, stride: columns };
            rec.op(
                CopyRows { rows: units, width: units, from: rows, to: rows, reversed: false },
                CopyRowsPorts { values: of_candidate, out: d_u },
            );
        }
        Some(())
    }

    /// Whether the gradients of the recurrent products are others than those of the inputs' product.
    fn has_own_recurrent_gradients(&self) -> bool {
        self.cell == (Cell::Gru { reset_after: true })
    }

    /// Records the gradient of the bias, as [`RecurrentNode::backward_recurrent`].
    fn backward_bias(&self, rec: &mut Recorder<'_>, kept: &Kept) -> Option<()> {
        let Some(id) = self.parameters.bias else { return Some(()) };
        let d_b = rec.gradient(id);
        let (rows, columns) = (rec.batch() * self.steps, self.columns());
        rec.sum_rows(kept.z, rows, columns, d_b);
        if self.parameters.bias_lines == 2 {
            let second = rec.scratch(columns);
            rec.sum_rows(kept.memory?, rows, columns, second);
            let from = Strided { first: 0, stride: columns };
            let to = Strided { first: columns, stride: columns };
            rec.op(
                CopyRows { rows: 1, width: columns, from, to, reversed: false },
                CopyRowsPorts { values: second, out: d_b },
            );
        }
        Some(())
    }

    /// Records the way from the gradients of the folded kernels to those of the parameters and of λ.
    fn unfold(&self, rec: &mut Recorder<'_>, rotated: &Rotated, rotation: View) {
        let Kernels { w, u, b } = self.parameters(rec);
        let Parameters { kernel, recurrent, bias, lambda, .. } = self.parameters;
        let d_w = rec.gradient(kernel);
        let d_u = rotated.h_q.map(|_| rec.gradient(recurrent));
        let d_b = bias.map(|id| rec.gradient(id));
        let learn = rotated.rotation.learn;
        let s = match (learn, lambda) {
            (LearnL::PerUnit, Some(id)) => rec.gradient(id),
            _ => rec.scratch(self.columns()),
        };
        let factors = |Regularizer { l1, l2 }: Regularizer| [l1, l2];
        let unfold = UnfoldRotation {
            kernels: self.gate_kernels(rotated),
            penalty: factors(self.penalties[0]),
            recurrent_penalty: factors(self.penalties[1]),
        };
        rec.op(unfold, UnfoldRotationPorts { w, u_kernel: Some(u), b, rotation, d_w, d_u, d_b, s });
        if let (LearnL::PerLayer, Some(id)) = (learn, lambda) {
            let d_lambda = rec.gradient(id);
            rec.sum(s, self.units, self.gates(), d_lambda, Strided { first: 0, stride: 1 });
        }
    }
}
