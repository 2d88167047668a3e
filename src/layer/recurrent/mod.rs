//! Recurrent layers: SimpleRnn, Lstm and Gru.

mod backward;
mod cell;
mod node;
mod states;

pub use cell::{Cell, RotatedPart};

use super::dropout::{check_rate, stretched};
use super::neuron::{Neuron, neuron_options};
use super::{Layer, Node, Options, Regularizer, Scope, Signal};
use crate::describe::options;
use crate::plan::arena::Role;
use crate::{Activation, Error, Initializer, Range, Result, shape};
pub(super) use cell::Direction;
use node::RecurrentNode;

/// A recurrent layer, classic or auto-rotating: made by [`SimpleRnn::new`], [`Lstm::new`] and [`Gru::new`], or for
/// a [`Cell`] by [`Recurrent::new`].
///
/// Input: a sequence `[T, F]`. Output: the last state `[H]`, or with [`return_sequences`](Self::return_sequences)
/// all of them `[T, H]`. Parameters, as in Keras: `kernel` `[F, gates·H]`, `recurrent_kernel` `[H, gates·H]`,
/// `bias` `[gates·H]`, or `[2, 3H]` of a GRU that resets after the product; and `lambda` `[gates]` or `[gates·H]`
/// where L is learnt.
///
/// Rotation of recurrent layers is this crate's definition: the authors of auto-rotation name these layers but
/// publish none. L is that of every gate's own activation: by default 4 for sigmoid and 2 for tanh. An LSTM's σ(c)
/// is no neuron and is not rotated. [`LearnL::PerLayer`](crate::LearnL::PerLayer) learns one L a gate here.
///
/// On a device, the inputs' product for all time steps is one kernel, and a time step one more, forwards and
/// backwards; weights' gradients are one product over all steps. Of a GRU that resets before its product a step is two
/// kernels, and the recurrent kernel's gradient two products. Memory grows linearly with T.
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

/// A gated recurrent unit (Keras' `GRU`), the reset gate after the product unless [`Recurrent::reset_after`] says
/// otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Gru;

