"""Models in Keras' files, with inputs and what Keras predicts from them, for `tests/suite/keras_files.rs`.

Run once with each Keras, which adds its files to `keras/`:

    python generate_keras_files.py            with arpkeras 1.0.0 on TensorFlow 2.15.1 (Keras 2.15.0)
    KERAS_BACKEND=jax python generate_keras_files.py     with Keras 3 and jax
"""

import gzip
import json
import os
import sys
import zipfile
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

if os.environ.get("KERAS_BACKEND") == "jax":
    import keras

    MAJOR = "k3"
else:
    import tensorflow as tf
    from tensorflow import keras
    from ARPkeras import AutoRotDense
    from ARPkeras.autorotating_conv import AutoRotConv2D, AutoRotConv3D

    MAJOR = "k2"

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras")
L = keras.layers


def draw(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def sequential(shape, layers):
    return keras.Sequential([keras.Input(shape), *layers])


def dense():
    return sequential((4,), [
        L.Dense(5, activation="tanh", kernel_regularizer=keras.regularizers.L2(1e-3)),
        L.BatchNormalization(epsilon=0.01, momentum=0.9),
        L.LeakyReLU(0.3),
        L.Dense(4, use_bias=False, kernel_initializer="he_normal"),
        L.BatchNormalization(scale=False),
        L.ReLU(),
        L.Dropout(0.3),
        L.Dense(5, activation="elu"),
        L.ELU(),
        L.Dense(3, activation="softmax"),
    ])


def images():
    return sequential((7, 6, 4), [
        L.RandomFlip("horizontal"),
        L.ZeroPadding2D(((1, 0), (2, 1))),
        L.Conv2D(4, 3, padding="same", activation="gelu", dilation_rate=(1, 2)),
        L.BatchNormalization(),
        L.DepthwiseConv2D(2, depth_multiplier=2, activation="softplus"),
        L.SeparableConv2D(3, 2, strides=2, padding="same", activation="softsign"),
        L.UpSampling2D((2, 1)),
        L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="swish"),
        L.MaxPooling2D((2, 3), strides=(2, 1), padding="same"),
        L.AveragePooling2D(2),
        L.Activation("tanh"),
        L.Flatten(),
        L.Dense(2, activation="sigmoid"),
    ])


def grids():
    return sequential((4, 4, 4, 1), [
        L.Conv3D(3, 2, activation="relu"),
        L.ZeroPadding3D(1),
        L.MaxPooling3D(2),
        L.Conv3DTranspose(2, 2, strides=2),
        L.UpSampling3D(1),
        L.AveragePooling3D(2),
        L.GlobalMaxPooling3D(keepdims=True),
        L.Flatten(),
        L.Dense(2),
    ])


def lines():
    return sequential((9, 3), [
        L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"),
        L.SeparableConv1D(4, 2, depth_multiplier=2),
        L.ZeroPadding1D((1, 2)),
        L.DepthwiseConv1D(2),
        L.MaxPooling1D(2),
        L.UpSampling1D(2),
        L.Conv1DTranspose(3, 2, strides=2),
        L.AveragePooling1D(3, strides=2, padding="same"),
        L.GlobalAveragePooling1D(),
        L.Dense(2),
        L.Activation("softmax"),
    ])


def sequences():
    return sequential((6, 3), [
        L.Masking(0.0),
        L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum"),
        L.GRU(4, return_sequences=True, recurrent_activation="tanh"),
        L.TimeDistributed(L.Dense(3, activation="tanh")),
        L.GRU(3, reset_after=False, return_sequences=True, use_bias=False),
        L.Bidirectional(L.GRU(2)),
        L.Dense(2),
    ])


def directions():
    # Keras 3 takes the features of both directions for equal where a layer follows.
    return sequential((5, 3), [
        L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="ave",
                        backward_layer=L.GRU(3, return_sequences=True, go_backwards=True)),
        L.Bidirectional(L.SimpleRNN(4), backward_layer=L.LSTM(2, go_backwards=True, activation="softsign")),
    ])


def films():
    gate = "hard_sigmoid" if MAJOR == "k2" else "sigmoid"
    return sequential((4, 6, 5, 2), [
        L.ConvLSTM2D(3, 3, padding="same", recurrent_activation=gate, return_sequences=True),
        L.ConvLSTM2D(2, 2, strides=(2, 1), recurrent_activation="sigmoid", activation="softsign", go_backwards=True, use_bias=False),
        L.ConvLSTM1D(3, 2, padding="same", recurrent_activation="sigmoid"),
        L.Flatten(),
        L.Dense(2),
    ])


