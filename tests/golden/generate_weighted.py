"""Writes weighted.json: a step of gradient descent in Keras 2.15 with weights on rows, on time steps and on classes, with masks and with
smoothed labels.

A net of one linear layer, for rows or for the steps of sequences, takes one step of SGD; the first case's metric is weighted.
"""

from common import draw, flat, normal, np, number, tf, uniform, write

keras = tf.keras

BATCH, STEPS, FEATURES, OUTPUTS, RATE, PADDING = 6, 5, 3, 4, 0.5, -1.0

SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"
BINARY, SQUARED = "binary_crossentropy", "mean_squared_error"

# name, loss, whether rows are sequences, whether they are masked, what is weighted, label smoothing
CASES = [
    ("rows", SPARSE, False, False, "rows", 0.0),
    ("classes", SPARSE, False, False, "classes", 0.0),
    ("smoothed", CATEGORICAL, False, False, None, 0.1),
    ("smoothed_rows", CATEGORICAL, False, False, "rows", 0.3),
    ("smoothed_answers", BINARY, False, False, "rows", 0.2),
    ("values", SQUARED, False, False, "rows", 0.0),
    ("steps", SPARSE, True, False, "steps", 0.0),
    ("steps_of_values", SQUARED, True, False, "steps", 0.0),
    ("masked_steps", SPARSE, True, True, "steps", 0.0),
    ("masked_values", SQUARED, True, True, "steps", 0.0),
]


def loss_of(kind, smoothing):
    return {
        SPARSE: lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        CATEGORICAL: lambda: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        BINARY: lambda: keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing),
        SQUARED: keras.losses.MeanSquaredError,
    }[kind]()


def targets_of(rng, kind, shape):
    classes = rng.integers(0, OUTPUTS, shape)
    return {
        SPARSE: classes,
        CATEGORICAL: np.eye(OUTPUTS, dtype=np.float32)[classes],
        BINARY: rng.integers(0, 2, (*shape, OUTPUTS)).astype(np.float32),
        SQUARED: normal(rng, *shape, OUTPUTS),
    }[kind]


def case(name, kind, sequences, masked, weighted, smoothing):
    rng = draw("weighted " + name)
    shape = (BATCH, STEPS) if sequences else (BATCH,)
    x = uniform(rng, 0.0, 1.0, *shape, FEATURES)
    if masked:
        for row, count in enumerate(rng.integers(1, STEPS + 1, BATCH)):
            x[row, count:] = PADDING
    y = targets_of(rng, kind, shape)
    kernel, bias = normal(rng, FEATURES, OUTPUTS), normal(rng, OUTPUTS)

    dense = keras.layers.Dense(OUTPUTS)
    layers = [keras.layers.Masking(PADDING)] if masked else []
    layers.append(keras.layers.TimeDistributed(dense) if sequences else dense)
    net = keras.Sequential(layers)
    net.build(x.shape)
    dense.set_weights([kernel, bias])
    metric = {SPARSE: keras.metrics.SparseCategoricalAccuracy, SQUARED: keras.metrics.MeanAbsoluteError}.get(kind)
    net.compile(keras.optimizers.SGD(RATE), loss_of(kind, smoothing), weighted_metrics=[metric()] if metric else [])

    given, class_weights, weights = {}, None, None
    if weighted == "classes":
        class_weights = uniform(rng, 0.2, 3.0, OUTPUTS)
        given["class_weight"] = dict(enumerate(map(float, class_weights)))
    elif weighted:
        weights = uniform(rng, 0.0, 2.0, *(shape if weighted == "steps" else (BATCH,)))
        given["sample_weight"] = weights
    results = net.train_on_batch(x, y, **given, return_dict=True)
    loss = results.pop("loss")
    kernel_after, bias_after = dense.get_weights()
    return dict(name=name, loss=kind, shape=[*shape[1:], FEATURES], outputs=OUTPUTS, rate=RATE,
                padding=PADDING if masked else None, smoothing=smoothing, x=flat(x), y=[number(v) for v in np.ravel(y)],
                weights=None if weights is None else flat(weights),
                class_weights=None if class_weights is None else flat(class_weights),
                kernel=flat(kernel), bias=flat(bias), value=number(loss),
                metric=number(next(iter(results.values()))) if results else None,
                kernel_after=flat(kernel_after), bias_after=flat(bias_after))


if __name__ == "__main__":
    write("weighted.json", dict(cases=[case(*c) for c in CASES]))
