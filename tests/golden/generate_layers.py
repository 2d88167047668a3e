"""Writes layers.json: Keras' layers that are not rotated, forward and backward, in float32.

Every case draws an input x [batch, spatial..., channels], the layer's parameters and an upstream gradient g
of y's shape, all to three decimals, then takes y and the gradients of the loss sum(y * g) from a
GradientTape. What TensorFlow 2.15 does on a CPU:

Pooling. Padded positions take no part in a maximum, nor in the count of an average. In max_pool1d and
max_pool2d the gradient of equal maxima goes to the first of them in row-major order; the *_ties cases show
it. Elsewhere x has no two equal values, because there TensorFlow does otherwise: MaxPooling3D gives the
whole gradient to each of the equal maxima, a global maximum shares it among them.

Batch normalisation. y, d_x and the gradients are those of training, with the batch's biased variance
(divided by n, the number of values a channel has); y_inference is inference before that update.
Both moving statistics move by (1 - momentum) of the way. The variance they move to depends on the
implementation: Keras takes TensorFlow's fused op for an x of rank 4 or 5 (counting the batch) and float32
unless told otherwise, and this op moves the variance to the unbiased one, divided by n - 1. Below rank 4, and
with fused=False, it is the biased one. options.fused is what Keras used.

An embedding's indices have no gradient: their d_x is 0. Softmax and layer normalisation are those of the last axis; the softmax cases named wide have logits from -40 to 40.

A draw is thrown away and repeated when float64 differs by more than 5e-6 of |value| + its array's mean
|value| or an array is all zeros. TensorFlow has neither the fused op nor pooling in 3D nor
bilinear up-sampling for float64: the twins are the unfused layer with its variance corrected, pooling by axis, and products with
matrices.
"""

from common import draw, flat, normal, np, off_by, tf, uniform, write

keras = tf.keras

MAX_OFF = 5e-6
ATTEMPTS = 200
STEP = 0.02  # between an input's distinct values, where they must be distinct

LAYERS = {
    "max_pool": [keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.MaxPooling3D],
    "average_pool": [keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D],
    "global_max_pool": [keras.layers.GlobalMaxPooling1D, keras.layers.GlobalMaxPooling2D,
                        keras.layers.GlobalMaxPooling3D],
    "global_average_pool": [keras.layers.GlobalAveragePooling1D, keras.layers.GlobalAveragePooling2D,
                            keras.layers.GlobalAveragePooling3D],
    "zero_padding": [keras.layers.ZeroPadding1D, keras.layers.ZeroPadding2D, keras.layers.ZeroPadding3D],
    "cropping": [keras.layers.Cropping1D, keras.layers.Cropping2D, keras.layers.Cropping3D],
    "up_sampling": [keras.layers.UpSampling1D, keras.layers.UpSampling2D, keras.layers.UpSampling3D],
}
# Layers of any rank.
UNRANKED = {
    "batch_norm": keras.layers.BatchNormalization,
    "layer_norm": keras.layers.LayerNormalization,
    "softmax": keras.layers.Softmax,
    "reshape": keras.layers.Reshape,
    "permute": keras.layers.Permute,
    "repeat_vector": keras.layers.RepeatVector,
    "group_norm": keras.layers.GroupNormalization,
    "prelu": keras.layers.PReLU,
    "embedding": keras.layers.Embedding,
}

# ---------------------------------------------------------------------------------------------------------
# Cases


def case(name, family, sample, batch=2, values="distinct", **options):
    """What a case asks for. sample is one sample's shape; values are those of x: distinct, negative (and
    distinct), ties (few values, many of them 0), uniform, wide, or indices (below options.input_dim)."""
    kind = family if family in UNRANKED else f"{family}{len(sample) - 1}d"
    return dict(name=name, family=family, kind=kind, batch=batch, sample=sample, values=values, options=options)


