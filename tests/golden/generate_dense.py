"""Writes dense.json: one auto-rotated dense layer, forward and backward, by arpkeras in float32.

Every case draws an input x [batch, inputs], Keras' kernel w [inputs, units], a bias b and an upstream
gradient g [batch, units], then takes y and the gradients of the loss sum(y * g) from a GradientTape.
d_l is the gradient of the one number L that all units share (null for a classic layer).

A draw is thrown away and repeated when f32 would drown the answer: when some |q| < 0.05 (rho then
amplifies rounding), when a pre-activation lies within 0.001 of a kink, or when the same layer in
float64 differs by more than 5e-6 of |value| + its array's mean |value|. So is one that leaves a side of
a kink empty, or an array all zeros. The zero_q cases set one unit's q to exactly 0.
"""

from common import draw, flat, normal, np, number, off_by, tf, uniform, write

from ARPkeras import AutoRotDense

ACTIVATIONS = {
    "linear": tf.keras.activations.linear,
    "sigmoid": tf.keras.activations.sigmoid,
    "tanh": tf.keras.activations.tanh,
    "arctan": lambda z: tf.atan(z),
    "relu": tf.keras.activations.relu,
    "leaky_relu": lambda z: tf.nn.leaky_relu(z, alpha=0.3),
    "elu": tf.keras.activations.elu,
    "softplus": tf.keras.activations.softplus,
    "silu": tf.keras.activations.swish,
    "gelu": lambda z: tf.keras.activations.gelu(z, approximate=False),
    "hard_tanh": lambda z: tf.clip_by_value(z, -1.0, 1.0),
    "softsign": tf.keras.activations.softsign,
    "selu": tf.keras.activations.selu,
    "mish": tf.keras.activations.mish,
    "exponential": tf.keras.activations.exponential,
    "relu6": tf.nn.relu6,
    "log_sigmoid": tf.math.log_sigmoid,
}
KINKS = {"relu": [0.0], "leaky_relu": [0.0], "hard_tanh": [-1.0, 1.0], "selu": [0.0], "relu6": [0.0, 6.0]}

MIN_Q = 0.05
KINK_MARGIN = 1e-3
MAX_OFF = 5e-6
ATTEMPTS = 2000


def case(name, size, activation, x_range=(0.0, 1.0), l=4.0, epsilon=1e-5, x_q=None, bias=True,
         rotate=True, zero_q=False):
    """What a case asks for; size is (batch, inputs, units)."""
    return dict(name=name, size=size, activation=activation, x_range=x_range, l=l, epsilon=epsilon,
                x_q=x_q, bias=bias, rotate=rotate, zero_q=zero_q)


UNIT, CENTRED = (0.0, 1.0), (-1.0, 1.0)

CASES = [
    # Every activation, rotated, with the published L where there is one.
    case("sigmoid", (5, 7, 3), "sigmoid"),
    case("tanh", (5, 7, 3), "tanh", CENTRED, l=2.0),
    case("arctan", (5, 7, 3), "arctan", (-1.5, 1.5), l=7.0),
    case("relu", (9, 17, 5), "relu"),
    case("leaky_relu", (9, 17, 5), "leaky_relu", (-0.3, 1.0)),
    case("linear", (5, 7, 3), "linear", CENTRED, l=2.0),
    case("elu", (4, 6, 5), "elu", CENTRED, l=2.0),
    case("softplus", (3, 11, 2), "softplus"),
    case("silu", (6, 5, 7), "silu", CENTRED),
    case("gelu", (7, 3, 6), "gelu", CENTRED, l=2.0),
    case("hard_tanh", (5, 9, 4), "hard_tanh", CENTRED, l=2.0),
    case("softsign", (2, 13, 3), "softsign", CENTRED),
    case("selu", (6, 5, 4), "selu", CENTRED),
    case("mish", (5, 6, 3), "mish", CENTRED),
    case("exponential", (4, 7, 3), "exponential", CENTRED, l=1.0),
    case("relu6", (9, 8, 5), "relu6", CENTRED, l=6.0),
    case("log_sigmoid", (5, 4, 6), "log_sigmoid", CENTRED),
    # Without a bias.
    case("sigmoid_no_bias", (9, 17, 5), "sigmoid", bias=False),
    case("tanh_no_bias", (5, 7, 3), "tanh", CENTRED, l=2.0, bias=False),
    # Sizes.
    case("sigmoid_one_by_one", (1, 1, 1), "sigmoid"),
    case("linear_one_by_one_no_bias", (1, 1, 1), "linear", CENTRED, l=2.0, epsilon=0.1, bias=False),
    case("sigmoid_large_batch", (33, 8, 12), "sigmoid"),
    case("arctan_one_sample", (1, 19, 6), "arctan", CENTRED, l=7.0),
    case("relu_one_unit", (13, 4, 1), "relu"),
    # x_Q, L and epsilon.
    case("tanh_given_x_q", (5, 7, 3), "tanh", CENTRED, l=2.0, x_q=1.25),
    case("sigmoid_given_negative_x_q", (5, 7, 3), "sigmoid", x_q=-1.5),
    case("arctan_negative_x_q_by_range", (5, 7, 3), "arctan", (-1.5, -1.0)),
    case("softsign_x_q_zero", (5, 7, 3), "softsign", (-2.0, -1.0), l=2.0),
    case("sigmoid_small_l", (9, 17, 5), "sigmoid", l=0.5),
    case("tanh_large_l", (5, 7, 3), "tanh", CENTRED, l=7.0),
    case("sigmoid_large_epsilon", (5, 7, 3), "sigmoid", epsilon=1e-3),
    case("linear_large_epsilon_no_bias", (33, 8, 12), "linear", CENTRED, l=0.5, epsilon=1e-3, bias=False),
    # The last unit has q = 0 exactly: rho = L / epsilon there, and sign(0) = 0 stops its virtual sample.
    case("linear_zero_q", (5, 6, 3), "linear", epsilon=1e-3, zero_q=True),
    case("tanh_zero_q", (5, 6, 3), "tanh", l=2.0, zero_q=True),
    # Classic layers: no rotation.
    case("sigmoid_classic", (5, 7, 3), "sigmoid", rotate=False),
    case("tanh_classic_no_bias", (9, 17, 5), "tanh", CENTRED, l=2.0, bias=False, rotate=False),
    case("linear_classic", (33, 8, 12), "linear", CENTRED, l=2.0, rotate=False),
]


