"""Writes critical.json: layers with critical auto-rotation, forward and backward, by its definition in float32.

    z = G / (q + epsilon) * (w * (x - c) / d + b),  q = sqrt(|w|^2 + b^2),  y = the activation of z

with a unit's or a filter's weights w, the centre c and the deviation d of the inputs, both constants. G is a number if
learn is fixed, (1 + delta) times the activation's gain in GAIN; else exp(lambda), of the whole layer (per_layer) or of
every unit (per_unit). Padding of convolutions is padding with c: (x - c) / d is padded with zeros. A weight of a separable
filter is a product, depthwise * pointwise, and |w|^2 = sum over the channels of (sum over the taps of depthwise^2) *
pointwise^2.

Dense layers and convolutions are Keras' linear maps in these formulas. Their cases, layouts and draws are those of
generate_conv.py, a dense layer being one without a window: x is drawn around the centre, everything to three decimals,
and a draw is thrown away as it is there.

In recurrent layers the input part x_t W + b of each gate is rotated so, with the gain of the gate's own activation; what
the state adds is left as it is. That is the way "input" of generate_recurrent.py by the aligned rule with x_q = 1, on
(x - c) / d; all else is as it is there, masked steps among it.
"""

import generate_conv as conv
import generate_recurrent as recurrent
from common import draw, np, tf, uniform, write

keras = tf.keras

ACTIVATIONS = dict(conv.ACTIVATIONS, softplus=keras.activations.softplus)
GAIN = {"sigmoid": 4.0, "tanh": 1.0, "arctan": 1.0, "relu": 2.0 ** 0.5, "softplus": 1.7}

# Centre and deviation: behind tanh, sigmoid and softplus; of data
ZERO, HALF, LOG_2, DATA, FAR = (0.0, 1.0), (0.5, 1.0), (0.6931472, 1.0), (2.5, 1.5), (-40.0, 12.0)


def critical(frame, learn, delta, epsilon=1e-5):
    centre, deviation = frame
    return dict(centre=centre, deviation=deviation, learn=learn, delta=delta, epsilon=epsilon)


def seen(c, x):
    """The inputs as a layer sees them."""
    return (x - c["critical"]["centre"]) / c["critical"]["deviation"]


# ---------------------------------------------------------------------------------------------------------
# Cases of one linear map


def case(name, kind, *args, frame, learn="fixed", delta=0.1, epsilon=1e-5, activation, **kwargs):
    centre, deviation = frame
    x_range = (centre - 1.5 * deviation, centre + 1.5 * deviation)
    c = conv.case(f"{kind}_{name}", kind, *args, activation=activation, x_range=x_range, rotate="critical",
                  l=GAIN[activation] * (1.0 + delta), epsilon=epsilon, **kwargs)
    return dict(c, critical=critical(frame, learn, delta, epsilon))


DENSE = [
    case("sigmoid", "dense", (7,), 3, [], batch=5, activation="sigmoid", frame=HALF),
    case("tanh_per_unit", "dense", (5,), 4, [], batch=4, activation="tanh", frame=ZERO, learn="per_unit"),
    case("arctan_per_layer_no_bias", "dense", (6,), 3, [], activation="arctan", frame=DATA, learn="per_layer",
         bias=False),
    case("relu_no_bias", "dense", (9,), 5, [], batch=4, activation="relu", frame=HALF, bias=False),
    case("softplus_per_unit", "dense", (4,), 4, [], batch=3, activation="softplus", frame=LOG_2, learn="per_unit",
         delta=0.0),
    case("far_data", "dense", (6,), 2, [], batch=3, activation="sigmoid", frame=FAR, delta=0.5),
    case("large_epsilon", "dense", (5,), 3, [], batch=3, activation="tanh", frame=DATA, epsilon=0.03),
    case("one_by_one", "dense", (1,), 1, [], batch=3, activation="sigmoid", frame=HALF, learn="per_layer"),
    case("positions", "dense", (3, 5), 4, 1, activation="sigmoid", frame=HALF, learn="per_unit"),
    case("many_positions_no_bias", "dense", (2, 3, 3), 2, 1, activation="arctan", frame=DATA, bias=False),
]

