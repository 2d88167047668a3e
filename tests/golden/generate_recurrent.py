"""Writes recurrent.json: SimpleRNN, LSTM and GRU, classic or auto-rotated, forward and backward, in float32.

Every case draws an input x [batch, steps, features], the layer's parameters in Keras' layouts and an upstream
gradient g of y's shape, all to three decimals, then takes y, the final state and the gradients of the loss
sum(y * g) from a GradientTape. The layouts, with the gates side by side (lstm: i, f, c, o; gru: z, r, h):

    kernel            [features, gates * units]
    recurrent_kernel  [units, gates * units]
    bias              [gates * units]; in a gru with reset_after [2, gates * units], input bias and recurrent bias
    lambda            [gates] if L is learnt per_layer, [gates * units] if per_unit; L = exp(lambda)

An auto-rotated layer is Keras' layer of folded parameters. Every column j has a q and a rho = L / (|q| + 1e-5),
where L is 2 for a tanh gate and 4 for a sigmoid gate unless learnt. The terms of column j are those of

    way input   x_q * kernel and the input bias, and rho multiplies these two parameters alone
    way gate    x_q * kernel, 3 * recurrent_kernel and the biases, and rho multiplies all parameters

and q is their sum by the diagonal rule, the root of the sum of their squares by the aligned rule. The gradients
are those of the parameters that were folded; if detached, rho is a constant to them.

With a merge, the layer is in Keras' Bidirectional, and a parameter's name starts with forward. or backward. What
Keras 2.15 does on a CPU:

Masking. A step is masked where all its features are mask_value. It keeps the state, its output is the output of
the step before it, in the order in which the layer goes through the steps (zeros if there is none), and its d_x
is 0. The output of a layer without return_sequences is that of the last step that is not masked. Bidirectional
differs: its layers' outputs of masked steps are zeros with return_sequences, and only with it.

Order. With go_backwards and return_sequences, the first output is that of the last step; Bidirectional turns the
backward layer's outputs around before it merges.

State. A simple_rnn and a gru have one, h; an lstm has h and c. In a stateful case, y and the gradients are of a
first run from zeros, which ends in final_state, and y_second is the same x run from there.

A draw is thrown away and repeated when some |q| < 0.1, when a pre-activation of relu lies within 0.001 of 0 or
none lies on one side of it, when float64 differs by more than 2e-6 of |value| + its array's mean |value|, or
when an array is all zeros.
"""

from common import draw, flat, normal, np, off_by, tf, uniform, write

keras = tf.keras

LAYERS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
GATES = {  # each gate's activation
    "simple_rnn": ["activation"],
    "lstm": ["recurrent_activation", "recurrent_activation", "activation", "recurrent_activation"],
    "gru": ["recurrent_activation", "recurrent_activation", "activation"],
}
L = {"tanh": 2.0, "sigmoid": 4.0}
H_Q = 3.0  # 2 * 1 - (-1), of a tanh state
EPSILON = 1e-5
MASK_VALUE = -9.0

MIN_Q = 0.1
KINK_MARGIN = 1e-3
MAX_OFF = 2e-6
ATTEMPTS = 2000

# ---------------------------------------------------------------------------------------------------------
# Cases

# Masks: a string a sample, a character a step, . where it is masked
TRAILING = ["111..", "11111", "1111."]
LEADING_AND_MIDDLE = [".1.11", "11..1", "..11."]
ANYWHERE = ["1.11.", ".111.", "11.11"]


def rotated(way, rule="diagonal", learn="fixed", x_q=3.0, detached=False):
    return dict(way=way, rule=rule, learn=learn, x_q=x_q, detached=detached)


def case(name, cell, batch=2, steps=4, features=2, units=3, mask=None, rotate=None, activation="tanh",
         recurrent_activation="sigmoid", bias=True, sequences=False, backwards=False, initial=False,
         stateful=False, merge=None, backward=None):
    """What a case asks for. cell is gru_reset_before for a gru without reset_after; mask is one of those
    above, or None, and sets batch and steps; backward is the cell and the units of Keras' backward_layer."""
    kind = "gru" if cell.startswith("gru") else cell
    return dict(
        name=f"{cell}_{name}", cell=kind, batch=len(mask) if mask else batch,
        steps=len(mask[0]) if mask else steps, features=features, units=units, activation=activation,
        recurrent_activation=None if kind == "simple_rnn" else recurrent_activation, bias=bias,
        reset_after=cell == "gru" if kind == "gru" else None, sequences=sequences, backwards=backwards,
        initial=initial, stateful=stateful, merge=merge, backward=backward, mask=mask,
        rotate=rotate)