# name, shape of one sample, pool size, strides, padding
POOLS = [
    ("1d", (9, 3), [2], [2], "valid"),
    ("1d_overlapping_same", (7, 2), [3], [1], "same"),
    ("1d_even_same", (9, 4), [4], [2], "same"),
    ("1d_stride_above_pool", (9, 2), [2], [3], "valid"),
    ("2d", (5, 6, 3), [2, 2], [2, 2], "valid"),
    ("2d_overlapping", (5, 4, 4), [3, 2], [1, 1], "valid"),
    ("2d_overlapping_same", (6, 5, 3), [3, 3], [2, 2], "same"),
    ("2d_unequal_same", (7, 4, 2), [2, 3], [3, 1], "same"),
    ("2d_stride_above_pool_same", (8, 7, 2), [2, 1], [3, 2], "same"),
    ("3d", (4, 5, 4, 2), [2, 2, 2], [2, 2, 2], "valid"),
    ("3d_unequal_same", (3, 4, 5, 2), [2, 3, 2], [1, 2, 3], "same"),
]


def cases():
    for family in ("max_pool", "average_pool"):
        for name, size, pool_size, strides, padding in POOLS:
            yield case(family + name, family, size, pool_size=pool_size, strides=strides, padding=padding)
    for name, size, pool_size, strides in [
            ("1d_negative_same", (5, 3), [3], [2]), ("2d_negative_same", (4, 5, 2), [3, 2], [2, 1]),
            ("3d_negative_same", (3, 2, 3, 2), [2, 2, 2], [2, 1, 2])]:
        yield case("max_pool" + name, "max_pool", size, values="negative", pool_size=pool_size, strides=strides,
                   padding="same")
    yield case("max_pool1d_ties", "max_pool", (9, 3), values="ties", pool_size=[3], strides=[2], padding="same")
    yield case("max_pool2d_ties", "max_pool", (6, 6, 3), values="ties", pool_size=[2, 2], strides=[2, 2],
               padding="valid")
    yield case("max_pool2d_ties_overlapping_same", "max_pool", (5, 4, 2), values="ties", pool_size=[3, 3],
               strides=[1, 2], padding="same")
    for family in ("global_max_pool", "global_average_pool"):
        yield case(family + "1d", family, (7, 3))
        yield case(family + "2d", family, (4, 5, 4), batch=3)
        yield case(family + "2d_keepdims", family, (3, 4, 2), keepdims=True)
        yield case(family + "3d", family, (3, 2, 4, 3))
    yield case("global_max_pool2d_negative", "global_max_pool", (3, 3, 2), values="negative")
    yield case("zero_padding1d", "zero_padding", (4, 3), padding=[[2, 1]])
    yield case("zero_padding2d", "zero_padding", (3, 4, 2), padding=[[1, 0], [2, 3]])
    yield case("zero_padding3d", "zero_padding", (2, 3, 2, 2), padding=[[0, 1], [2, 0], [1, 1]])
    yield case("up_sampling1d", "up_sampling", (4, 3), size=[3])
    yield case("up_sampling2d", "up_sampling", (3, 4, 2), size=[2, 3])
    yield case("up_sampling2d_one_axis", "up_sampling", (2, 3, 4), size=[1, 2])
    yield case("up_sampling3d", "up_sampling", (2, 2, 3, 2), size=[2, 3, 1])
    for name, sample, size in [("", (3, 4, 2), [2, 3]), ("_one_axis", (2, 3, 4), [1, 4]), ("_of_one", (1, 1, 3), [3, 2]),
                               ("_far", (2, 2, 1), [5, 7])]:
        yield case("up_sampling2d_bilinear" + name, "up_sampling", sample, values="uniform", size=size,
                   interpolation="bilinear")

    def batch_norm(name, size, momentum=0.99, epsilon=1e-3, center=True, scale=True, batch=4, **fused):
        return case("batch_norm" + name, "batch_norm", size, batch, "uniform", momentum=momentum,
                    epsilon=epsilon, center=center, scale=scale, **fused)

    yield batch_norm("_vector", (3,), batch=6)
    yield batch_norm("_vector_momentum_epsilon", (5,), momentum=0.8, epsilon=0.05)
    yield batch_norm("_vector_no_scale", (4,), momentum=0.9, scale=False, batch=5)
    yield batch_norm("_line", (5, 3))
    yield batch_norm("_line_no_center", (4, 4), momentum=0.7, epsilon=1e-5, center=False, batch=3)
    yield batch_norm("_image", (3, 2, 3))
    yield batch_norm("_image_momentum_epsilon", (2, 3, 4), momentum=0.5, epsilon=0.02, batch=3)
    yield batch_norm("_image_bare", (3, 3, 2), momentum=0.6, center=False, scale=False, batch=2)
    yield batch_norm("_image_not_fused", (2, 3, 3), momentum=0.5, batch=3, fused=False)
    yield batch_norm("_volume", (2, 2, 2, 3), momentum=0.8, batch=3)

    def layer_norm(name, size, epsilon=1e-3, center=True, scale=True, batch=3):
        return case("layer_norm" + name, "layer_norm", size, batch, "uniform", epsilon=epsilon, center=center, scale=scale)

    yield layer_norm("_vector", (7,))
    yield layer_norm("_vector_epsilon", (4,), epsilon=0.05, batch=4)
    yield layer_norm("_line_no_center", (5, 6), center=False)
    yield layer_norm("_image_no_scale", (2, 3, 4), scale=False)
    yield layer_norm("_volume_bare", (2, 2, 2, 5), center=False, scale=False, batch=2)
    yield case("cropping1d", "cropping", (6, 3), cropping=[[2, 1]])
    yield case("cropping2d", "cropping", (4, 5, 2), cropping=[[1, 0], [2, 1]])
    yield case("cropping3d", "cropping", (3, 4, 3, 2), cropping=[[0, 1], [2, 0], [1, 1]])
    yield case("reshape", "reshape", (2, 3, 4), target_shape=[4, 6])
    yield case("reshape_open", "reshape", (12,), target_shape=[2, -1, 3])
    yield case("permute_line", "permute", (3, 5), dims=[2, 1])
    yield case("permute_image", "permute", (2, 3, 4), dims=[3, 1, 2])
    yield case("permute_volume", "permute", (2, 3, 4, 5), dims=[4, 2, 1, 3])
    yield case("repeat_vector", "repeat_vector", (4,), batch=3, n=5)

    def group_norm(name, size, groups, epsilon=1e-3, center=True, scale=True, batch=3):
        return case("group_norm" + name, "group_norm", size, batch, "uniform", groups=groups, epsilon=epsilon, center=center,
                    scale=scale)

    yield group_norm("_vector", (12,), 3)
    yield group_norm("_line", (5, 6), 2, epsilon=0.05)
    yield group_norm("_line_of_instances", (7, 4), -1, center=False)
    yield group_norm("_image", (3, 4, 32), 32, batch=2)
    yield group_norm("_image_whole", (3, 2, 5), 1, scale=False)
    yield group_norm("_volume_bare", (2, 2, 3, 8), 2, center=False, scale=False, batch=2)
    yield case("prelu_vector", "prelu", (5,), 4, "uniform")
    yield case("prelu_line", "prelu", (4, 3), 3, "uniform", shared_axes=[1])
    yield case("prelu_image", "prelu", (3, 4, 2), 2, "uniform", shared_axes=[1, 2])
    yield case("prelu_image_of_lines", "prelu", (3, 4, 2), 2, "uniform", shared_axes=[2])
    yield case("prelu_volume", "prelu", (2, 3, 2, 2), 2, "uniform", shared_axes=[1, 3])
    yield case("embedding_line", "embedding", (6,), 3, "indices", input_dim=4, output_dim=3)
    yield case("embedding_image", "embedding", (3, 2), 2, "indices", input_dim=20, output_dim=4)
    yield case("embedding_many", "embedding", (40,), 30, "indices", input_dim=3, output_dim=2)
    yield case("softmax_vector", "softmax", (5,), 4, "uniform")
    yield case("softmax_wide", "softmax", (6,), 3, "wide")
    yield case("softmax_line", "softmax", (4, 3), 2, "uniform")
    yield case("softmax_image", "softmax", (2, 3, 4), 2, "uniform")