def inputs_of(c, attempt):
    """Draws x, w, b (or None) and g."""
    rng = draw(c["name"], attempt)
    batch, inputs, units = c["size"]
    x = uniform(rng, *c["x_range"], batch, inputs)
    limit = np.sqrt(6.0 / (inputs + units))  # Glorot uniform
    w = uniform(rng, -limit, limit, inputs, units)
    b = uniform(rng, -0.5, 0.5, units) if c["bias"] else None
    g = normal(rng, batch, units)
    if c["zero_q"]:  # short binary fractions: they cancel in any order of summation
        w[:, -1] = np.resize(np.array([0.5, -0.25, 0.75, -0.5, 0.25, -0.75], np.float32), inputs)
        b[-1] = 0.0
    return x, w, b, g


def fits_f32(c, x_q, x, w, b):
    """Whether no |q| is small and the pre-activations lie on both sides of a kink but not at it, in float64."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    b = 0.0 if b is None else b.astype(np.float64)
    f, q = x @ w + b, x_q * w.sum(axis=0) + b
    if c["zero_q"]:
        assert q[-1] == 0.0
        if np.abs(f[:, -1]).min() < MIN_Q:
            return False
    elif not c["rotate"]:
        return True
    judged = q[:-1] if c["zero_q"] else q
    if np.abs(judged).min() < MIN_Q:
        return False
    z = c["l"] / (np.abs(q) + c["epsilon"]) * f
    return all(
        np.abs(z - kink).min() >= KINK_MARGIN and z.min() < kink < z.max()
        for kink in KINKS.get(c["activation"], []))


def run(c, x, w, b, g, dtype):
    """The layer's output and gradients by arpkeras: y, d_w, d_x, d_l (None if classic) and d_b (if biased)."""
    x, g = tf.constant(x, dtype), tf.constant(g, dtype)
    l = tf.Variable(c["l"], dtype=dtype)
    layer = AutoRotDense(
        c["size"][2], *c["x_range"], L=l, xQ_scalar="auto" if c["x_q"] is None else c["x_q"],
        eps=c["epsilon"], AutoRot=c["rotate"], activation=ACTIVATIONS[c["activation"]],
        use_bias=c["bias"], dtype=dtype)
    layer.build(x.shape)
    layer.kernel.assign(w)
    sources = dict(d_w=layer.kernel, d_x=x, d_l=l)
    if b is not None:
        layer.bias.assign(b)
        sources["d_b"] = layer.bias
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(y * g)
    return layer.xQ_scalar, dict(y=y, **tape.gradient(loss, sources))


def golden(c):
    low, high = c["x_range"]
    x_q = 2 * high - low if c["x_q"] is None else c["x_q"]
    for attempt in range(ATTEMPTS):
        x, w, b, g = inputs_of(c, attempt)
        if not fits_f32(c, x_q, x, w, b):
            continue
        used_x_q, out = run(c, x, w, b, g, "float32")
        assert used_x_q == x_q
        _, twin = run(c, x, w, b, g, "float64")
        off = max(off_by(out[k], twin[k]) for k in out if out[k] is not None)
        if off <= MAX_OFF:
            break
    else:
        raise SystemExit(f"{c['name']}: no draw is well enough conditioned")
    print(f"{c['name']:34} draw {attempt:3}, off by {off:.1e}")
    batch, inputs, units = c["size"]
    return dict(
        name=c["name"], batch=batch, inputs=inputs, units=units, activation=c["activation"],
        use_bias=c["bias"], auto_rotate=c["rotate"], x_min=low, x_max=high, x_q=x_q,
        x_q_given=c["x_q"] is not None, l=c["l"], epsilon=c["epsilon"],
        x=flat(x), w=flat(w), b=None if b is None else flat(b), g=flat(g),
        y=flat(out["y"]), d_w=flat(out["d_w"]), d_b=None if b is None else flat(out["d_b"]),
        d_x=flat(out["d_x"]), d_l=number(out["d_l"]) if c["rotate"] else None)


if __name__ == "__main__":
    assert len({c["name"] for c in CASES}) == len(CASES)
    assert {c["activation"] for c in CASES if c["rotate"]} == set(ACTIVATIONS)
    write("dense.json", [golden(c) for c in CASES])