def cases_of(cell):
    """What every cell has."""
    yield case("last", cell, batch=3, steps=5, features=3, units=5)
    yield case("sequences", cell, steps=7, features=3, units=4, sequences=True)
    yield case("no_bias", cell, bias=False)
    yield case("backwards", cell, backwards=True)
    yield case("backwards_sequences", cell, backwards=True, sequences=True)
    yield case("initial_state", cell, initial=True)
    yield case("initial_state_sequences", cell, initial=True, sequences=True)
    yield case("mask", cell, mask=TRAILING)
    yield case("mask_sequences", cell, mask=LEADING_AND_MIDDLE, sequences=True)
    yield case("mask_backwards", cell, mask=ANYWHERE, backwards=True, sequences=True)
    yield case("stateful", cell, stateful=True, sequences=cell in ("lstm", "gru"))
    yield case("fours", cell, batch=4, steps=3, features=4, units=4, sequences=True)
    yield case("bidirectional", cell, sequences=True, merge="concat")
    yield case("input", cell, batch=3, features=4, sequences=True, rotate=rotated("input"))
    yield case("input_aligned_per_unit", cell, rotate=rotated("input", "aligned", "per_unit", x_q=2.0))
    yield case("input_per_layer", cell, sequences=True, rotate=rotated("input", learn="per_layer", x_q=-1.5))
    yield case("input_mask_backwards", cell, mask=ANYWHERE, backwards=True, rotate=rotated("input", x_q=2.0))
    yield case("input_detached", cell, activation="sigmoid", recurrent_activation="tanh", sequences=True,
               rotate=rotated("input", detached=True))
    yield case("gate", cell, batch=3, features=4, sequences=True, rotate=rotated("gate"))
    yield case("gate_aligned_per_layer", cell, sequences=True,
               rotate=rotated("gate", "aligned", "per_layer", x_q=2.0))
    yield case("gate_per_unit_no_bias", cell, bias=False, rotate=rotated("gate", learn="per_unit"))


CASES = [
    *cases_of("simple_rnn"),
    case("relu", "simple_rnn", activation="relu", sequences=True),
    case("bidirectional_sum_mask", "simple_rnn", mask=LEADING_AND_MIDDLE, merge="sum"),
    case("bidirectional_gate", "simple_rnn", sequences=True, merge="concat", rotate=rotated("gate")),

    *cases_of("lstm"),
    case("softsign_tanh", "lstm", activation="softsign", recurrent_activation="tanh", sequences=True),
    case("bidirectional_mul_mask", "lstm", mask=ANYWHERE, sequences=True, merge="mul"),
    case("bidirectional_input", "lstm", merge="sum", rotate=rotated("input", learn="per_layer")),

    *cases_of("gru"),
    case("sigmoid_tanh", "gru", activation="sigmoid", recurrent_activation="tanh", sequences=True),
    case("bidirectional_ave", "gru", sequences=True, merge="ave"),
    case("bidirectional_input_mask", "gru", mask=LEADING_AND_MIDDLE, sequences=True, merge="concat",
         rotate=rotated("input")),

    *cases_of("gru_reset_before"),
    case("elu_softsign", "gru_reset_before", activation="elu", recurrent_activation="softsign", sequences=True),
    case("bidirectional_mul", "gru_reset_before", merge="mul"),
    case("bidirectional_gate", "gru_reset_before", merge="ave",
         rotate=rotated("gate", "aligned", "per_unit", x_q=2.0)),

    case("bidirectional_gru_sequences", "lstm", sequences=True, merge="concat", backward=("gru", 2)),
    case("bidirectional_lstm_mask", "simple_rnn", mask=LEADING_AND_MIDDLE, merge="ave", backward=("lstm", 3)),
]

# ---------------------------------------------------------------------------------------------------------
# Auto-rotation