macro_rules! constructors {
    ($($name:ident: $cell:expr,)+) => {
        $(
            impl $name {
                /// A layer of so many units with Keras' defaults.
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
    /// A layer of so many units with Keras' defaults: tanh, sigmoid gates, Glorot uniform kernel, orthogonal
    /// recurrent kernel, zero bias but 1 for an LSTM's forget gate, only the last output.
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
        /// Sets γ, the activation of gates; sigmoid unless set. A simple recurrent layer has none.
        recurrent_activation: Activation,
        /// Sets whether the bias of an LSTM's forget gate starts at 1; it does unless set.
        unit_forget_bias: bool,
        /// Sets how the recurrent kernel starts.
        recurrent_initializer: Initializer,
        /// Adds l1·Σ|w| + l2·Σw² of the recurrent kernel to the loss.
        recurrent_regularizer: Regularizer,
        /// Sets what auto-rotation multiplies: the inputs' share of the pre-activations unless set.
        rotated_part: RotatedPart,
        /// Sets the share of the inputs that is dropped while training, one draw a sequence for all its steps and
        /// gates (Gal and Ghahramani 2016).
        dropout: f32,
        /// Sets the share of the state that is dropped on its way into the recurrent product while training, one
        /// draw a sequence for all its steps and gates (Keras draws for every gate); the state itself is kept.
        recurrent_dropout: f32,
        /// Sets whether the output is that of every time step, `[T, H]`, or the last one's alone.
        return_sequences: bool,
        /// Sets whether [`Model::states`](crate::Model::states) has the final state after a prediction.
        return_state: bool,
        /// Sets whether the layer goes through time from the end; its outputs then come in the order in which it
        /// makes them, and the mask of a masked sequence is turned with them. Keras turns the outputs but not the mask, so that what
        /// follows the layer takes padding for steps that count and the other way round: such nets give other numbers here.
        go_backwards: bool,
        /// Sets whether a sequence begins with the state in which the one of the same row of the batch before ended:
        /// for sequences cut into chunks, between which gradients do not flow. Chunk i of the sequence in row r of a
        /// batch is row i·batch + r of the data. Training must not shuffle then, all batches must have the same rows,
        /// and every epoch and every evaluation begins with states of 0; predictions go on until
        /// [`Model::reset_states`](crate::Model::reset_states), from [`Model::set_states`](crate::Model::set_states) if
        /// given.
        stateful: bool,
    }

    neuron_options!(kernel_initializer, kernel_regularizer);

    /// Lets gradients flow no further back than the beginning of every `steps` steps (truncated back-propagation
    /// through time), or all the way with `None`.
    pub fn truncate(mut self, steps: impl Into<Option<usize>>) -> Self {
        self.truncate = steps.into();
        self
    }

    /// Sets whether a GRU's reset gate comes after the recurrent product, as by Keras' default. Other cells have none.
    pub fn reset_after(mut self, after: bool) -> Self {
        if let Cell::Gru { reset_after } = &mut self.cell {
            *reset_after = after;
        }
        self
    }

    /// Whether the layer goes through time from the end.
    pub(super) fn runs_backwards(&self) -> bool {
        self.go_backwards
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
        self.neuron.kernel_regularizer.check(path)?;
        self.recurrent_regularizer.check(path)?;
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

    /// The range of the state: what the cell's activation can give, and 0, where it begins. Unknown where the activation's is, and where
    /// gates are not between 0 and 1, so that a state is no mean of what the activation gave.
    fn state_range(&self, input: Option<Range>) -> Option<Range> {
        let range = self.neuron.activation.range(input)?;
        let gate = self.recurrent_activation.range(input);
        let shares = gate.is_some_and(|gate| gate.min >= 0.0 && gate.max <= 1.0);
        (shares || self.cell == Cell::SimpleRnn)
            .then_some(Range { min: range.min.min(0.0), max: range.max.max(0.0) })
    }

    /// Why the range of the state is unknown, and so h_Q.
    fn unknown_state(&self, path: &str, input: Option<Range>) -> Error {
        let found =
            |cause: String| format!("rotation of the whole gates with a state of unknown range: {cause}");
        let expected = "a range of states to derive h_Q from";
        if self.neuron.activation.range(input).is_none() {
            return Error::invalid(
                path,
                found(format!(
                    "the range of {} follows from that of the inputs, which is not known",
                    self.neuron.activation.name()
                )),
                expected,
                "declare the range of the inputs with Sequential::input_range, use an activation of bounded range such as tanh, or \
                 rotate the inputs' share with RotatedPart::Input",
            );
        }
        Error::invalid(
            path,
            found(format!(
                "its gates have the activation {}, which is not between 0 and 1, so that the state may grow from step to step",
                self.recurrent_activation.name()
            )),
            expected,
            "set recurrent_activation to sigmoid or hard_sigmoid, or rotate the inputs' share with RotatedPart::Input",
        )
    }

    /// The layer, going through time in this direction.
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
        // As behind a Dropout layer.
        let dropped = input.range.map(|range| stretched(range, self.dropout));
        let input_range = self.neuron.input_range(dropped);
        let state_range = self.state_range(input_range);
        let gates = self.neuron.gates(scope, input_range, activations)?;
        let h_q = match self.rotated_part {
            RotatedPart::Gate if self.neuron.auto_rotate.is_some() => {
                let range = state_range.ok_or_else(|| self.unknown_state(&path, input_range))?;
                // h_Q = 2·h_max − h_min.
                Some(stretched(range, self.recurrent_dropout).x_q())
            }
            _ => None,
        };
        let mut kernel = |name: &str, rows, initializer| {
            scope.parameter(name, &[rows, columns], initializer, Role::Decayed)
        };
        let of_inputs = kernel("kernel", features, self.neuron.kernel_initializer)?;
        let recurrent = kernel("recurrent_kernel", units, self.recurrent_initializer)?;
        let lines = self.cell.bias_lines();
        let shape = if lines == 1 { vec![columns] } else { vec![lines, columns] };
        // The part of the bias for an LSTM's forget gate may start at 1.
        let forgets = self.cell == Cell::Lstm && self.unit_forget_bias;
        let bias = (&*shape, forgets.then_some((units..2 * units, 1.0)).into_iter().collect());
        let neurons = self.neuron.register(scope, input_range, gates, units, of_inputs, bias)?;
        let output = Signal {
            shape: if self.return_sequences { vec![steps, units] } else { vec![units] },
            range: state_range,
            masked: input.masked && self.return_sequences,
        };
        shape::elements(&path, &output.shape)?;
        Ok(Box::new(RecurrentNode {
            cell: self.cell,
            steps,
            features,
            neurons,
            recurrent_activation: self.recurrent_activation,
            h_q,
            recurrent,
            recurrent_regularizer: self.recurrent_regularizer,
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

/// The most time steps of a sequence: each is an operation of the plan, or more.
const MOST_STEPS: usize = 65_536;

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
