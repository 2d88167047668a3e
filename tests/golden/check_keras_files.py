"""Loads the files that this crate wrote, in the Keras at hand, and compares what they predict.

    AUTOROT_KERAS_FILES=folder cargo test --test suite files_for_keras -- --ignored
    python check_keras_files.py folder                       with TensorFlow 2.15 (Keras 2.15)
    KERAS_BACKEND=jax python check_keras_files.py folder     with Keras 3 and jax
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

if os.environ.get("KERAS_BACKEND") == "jax":
    import keras
else:
    from tensorflow import keras

folder = sys.argv[1]
with open(os.path.join(folder, "files.json")) as file:
    told = json.load(file)
worst, count, failures = (0.0, ""), 0, []
for name, case in told.items():
    x = np.asarray(case["x"], np.float32).reshape(-1, *case["shape"])
    for path in case["files"]:
        try:
            model = keras.models.load_model(os.path.join(folder, path), compile=False)
            # Eagerly: nothing needs to be compiled for three rows.
            y = np.asarray(model(x, training=False), np.float64).ravel()
            off = float(np.abs(y - case["y"]).max())
        except Exception as error:
            failures.append(f"{path}: {type(error).__name__}: {str(error)[:300]}")
            continue
        count += 1
        worst = max(worst, (off, path))
        if not off < 1e-5:
            failures.append(f"{path}: off by {off}")
print(f"{count} files, the furthest off: {worst[0]:.2e} ({worst[1]})")
print("\n".join(failures))
sys.exit(bool(failures))