def folded(c, weights, limits):
    """The parameters of the classic cell that the case is, and q (None if classic)."""
    rotate = c["rotate"]
    if not rotate:
        return weights, None
    gate = rotate["way"] == "gate"
    kernel, recurrent_kernel = weights["kernel"], weights["recurrent_kernel"]
    terms = [rotate["x_q"] * kernel] + [H_Q * recurrent_kernel] * gate
    if c["bias"]:
        biases = tf.reshape(weights["bias"], [-1, kernel.shape[1]])
        terms.append(biases if gate else biases[:1])
    terms = tf.concat(terms, 0)
    q = tf.sqrt(tf.reduce_sum(terms ** 2, 0)) if rotate["rule"] == "aligned" else tf.reduce_sum(terms, 0)
    if rotate["learn"] == "fixed":
        l = tf.constant([limits[c[key]] for key in GATES[c["cell"]]], kernel.dtype)
    else:
        l = tf.exp(weights["lambda"])
    rho = tf.repeat(l, q.shape[0] // l.shape[0]) / (tf.abs(q) + EPSILON)
    if rotate["detached"]:
        rho = tf.stop_gradient(rho)
    out = dict(kernel=rho * kernel, recurrent_kernel=rho * recurrent_kernel if gate else recurrent_kernel)
    if c["bias"]:
        biases = tf.concat([rho * biases[:1], rho * biases[1:] if gate else biases[1:]], 0)
        out["bias"] = tf.reshape(biases, weights["bias"].shape)
    return out, q


# ---------------------------------------------------------------------------------------------------------
# Keras' layers


class Layer:
    """A case's layer, built, whose cells take their parameters from tensors."""

    limits = L

    def __init__(self, c, dtype):
        self.c, self.dtype = c, dtype
        options = dict(activation=c["activation"], use_bias=c["bias"], return_sequences=c["sequences"],
                       go_backwards=c["backwards"], stateful=c["stateful"], return_state=not c["merge"],
                       dtype=dtype)
        if c["cell"] != "simple_rnn":
            options["recurrent_activation"] = c["recurrent_activation"]
        if c["cell"] == "gru":
            options["reset_after"] = c["reset_after"]
        self.layer = LAYERS[c["cell"]](c["units"], **options)
        self.masking = keras.layers.Masking(MASK_VALUE, dtype=dtype)
        if c["merge"]:
            backward = None
            if c["backward"]:
                cell, units = c["backward"]
                backward = LAYERS[cell](units, return_sequences=c["sequences"], go_backwards=True, dtype=dtype)
            self.layer = keras.layers.Bidirectional(
                self.layer, merge_mode=c["merge"], backward_layer=backward, dtype=dtype)
        self.layer.build((c["batch"], c["steps"], c["features"]))
        if c["merge"]:
            self.cells = {"forward.": self.layer.forward_layer.cell, "backward.": self.layer.backward_layer.cell}
        else:
            self.cells = {"": self.layer.cell}
        self.z = []
        if c["activation"] == "relu":
            self.layer.cell.activation = self.relu

    def relu(self, z):
        self.z.append(z)
        return tf.nn.relu(z)

    def shapes(self):
        """The parameters' shapes by name."""
        c, shapes = self.c, {}
        for prefix, cell in self.cells.items():
            for name in ["kernel", "recurrent_kernel"] + ["bias"] * c["bias"]:
                shapes[prefix + name] = tuple(getattr(cell, name).shape)
            if c["rotate"] and c["rotate"]["learn"] != "fixed":
                per_gate = 1 if c["rotate"]["learn"] == "per_layer" else c["units"]
                shapes[prefix + "lambda"] = (per_gate * len(GATES[c["cell"]]),)
        return shapes

    def seen(self, x):
        """The inputs as the cells see them."""
        return x

    def call(self, x, state):
        """y and the final state."""
        mask = dict(mask=self.masking.compute_mask(x)) if self.c["mask"] else {}
        x = self.masking(x) if self.c["mask"] else x
        out = self.layer(self.seen(x), initial_state=state, **mask)
        return (out, []) if self.c["merge"] else (out[0], out[1:])

    def run(self, x, parameters, state, g):
        """y, the final state, the gradients of sum(y * g) and, if stateful, y_second."""
        x, g = tf.constant(x, self.dtype), tf.constant(g, self.dtype)
        state = [tf.constant(s, self.dtype) for s in state] or None
        parameters = {name: tf.constant(p, self.dtype) for name, p in parameters.items()}
        if self.c["stateful"]:
            self.layer.reset_states()
        self.z, self.q = [], []
        with tf.GradientTape() as tape:
            tape.watch([x, *parameters.values()])
            for prefix, cell in self.cells.items():
                own = {name[len(prefix):]: p for name, p in parameters.items() if name.startswith(prefix)}
                weights, q = folded(self.c, own, self.limits)
                self.q += [] if q is None else [q]
                for name in {*weights} - {"lambda"}:
                    setattr(cell, name, weights[name])
            y, final = self.call(x, state)
            loss = tf.reduce_sum(y * g)
        gradients = tape.gradient(loss, dict(parameters, x=x))
        out = dict(y=y, **{"d_" + name: d for name, d in gradients.items()})
        out.update({f"final_{i}": s for i, s in enumerate(final)})
        if self.c["stateful"]:
            out["y_second"] = self.call(x, None)[0]
        return {key: value.numpy() for key, value in out.items()}

    def is_well_conditioned(self):
        """After a run: whether no |q| is small and z lies on both sides of a kink but not at it."""
        if any(np.abs(q).min() < MIN_Q for q in self.q):
            return False
        z = np.array(self.z)
        return z.size == 0 or np.abs(z).min() >= KINK_MARGIN and z.min() < 0.0 < z.max()


# ---------------------------------------------------------------------------------------------------------
# One case


def inputs_of(c, shapes, output, attempt):
    """Draws x, the parameters by name, the initial state and g."""
    rng = draw(c["name"], attempt)
    x = uniform(rng, -1.0, 1.0, c["batch"], c["steps"], c["features"])
    if c["mask"]:
        x[[[step == "." for step in sample] for sample in c["mask"]]] = MASK_VALUE
    parameters = {}
    for name, shape in shapes.items():
        if name.endswith("bias"):
            parameters[name] = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.1, 0.5, shape)
        elif name.endswith("lambda"):
            parameters[name] = uniform(rng, 0.4, 1.6, *shape)
        else:
            limit = np.sqrt(3.0 / shape[0])
            parameters[name] = uniform(rng, -limit, limit, *shape)
    states = (2 if c["cell"] == "lstm" else 1) if c["initial"] else 0
    state = [uniform(rng, -0.9, 0.9, c["batch"], c["units"]) for _ in range(states)]
    g = normal(rng, c["batch"], *output)

    def short(array):
        return np.round(array.astype(np.float64), 3).astype(np.float32)

    return short(x), {name: short(p) for name, p in parameters.items()}, [short(s) for s in state], short(g)


