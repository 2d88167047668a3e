"""Writes conv.json: one convolution of every kind, classic or auto-rotated, forward and backward, in float32.

Every case draws an input x [batch, spatial..., channels], the layer's weights in Keras' layouts, a bias and
an upstream gradient g of y's shape, all to three decimals, then takes y and the gradients of the loss
sum(y * g) from a GradientTape. d_l is the gradient of the one number L that all outputs share (null for a
classic layer). x_q is always 2 x_max - x_min. The layouts:

    conv        kernel [taps..., channels / groups, filters]
    transpose   kernel [taps..., filters, channels]
    depthwise   depthwise_kernel [taps..., channels, multiplier]; output channel = channel * multiplier + m
    separable   the same depthwise_kernel, and pointwise_kernel [channels * multiplier, filters]

Unless per_filter, rho = L / (|q| + epsilon) has an entry for every output element, q being the layer's
linear map of a sample full of x_q: padding pads that sample with zeros too. per_filter gives one q a filter,

    q = x_q * (sum of the filter's weights) + b     (in a transposed layer the sum / product of strides)

and so does the aligned rule, q = sqrt(x_q^2 * (sum of the filter's squared weights) + b^2), for which
per_filter is always true. A weight of a separable filter is a product, depthwise * pointwise; before they
are squared and summed over the channels, the depthwise ones are summed (or squared and summed) over the taps.

Diagonal conv cases, those per filter or with explicit padding apart, are arpkeras' AutoRotConv1D, 2D and 3D.
Its Conv1D computes L / |q| + epsilon, so that one is subclassed to compute L / (|q| + epsilon). The rest is
the definition above on Keras' layers, which in float64 also has to give what arpkeras gives. Explicit padding
is tf.pad before a valid layer. TensorFlow has no depthwise convolution of unequal strides, so that is one of
stride 1 of which some outputs are taken, and no dilated Conv1DTranspose on a CPU: see DilatedConv1DTranspose.

A draw is thrown away and repeated as for dense.json: when some |q| < 0.05, when a pre-activation lies within
0.001 of a kink or none lies on one side of it, when float64 differs by more than 5e-6 of |value| + its
array's mean |value|, or when an array is all zeros. So that enough draws pass, the weights of a filter lean
to one side if rotated by the diagonal rule, and no bias is near 0.
"""

from common import draw, flat, normal, np, number, off_by, tf, uniform, write

from ARPkeras.autorotating_conv import AutoRotConv1D, AutoRotConv2D, AutoRotConv3D

keras = tf.keras
tf.get_logger().setLevel("ERROR")  # Keras compiles every grouped layer, and TensorFlow would warn of it

ACTIVATIONS = {
    "linear": keras.activations.linear,
    "sigmoid": keras.activations.sigmoid,
    "tanh": keras.activations.tanh,
    "arctan": lambda z: tf.atan(z),
    "relu": keras.activations.relu,
    "leaky_relu": lambda z: tf.nn.leaky_relu(z, alpha=0.3),
}
KINKED = ["relu", "leaky_relu"]
L = {"linear": 2.0, "sigmoid": 4.0, "tanh": 2.0, "arctan": 7.0, "relu": 4.0, "leaky_relu": 4.0}

MIN_Q = 0.05
KINK_MARGIN = 1e-3
MAX_OFF = 5e-6
MAX_TWIN_OFF = 1e-11  # between two ways to compute the same in float64
ATTEMPTS = 2000

# ---------------------------------------------------------------------------------------------------------
# Layers


class FixedAutoRotConv1D(AutoRotConv1D):
    """arpkeras' layer with epsilon where arpkeras' other layers have it: L / (|q| + epsilon)."""

    def call(self, inputs):
        outputs = keras.layers.Conv1D.call(self, inputs)
        q = keras.layers.Conv1D.call(self, self.xQ_scalar * tf.ones_like(inputs))
        return self.arp_activation(self.L / (tf.abs(q) + self.eps) * outputs)


