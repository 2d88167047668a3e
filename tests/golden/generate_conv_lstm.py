"""Writes conv_lstm.json: ConvLSTM1D and ConvLSTM2D, classic or auto-rotated, forward and backward, in float32.

Every case draws an input x [batch, steps, spatial..., channels], the layer's parameters in Keras' layouts and an upstream gradient g
of y's shape, all to three decimals, then takes y and the gradients of the loss sum(y * g) from a GradientTape. The layouts, with the
gates i, f, c, o side by side:

    kernel            [taps..., channels, 4 * filters]
    recurrent_kernel  [taps..., filters, 4 * filters]
    bias              [4 * filters]
    lambda            [4] if L is learnt per_layer, [4 * filters] if per_unit; L = exp(lambda)

Classic cases are Keras' layers. The rotated ones are the definition below, which in float64 has to give what Keras' layer gives where
nothing is rotated: the inputs' convolution with its bias is multiplied by rho = L / (|q| + 1e-5), q being that convolution of a sample
full of x_q (padding pads it with zeros too), or sqrt(x_q^2 * (sum of the filter's squared weights) + b^2) by the aligned rule. L is 2
for tanh, 4 for sigmoid and 2.5 for hard_sigmoid unless learnt.

A draw is thrown away and repeated when some |q| < 0.1, when a hard sigmoid's pre-activation lies within 0.001 of a kink or none lies
beyond one, when float64 differs by more than 4e-6 of |value| + its array's mean |value|, or when an array is all zeros.
"""

from common import draw, flat, normal, np, off_by, tf, uniform, write

keras = tf.keras
LAYERS = {1: keras.layers.ConvLSTM1D, 2: keras.layers.ConvLSTM2D}
L = {"tanh": 2.0, "sigmoid": 4.0, "hard_sigmoid": 2.5}
EPSILON = 1e-5
MIN_Q = 0.1
KINK, KINK_MARGIN = 2.5, 1e-3
MAX_OFF = 4e-6
MAX_TWIN_OFF = 1e-11
ATTEMPTS = 2000


def case(name, size, filters, kernel, strides=1, padding="valid", dilation=1, gate="hard_sigmoid", bias=True, sequences=False,
         backwards=False, rotate=None, batch=2):
    """What a case asks for. size is one sample's shape; rotate is a rule, how L is learnt, and x_q."""
    rank = len(size) - 2

    def axes(value):
        return [value] * rank if isinstance(value, int) else list(value)

    return dict(
        name=f"conv_lstm{rank}d_{name}", rank=rank, batch=batch, size=list(size), filters=filters, kernel=axes(kernel),
        strides=axes(strides), padding=padding, dilation=axes(dilation), gate=gate, bias=bias, sequences=sequences,
        backwards=backwards, rotate=rotate and dict(zip(("rule", "learn", "x_q"), rotate)))


CASES = [
    case("last", (3, 5, 4, 2), 3, 3),
    case("same_strides_sequences", (4, 5, 6, 2), 2, (3, 2), (2, 1), "same", sequences=True),
    case("backwards_dilation_no_bias", (3, 6, 5, 1), 4, 2, 1, "same", 2, "sigmoid", bias=False, sequences=True, backwards=True),
    case("backwards_last", (3, 4, 4, 3), 2, 2, backwards=True, gate="sigmoid"),
    case("same", (3, 4, 3, 2), 2, 3, 1, "same", rotate=("diagonal", "fixed", 2.0)),
    case("aligned_per_unit", (3, 4, 5, 2), 3, 2, gate="sigmoid", sequences=True, rotate=("aligned", "per_unit", 2.0)),
    case("per_layer_same_strides", (3, 4, 5, 2), 2, 2, 2, "same", gate="sigmoid", backwards=True,
         rotate=("diagonal", "per_layer", -1.5)),
    case("sequences", (4, 7, 2), 3, 3, 1, "same", sequences=True, batch=3),
    case("strides", (3, 8, 3), 4, 3, 2, gate="sigmoid"),
    case("diagonal_same", (3, 6, 2), 2, 3, 1, "same", gate="sigmoid", sequences=True, rotate=("diagonal", "fixed", 3.0)),
]


def layer_of(c, dtype):
    layer = LAYERS[c["rank"]](
        c["filters"], c["kernel"], strides=c["strides"], padding=c["padding"], dilation_rate=c["dilation"], use_bias=c["bias"],
        recurrent_activation=c["gate"], return_sequences=c["sequences"], go_backwards=c["backwards"], dtype=dtype)
    layer.build((c["batch"], *c["size"]))
    return layer


def by_keras(c, dtype, x, parameters):
    layer = c["layers"].setdefault(dtype, layer_of(c, dtype))
    for name, value in parameters.items():
        setattr(layer.cell, name, value)
    return layer(x)


