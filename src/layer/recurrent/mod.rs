//! Recurrent layers: SimpleRnn, Lstm and Gru.

mod backward;
mod cell;
mod node;
mod states;

pub use cell::{Cell, RotatedPart};

use super::dropout::{check_rate, stretched};
use super::neuron::{KernelShape, Neuron, neuron_options};
use super::{Layer, Node, Options, Regularizer, Scope, Signal};
use crate::describe::options;
use crate::{Activation, Error, Frame, Initializer, Range, Result, Rule, shape};
pub(super) use cell::Direction;
use node::RecurrentNode;

/// A recurrent layer, classic or auto-rotating: made by [`SimpleRnn::new`], [`Lstm::new`] and [`Gru::new`], or from a [`Cell`] by
/// [`Recurrent::new`].
///
/// Input: a sequence `[T, F]`. Output: the last state `[H]`, or with [`return_sequences`](Self::return_sequences) all of them
/// `[T, H]`. Parameters, as in Keras: `kernel` `[F, gates·H]`, `recurrent_kernel` `[H, gates·H]`, `bias` `[gates·H]`, or
/// `[2, 3H]` for a GRU that resets after the product; and `lambda` `[gates]` or `[gates·H]` if L is learnt.
///
/// The rotation of recurrent layers is defined by this crate: the authors of auto-rotation mention these layers but publish no
/// definition. L is that of each gate's own activation: by default 4 for sigmoid and 2 for tanh. An LSTM's σ(c) is not a neuron
/// and is not rotated. [`LearnL::PerLayer`](crate::LearnL::PerLayer) learns one L per gate here.
///
/// On a device, the input product for all time steps is one GPU kernel, and each time step is another, forward and backward;
/// weight gradients are one product over all steps. A GRU that resets before the product takes two GPU kernels per step, and two
/// products for the gradient of its recurrent kernel. Memory grows linearly with T.
///
/// ```
/// use autorot::{AutoRotate, Dense, LearnL, Lstm, Sequential};
///
/// let lstm = Lstm::new(64).auto_rotate(AutoRotate::new().learn_l(LearnL::PerUnit));
/// let model = Sequential::new([29, 12]).input_range(0.0, 1.0).add(lstm).add(Dense::new(9));
/// # model.network(0)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Recurrent {
    cell: Cell,
    units: usize,
    #[serde(flatten)]
    neuron: Neuron,
    recurrent_activation: Activation,
    unit_forget_bias: bool,
    recurrent_initializer: Initializer,
    recurrent_regularizer: Regularizer,
    rotated_part: RotatedPart,
    dropout: f32,
    recurrent_dropout: f32,
    return_sequences: bool,
    return_state: bool,
    go_backwards: bool,
    stateful: bool,
    truncate: Option<usize>,
}

/// h = σ(x·W + b + h'·U) (Keras' `SimpleRNN`).
#[derive(Clone, Copy, Debug)]
pub struct SimpleRnn;

/// A long short-term memory (Keras' `LSTM`).
#[derive(Clone, Copy, Debug)]
pub struct Lstm;

/// A gated recurrent unit (Keras' `GRU`), with the reset gate after the product unless [`Recurrent::reset_after`] changes it.
#[derive(Clone, Copy, Debug)]
pub struct Gru;

macro_rules! constructors {
    ($($name:ident: $cell:expr,)+) => {
        $(
            impl $name {
                /// A layer with this many units and Keras' defaults.
                #[expect(clippy::new_ret_no_self, reason = "Keras' word for a recurrent layer of this cell")]
                pub fn new(units: usize) -> Recurrent {
                    Recurrent::new($cell, units)
                }
            }
        )+
    };
}

constructors! {
    SimpleRnn: Cell::SimpleRnn,
    Lstm: Cell::Lstm,
    Gru: Cell::Gru { reset_after: true },
}

/// Methods that set one option each.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)+) => {
        $(
            $(#[$doc])*
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            }
        )+
    };
}

impl Recurrent {
    /// A layer with this many units and Keras' defaults: tanh, sigmoid gates, Glorot uniform kernel, orthogonal recurrent kernel,
    /// zero bias except 1 for an LSTM's forget gate, and only the last output.
    pub fn new(cell: Cell, units: usize) -> Self {
        Self {
            cell,
            units,
            neuron: Neuron { activation: Activation::Tanh, ..Neuron::default() },
            recurrent_activation: Activation::Sigmoid,
            unit_forget_bias: true,
            recurrent_initializer: Initializer::Orthogonal { gain: 1.0 },
            recurrent_regularizer: Regularizer::default(),
            rotated_part: RotatedPart::Input,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            return_sequences: false,
            return_state: false,
            go_backwards: false,
            stateful: false,
            truncate: None,
        }
    }