class DilatedConv1DTranspose(keras.layers.Conv1DTranspose):
    """Keras' layer by an undilated op, with zeros between the kernel's taps. The sizes are Keras' own."""

    def call(self, inputs):
        (dilation,), (taps,) = self.dilation_rate, self.kernel_size
        spread = tf.pad(self.kernel[:, None], [[0, 0], [0, dilation - 1], [0, 0], [0, 0]])
        spread = tf.reshape(spread, (taps * dilation, *self.kernel.shape[1:]))[:dilation * (taps - 1) + 1]
        f = tf.nn.conv1d_transpose(
            inputs, spread, self.compute_output_shape(inputs.shape), self.strides, self.padding.upper())
        return tf.nn.bias_add(f, self.bias) if self.use_bias else f


LAYERS = {
    "conv1d": keras.layers.Conv1D,
    "conv2d": keras.layers.Conv2D,
    "conv3d": keras.layers.Conv3D,
    "conv1d_transpose": keras.layers.Conv1DTranspose,
    "conv2d_transpose": keras.layers.Conv2DTranspose,
    "conv3d_transpose": keras.layers.Conv3DTranspose,
    "depthwise_conv1d": keras.layers.DepthwiseConv1D,
    "depthwise_conv2d": keras.layers.DepthwiseConv2D,
    "separable_conv1d": keras.layers.SeparableConv1D,
    "separable_conv2d": keras.layers.SeparableConv2D,
}
ARPKERAS = {"conv1d": FixedAutoRotConv1D, "conv2d": AutoRotConv2D, "conv3d": AutoRotConv3D}

# ---------------------------------------------------------------------------------------------------------
# Cases

UNIT, CENTRED, NEGATIVE = (0.0, 1.0), (-1.0, 1.0), (-3.0, -2.0)


def case(name, kind, size, filters, kernel, strides=1, padding="valid", activation="linear", x_range=UNIT,
         rotate="diagonal", dilation=1, groups=1, output_padding=None, multiplier=1, bias=True, l=None,
         epsilon=1e-5, batch=2):
    """What a case asks for. size is one sample's shape; rotate is None (classic), diagonal, per_filter or
    aligned; one number given for kernel, strides, dilation or output_padding stands for every axis."""
    rank = len(size) - 1

    def axes(value):
        return [value] * rank if isinstance(value, int) else list(value)

    return dict(
        name=name, kind=kind, batch=batch, size=list(size), filters=filters, kernel=axes(kernel),
        strides=axes(strides), padding=padding, dilation=axes(dilation), groups=groups,
        output_padding=None if output_padding is None else axes(output_padding), multiplier=multiplier,
        activation=activation, bias=bias, x_range=x_range, rotate=rotate,
        l=L[activation] if l is None else l, epsilon=epsilon)


def cases_1d():
    def conv(name, *args, **kwargs):
        return case("conv1d" + name, "conv1d", *args, **kwargs)

    yield conv("_classic", (9, 3), 4, 3, activation="tanh", x_range=CENTRED, rotate=None, batch=3)
    yield conv("_classic_same_stride_3", (8, 2), 3, 4, 3, "same", "relu", rotate=None)
    yield conv("", (9, 3), 5, 3, activation="sigmoid", batch=3)
    yield conv("_same", (7, 4), 8, 3, 1, "same", "tanh", CENTRED)
    yield conv("_same_stride_2_even_kernel", (9, 2), 4, 4, 2, "same", "arctan", CENTRED)
    yield conv("_stride_above_kernel", (9, 3), 4, 2, 3, "valid", "leaky_relu", CENTRED)
    yield conv("_kernel_1_large_epsilon", (6, 5), 3, 1, epsilon=1e-2, x_range=CENTRED)
    yield conv("_dilation_2_same", (9, 3), 4, 3, 1, "same", "relu", dilation=2)
    yield conv("_dilation_2", (8, 2), 5, 3, activation="sigmoid", dilation=2, bias=False)
    yield conv("_classic_causal_stride_2", (8, 3), 4, 4, 2, "causal", "relu", rotate=None)
    yield conv("_causal_dilation_2", (8, 3), 4, 3, 1, "causal", "tanh", CENTRED, dilation=2)
    yield conv("_causal_stride_2_groups_2", (9, 4), 6, 3, 2, "causal", "sigmoid", groups=2)
    yield conv("_explicit_stride_2", (8, 3), 4, 3, 2, [[2, 1]], "leaky_relu")
    yield conv("_groups_2", (8, 4), 6, 3, activation="tanh", x_range=CENTRED, groups=2)
    yield conv("_negative_x_q_same", (7, 3), 4, 3, 1, "same", "arctan", NEGATIVE)
    yield conv("_per_filter_same", (7, 3), 4, 3, 1, "same", "sigmoid", rotate="per_filter")
    yield conv("_aligned_same_no_bias", (8, 3), 5, 3, 2, "same", "tanh", CENTRED, "aligned", bias=False)