CASES = [*cases()]

# ---------------------------------------------------------------------------------------------------------
# Layers and their twins


def layer_of(c, dtype):
    options = dict(c["options"], dtype=dtype)
    if c["family"] in UNRANKED:
        return UNRANKED[c["family"]](**options)
    rank = len(c["sample"]) - 1
    if rank == 1:  # where Keras wants a bare number or pair
        options.update({key: value[0] for key, value in options.items() if isinstance(value, list)})
    if c["family"] == "up_sampling" and rank == 2:
        options.setdefault("interpolation", "nearest")
    return LAYERS[c["family"]][rank - 1](**options)


def pool_by_axis(c, x):
    """Pooling in 3D as pooling of the last two axes and then of the first."""
    by_rank = {}
    for axes in (slice(1, 3), slice(0, 1)):
        options = {key: c["options"][key][axes] for key in ("pool_size", "strides")}
        rank = len(options["strides"])
        by_rank[rank] = LAYERS[c["family"]][rank - 1](padding=c["options"]["padding"], dtype=x.dtype, **options)
    batch, depth, *image = x.shape
    x = by_rank[2](tf.reshape(x, (batch * depth, *image)))
    height, width, channels = x.shape[1:]
    x = by_rank[1](tf.reshape(x, (batch, depth, height * width * channels)))
    return tf.reshape(x, (batch, -1, height, width, channels))