    options! {
        /// Sets γ, the activation of the gates. Default: sigmoid. A [`SimpleRnn`] has none.
        recurrent_activation: Activation,
        /// Sets whether the bias of an LSTM's forget gate starts at 1. Default: true.
        unit_forget_bias: bool,
        /// Sets the initialiser of the recurrent kernel.
        recurrent_initializer: Initializer,
        /// Adds l1·Σ|w| + l2·Σw² of the recurrent kernel to the loss.
        recurrent_regularizer: Regularizer,
        /// Sets what auto-rotation multiplies. Default: the input part of the pre-activations.
        rotated_part: RotatedPart,
        /// Sets the dropout rate of the inputs, with one draw per sequence for all its steps and gates (Gal and Ghahramani 2016).
        dropout: f32,
        /// Sets the dropout rate of the state in the recurrent product, with one draw per sequence for all its steps and gates
        /// (Keras draws for each gate); the state itself is kept.
        recurrent_dropout: f32,
        /// Sets whether to output every time step, `[T, H]`, or only the last.
        return_sequences: bool,
        /// Sets whether [`Model::states`](crate::Model::states) returns the final state after a prediction.
        return_state: bool,
        /// Sets whether the layer processes the time steps from the last to the first. Its outputs are then in that order, and
        /// the mask of a masked sequence is reversed with them. Keras reverses the outputs but not the mask, so that later layers
        /// take padding for data and data for padding: such networks give different numbers here.
        go_backwards: bool,
        /// Sets whether a sequence starts from the final state of the same row in the previous batch: for sequences cut into
        /// chunks, between which gradients do not flow. Chunk i of the sequence in row r of a batch is row i·batch + r of the
        /// data. Training must then not shuffle, all batches must have the same number of rows, and each epoch and each
        /// evaluation starts from states of 0. Predictions carry their states on until
        /// [`Model::reset_states`](crate::Model::reset_states), and start from [`Model::set_states`](crate::Model::set_states) if
        /// given.
        stateful: bool,
    }

    neuron_options!(kernel_initializer, kernel_regularizer);

    /// Truncates back-propagation through time: gradients flow no further back than the start of each block of `steps` steps, or
    /// all the way with `None`.
    pub fn truncate(mut self, steps: impl Into<Option<usize>>) -> Self {
        self.truncate = steps.into();
        self
    }

    /// Sets whether a GRU's reset gate comes after the recurrent product. Default: true, as in Keras. Other cells have no reset
    /// gate.
    pub fn reset_after(mut self, after: bool) -> Self {
        if let Cell::Gru { reset_after } = &mut self.cell {
            *reset_after = after;
        }
        self
    }

    /// Whether the layer processes the time steps from the last to the first.
    pub(super) fn runs_backwards(&self) -> bool {
        self.go_backwards
    }