def cases_2d():
    def conv(name, *args, **kwargs):
        return case("conv2d" + name, "conv2d", *args, **kwargs)

    yield conv("_classic_same", (5, 4, 3), 4, 3, 1, "same", "relu", CENTRED, None)
    yield conv("_classic_groups_3", (5, 4, 6), 6, 2, activation="arctan", groups=3, rotate=None, bias=False)
    yield conv("_classic_dilation_2_explicit", (4, 5, 2), 3, 3, 1, [[0, 2], [1, 0]], "sigmoid", UNIT, None,
               dilation=2)
    yield conv("", (5, 6, 3), 4, 3, activation="sigmoid", batch=3)
    yield conv("_same", (4, 5, 4), 8, 3, 1, "same", "tanh", CENTRED)
    yield conv("_same_even_kernel", (5, 4, 2), 3, (2, 4), 1, "same", "relu")
    yield conv("_same_stride_2", (6, 7, 3), 5, 3, 2, "same", "leaky_relu", CENTRED)
    yield conv("_same_strides_3_2", (7, 6, 2), 4, (4, 3), (3, 2), "same", "arctan")
    yield conv("_strides_1_3", (5, 8, 2), 3, (2, 3), (1, 3), "valid", "linear", CENTRED)
    yield conv("_stride_above_kernel", (8, 9, 2), 4, (2, 1), 3, "valid", "tanh")
    yield conv("_same_stride_above_kernel", (7, 8, 1), 6, 2, 3, "same", "sigmoid", l=1.5)
    yield conv("_kernel_1", (4, 3, 5), 4, 1, 1, "valid", "relu", CENTRED)
    yield conv("_dilation_2_same", (5, 6, 2), 4, 3, 1, "same", "tanh", CENTRED, dilation=2)
    yield conv("_dilation_2_1", (7, 4, 2), 3, 3, activation="leaky_relu", dilation=(2, 1))
    yield conv("_explicit_strides_1_2", (4, 6, 3), 4, 3, (1, 2), [[1, 0], [0, 2]], "sigmoid")
    yield conv("_explicit_beyond_kernel", (3, 4, 2), 4, 2, 1, [[3, 0], [0, 2]], "linear", CENTRED)
    yield conv("_groups_2_same_stride_2", (5, 6, 4), 8, 3, 2, "same", "arctan", CENTRED, groups=2)
    yield conv("_groups_3", (4, 5, 6), 3, 2, activation="sigmoid", groups=3, bias=False)
    yield conv("_groups_all_same", (4, 5, 3), 6, 3, 1, "same", "relu", groups=3)
    yield conv("_no_bias_same", (5, 4, 3), 4, 3, 1, "same", "leaky_relu", CENTRED, bias=False, epsilon=1e-3)
    yield conv("_negative_x_q_same_stride_2", (5, 6, 2), 4, 3, 2, "same", "sigmoid", NEGATIVE)
    yield conv("_per_filter_same_stride_2", (5, 6, 3), 4, 3, 2, "same", "tanh", CENTRED, "per_filter")
    yield conv("_per_filter_groups_2_explicit", (4, 5, 4), 4, 3, 1, [[1, 1], [0, 2]], "relu", CENTRED,
               "per_filter", groups=2)
    yield conv("_aligned", (5, 4, 4), 4, 2, 1, "valid", "leaky_relu", CENTRED, "aligned")
    yield conv("_aligned_groups_2_same", (4, 5, 4), 6, 3, 1, "same", "sigmoid", UNIT, "aligned", groups=2)