def bilinear(c, x):
    """Bilinear up-sampling as a product with a matrix for each axis: TensorFlow has it in float32 alone."""
    def matrix(n, factor):
        centres = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
        return tf.constant(np.maximum(1 - np.abs(centres[:, None] - np.arange(n)), 0))

    rows, columns = (matrix(n, factor) for n, factor in zip(c["sample"], c["options"]["size"]))
    return tf.einsum("ih,jw,bhwc->bijc", rows, columns, x)


def run(c, x, parameters, g, dtype):
    """y, the gradients and, of a batch normalisation, its inference and moving statistics; options.fused."""
    x, g = tf.constant(x, dtype), tf.constant(g, dtype)
    layer = layer_of(c, dtype)
    layer.build(x.shape)
    variables = {name: getattr(layer, name) for name in parameters}
    for name, variable in variables.items():
        variable.assign(parameters[name])
    out, training = {}, {}
    if c["family"] == "batch_norm":
        training = dict(training=True)
        out["y_inference"] = layer(x, training=False)
    by_axis = dtype == "float64" and c["kind"] in ("max_pool3d", "average_pool3d")
    with tf.GradientTape() as tape:
        tape.watch(x)
        if by_axis:
            y = pool_by_axis(c, x)
        elif dtype == "float64" and c["options"].get("interpolation") == "bilinear":
            y = bilinear(c, x)
        else:
            y = layer(x, **training)
        loss = tf.reduce_sum(y * g)
    sources = {name: v for name, v in variables.items() if v.trainable}
    gradients = tape.gradient(loss, dict(sources, x=x))
    if c["family"] == "embedding":
        gradients = dict(embeddings=tf.convert_to_tensor(gradients["embeddings"]))
    out.update(y=y, **{"d_" + name: d for name, d in gradients.items()})
    if c["family"] == "batch_norm":
        out.update(moving_mean_after=layer.moving_mean, moving_variance_after=layer.moving_variance)
    return {key: value.numpy() for key, value in out.items()}, getattr(layer, "fused", None)


def bessel_corrected(c, parameters, after):
    """The moving variance that the fused op leaves, from the one that the unfused layer leaves."""
    momentum = c["options"]["momentum"]
    before = momentum * parameters["moving_variance"].astype(np.float64)
    n = c["batch"] * np.prod(c["sample"][:-1])
    return before + (after - before) * n / (n - 1)