def by_definition(c, dtype, x, parameters):
    """y; keeps |q| and the gates' pre-activations."""
    kernel, bias = parameters["kernel"], parameters.get("bias", tf.zeros((), x.dtype))

    def conv(sample):
        return tf.nn.convolution(sample, kernel, c["strides"], c["padding"].upper(), dilations=c["dilation"])

    rho, rotate = 1.0, c["rotate"]
    if rotate:
        if rotate["rule"] == "aligned":
            q = tf.sqrt(rotate["x_q"] ** 2 * tf.reduce_sum(kernel ** 2, range(kernel.shape.rank - 1)) + bias ** 2)
        else:
            q = conv(rotate["x_q"] * tf.ones_like(x[:1, 0])) + bias
        l = tf.constant([L[c["gate"]], L[c["gate"]], L["tanh"], L[c["gate"]]], x.dtype)
        l = tf.exp(parameters["lambda"]) if rotate["learn"] != "fixed" else l
        c["q"] = np.abs(q.numpy()).min()
        rho = tf.repeat(l, kernel.shape[-1] // l.shape[0]) / (tf.abs(q) + EPSILON)
    gate = getattr(keras.activations, c["gate"])
    outputs, h, memory, c["z"] = [], None, None, []
    for t in range(c["size"][0])[:: -1 if c["backwards"] else 1]:
        z = rho * (conv(x[:, t]) + bias)
        if h is not None:
            z += tf.nn.convolution(h, parameters["recurrent_kernel"], padding="SAME")
        i, f, g, o = tf.split(z, 4, -1)
        c["z"] += [i, f, o]
        past = 0.0 if memory is None else gate(f) * memory
        memory = past + gate(i) * tf.tanh(g)
        h = gate(o) * tf.tanh(memory)
        outputs.append(h)
    return tf.stack(outputs, 1) if c["sequences"] else h


def run(of, c, dtype, x, parameters, g):
    x, g = tf.constant(x, dtype), tf.constant(g, dtype)
    parameters = {name: tf.constant(p, dtype) for name, p in parameters.items()}
    with tf.GradientTape() as tape:
        tape.watch([x, *parameters.values()])
        y = of(c, dtype, x, parameters)
        loss = tf.reduce_sum(y * g)
    gradients = tape.gradient(loss, dict(parameters, x=x))
    return dict(y=y.numpy(), **{"d_" + name: d.numpy() for name, d in gradients.items()})


def is_well_conditioned(c):
    if c["rotate"] and c["q"] < MIN_Q:
        return False
    z = np.abs(np.array([z.numpy() for z in c["z"]]))
    return c["gate"] != "hard_sigmoid" or np.abs(z - KINK).min() >= KINK_MARGIN and z.max() > KINK


def inputs_of(c, shapes, output, attempt):
    rng = draw(c["name"], attempt)
    parameters = {}
    for name, shape in shapes.items():
        if name == "bias":
            parameters[name] = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.1, 0.9, shape)
        elif name == "lambda":
            parameters[name] = uniform(rng, 0.4, 1.6, *shape)
        else:
            limit = 1.5 * np.sqrt(3.0 / np.prod(shape[:-1]))
            parameters[name] = uniform(rng, -limit, limit, *shape)

    def short(array):
        return np.round(np.asarray(array, np.float64), 3).astype(np.float32)

    x = uniform(rng, -1.0, 1.0, c["batch"], *c["size"])
    return short(x), {name: short(p) for name, p in parameters.items()}, short(normal(rng, *output))


def golden(c):
    c = dict(c, layers={})
    layer = layer_of(c, "float32")
    shapes = {name: tuple(getattr(layer.cell, name).shape) for name in ["kernel", "recurrent_kernel"] + ["bias"] * c["bias"]}
    if c["rotate"] and c["rotate"]["learn"] != "fixed":
        shapes["lambda"] = (4 * (c["filters"] if c["rotate"]["learn"] == "per_unit" else 1),)
    output = layer.compute_output_shape((c["batch"], *c["size"]))
    of = by_definition if c["rotate"] else by_keras
    for attempt in range(ATTEMPTS):
        drawn = inputs_of(c, shapes, output, attempt)
        truth = run(by_definition, c, "float64", *drawn)
        if not is_well_conditioned(c):
            continue
        twins = [(run(by_keras, c, "float64", *drawn), truth)] if not c["rotate"] else []
        if c["rotate"] and not attempt:
            classic = dict(c, rotate=None, layers={})
            x, parameters, g = drawn
            parameters = {name: p for name, p in parameters.items() if name != "lambda"}
            twins = [tuple(run(by, classic, "float64", x, parameters, g) for by in (by_keras, by_definition))]
        for a, b in twins:
            assert max(off_by(a[k], b[k]) for k in a) <= MAX_TWIN_OFF, c["name"]
        out = run(of, c, "float32", *drawn)
        off = max(off_by(out[k], truth[k]) for k in out)
        if off <= MAX_OFF:
            break
    else:
        raise SystemExit(f"{c['name']}: no draw is well enough conditioned")
    print(f"{c['name']:44} draw {attempt:3}, off by {off:.1e}, output {output}")
    x, parameters, g = drawn
    return dict(
        name=c["name"], filters=c["filters"], kernel_size=c["kernel"], strides=c["strides"], padding=c["padding"],
        dilation=c["dilation"], recurrent_activation=c["gate"], use_bias=c["bias"], return_sequences=c["sequences"],
        go_backwards=c["backwards"], rotate=c["rotate"], batch=c["batch"], input=c["size"], x=flat(x),
        parameters={name: flat(p) for name, p in parameters.items()}, g=flat(g), output=list(output[1:]), y=flat(out["y"]),
        d_x=flat(out["d_x"]), gradients={name: flat(out["d_" + name]) for name in parameters})


if __name__ == "__main__":
    write("conv_lstm.json", [golden(c) for c in CASES])
