"""The data-dependent start of weight normalisation (Salimans and Kingma 2016, section 3) by numpy in double precision, for
`tests/suite/starts.rs`: `starts.json`. python generate_starts.py"""

import json
import os

import numpy as np

draw = np.random.default_rng(7)


def single(*shape):
    """Numbers that single precision holds."""
    return draw.normal(size=shape).astype(np.float32).astype(np.float64)


def start(t, before=0.0):
    """g and b from t = v·x/‖v‖, whose last axis are the units."""
    rows = t.reshape(-1, t.shape[-1])
    mean, deviation = rows.mean(0), rows.std(0)
    return 1 / deviation, before - mean / deviation


def direction(v):
    return v / np.sqrt((v.reshape(-1, v.shape[-1]) ** 2).sum(0))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def conv1d(x, w):
    """No padding, stride 1."""
    taps = w.shape[0]
    positions = x.shape[1] - taps + 1
    return sum(x[:, t : t + positions] @ w[t] for t in range(taps))


def flat(values):
    return [float(v) for v in np.asarray(values).flatten()]


def tensor(values):
    return {"shape": list(np.shape(values)), "values": flat(values)}


def dense():
    # tanh, then a layer without bias, then one without weight normalisation.
    x, v1, v2 = 2 * single(16, 3) + 1, single(3, 4), single(4, 3)
    g1, b1 = start(x @ direction(v1))
    y = np.tanh(g1 * (x @ direction(v1)) + b1)
    g2, _ = start(y @ direction(v2))
    return x, {"0.dense.kernel": v1, "1.dense.kernel": v2}, {
        "0.dense.gain": g1, "0.dense.bias": b1, "1.dense.gain": g2,
    }


def conv():
    x, v1, v2 = single(8, 6, 2), single(3, 2, 5), single(20, 2)
    t = conv1d(x, direction(v1))
    g1, b1 = start(t)
    y = sigmoid(g1 * t + b1).reshape(8, -1)
    g2, b2 = start(y @ direction(v2))
    return x, {"0.conv1d.kernel": v1, "2.dense.kernel": v2}, {
        "0.conv1d.gain": g1, "0.conv1d.bias": b1, "2.dense.gain": g2, "2.dense.bias": b2,
    }


def lstm():
    # The inputs' share of the gates; steps of 9 are masked. The forget gate's bias begins at 1.
    x, v = single(7, 4, 2), single(2, 12)
    for row in range(7):
        x[row, 1 + row % 4 :] = 9
    t = x[(x != 9).any(-1)] @ direction(v)
    g, b = start(t, np.repeat([0, 1, 0, 0], 3))
    return x, {"1.lstm.kernel": v}, {"1.lstm.gain": g, "1.lstm.bias": b}


def main():
    told = {}
    for case in (dense, conv, lstm):
        x, weights, started = case()
        told[case.__name__] = {
            "shape": list(x.shape[1:]),
            "x": flat(x),
            "weights": {k: tensor(v) for k, v in weights.items()},
            "started": {k: flat(v) for k, v in started.items()},
        }
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "starts.json"), "w") as file:
        file.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in told.items()) + "\n}\n")


main()