def cases_3d():
    def conv(name, *args, **kwargs):
        return case("conv3d" + name, "conv3d", *args, **kwargs)

    yield conv("_classic_same", (3, 4, 3, 2), 3, 2, 1, "same", "tanh", CENTRED, None)
    yield conv("", (3, 4, 3, 2), 4, 2, activation="sigmoid", batch=3)
    yield conv("_same_strides_1_2_3", (3, 4, 5, 3), 4, 3, (1, 2, 3), "same", "arctan", CENTRED)
    yield conv("_stride_above_kernel", (5, 4, 5, 2), 4, (2, 1, 2), (3, 2, 3), "valid", "leaky_relu", CENTRED)
    yield conv("_explicit_stride_2", (3, 4, 3, 2), 3, 2, 2, [[1, 0], [0, 1], [2, 1]], "relu")
    yield conv("_dilation_2", (4, 3, 5, 2), 3, 2, activation="linear", x_range=CENTRED, dilation=2)
    yield conv("_groups_2_same", (3, 3, 2, 4), 4, (3, 2, 2), 1, "same", "tanh", CENTRED, groups=2)
    yield conv("_per_filter_same", (3, 2, 3, 2), 4, (2, 3, 2), 1, "same", "sigmoid", UNIT, "per_filter")
    yield conv("_aligned_same_stride_2", (3, 4, 5, 2), 3, 3, 2, "same", "tanh", CENTRED, "aligned")


def cases_transpose():
    def conv(name, *args, **kwargs):
        return case(name, name[:len("conv1d_transpose")], *args, **kwargs)

    yield conv("conv1d_transpose_classic_same_stride_2", (4, 3), 4, 3, 2, "same", "tanh", rotate=None)
    yield conv("conv1d_transpose", (5, 3), 4, 3, activation="sigmoid", batch=3)
    yield conv("conv1d_transpose_same_stride_3", (4, 2), 3, 4, 3, "same", "relu", CENTRED)
    yield conv("conv1d_transpose_stride_above_kernel", (4, 3), 4, 2, 3, "valid", "arctan")
    yield conv("conv1d_transpose_output_padding", (4, 3), 3, 4, 3, "valid", "linear", CENTRED, output_padding=2)
    yield conv("conv1d_transpose_dilation_2", (5, 2), 4, 3, 1, "valid", "leaky_relu", dilation=2)
    yield conv("conv1d_transpose_dilation_2_same", (5, 2), 4, 2, 1, "same", "sigmoid", dilation=2)
    yield conv("conv1d_transpose_per_filter_stride_2", (4, 3), 4, 3, 2, "same", "tanh", CENTRED, "per_filter")
    yield conv("conv2d_transpose_classic_no_bias", (3, 4, 2), 3, 3, 2, "valid", "sigmoid", rotate=None,
               bias=False)
    yield conv("conv2d_transpose", (3, 4, 3), 4, 2, activation="tanh", x_range=CENTRED)
    yield conv("conv2d_transpose_same_stride_2", (3, 2, 4), 8, 3, 2, "same", "sigmoid")
    yield conv("conv2d_transpose_same_strides_2_3", (3, 2, 2), 3, (3, 2), (2, 3), "same", "linear", CENTRED)
    yield conv("conv2d_transpose_stride_2_no_bias", (2, 3, 3), 2, 3, 2, "valid", "relu", CENTRED, bias=False)
    yield conv("conv2d_transpose_same_output_padding", (3, 2, 2), 3, 3, (2, 3), "same", "arctan",
               output_padding=(0, 2))
    yield conv("conv2d_transpose_same_even_kernel_output_padding", (3, 2, 2), 3, (4, 2), (2, 3), "same",
               "leaky_relu", CENTRED, output_padding=1)
    yield conv("conv2d_transpose_dilation_2", (3, 2, 2), 3, (2, 3), activation="tanh", dilation=2)
    yield conv("conv2d_transpose_negative_x_q_stride_above_kernel", (2, 3, 2), 3, 2, 3, "same", "sigmoid",
               NEGATIVE)
    yield conv("conv2d_transpose_per_filter_strides_2_1", (3, 3, 2), 4, 3, (2, 1), "valid", "relu", CENTRED,
               "per_filter")
    yield conv("conv2d_transpose_aligned_same_stride_2", (3, 2, 3), 4, 3, 2, "same", "tanh", CENTRED, "aligned")
    yield conv("conv3d_transpose_classic_stride_2", (2, 2, 2, 2), 2, (3, 2, 1), 2, "valid", "leaky_relu", CENTRED,
               None)
    yield conv("conv3d_transpose_same_strides_1_2_3", (3, 2, 2, 2), 2, (2, 3, 4), (1, 2, 3), "same", "sigmoid")
    yield conv("conv3d_transpose_output_padding", (2, 3, 2, 3), 2, 2, 2, "valid", "tanh", CENTRED,
               output_padding=(1, 0, 1))
    yield conv("conv3d_transpose_per_filter", (3, 3, 2, 2), 3, 2, activation="arctan", rotate="per_filter")
    yield conv("conv3d_transpose_aligned_same_stride_2", (2, 2, 2, 3), 2, 3, 2, "same", "relu", CENTRED,
               "aligned")


