"""Times training steps of arpkeras on TensorFlow, workload by workload: the peer of autorot's example `benchmark`.

Every net is trained twice, in turn: classic (Keras' layers) and auto-rotating (arpkeras' layers, and a separable
convolution written like them); recurrent ones, which arpkeras lacks, only once. Every workload and mode runs in a process of its own, so that its first step is a
cold one.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

CLASSES, BATCHES = 10, 32


class Layer(NamedTuple):
    """dense, conv (3x3 with padding), point (1x1), separable (3x3), norm, pool (2x2), mean (over positions), flatten, or
    lstm or gru (the last output of a sequence)."""

    kind: str
    units: int = 0
    stride: int = 1


class Workload(NamedTuple):
    """What to train: hidden layers of one activation; a linear one follows them."""

    name: str
    batch: int
    shape: tuple
    activation: str
    hidden: list


def mlp(name, inputs, *widths):
    """Sigmoid layers on rows."""
    return Workload(name, 128, (inputs,), "sigmoid", [Layer("dense", units) for units in widths])


def images(name, activation, *hidden):
    """Layers on images, whose channels come last."""
    return Workload(name, 64, (32, 32, 3), activation, [Layer(*layer) for layer in hidden])


def sequences(kind, units, batch):
    """A recurrent layer on 64 steps of 128 features."""
    name = f"{kind}-128-{units}" + (f" batch {batch}" if (units, batch) != (256, 64) else "")
    return Workload(name, batch, (64, 128), "tanh", [Layer(kind, units)])


WORKLOADS = [
    mlp("notebook 1024-50-50-40-40-30-10", 1024, 50, 50, 40, 40, 30),
    mlp("784-512x4-10", 784, *[512] * 4),
    mlp("784-1024x4-10", 784, *[1024] * 4),
    mlp("784-2048x4-10", 784, *[2048] * 4),
    mlp("deep 784-64x100-10", 784, *[64] * 100),
    images(
        "study conv 16-32-64 bn",
        "sigmoid",
        *[layer for units in (16, 32, 64) for layer in (("conv", units), ("norm",), ("pool",))],
        ("flatten",),
        *[("dense", 10)] * 4,
    ),
    images(
        "conv 64-128-256",
        "tanh",
        *[("conv", 64), ("pool",), ("conv", 128), ("pool",), ("conv", 256), ("mean",)],
    ),
    *[
        images(f"strided {n}-{2 * n}-{4 * n}", "tanh", *[("conv", k * n, 2) for k in (1, 2, 4)], ("mean",))
        for n in (16, 32, 64)
    ],
    images(
        "pointwise 32-128-32-128-32", "tanh", ("conv", 32, 2), *[("point", n) for n in (128, 32, 128, 32)], ("mean",)
    ),
    *[
        images(
            f"separable {n}-{2 * n}-{4 * n}-{8 * n}",
            "tanh",
            *[("conv", n), ("separable", 2 * n, 2), ("separable", 4 * n, 2), ("separable", 8 * n), ("mean",)],
        )
        for n in (16, 32)
    ],
    *[sequences(kind, n, batch) for kind in ("lstm", "gru") for n in (64, 160, 256) for batch in (16, 64, 256)],
]

# By activation: the range of its outputs, and L.
ROTATION = {"sigmoid": ((0.0, 1.0), 4.0), "tanh": ((-1.0, 1.0), 2.0)}

# The gates of recurrent layers, which are classic only.
GATES = {"lstm": 4, "gru": 3}

MODES = {
    "step": "model.train_step compiled by tf.function, one call a step",
    "fit": "model.fit, an epoch a block",
    "fit32": "model.fit with 32 steps per execution, an epoch a block",
    "one": "a prediction of one row by the model compiled by tf.function, until its numbers are there",
}


def traced(workload):
    """Every layer, the linear one, too, with the channels of its inputs and the side of its outputs."""
    side, channels = (1, *workload.shape)[-2:]
    for layer in (*workload.hidden, Layer("dense", CLASSES)):
        if layer.kind == "flatten":
            channels *= side * side
        single = layer.kind in ("flatten", "mean", *GATES)
        side = 1 if single else side // (2 if layer.kind == "pool" else layer.stride)
        yield layer, channels, side
        channels = layer.units or channels


def flops(workload):
    """Multiplications and additions of a classic step's products, the first layer's input gradient not among them."""
    products = []
    for layer, inputs, side in traced(workload):
        pointwise, depthwise = side * side * inputs * layer.units, side * side * inputs * 9
        kinds = {kind: [pointwise] for kind in ("dense", "point")}
        kinds |= {"conv": [9 * pointwise], "separable": [depthwise, pointwise]}
        for kind, gates in GATES.items():
            kinds[kind] = [workload.shape[0] * depth * gates * layer.units for depth in (inputs, layer.units)]
        products += kinds.get(layer.kind, [])
    return 2 * workload.batch * (3 * sum(products) - products[0])


def build(tf, workload, rotate, mode):
    """A compiled model: hidden layers, a linear one, cross-entropy, Adam."""
    from ARPkeras import AutoRotDense
    from ARPkeras.autorotating_conv import AutoRotConv2D

    layers = tf.keras.layers

    class AutoRotSeparableConv2D(layers.SeparableConv2D):
        """What arpkeras lacks, written like its layers: q is of a whole batch."""

        def __init__(self, filters, kernel_size, xmin_lim, xmax_lim, L, eps=1e-5, activation=None, **settings):
            super().__init__(filters, kernel_size, **settings)
            self.x_q, self.limit, self.eps = 2 * xmax_lim - xmin_lim, L, eps
            self.arp_activation = tf.keras.activations.get(activation)

        def call(self, inputs):
            outputs = super().call(inputs)
            q = super().call(self.x_q * tf.ones_like(inputs))
            rho = self.limit / (tf.abs(q) + self.eps)
            return self.arp_activation(rho * outputs)

    plain = {
        "norm": layers.BatchNormalization,
        "pool": layers.MaxPooling2D,
        "mean": layers.GlobalAveragePooling2D,
        "flatten": layers.Flatten,
    }
    classic = {"dense": layers.Dense, "conv": layers.Conv2D, "point": layers.Conv2D, "separable": layers.SeparableConv2D}
    recurrent = {"lstm": layers.LSTM, "gru": layers.GRU}
    rotating = {"dense": AutoRotDense, "conv": AutoRotConv2D, "point": AutoRotConv2D, "separable": AutoRotSeparableConv2D}

    (low, high), (outputs, limit) = (0.0, 1.0), ROTATION[workload.activation]
    model = tf.keras.Sequential([layers.Input(workload.shape)])
    for kind, units, stride in workload.hidden:
        if kind in plain:
            model.add(plain[kind]())
            continue
        if kind in recurrent:
            model.add(recurrent[kind](units))
            continue
        window = {"kernel_size": 1 if kind == "point" else 3, "strides": stride, "padding": "same"}
        settings = {} if kind == "dense" else window
        if rotate:
            settings.update(xmin_lim=low, xmax_lim=high, L=limit)
        layer = (rotating if rotate else classic)[kind]
        model.add(layer(units, activation=workload.activation, **settings))
        low, high = outputs
    model.add(layers.Dense(CLASSES))
    model.compile(
        optimizer=tf.keras.optimizers.Adam(1e-3),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=BATCHES if mode == "fit32" else 1,
    )
    return model


def trainer(tf, model, xs, ys, batch, mode):
    """A function that trains for some steps, waits for them and returns the loss."""
    if mode == "one":
        return single(tf.function(model, reduce_retracing=True), tf.constant(xs[:1]))
    if mode != "step":

        def fit(steps):
            rows = slice(0, steps * batch)
            history = model.fit(xs[rows], ys[rows], batch_size=batch, epochs=1, verbose=0)
            return history.history["loss"][-1]

        return fit

    batches = [(tf.constant(xs[i : i + batch]), tf.constant(ys[i : i + batch])) for i in range(0, len(xs), batch)]
    step = tf.function(lambda x, y: model.train_step((x, y))["loss"])

    def run(steps):
        for i in range(steps):
            loss = step(*batches[i % BATCHES])
        return float(loss)

    return run


def single(predict, row):
    """A function that predicts one row a number of times and returns an output."""

    def run(times):
        for _ in range(times):
            outputs = predict(row).numpy()
        return float(outputs[0, 0])

    return run


def synthetic(workload):
    """The data set, inputs and classes."""
    import numpy as np

    shape = (workload.batch * BATCHES, *workload.shape)
    rows = shape[0]
    xs = (np.arange(np.prod(shape), dtype=np.int64) * 7919 % 1009).astype(np.float32).reshape(shape) / 1009
    return xs, (np.arange(rows, dtype=np.int32) * 31 % CLASSES).astype(np.int32)


def measure(workload, mode, steps, block):
    """One row of the table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import numpy as np
    import tensorflow as tf

    xs, ys = synthetic(workload)
    tf.random.set_seed(0)
    twins = (False,) if any(layer.kind in GATES for layer in workload.hidden) else (False, True)
    begin = time.perf_counter()
    models = [build(tf, workload, rotate, mode) for rotate in twins]
    runs = [trainer(tf, model, xs, ys, workload.batch, mode) for model in models]
    runs[-1](1)
    first_step_s = time.perf_counter() - begin

    # An epoch of fit is the whole data set: less would time its beginning and end.
    length = max(1, min(block, steps)) if mode in ("step", "one") else BATCHES
    for run in runs:
        run(length)
    times = [[] for _ in runs]
    for _ in range(-(-steps // length)):
        for run, values in zip(runs, times):
            begin = time.perf_counter()
            loss = run(length)
            values.append(1e3 * (time.perf_counter() - begin) / length)
            assert np.isfinite(loss), f"the loss is {loss}"
    classic, *rotating = map(statistics.median, times)
    ms = rotating[0] if rotating else None
    return {
        "peer": f"arpkeras 1.0.0, TensorFlow {tf.__version__}",
        "mode": mode,
        "device": "cpu",
        "workload": workload.name,
        "ms": ms,
        "classic_ms": classic,
        "ratio": ms and ms / classic,
        "samples_per_second": 1e3 * (1 if mode == "one" else workload.batch) / (ms or classic),
        "gflops": None if mode == "one" else flops(workload) / (ms or classic) / 1e6,
        "first_step_s": first_step_s,
        "loss": loss,
    }


def main(measure, known, script, description):
    """Runs the workloads in modes that are known, each in a process of its own, and prints the table."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", metavar="PART", default="", help="only workloads whose name contains this")
    parser.add_argument("--steps", type=int, default=320, metavar="N", help="steps to time after warm-up")
    parser.add_argument("--block", type=int, default=32, metavar="N", help="steps a block; the median is one of blocks")
    parser.add_argument("--modes", default=next(iter(known)), help="; ".join(f"{k}: {v}" for k, v in known.items()))
    parser.add_argument("--json", metavar="FILE", help="writes the rows as JSON, too")
    parser.add_argument("--workload", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    modes = options.modes.split(",")
    if unknown := set(modes) - set(known):
        parser.error(f"no mode {', '.join(sorted(unknown))}; there are {', '.join(known)}")

    if options.workload is not None:
        print(json.dumps(measure(WORKLOADS[options.workload], modes[0], options.steps, options.block)))
        return

    rows, failed = [], False
    print(f"{'workload':32} {'mode':16} {'ms':>10} {'classic ms':>10} {'AR/classic':>10} {'first step s':>13}")
    for index, workload in enumerate(WORKLOADS):
        if options.only not in workload.name:
            continue
        for mode in modes:
            command = [sys.executable, script, "--workload", str(index), "--modes", mode]
            command += ["--steps", str(options.steps), "--block", str(options.block)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                print(f"{workload.name}, {mode}: failed ({done.returncode})", file=sys.stderr)
                failed = True
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            ms, ratio = (row[key] or math.nan for key in ("ms", "ratio"))
            print(
                f"{row['workload']:32} {mode:16} {ms:10.3f} {row['classic_ms']:10.3f} {ratio:10.3f}"
                f" {row['first_step_s']:13.2f}",
                flush=True,
            )
            rows.append(row)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
            file.write("\n")
    sys.exit(failed)


if __name__ == "__main__":
    main(measure, MODES, __file__, __doc__)
