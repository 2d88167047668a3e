"""Times training steps of arpkeras on TensorFlow, workload by workload: the peer of autorot's example `benchmark`.

Every net is trained twice, in turn: classic (Keras' Dense) and auto-rotating (arpkeras' AutoRotDense). Every
workload and mode runs in a process of its own, so that its first step is a cold one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

CLASSES, BATCH, BATCHES = 10, 128, 32

# name, inputs, hidden layers
WORKLOADS = [
    ("notebook 1024-50-50-40-40-30-10", 1024, [50, 50, 40, 40, 30]),
    ("784-512x4-10", 784, [512] * 4),
    ("784-1024x4-10", 784, [1024] * 4),
    ("784-2048x4-10", 784, [2048] * 4),
]

MODES = {
    "step": "model.train_step compiled by tf.function, one call a step",
    "fit": "model.fit, an epoch a block",
    "fit32": "model.fit with 32 steps per execution, an epoch a block",
}


def flops(inputs, hidden):
    """Multiplications and additions of a classic step, the first layer's input gradient not among them."""
    widths = [inputs, *hidden, CLASSES]
    products = [a * b for a, b in zip(widths, widths[1:])]
    return 2 * BATCH * (3 * sum(products) - products[0])


def build(tf, inputs, hidden, rotate, mode):
    """A compiled model: sigmoid layers, a linear one, cross-entropy, Adam."""
    from ARPkeras import AutoRotDense

    layers = [tf.keras.Input((inputs,))]
    for units in hidden:
        if rotate:
            layers.append(AutoRotDense(units, xmin_lim=0.0, xmax_lim=1.0, L=4.0, activation="sigmoid"))
        else:
            layers.append(tf.keras.layers.Dense(units, activation="sigmoid"))
    layers.append(tf.keras.layers.Dense(CLASSES))
    model = tf.keras.Sequential(layers)
    model.compile(
        optimizer=tf.keras.optimizers.Adam(1e-3),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=BATCHES if mode == "fit32" else 1,
    )
    return model


def trainer(tf, model, xs, ys, mode):
    """A function that trains for some steps, waits for them and returns the loss."""
    if mode != "step":

        def fit(steps):
            rows = slice(0, steps * BATCH)
            history = model.fit(xs[rows], ys[rows], batch_size=BATCH, epochs=1, verbose=0)
            return history.history["loss"][-1]

        return fit

    batches = [(tf.constant(xs[i : i + BATCH]), tf.constant(ys[i : i + BATCH])) for i in range(0, len(xs), BATCH)]
    step = tf.function(lambda x, y: model.train_step((x, y))["loss"])

    def run(steps):
        for i in range(steps):
            loss = step(*batches[i % BATCHES])
        return float(loss)

    return run


def measure(workload, mode, steps, block):
    """One row of the table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import numpy as np
    import tensorflow as tf

    name, inputs, hidden = workload
    rows = BATCH * BATCHES
    xs = (np.arange(rows * inputs, dtype=np.int64) * 7919 % 1009).astype(np.float32).reshape(rows, inputs) / 1009
    ys = (np.arange(rows, dtype=np.int32) * 31 % CLASSES).astype(np.int32)

    tf.random.set_seed(0)
    begin = time.perf_counter()
    models = [build(tf, inputs, hidden, rotate, mode) for rotate in (False, True)]
    runs = [trainer(tf, model, xs, ys, mode) for model in models]
    runs[1](1)
    first_step_s = time.perf_counter() - begin

    # An epoch of fit is the whole data set: less would time its beginning and end.
    length = max(1, min(block, steps)) if mode == "step" else BATCHES
    for run in runs:
        run(length)
    times = [[], []]
    for _ in range(-(-steps // length)):
        for run, values in zip(runs, times):
            begin = time.perf_counter()
            loss = run(length)
            values.append(1e3 * (time.perf_counter() - begin) / length)
            assert np.isfinite(loss), f"the loss is {loss}"
    classic, rotating = map(statistics.median, times)
    return {
        "peer": f"arpkeras 1.0.0, TensorFlow {tf.__version__}",
        "mode": mode,
        "device": "cpu",
        "workload": name,
        "ms": rotating,
        "classic_ms": classic,
        "ratio": rotating / classic,
        "samples_per_second": 1e3 * BATCH / rotating,
        "gflops": flops(inputs, hidden) / rotating / 1e6,
        "first_step_s": first_step_s,
        "loss": loss,
    }


def main():
    """Runs the workloads, each in a process of its own, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="PART", default="", help="only workloads whose name contains this")
    parser.add_argument("--steps", type=int, default=320, metavar="N", help="steps to time after warm-up")
    parser.add_argument("--block", type=int, default=32, metavar="N", help="steps a block; the median is one of blocks")
    parser.add_argument("--modes", default="step", help="; ".join(f"{k}: {v}" for k, v in MODES.items()))
    parser.add_argument("--json", metavar="FILE", help="writes the rows as JSON, too")
    parser.add_argument("--workload", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    modes = options.modes.split(",")
    if unknown := set(modes) - set(MODES):
        parser.error(f"no mode {', '.join(sorted(unknown))}; there are {', '.join(MODES)}")

    if options.workload is not None:
        print(json.dumps(measure(WORKLOADS[options.workload], modes[0], options.steps, options.block)))
        return

    rows, failed = [], False
    print(f"{'workload':32} {'mode':6} {'ms':>10} {'classic ms':>10} {'AR/classic':>10} {'first step s':>13}")
    for index, workload in enumerate(WORKLOADS):
        if options.only not in workload[0]:
            continue
        for mode in modes:
            command = [sys.executable, __file__, "--workload", str(index), "--modes", mode]
            command += ["--steps", str(options.steps), "--block", str(options.block)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                print(f"{workload[0]}, {mode}: failed ({done.returncode})", file=sys.stderr)
                failed = True
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{row['workload']:32} {mode:6} {row['ms']:10.3f} {row['classic_ms']:10.3f} {row['ratio']:10.3f}"
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
    main()