CONV = [
    case("valid", "conv1d", (7, 3), 4, 3, activation="sigmoid", frame=HALF),
    case("same_stride_2_even_kernel", "conv1d", (9, 2), 3, 4, 2, "same", activation="tanh", frame=ZERO,
         learn="per_unit"),
    case("explicit_stride_2", "conv1d", (7, 3), 4, 3, 2, [[2, 1]], activation="softplus", frame=DATA,
         learn="per_layer"),
    case("dilation_2_same_no_bias", "conv1d", (8, 3), 3, 3, 1, "same", activation="sigmoid", frame=HALF, dilation=2,
         bias=False),
    case("groups_2_same", "conv1d", (6, 4), 4, 3, 1, "same", activation="arctan", frame=DATA, groups=2),
    case("same", "conv2d", (4, 5, 2), 3, 3, 1, "same", activation="sigmoid", frame=HALF, learn="per_unit"),
    case("stride_2", "conv2d", (5, 6, 2), 3, 3, 2, activation="relu", frame=ZERO),
    case("explicit", "conv2d", (3, 4, 2), 3, (2, 3), 1, [[1, 0], [0, 2]], activation="softplus", frame=LOG_2),
    case("groups_2_same_stride_2", "conv2d", (5, 4, 4), 4, 3, 2, "same", activation="tanh", frame=DATA, groups=2,
         learn="per_layer"),
    case("dilation_2_same_no_bias", "conv2d", (4, 5, 2), 3, 3, 1, "same", activation="arctan", frame=HALF, dilation=2,
         bias=False),
    case("kernel_1_far_data", "conv2d", (3, 4, 3), 4, 1, activation="tanh", frame=FAR, learn="per_unit"),
    case("valid", "conv3d", (3, 4, 3, 2), 3, 2, activation="sigmoid", frame=DATA),
    case("same_strides_1_2_2", "conv3d", (3, 3, 4, 2), 3, (2, 3, 2), (1, 2, 2), "same", activation="tanh", frame=HALF,
         learn="per_unit"),
    case("explicit_dilation_2", "conv3d", (3, 2, 3, 2), 2, 2, 1, [[0, 1], [1, 0], [1, 1]], activation="relu", frame=HALF,
         dilation=2),
    case("same_stride_2", "conv1d_transpose", (4, 3), 4, 3, 2, "same", activation="sigmoid", frame=HALF,
         learn="per_unit"),
    case("dilation_2", "conv1d_transpose", (5, 2), 3, 3, activation="tanh", frame=DATA, dilation=2),
    case("stride_2", "conv2d_transpose", (2, 3, 3), 2, 3, 2, activation="softplus", frame=LOG_2, learn="per_layer"),
    case("same_strides_2_3_output_padding", "conv2d_transpose", (3, 2, 2), 3, 3, (2, 3), "same", activation="arctan",
         frame=DATA, output_padding=(0, 2)),
    case("same_stride_2_no_bias", "conv3d_transpose", (2, 2, 2, 2), 2, 3, 2, "same", activation="sigmoid", frame=HALF,
         bias=False),
    case("same", "depthwise_conv1d", (7, 3), None, 3, 1, "same", activation="sigmoid", frame=HALF, multiplier=2,
         learn="per_unit"),
    case("explicit_dilation_2", "depthwise_conv2d", (4, 4, 2), None, 3, 1, [[1, 2], [0, 1]], activation="arctan",
         frame=DATA, dilation=2, learn="per_layer"),
    case("stride_2_no_bias", "depthwise_conv2d", (5, 6, 3), None, 2, 2, activation="relu", frame=HALF, bias=False),
    case("same_stride_2", "separable_conv1d", (7, 3), 4, 3, 2, "same", activation="tanh", frame=HALF, multiplier=2,
         learn="per_unit"),
    case("same", "separable_conv2d", (4, 3, 3), 4, 3, 1, "same", activation="sigmoid", frame=DATA, learn="per_layer"),
    case("explicit_no_bias", "separable_conv2d", (4, 3, 2), 3, 2, 1, [[1, 0], [2, 1]], activation="softplus", frame=LOG_2,
         multiplier=2, bias=False),
]


class Definition(conv.Definition):
    """A case by the definition, on Keras' linear map."""

    def __init__(self, c, dtype):
        self.c, self.l = c, tf.Variable(c["l"], dtype=dtype)
        if c["kind"] == "dense":
            self.layer = keras.layers.Dense(c["filters"], use_bias=c["bias"], dtype=dtype)
            self.layer.build((None, *c["size"]))
        else:
            self.layer = conv.layer_of(c, dtype)
        self.weights = conv.weights_of(c, self.layer)
        if c["critical"]["learn"] != "fixed":
            units = conv.sum_of_weights(c, self.weights, 2).shape if c["critical"]["learn"] == "per_unit" else [1]
            self.weights["lambda"] = tf.Variable(tf.zeros(units, dtype))

    def output(self, x):
        c, weights = self.c, self.weights
        self.q = tf.sqrt(conv.sum_of_weights(c, weights, 2) + weights.get("bias", 0.0) ** 2)
        g = tf.exp(weights["lambda"]) if "lambda" in weights else self.l
        self.z = g / (self.q + c["critical"]["epsilon"]) * conv.linear_map(c, self.layer, seen(c, x))
        return ACTIVATIONS[c["activation"]](self.z)