def cases_depthwise():
    def conv(name, size, *args, **kwargs):
        return case("depthwise_" + name, "depthwise_" + name[:6], size, None, *args, **kwargs)

    yield conv("conv1d_classic_same", (8, 3), 3, 1, "same", "arctan", rotate=None, multiplier=2)
    yield conv("conv1d_stride_2", (9, 3), 3, 2, "valid", "sigmoid", multiplier=3)
    yield conv("conv1d_same_dilation_2", (8, 4), 3, 1, "same", "tanh", CENTRED, dilation=2)
    yield conv("conv1d_explicit", (6, 3), 4, 1, [[3, 0]], "leaky_relu", multiplier=2)
    yield conv("conv1d_aligned_same_stride_2", (7, 3), 2, 2, "same", "relu", CENTRED, "aligned", multiplier=2)
    yield conv("conv2d_classic_same_stride_2", (5, 6, 3), 3, 2, "same", "relu", CENTRED, None, bias=False)
    yield conv("conv2d_same", (4, 5, 4), 3, 1, "same", "sigmoid")
    yield conv("conv2d_same_stride_2", (6, 5, 4), (2, 3), 2, "same", "tanh", CENTRED, multiplier=2)
    yield conv("conv2d_strides_2_1", (6, 4, 3), 3, (2, 1), "valid", "leaky_relu", CENTRED, multiplier=3)
    yield conv("conv2d_stride_above_kernel_no_bias", (8, 7, 3), 2, 3, "valid", "linear", bias=False,
               multiplier=2)
    yield conv("conv2d_dilation_2_explicit", (4, 5, 2), 3, 1, [[1, 2], [0, 1]], "arctan", CENTRED, dilation=2)
    yield conv("conv2d_per_filter_same", (4, 3, 3), 3, 1, "same", "sigmoid", UNIT, "per_filter", multiplier=2)
    yield conv("conv2d_aligned_no_bias", (5, 4, 3), 3, 1, "valid", "tanh", CENTRED, "aligned", bias=False)


