"""Times training steps of Keras 3 on its backends JAX and TensorFlow: the nets of the peer `arpkeras`, classic only, since arpkeras
needs an older Keras."""

import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from arpkeras.bench import BATCHES, CLASSES, flops, main, synthetic  # noqa: E402

MODES = {
    f"{backend}-{mode}": f"model.fit on {backend}{text}, an epoch a block"
    for backend in ("jax", "tensorflow")
    for mode, text in (("fit", ""), ("fit32", " with 32 steps per execution"))
}
MODES["jax-one"] = "a prediction of one row by the model compiled by jax.jit, until its numbers are there"


def build(keras, workload, mode):
    """A compiled model: hidden layers, a linear one, cross-entropy, Adam."""
    layers = keras.layers
    plain = {
        "norm": layers.BatchNormalization,
        "pool": layers.MaxPooling2D,
        "mean": layers.GlobalAveragePooling2D,
        "flatten": layers.Flatten,
    }
    recurrent = {"lstm": layers.LSTM, "gru": layers.GRU}
    neurons = {"dense": layers.Dense, "conv": layers.Conv2D, "point": layers.Conv2D, "separable": layers.SeparableConv2D}

    model = keras.Sequential([layers.Input(workload.shape)])
    for kind, units, stride in workload.hidden:
        if kind in plain:
            model.add(plain[kind]())
        elif kind in recurrent:
            model.add(recurrent[kind](units))
        else:
            window = {"kernel_size": 1 if kind == "point" else 3, "strides": stride, "padding": "same"}
            settings = {} if kind == "dense" else window
            model.add(neurons[kind](units, activation=workload.activation, **settings))
    model.add(layers.Dense(CLASSES))
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=BATCHES if mode == "fit32" else 1,
    )
    return model


def predictor(model, row):
    """A function that predicts one row a number of times and returns an output."""
    import jax
    import numpy as np

    trained, others = ([v.value for v in kind] for kind in (model.trainable_variables, model.non_trainable_variables))
    predict, row = jax.jit(lambda *values: model.stateless_call(*values)[0]), jax.numpy.asarray(row)

    def run(times):
        for _ in range(times):
            outputs = np.asarray(predict(trained, others, row))
        return float(outputs[0, 0])

    return run


def measure(workload, mode, steps, _block):
    """One row of the table."""
    backend, mode = mode.split("-")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import keras

    xs, ys = synthetic(workload)
    keras.utils.set_random_seed(0)
    begin = time.perf_counter()
    model = build(keras, workload, mode)

    def fit(steps):
        rows = slice(0, steps * workload.batch)
        history = model.fit(xs[rows], ys[rows], batch_size=workload.batch, epochs=1, verbose=0, shuffle=False)
        return history.history["loss"][-1]

    run = predictor(model, xs[:1]) if mode == "one" else fit
    run(1)
    first_step_s = time.perf_counter() - begin
    # An epoch is the whole data set: less would time its beginning and end.
    run(BATCHES)
    times, loss = [], 0.0
    for _ in range(-(-steps // BATCHES)):
        begin = time.perf_counter()
        loss = run(BATCHES)
        times.append(1e3 * (time.perf_counter() - begin) / BATCHES)
    classic = statistics.median(times)
    return {
        "peer": f"Keras {keras.__version__}, {backend}",
        "mode": mode,
        "device": "cpu",
        "workload": workload.name,
        "ms": None,
        "classic_ms": classic,
        "ratio": None,
        "samples_per_second": 1e3 * (1 if mode == "one" else workload.batch) / classic,
        "gflops": None if mode == "one" else flops(workload) / classic / 1e6,
        "first_step_s": first_step_s,
        "loss": loss,
    }


if __name__ == "__main__":
    main(measure, MODES, __file__, __doc__)