def inputs_of(c, shapes, output, attempt):
    """Draws x, the weights by name and g."""
    shapes = dict(shapes)
    lambdas = shapes.pop("lambda", None)
    x, weights, g = conv.inputs_of(c, shapes, output, attempt)
    if lambdas:
        drawn = uniform(draw(c["name"] + " lambda", attempt), 0.0, 1.5, *lambdas)
        weights["lambda"] = np.round(drawn.astype(np.float64), 3).astype(np.float32)
    return x, weights, g


def golden(c):
    chosen = conv.chosen(c, Definition(c, "float32"), Definition(c, "float64"), inputs=inputs_of)
    out = conv.described(c, c["critical"], *chosen)
    if c["kind"] == "dense":
        windows = ["kind", "kernel_size", "strides", "padding", "dilation", "groups", "output_padding",
                   "depth_multiplier"]
        out = {("units" if key == "filters" else key): value for key, value in out.items() if key not in windows}
    return out


# ---------------------------------------------------------------------------------------------------------
# Recurrent cases


def recurrent_case(name, cell, frame, learn="fixed", delta=0.1, **kwargs):
    rotate = recurrent.rotated("input", "aligned", learn, x_q=1.0)
    return dict(recurrent.case(name, cell, rotate=rotate, **kwargs), critical=critical(frame, learn, delta))


def cases_of(cell):
    yield recurrent_case("sequences", cell, HALF, sequences=True)
    yield recurrent_case("per_unit", cell, DATA, "per_unit", batch=3, features=3)
    yield recurrent_case("per_layer_no_bias", cell, ZERO, "per_layer", bias=False, sequences=True)


RECURRENT = [
    *cases_of("simple_rnn"),
    recurrent_case("sigmoid_mask", "simple_rnn", HALF, activation="sigmoid", mask=recurrent.LEADING_AND_MIDDLE,
                   sequences=True),
    recurrent_case("relu", "simple_rnn", DATA, activation="relu", sequences=True),
    recurrent_case("bidirectional", "simple_rnn", HALF, "per_unit", sequences=True, merge="concat"),
    *cases_of("lstm"),
    recurrent_case("sigmoid_tanh_mask_backwards", "lstm", DATA, activation="sigmoid", recurrent_activation="tanh",
                   mask=recurrent.ANYWHERE, backwards=True, delta=0.0),
    recurrent_case("bidirectional_mask_sum", "lstm", HALF, "per_layer", mask=recurrent.TRAILING, sequences=True,
                   merge="sum"),
    *cases_of("gru"),
    recurrent_case("softplus", "gru", LOG_2, activation="softplus", sequences=True),
    recurrent_case("bidirectional", "gru", FAR, merge="ave"),
    *cases_of("gru_reset_before"),
]


class Layer(recurrent.Layer):
    """A case's layer, whose cells see the inputs around their centre."""

    def __init__(self, c, dtype):
        super().__init__(c, dtype)
        self.limits = {activation: gain * (1.0 + c["critical"]["delta"]) for activation, gain in GAIN.items()}

    def seen(self, x):
        return seen(self.c, x)


def recurrent_inputs_of(c, shapes, output, attempt):
    """Draws x around the centre, the parameters by name, the initial state and g."""
    x, *others = recurrent.inputs_of(c, shapes, output, attempt)
    counts = (x != recurrent.MASK_VALUE).any(-1, keepdims=True)
    moved = c["critical"]["centre"] + 1.5 * c["critical"]["deviation"] * x.astype(np.float64)
    return np.where(counts, np.round(moved, 3).astype(np.float32), x), *others


def recurrent_golden(c):
    out = recurrent.golden(c, Layer, recurrent_inputs_of)
    others = ["auto_rotate", "initial_state", "y_second", "final_state", "steps", "features"]
    return dict({key: value for key, value in out.items() if key not in others},
                input=[c["steps"], c["features"]], rotate=c["critical"])


if __name__ == "__main__":
    ALL = DENSE + CONV + RECURRENT
    assert len({c["name"] for c in ALL}) == len(ALL)
    assert {c["activation"] for c in DENSE} == {c["activation"] for c in CONV} == set(GAIN)
    assert {c["kind"] for c in CONV} == set(conv.LAYERS)
    for family in DENSE, CONV, RECURRENT:
        assert {c["critical"]["learn"] for c in family} == {"fixed", "per_layer", "per_unit"}
        assert {c["bias"] for c in family} == {True, False}
    write("critical.json", dict(dense=[golden(c) for c in DENSE], conv=[golden(c) for c in CONV],
                                recurrent=[recurrent_golden(c) for c in RECURRENT]))