def cases_separable():
    def conv(name, *args, **kwargs):
        return case("separable_" + name, "separable_" + name[:6], *args, **kwargs)

    yield conv("conv1d_classic", (8, 3), 4, 3, 1, "valid", "tanh", CENTRED, None, multiplier=2)
    yield conv("conv1d_same_stride_2", (9, 3), 4, 3, 2, "same", "sigmoid", multiplier=2)
    yield conv("conv1d_causal", (8, 3), 4, 3, 1, "causal", "tanh", CENTRED, multiplier=2)
    yield conv("conv1d_dilation_2_no_bias", (8, 4), 3, 3, 1, "valid", "relu", CENTRED, dilation=2, bias=False)
    yield conv("conv1d_per_filter_same", (7, 2), 4, 4, 1, "same", "arctan", UNIT, "per_filter", multiplier=3)
    yield conv("conv2d_classic_explicit", (4, 5, 2), 3, 3, 2, [[1, 0], [2, 1]], "leaky_relu", CENTRED, None)
    yield conv("conv2d_same", (4, 5, 4), 4, 3, 1, "same", "tanh", CENTRED)
    yield conv("conv2d_strides_1_2", (4, 6, 2), 5, 2, (1, 2), "valid", "sigmoid", multiplier=2)
    yield conv("conv2d_explicit_dilation_2", (4, 3, 2), 3, 3, 1, [[1, 2], [2, 0]], "linear", CENTRED, dilation=2,
               multiplier=2)
    yield conv("conv2d_aligned_same_stride_2", (5, 6, 3), 4, 3, 2, "same", "leaky_relu", CENTRED, "aligned",
               multiplier=2)


FAMILIES = [[*cases_1d(), *cases_2d(), *cases_3d()], [*cases_transpose()], [*cases_depthwise()],
            [*cases_separable()]]
CASES = sum(FAMILIES, [])

# ---------------------------------------------------------------------------------------------------------
# One case


def x_q_of(c):
    low, high = c["x_range"]
    return 2.0 * high - low


def keeps_strides(c):
    """Whether the layer itself can have the case's strides: TensorFlow's depthwise op wants equal ones."""
    return len(set(c["strides"])) == 1 or c["filters"] is not None and "separable" not in c["kind"]


def layer_of(c, dtype, arpkeras_l=None):
    """The layer, built: Keras' without activation, or arpkeras' with it if given L."""
    options = dict(kernel_size=c["kernel"], dilation_rate=c["dilation"], use_bias=c["bias"], dtype=dtype,
                   padding=c["padding"] if isinstance(c["padding"], str) else "valid",
                   strides=c["strides"] if keeps_strides(c) else 1)
    if c["filters"] is not None:
        options["filters"] = c["filters"]
    if c["groups"] > 1:
        options["groups"] = c["groups"]
    if c["output_padding"] is not None:
        options["output_padding"] = c["output_padding"]
    if c["kind"].startswith(("depthwise", "separable")):
        options["depth_multiplier"] = c["multiplier"]
    layer_class = LAYERS[c["kind"]]
    if arpkeras_l is not None:
        low, high = c["x_range"]
        options.update(xmin_lim=low, xmax_lim=high, L=arpkeras_l, eps=c["epsilon"],
                       activation=ACTIVATIONS[c["activation"]])
        layer_class = ARPKERAS[c["kind"]]
    elif c["kind"] == "conv1d_transpose" and c["dilation"] != [1]:
        layer_class = DilatedConv1DTranspose
    layer = layer_class(**options)
    layer.build(padded(c, tf.zeros((1, *c["size"]))).shape)
    return layer


def padded(c, x):
    return x if isinstance(c["padding"], str) else tf.pad(x, [[0, 0], *c["padding"], [0, 0]])


def linear_map(c, layer, x):
    """f: the layer's, after explicit padding, and at unequal strides every so-manyth of its outputs."""
    f = layer(padded(c, x))
    return f if keeps_strides(c) else f[(slice(None), *(slice(None, None, s) for s in c["strides"]))]


def weights_of(c, layer):
    """The layer's variables by name."""
    names = ["kernel"]
    if c["kind"].startswith(("depthwise", "separable")):
        names = ["depthwise_kernel", "pointwise_kernel"][:1 if c["kind"].startswith("depthwise") else 2]
    return {name: getattr(layer, name) for name in names + ["bias"] * c["bias"]}


