"""What the generators share: a quiet, deterministic TensorFlow, and the way numbers are written."""

import json
import os
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

HERE = os.path.dirname(os.path.abspath(__file__))


def draw(name, attempt=0):
    """The random generator of one case: its numbers depend on its name alone, not on the other cases."""
    return np.random.default_rng([zlib.crc32(name.encode()), attempt])


def uniform(rng, low, high, *shape):
    return rng.uniform(low, high, shape).astype(np.float32)


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def number(value):
    """The f32 value as the shortest decimal that reads back as the same f32."""
    value = np.float32(value)
    assert np.isfinite(value), "golden numbers are finite"
    short = float(str(value))
    assert np.float32(short) == value
    return short


def flat(array):
    """A tensor as one row-major list."""
    return [number(v) for v in np.asarray(array).ravel()]


def rows(array):
    """A matrix as a list of rows."""
    return [flat(row) for row in np.asarray(array)]


def off_by(single, double):
    """What f32 itself costs: the largest |single - double| / (|double| + mean |double|) over an array."""
    single, double = np.asarray(single, np.float64), np.asarray(double, np.float64)
    size = np.abs(double)
    return float(np.max(np.abs(single - double) / (size + size.mean()))) if size.any() else np.inf


def layout(value, indent=0):
    """JSON with one key a line and arrays of plain values on one line."""
    pad = " " * (indent + 1)
    if isinstance(value, dict) and value:
        lines = [f"{pad}{json.dumps(k)}: {layout(v, indent + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        lines = [pad + layout(v, indent + 1) for v in value]
        return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"
    return json.dumps(value, allow_nan=False)


def write(file_name, value):
    with open(os.path.join(HERE, file_name), "w", encoding="utf-8", newline="\n") as file:
        file.write(layout(value) + "\n")
    print(f"{file_name}: {os.path.getsize(os.path.join(HERE, file_name))} bytes")