def backwards():
    return sequential((5, 2), [
        L.SimpleRNN(3, return_sequences=True, go_backwards=True, dropout=0.1),
        L.LSTM(3, return_sequences=True, unit_forget_bias=False, recurrent_dropout=0.1),
        L.TimeDistributed(L.BatchNormalization()),
        L.Bidirectional(L.SimpleRNN(2, return_sequences=True), merge_mode="mul"),
        L.LSTM(2, go_backwards=True),
    ])


def residual():
    x = inputs = keras.Input((6, 6, 2))
    x = L.Conv2D(3, 3, padding="same")(x)
    a = L.Conv2D(3, 3, padding="same", activation="tanh")(x)
    a = L.Conv2D(3, 1)(a)
    x = L.Add()([x, a])
    a = L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    b = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(a))
    a = L.Add()([b, a])
    x = L.Add()([a, L.Conv2D(4, 1, strides=2)(x)])
    x = L.GlobalAveragePooling2D()(x)
    x = keras.Sequential([L.Dense(4), L.BatchNormalization(), L.Dense(3)])(x)
    return keras.Model(inputs, L.Softmax()(x))


def shares():
    x = inputs = keras.Input((5, 4))
    x = L.Dense(6, activation="softmax")(x)
    x = L.TimeDistributed(L.Dense(3, activation="softmax"))(x)
    x = L.TimeDistributed(L.Softmax())(x)
    a = L.Dense(3, activation="softmax")(x)
    x = L.Add()([x, a])
    x = L.Flatten()(x)
    x = L.Activation("softmax")(x)
    x = L.Dense(4)(x)
    return keras.Model(inputs, L.Softmax()(x))


def selus():
    return sequential((6, 5), [
        L.Dense(7, activation="selu", kernel_initializer="lecun_normal"),
        L.AlphaDropout(0.1),
        L.LayerNormalization(),
        L.Dense(5, activation="mish"),
        L.LayerNormalization(center=False, scale=False, epsilon=0.1),
        L.Flatten(),
        L.Dense(6, activation="exponential"),
        L.LayerNormalization(scale=False),
        L.Dense(4),
        L.ReLU(6.0),
        L.Dense(3, activation="tanh"),
    ])


def shapes():
    return sequential((5, 7, 2), [
        L.Cropping2D(((1, 0), (1, 2))),
        L.SpatialDropout2D(0.2),
        L.Permute((2, 1, 3)),
        L.Dense(3, activation="tanh"),
        L.Reshape((-1, 6)),
        L.GaussianNoise(0.1),
        L.SpatialDropout1D(0.3),
        L.Cropping1D(1),
        L.LSTM(4),
        L.RepeatVector(3),
        L.GRU(2, return_sequences=True),
        L.Permute((2, 1)),
        L.Reshape((3, 2)),
        L.Flatten(),
        L.Dense(2),
    ])


def words():
    return sequential((6,), [
        L.Embedding(9, 4, mask_zero=True),
        L.LSTM(5, return_sequences=True),
        L.GRU(3),
        L.Dense(2),
    ])


def groups():
    return sequential((5, 4, 3), [
        L.Conv2D(6, 3, padding="same"),
        L.GroupNormalization(3, epsilon=0.01),
        L.PReLU(shared_axes=[1, 2]),
        L.UpSampling2D((2, 3), interpolation="bilinear"),
        L.Conv2D(4, 2, strides=3),
        L.GroupNormalization(-1, center=False),
        L.PReLU(),
        L.Flatten(),
        L.GroupNormalization(1, scale=False),
        L.Dense(3),
    ])


def augmented():
    return sequential((6, 5, 2), [
        L.RandomRotation(0.1, fill_mode="constant", fill_value=0.5),
        L.RandomZoom((-0.2, 0.3), interpolation="nearest"),
        L.RandomZoom(0.1, (-0.1, 0.4)),
        L.RandomTranslation(0.1, (-0.2, 0.1), fill_mode="wrap"),
        L.RandomBrightness(0.2, value_range=(0.0, 1.0)),
        L.RandomContrast(0.3),
        L.Flatten(),
        L.Dense(2),
    ])


def newer():
    return sequential((4,), [
        L.Dense(5, activation="celu"),
        L.Dense(4, activation="log_sigmoid"),
        L.Dense(5, activation="relu6"),
        L.Dense(2),
    ])


