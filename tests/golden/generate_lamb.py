"""Writes lamb.json: trajectories of Keras 3's Lamb, which Keras 2.15 lacks.

Run with Keras 3: KERAS_BACKEND=jax python -B generate_lamb.py. Everything is float32. Gradients differ in scale by
element and by step; one parameter tensor is 0 at first, and one gradient is 0 throughout.
"""

import json
import pathlib

import keras
import numpy as np

STEPS = 6
# name, settings that are not Keras' defaults, lengths of the parameters, parameters not decayed, scales of their initial values
CASES = [
    ("lamb", dict(), [8], [], [1.0]),
    ("lamb_two_parameters", dict(learning_rate=0.05), [4, 4], [], [2.0, 0.1]),
    ("lamb_from_zero", dict(learning_rate=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3), [4, 4], [], [1.0, 0.0]),
    ("lamb_decay", dict(learning_rate=0.05, weight_decay=0.5), [4, 4], [1], [1.0, 0.5]),
    ("lamb_clipped", dict(learning_rate=0.05, global_clipnorm=0.5), [4, 4], [], [1.0, 0.5]),
]


def number(value):
    """The f32 value as the shortest decimal that reads back as the same f32."""
    return float(str(np.float32(value)))


def numbers(values):
    return [number(v) for v in np.asarray(values).ravel()]


def trajectory(seed, name, given, lengths, not_decayed, scales):
    rng = np.random.default_rng(seed)
    parts = [(rng.uniform(-1.0, 1.0, n) * s).astype(np.float32) for n, s in zip(lengths, scales)]
    scale = np.array([1.0, 0.5, 2.0, 0.1, 1.0, 3e-2, 0.0, 0.7], np.float32)
    gradients = (rng.normal(size=(STEPS, sum(lengths))) * scale).astype(np.float32) + np.float32(0.0)
    variables = [keras.Variable(part) for part in parts]
    optimizer = keras.optimizers.Lamb(**given)
    if not_decayed:
        optimizer.exclude_from_weight_decay(var_list=[variables[i] for i in not_decayed])
    optimizer.build(variables)
    parameters = []
    for gradient in gradients:
        optimizer.apply([*np.split(gradient, np.cumsum(lengths)[:-1])], variables)
        parameters.append(numbers(np.concatenate([np.asarray(v) for v in variables])))
    config = optimizer.get_config()
    settings = {key: number(config[key]) for key in ["learning_rate", "beta_1", "beta_2", "epsilon"]}
    settings.update({key: given[key] for key in ["weight_decay", "global_clipnorm"] if key in given})
    return dict(name=name, optimizer="lamb", settings=settings, lengths=lengths, not_decayed=not_decayed,
                initial=numbers(np.concatenate(parts)), gradients=[numbers(g) for g in gradients],
                parameters=parameters)


cases = [trajectory(seed, *case) for seed, case in enumerate(CASES, 1)]
path = pathlib.Path(__file__).with_name("lamb.json")
lines = ",\n".join(json.dumps(case) for case in cases)
path.write_text(f'{{"keras": "{keras.__version__}", "optimizers": [\n{lines}\n]}}\n')