    /// What the two layers of a bidirectional one have in common.
    pub(super) fn in_common(&self) -> [(&'static str, bool); 3] {
        [
            ("return_sequences", self.return_sequences),
            ("return_state", self.return_state),
            ("stateful", self.stateful),
        ]
    }

    /// The activations of the gates.
    fn activations(&self) -> Vec<Activation> {
        let of = |&own: &bool| if own { self.neuron.activation } else { self.recurrent_activation };
        self.cell.gates().iter().map(of).collect()
    }

    fn check(&self, path: &str, steps: usize) -> Result<()> {
        let positive = [("units", Some(self.units)), ("truncate", self.truncate)];
        for (name, value) in positive {
            if value == Some(0) {
                return Err(Error::invalid(
                    path,
                    format!("{name} 0"),
                    "at least 1",
                    format!("give a positive number of {}", if name == "units" { "units" } else { "steps" }),
                ));
            }
        }
        check_rate(path, "dropout", self.dropout)?;
        check_rate(path, "recurrent dropout", self.recurrent_dropout)?;
        if steps > MOST_STEPS {
            return Err(Error::invalid(
                path,
                format!("{steps} time steps"),
                format!("at most {MOST_STEPS}"),
                "cut the sequences into chunks and make the layer stateful",
            ));
        }
        Ok(())
    }

    /// The range of the state: that of the cell's activation, extended to the initial 0. Unknown if the activation's range is
    /// unknown, or if gates are not within 0..1, so that a state is no average of activations.
    fn state_range(&self, input: Option<Range>) -> Option<Range> {
        match self.cell {
            Cell::SimpleRnn => self.neuron.activation.range(input).map(extended),
            _ => gated_range(self.neuron.activation, self.recurrent_activation, input),
        }
    }

    /// The frame of the state: a SimpleRnn's is an activation's value, other states are gated and start at 0.
    fn state_frame(&self) -> Frame {
        if self.cell == Cell::SimpleRnn { self.neuron.activation.frame() } else { Frame::default() }
    }

    /// Why the range of the state, and thus h_Q, is unknown.
    fn unknown_state(&self, path: &str, input: Option<Range>) -> Error {
        let found =
            |cause: String| format!("rotation of the whole gates with a state of unknown range: {cause}");
        let expected = "a known range of the state, to derive h_Q from";
        if self.neuron.activation.range(input).is_none() {
            return Error::invalid(
                path,
                found(format!(
                    "the range of {} follows from that of the inputs, which is unknown",
                    self.neuron.activation.name()
                )),
                expected,
                "declare the input range with Sequential::input_range, use an activation of bounded range such as tanh, or \
                 rotate only the input part with RotatedPart::Input",
            );
        }
        Error::invalid(
            path,
            found(format!(
                "the activation of its gates, {}, is not between 0 and 1, so the state may grow from step to step",
                self.recurrent_activation.name()
            )),
            expected,
            "set recurrent_activation to sigmoid or hard_sigmoid, or rotate only the input part with RotatedPart::Input",
        )
    }

    /// Builds the layer for this direction of time.
    pub(super) fn build_in(
        &self,
        scope: &mut Scope<'_>,
        input: &Signal,
        direction: Direction,
    ) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (steps, features) = shape::sequence(&path, &input.shape)?;
        self.check(&path, steps)?;
        let units = self.units;
        let activations = self.activations();
        let columns = shape::elements(&path, &[activations.len(), units])?;
        // As after a Dropout layer.
        let dropped = input.range.map(|range| stretched(range, self.dropout));
        let input_range = self.neuron.input_range(dropped);
        let state_range = self.state_range(input_range);
        let gates = self.neuron.gates(scope, input_range, activations)?;
        let critical = gates.1.iter().any(|rotation| rotation.rule == Rule::Critical);
        if critical && self.rotated_part == RotatedPart::Gate {
            return Err(Error::invalid(
                path,
                "critical auto-rotation of the whole gates",
                "that of the input part, with which the state goes on as in a classic layer",
                "leave rotated_part at RotatedPart::Input, or use another rule",
            ));
        }
        let h_q = match self.rotated_part {
            RotatedPart::Gate if self.neuron.auto_rotate.is_some() => {
                let range = state_range.ok_or_else(|| self.unknown_state(&path, input_range))?;
                // h_Q = 2·h_max − h_min.
                Some(stretched(range, self.recurrent_dropout).x_q())
            }
            _ => None,
        };
        let shape = [features, columns];
        let of_gates = KernelShape { blocks: gates.0.len(), ..KernelShape::new("kernel", &shape) };
        let start = self.neuron.start(scope, self.neuron.kernel_initializer, of_gates, columns);
        let regularizer = self.neuron.kernel_regularizer;
        let of_inputs = scope.kernel_with("kernel", &shape, start, regularizer, self.neuron.role())?;
        let (initializer, regularizer) = (self.recurrent_initializer, self.recurrent_regularizer);
        let recurrent = scope.kernel("recurrent_kernel", &[units, columns], initializer, regularizer)?;
        let lines = self.cell.bias_lines();
        let shape = if lines == 1 { vec![columns] } else { vec![lines, columns] };
        // The part of the bias for an LSTM's forget gate may start at 1.
        let forgets = self.cell == Cell::Lstm && self.unit_forget_bias;
        let bias = (&*shape, forgets.then_some((units..2 * units, 1.0)).into_iter().collect());
        let mut neurons = self.neuron.register(scope, input, gates, units, of_inputs, bias)?;
        neurons.gain = self.neuron.gain(scope, columns, (of_inputs, 1))?;
        let shape = if self.return_sequences { vec![steps, units] } else { vec![units] };
        let output = Signal {
            frame: self.state_frame(),
            masked: input.masked && self.return_sequences,
            ..Signal::new(shape, state_range)
        };
        shape::elements(&path, &output.shape)?;
        if self.stateful || self.return_state {
            scope.keeps_states(self.cell.states(), units, self.stateful);
        }
        Ok(Box::new(RecurrentNode {
            cell: self.cell,
            steps,
            features,
            neurons,
            recurrent_activation: self.recurrent_activation,
            h_q,
            recurrent,
            dropout: self.dropout,
            recurrent_dropout: self.recurrent_dropout,
            seed: scope.layer_seed(),
            direction,
            return_sequences: self.return_sequences,
            return_state: self.return_state,
            stateful: self.stateful,
            truncate: self.truncate,
            masked: input.masked,
            output,
        }))
    }
}

/// The range of a state that starts at 0.
fn extended(range: Range) -> Range {
    Range { min: range.min.min(0.0), max: range.max.max(0.0) }
}

/// The range of states that are averages of activations, if the gates are within 0..1.
pub(super) fn gated_range(activation: Activation, gate: Activation, input: Option<Range>) -> Option<Range> {
    let shares = gate.range(input).is_some_and(|gate| gate.min >= 0.0 && gate.max <= 1.0);
    activation.range(input).map(extended).filter(|_| shares)
}

/// The maximum number of time steps: each is at least one operation of the plan.
pub(super) const MOST_STEPS: usize = 65_536;

impl Layer for Recurrent {
    fn kind(&self) -> &'static str {
        match self.cell {
            Cell::SimpleRnn => "simple_rnn",
            Cell::Lstm => "lstm",
            Cell::Gru { .. } => "gru",
        }
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let direction = if self.go_backwards { Direction::Backward } else { Direction::Forward };
        self.build_in(scope, input, direction)
    }
}