def rotated():
    return sequential((6, 5, 2), [
        AutoRotConv2D(3, 3, xmin_lim=-1.0, xmax_lim=1.0, L=2, padding="same", activation="tanh"),
        AutoRotConv2D(4, 2, xmin_lim=-1, xmax_lim=1, L=7.0, strides=2, activation=tf.math.atan),
        L.Flatten(),
        AutoRotDense(5, xmin_lim=-1.0, xmax_lim=1.0, L=4, activation="sigmoid"),
        AutoRotDense(4, xmin_lim=0.0, xmax_lim=1.0, L=4, xQ_scalar=-1.5, eps=1e-3, activation="relu"),
        AutoRotDense(3, xmin_lim=0.0, xmax_lim=1.0, L=None, AutoRot=False, activation="tanh", use_bias=False),
        L.Dense(3, activation="softmax"),
    ])


def rotated_grids():
    return sequential((4, 3, 4, 1), [
        AutoRotConv3D(2, 2, xmin_lim=0.0, xmax_lim=1.0, L=4, activation="sigmoid", use_bias=False),
        L.Flatten(),
        L.Dense(2),
    ])


MODELS = {
    "dense": (dense, ["keras", "h5"]),
    "images": (images, ["keras", "h5"]),
    "grids": (grids, ["keras"]),
    "lines": (lines, ["keras"]),
    "sequences": (sequences, ["keras", "h5"]),
    "directions": (directions, ["keras", "h5"]),
    "films": (films, ["keras", "h5"]),
    "backwards": (backwards, ["keras"]),
    "residual": (residual, ["keras", "h5"]),
    "shares": (shares, ["keras", "h5"]),
    "selus": (selus, ["keras", "h5"]),
    "shapes": (shapes, ["keras", "h5"]),
    "words": (words, ["keras", "h5"]),
    "groups": (groups, ["keras", "h5"]),
    "augmented": (augmented, ["keras"]),
}

if MAJOR == "k2":
    MODELS["rotated"] = (rotated, ["keras", "h5"])
    MODELS["rotated_grids"] = (rotated_grids, ["h5"])
else:
    # What Keras 2.15 lacks.
    MODELS["newer"] = (newer, ["keras"])


def settle(model, rng):
    """Gives every variable numbers of its own: also biases, and the statistics of normalisation."""
    for weight in model.weights:
        name = getattr(weight, "path", weight.name)
        if "seed" in name:
            continue
        value = rng.normal(0.0, 0.5, weight.shape)
        if "variance" in name:
            value = np.abs(value) + 0.2
        weight.assign(value.astype(np.float32))


def packed(path):
    """The same zip file with its members compressed, and dated alike."""
    with zipfile.ZipFile(path) as file:
        members = [(info.filename, file.read(info)) for info in file.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)


def pack(path):
    """The file compressed, the same at any time."""
    with open(path, "rb") as file, open(path + ".gz", "wb") as out:
        out.write(gzip.compress(file.read(), 9, mtime=0))
    os.remove(path)


def deep():
    """A file whose kernel has a type of a thousand arrays inside each other."""
    import h5py

    path = os.path.join(HERE, "deep.h5")
    sequential((2,), [L.Dense(2)]).save(path)
    with h5py.File(path, "r+") as file:
        (group,) = (file["model_weights"][name][name] for name in file["model_weights"] if name.startswith("dense"))
        kind = h5py.h5t.IEEE_F32LE
        for _ in range(1000):
            kind = h5py.h5t.array_create(kind, (1,))
        del group["kernel:0"]
        h5py.h5d.create(group.id, b"kernel:0", kind, h5py.h5s.create_simple((2, 2)))
    pack(path)


def main():
    os.makedirs(HERE, exist_ok=True)
    only = sys.argv[1:]
    told = {}
    for name, (build, endings) in MODELS.items():
        if only and name not in only:
            continue
        rng = draw(name)
        model = build()
        settle(model, rng)
        x = rng.uniform(-1.0, 1.0, (4, *model.input_shape[1:])).astype(np.float32)
        if name == "words":
            x = rng.integers(1, 9, x.shape).astype(np.float32)
        if name in ("sequences", "words"):
            for row, steps in enumerate([6, 4, 1, 3]):
                x[row, steps:] = 0.0
        y = np.asarray(model.predict(x, verbose=0), np.float32)
        assert np.isfinite(y).all() and y.std() > 1e-3, name
        told[name] = {
            "shape": list(model.input_shape[1:]),
            "x": [float(str(v)) for v in x.ravel()],
            "y": [float(str(v)) for v in y.ravel()],
            "files": [f"{MAJOR}_{name}.{ending}" for ending in endings],
        }
        for ending in endings:
            path = os.path.join(HERE, f"{MAJOR}_{name}.{ending}")
            model.save(path)
            if ending == "keras":
                packed(path)
            else:
                pack(path)
    with open(os.path.join(HERE, f"{MAJOR}.json"), "w") as file:
        file.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in told.items()) + "\n}\n")
    if MAJOR == "k2" and not only:
        deep()


main()