def sum_of_weights(c, weights, power):
    """The sum over each filter's weights to that power."""
    if "kernel" in weights:
        kernel = weights["kernel"] ** power
        if "transpose" in c["kind"]:
            return tf.reduce_sum(kernel, [*range(kernel.shape.rank - 2), -1])
        return tf.reduce_sum(kernel, range(kernel.shape.rank - 1))
    depthwise = weights["depthwise_kernel"] ** power
    of_channel = tf.reshape(tf.reduce_sum(depthwise, range(depthwise.shape.rank - 2)), [-1])
    if "pointwise_kernel" not in weights:
        return of_channel
    pointwise = tf.reshape(weights["pointwise_kernel"], [-1, c["filters"]]) ** power
    return tf.reduce_sum(of_channel[:, None] * pointwise, 0)


def q_of(c, layer, weights, x):
    x_q, bias = x_q_of(c), weights.get("bias", 0.0)
    if c["rotate"] == "aligned":
        return tf.sqrt(x_q ** 2 * sum_of_weights(c, weights, 2) + bias ** 2)
    if c["rotate"] == "per_filter":
        overlap = float(np.prod(c["strides"])) if "transpose" in c["kind"] else 1.0
        return x_q * sum_of_weights(c, weights, 1) / overlap + bias
    return linear_map(c, layer, x_q * tf.ones_like(x[:1]))


class Definition:
    """A case by the definition, on Keras' layer."""

    def __init__(self, c, dtype):
        self.c, self.l = c, tf.Variable(c["l"], dtype=dtype)
        self.layer = layer_of(c, dtype)
        self.weights = weights_of(c, self.layer)

    def output(self, x):
        self.q, z = None, linear_map(self.c, self.layer, x)
        if self.c["rotate"]:
            self.q = q_of(self.c, self.layer, self.weights, x)
            z = self.l / (tf.abs(self.q) + self.c["epsilon"]) * z
        self.z = z
        return ACTIVATIONS[self.c["activation"]](z)

    def is_well_conditioned(self):
        """After a run: whether no |q| is small and z lies on both sides of a kink but not at it."""
        if self.q is not None and np.abs(self.q).min() < MIN_Q:
            return False
        z = self.z.numpy()
        return self.c["activation"] not in KINKED or np.abs(z).min() >= KINK_MARGIN and z.min() < 0.0 < z.max()


class Arpkeras:
    """A case by arpkeras' layer."""

    def __init__(self, c, dtype):
        self.l = tf.Variable(c["l"], dtype=dtype)
        self.layer = layer_of(c, dtype, self.l)
        assert self.layer.xQ_scalar == x_q_of(c)
        self.weights = weights_of(c, self.layer)

    def output(self, x):
        return self.layer(x)


def run(by, x, weights, g):
    """y and the gradients of sum(y * g); d_l is None if classic."""
    x, g = tf.constant(x, by.l.dtype), tf.constant(g, by.l.dtype)
    for name, variable in by.weights.items():
        variable.assign(tf.constant(weights[name], variable.dtype))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = by.output(x)
        loss = tf.reduce_sum(y * g)
    sources = dict(by.weights, x=x, l=by.l)
    return dict(y=y, **{"d_" + name: d for name, d in tape.gradient(loss, sources).items()})


def worst_off(single, double):
    assert single.keys() == double.keys() and single["y"].shape == double["y"].shape
    assert all((single[k] is None) == (double[k] is None) for k in single)
    return max(off_by(single[k], double[k]) for k in single if single[k] is not None)


def drawn_kernel(rng, shape, output_axes, leaning, signed=True):
    """Uniform weights of the scale 1 / sqrt(inputs of a filter), leaning to a side that each filter draws."""
    filters = [n if i in output_axes else 1 for i, n in enumerate(shape)]
    side = rng.choice([-1.0, 1.0], filters) if signed else np.ones(filters)
    limit = np.sqrt(3.0 * np.prod(filters) / np.prod(shape))
    return limit * (rng.uniform(-1.0, 1.0, shape) + 0.5 * leaning * side)