# ---------------------------------------------------------------------------------------------------------
# One case


def short(array):
    return np.round(array.astype(np.float64), 3).astype(np.float32)


def inputs_of(c, output, attempt):
    """Draws x, the parameters by name and g."""
    rng = draw(c["name"], attempt)
    shape = (c["batch"], *c["sample"])
    count = int(np.prod(shape))
    if c["values"] == "ties":
        x = np.maximum(np.round(rng.standard_normal(shape)), 0.0)
    elif c["values"] == "uniform":
        x = uniform(rng, -1.0, 2.0, *shape)
    elif c["values"] == "indices":
        x = rng.integers(0, c["options"]["input_dim"], shape)
    elif c["values"] == "wide":
        x = uniform(rng, -40.0, 40.0, *shape)
    else:
        lowest = -count if c["values"] == "negative" else -(count // 2)
        x = STEP * (lowest + rng.permutation(count).reshape(shape))
        assert np.unique(short(x)).size == count and (c["values"] != "negative" or x.max() < 0.0)
    parameters = {}
    channels = c["sample"][-1]
    if c["options"].get("scale"):
        parameters["gamma"] = uniform(rng, 0.5, 1.5, channels)
    if c["options"].get("center"):
        parameters["beta"] = uniform(rng, -0.5, 0.5, channels)
    if c["family"] == "prelu":
        shared = c["options"].get("shared_axes", [])
        sizes = [1 if axis in shared else size for axis, size in enumerate(c["sample"], 1)]
        parameters["alpha"] = uniform(rng, -0.5, 0.5, *sizes)
    if c["family"] == "embedding":
        parameters["embeddings"] = normal(rng, c["options"]["input_dim"], c["options"]["output_dim"])
    if c["family"] == "batch_norm":
        parameters["moving_mean"] = uniform(rng, -1.0, 1.0, channels)
        parameters["moving_variance"] = uniform(rng, 0.5, 2.0, channels)
    g = normal(rng, c["batch"], *output)
    return short(x), {name: short(p) for name, p in parameters.items()}, short(g)


def golden(c):
    output = layer_of(c, "float32")(tf.zeros((1, *c["sample"]))).shape[1:].as_list()
    for attempt in range(ATTEMPTS):
        x, parameters, g = inputs_of(c, output, attempt)
        out, fused = run(c, x, parameters, g, "float32")
        twin, twin_fused = run(c, x, parameters, g, "float64")
        assert not twin_fused and out.keys() == twin.keys() and out["y"].shape == twin["y"].shape
        if fused:
            twin["moving_variance_after"] = bessel_corrected(c, parameters, twin["moving_variance_after"])
        off = max(off_by(out[k], twin[k]) for k in out)
        if off <= MAX_OFF:
            break
    else:
        raise SystemExit(f"{c['name']}: no draw is well enough conditioned")
    print(f"{c['name']:36} draw {attempt:3}, off by {off:.1e}, output {output}")
    options = dict(c["options"])
    after = {}
    if c["family"] == "batch_norm":
        assert fused == (len(c["sample"]) >= 3 and options.get("fused", True))
        options["fused"] = fused
        after = {k: flat(out[k]) for k in ("y_inference", "moving_mean_after", "moving_variance_after")}
    return dict(
        name=c["name"], kind=c["kind"], options=options, batch=c["batch"], input=list(c["sample"]),
        x=flat(x), parameters={name: flat(p) for name, p in parameters.items()}, g=flat(g),
        output=output, y=flat(out["y"]), d_x=flat(out.get("d_x", np.zeros_like(x))),
        gradients={name: flat(out["d_" + name]) for name in parameters if "d_" + name in out}, **after)


if __name__ == "__main__":
    assert len({c["name"] for c in CASES}) == len(CASES)
    assert {c["family"] for c in CASES} == {*LAYERS, *UNRANKED}
    write("layers.json", [golden(c) for c in CASES])
