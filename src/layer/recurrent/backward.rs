//! The backward pass of a recurrent layer.

use super::cell::Cell;
use super::node::{Kept, Kernels, RecurrentNode};
use crate::Rotation;
use crate::kernel::{
    CopyRows, CopyRowsPorts, RecurrentBackward, RecurrentBackwardPorts, Stage, Strided, UnfoldRotation,
    UnfoldRotationPorts, state_part,
};
use crate::layer::product::Product;
use crate::layer::{Regularizer, Trace};
use crate::plan::{Recorder, View};

impl RecurrentNode {
    /// Records the time steps backwards, and the gradients of the parameters that they share.
    pub(super) fn record_backward(
        &self,
        rec: &mut Recorder<'_>,
        trace: &Trace,
        d_y: View,
        need_d_x: bool,
    ) -> Option<View> {
        let Some(&kept) = trace.kept::<Kept>() else { return trace.refuse(rec, &self.neurons.path) };
        let (batch, units, columns) = (rec.batch(), self.neurons.units, self.columns());
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
        let d_w = rec.gradient(self.neurons.kernel);
        let w = rec.parameter(self.neurons.kernel);
        let rotation = self.neurons.rotation;
        let penalty = self.neurons.penalty(rec);
        let penalty = if rotation.is_some() { Regularizer::default() } else { penalty };
        let product = Product { rows, inputs: self.features, units: columns };
        product.backward_weight(rec, [kept.x, kept.z, w, d_w], penalty);
        self.neurons.finish_weights(rec, trace);
        if self.backward_recurrent(rec, &kept).is_none() || self.backward_bias(rec, &kept).is_none() {
            return trace.refuse(rec, &self.neurons.path);
        }
        if let (Some(rotation), Some(stored), Some(s)) = (rotation, trace.rotation, self.neurons.s(rec)) {
            self.unfold(rec, rotation, stored, s);
        }
        need_d_x.then(|| {
            let d_x = product.backward_input(rec, kept.z, kept.kernels.w);
            let d_x = self.drop_inputs(rec, d_x);
            self.neurons.leave(rec, d_x)
        })
    }

    /// Records the gradient of the recurrent kernel: one product over all time steps, or two if the candidate's left operand
    /// differs from that of the gates. `None` if the forward pass has not kept what this needs.
    fn backward_recurrent(&self, rec: &mut Recorder<'_>, kept: &Kept) -> Option<()> {
        let (units, columns) = (self.neurons.units, self.columns());
        let penalty = rec.regularizer(self.recurrent);
        let penalty = if self.h_q.is_some() { Regularizer::default() } else { penalty };
        let product = Product { rows: rec.batch() * self.steps, inputs: units, units: columns };
        let u = rec.parameter(self.recurrent);
        let d_u = rec.gradient(self.recurrent);
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

    /// Whether the gradients of the recurrent product differ from those of the input product.
    fn has_own_recurrent_gradients(&self) -> bool {
        self.cell == (Cell::Gru { reset_after: true })
    }

    /// Records the gradient of the bias; `None` as in [`RecurrentNode::backward_recurrent`].
    fn backward_bias(&self, rec: &mut Recorder<'_>, kept: &Kept) -> Option<()> {
        let Some(d_b) = self.neurons.d_b(rec) else { return Some(()) };
        let (rows, columns) = (rec.batch() * self.steps, self.columns());
        rec.sum_rows(kept.z, rows, columns, d_b);
        if self.cell.bias_lines() == 2 {
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

    /// Records the gradients of the parameters and of λ from those of the folded weights.
    fn unfold(&self, rec: &mut Recorder<'_>, rotation: Rotation, stored: View, s: View) {
        let Kernels { w, u, b } = self.parameters(rec);
        let d_w = rec.gradient(self.neurons.kernel);
        let d_u = self.h_q.map(|_| rec.gradient(self.recurrent));
        let d_b = self.neurons.d_b(rec);
        let factors = |id| {
            let Regularizer { l1, l2 } = rec.regularizer(id);
            [l1, l2]
        };
        let unfold = UnfoldRotation {
            kernels: self.gate_kernels(rotation),
            penalty: factors(self.neurons.kernel),
            recurrent_penalty: factors(self.recurrent),
        };
        rec.op(unfold, UnfoldRotationPorts { w, u_kernel: Some(u), b, rotation: stored, d_w, d_u, d_b, s });
        self.neurons.finish_lambda(rec, Some(s));
    }
}