def golden(c, of=Layer, inputs=inputs_of):
    single, double = of(c, "float32"), of(c, "float64")
    shapes = double.shapes()
    second = c["backward"][1] if c["backward"] else c["units"]
    output = [c["steps"]] * c["sequences"] + [c["units"] + second * (c["merge"] == "concat")]
    for attempt in range(ATTEMPTS):
        drawn = inputs(c, shapes, output, attempt)
        truth = double.run(*drawn)
        if not double.is_well_conditioned():
            continue
        out = single.run(*drawn)
        assert out.keys() == truth.keys() and out["y"].shape == truth["y"].shape == (c["batch"], *output)
        off = max(off_by(out[k], truth[k]) for k in out)
        if off <= MAX_OFF:
            break
    else:
        raise SystemExit(f"{c['name']}: no draw is well enough conditioned")
    print(f"{c['name']:44} draw {attempt:3}, off by {off:.1e}, output {output}")
    x, parameters, state, g = drawn
    if c["mask"]:
        masked = (x == MASK_VALUE).all(-1)
        assert masked.any() and not masked.all(1).any() and not out["d_x"][masked].any()
    backward = dict(zip(("cell", "units"), c["backward"])) if c["backward"] else None
    return dict(
        **(dict(backward=backward) if backward else {}),
        name=c["name"], cell=c["cell"], units=c["units"], activation=c["activation"],
        recurrent_activation=c["recurrent_activation"], use_bias=c["bias"], reset_after=c["reset_after"],
        return_sequences=c["sequences"], go_backwards=c["backwards"], stateful=c["stateful"], merge=c["merge"],
        auto_rotate=c["rotate"], batch=c["batch"], steps=c["steps"], features=c["features"],
        mask_value=MASK_VALUE if c["mask"] else None,
        parameters={name: flat(p) for name, p in parameters.items()},
        initial_state=[flat(s) for s in state] or None,
        x=flat(x), g=flat(g), output=output, y=flat(out["y"]),
        y_second=flat(out["y_second"]) if c["stateful"] else None,
        final_state=[flat(out[k]) for k in out if k.startswith("final_")] or None,
        d_x=flat(out["d_x"]), gradients={name: flat(out["d_" + name]) for name in parameters})


if __name__ == "__main__":
    assert len({c["name"] for c in CASES}) == len(CASES)
    for kind in LAYERS:
        own = [c for c in CASES if c["cell"] == kind]
        assert {c["merge"] for c in own} > {None, "concat"}, kind
        assert any(c["merge"] and c["rotate"] for c in own), kind
    assert {c["merge"] for c in CASES} == {None, "concat", "sum", "mul", "ave"}
    assert {c["sequences"] for c in CASES if c["merge"] and c["mask"]} == {True, False}
    write("recurrent.json", [golden(c) for c in CASES])