def inputs_of(c, shapes, output, attempt):
    """Draws x, the weights by name and g."""
    rng = draw(c["name"], attempt)
    x = uniform(rng, *c["x_range"], c["batch"], *c["size"])
    leaning = c["rotate"] in ("diagonal", "per_filter")
    weights = {}
    for name, shape in shapes.items():
        last = len(shape) - 1
        if name == "bias":
            weights[name] = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.1, 0.5, shape)
        elif name == "depthwise_kernel":
            weights[name] = drawn_kernel(rng, shape, [last - 1, last], leaning, "pointwise_kernel" not in shapes)
        else:
            weights[name] = drawn_kernel(rng, shape, [last - 1 if "transpose" in c["kind"] else last], leaning)
    g = normal(rng, c["batch"], *output)

    def short(array):
        return np.round(array.astype(np.float64), 3).astype(np.float32)

    return short(x), {name: short(w) for name, w in weights.items()}, short(g)


def chosen(c, single, double, twin=None, inputs=inputs_of):
    """The first draw that single precision does not drown, what `single` makes of it, and the output's shape. In double
    precision, `twin` has to give what `double` gives."""
    shapes = {name: tuple(w.shape) for name, w in double.weights.items()}
    output = double.output(tf.zeros((1, *c["size"]), tf.float64)).shape[1:].as_list()
    for attempt in range(ATTEMPTS):
        drawn = inputs(c, shapes, output, attempt)
        truth = run(double, *drawn)
        if not double.is_well_conditioned():
            continue
        if twin:
            assert worst_off(run(twin, *drawn), truth) <= MAX_TWIN_OFF
        out = run(single, *drawn)
        off = worst_off(out, truth)
        if off <= MAX_OFF:
            break
    else:
        raise SystemExit(f"{c['name']}: no draw is well enough conditioned")
    print(f"{c['name']:50} draw {attempt:3}, off by {off:.1e}, output {output}" + ", arpkeras" * bool(twin))
    return drawn, out, output


def described(c, rotate, drawn, out, output):
    """A case with its numbers."""
    x, weights, g = drawn
    return dict(
        name=c["name"], kind=c["kind"], batch=c["batch"], input=c["size"], filters=c["filters"],
        kernel_size=c["kernel"], strides=c["strides"], padding=c["padding"], dilation=c["dilation"],
        groups=c["groups"], output_padding=c["output_padding"], depth_multiplier=c["multiplier"],
        activation=c["activation"], use_bias=c["bias"], rotate=rotate,
        x=flat(x), parameters={name: flat(w) for name, w in weights.items()}, g=flat(g),
        output=output, y=flat(out["y"]), d_x=flat(out["d_x"]),
        gradients={name: flat(out["d_" + name]) for name in weights})


def golden(c):
    single, double, twin = Definition(c, "float32"), Definition(c, "float64"), None
    if c["kind"] in ARPKERAS and c["rotate"] == "diagonal" and isinstance(c["padding"], str):
        single, twin = Arpkeras(c, "float32"), Arpkeras(c, "float64")
    drawn, out, output = chosen(c, single, double, twin)
    low, high = c["x_range"]
    rotate = None
    if c["rotate"]:
        rotate = dict(x_min=low, x_max=high, x_q=x_q_of(c), l=c["l"], epsilon=c["epsilon"],
                      rule="aligned" if c["rotate"] == "aligned" else "diagonal",
                      per_filter=c["rotate"] != "diagonal", detached=False)
    d_l = number(out["d_l"]) if c["rotate"] else None
    return dict(described(c, rotate, drawn, out, output), d_l=d_l)


if __name__ == "__main__":
    assert len({c["name"] for c in CASES}) == len(CASES)
    for kind in LAYERS:
        assert {None, "diagonal"} <= {c["rotate"] for c in CASES if c["kind"] == kind}, kind
    for family in FAMILIES:
        assert {c["rotate"] for c in family} == {None, "diagonal", "per_filter", "aligned"}, family[0]["kind"]
    assert {c["activation"] for c in CASES} == set(ACTIVATIONS)
    write("conv.json", [golden(c) for c in CASES])
