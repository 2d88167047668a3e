"""Writes scores.json: scikit-learn's scores of classifiers and of predicted values.

Wants `pip install scikit-learn` (1.9). The probabilities of some cases are rounded, so that there are ties; some classes have no rows, or are never
predicted.
"""

import json
import os
import warnings
import zlib

import numpy as np
from sklearn import calibration, metrics

HERE = os.path.dirname(os.path.abspath(__file__))
warnings.simplefilter("ignore")

# name, classes, rows, digits of the probabilities, whether rows have weights
CLASSIFIERS = [
    ("two", 2, 40, 6, False),
    ("two_tied", 2, 40, 1, False),
    ("two_weighted", 2, 40, 2, True),
    ("four", 4, 60, 6, False),
    ("four_tied", 4, 60, 1, True),
    ("seldom", 5, 30, 3, False),
]


def classifier(name, classes, rows, digits, weighted):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    labels = np.concatenate([np.arange(classes), rng.integers(0, max(2, classes - 1), rows - classes)])
    logits = rng.normal(0.0, 1.0, (rows, classes)) + 1.2 * np.eye(classes)[labels]
    logits[:, -1] -= 4.0 if name == "seldom" else 0.0
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p = np.round(p[:, :-1], digits)
    p = np.concatenate([p, 1.0 - p.sum(1, keepdims=True)], 1).clip(0.0, 1.0)
    weights = np.round(rng.uniform(0.0, 2.0, rows), 3) if weighted else None
    given = dict(sample_weight=weights)
    answers = p.argmax(1)
    every = dict(labels=np.arange(classes), zero_division=0)
    averages = {
        average: [score(labels, answers, average=average, **every, **given)
                  for score in (metrics.precision_score, metrics.recall_score, metrics.f1_score)]
        for average in ("micro", "macro", "weighted")
    }
    binary = classes == 2
    scored = dict(y_score=p[:, 1]) if binary else dict(y_score=p, multi_class="ovr", average="macro")
    hot = (labels == 1).astype(int) if binary else np.eye(classes)[labels]
    observed, predicted = calibration.calibration_curve(labels == 1, p[:, 1], n_bins=4)
    return dict(
        name=name, classes=classes, labels=labels.tolist(), probabilities=p.ravel().tolist(),
        weights=None if weights is None else weights.tolist(),
        confusion=metrics.confusion_matrix(labels, answers, labels=np.arange(classes), **given).astype(float).tolist(),
        accuracy=metrics.accuracy_score(labels, answers, **given),
        balanced_accuracy=metrics.balanced_accuracy_score(labels, answers, **given),
        precisions=metrics.precision_score(labels, answers, average=None, **every, **given).tolist(),
        recalls=metrics.recall_score(labels, answers, average=None, **every, **given).tolist(),
        f_2=metrics.fbeta_score(labels, answers, beta=2.0, average=None, **every, **given).tolist(),
        averages=averages,
        log_loss=metrics.log_loss(labels, p, labels=np.arange(classes), **given),
        roc_auc=metrics.roc_auc_score(labels, **scored, **given),
        average_precision=metrics.average_precision_score(hot, p[:, 1] if binary else p, average="macro", **given),
        calibration=None if weighted else [predicted.tolist(), observed.tolist()],
    )


def regression(name, rows):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    expected = rng.normal(3.0, 2.0, (rows, 2))
    predicted = expected + rng.normal(0.1, 0.7, (rows, 2))
    every = dict(multioutput="raw_values")
    names = ["mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "mean_absolute_percentage_error",
             "median_absolute_error", "r2"]
    functions = [getattr(metrics, "r2_score" if n == "r2" else n) for n in names]
    scores = {n: f(expected, predicted, **every).tolist() for n, f in zip(names, functions)}
    scores["max_error"] = [metrics.max_error(expected[:, i], predicted[:, i]) for i in range(2)]
    return dict(name=name, expected=expected.ravel().tolist(), predicted=predicted.ravel().tolist(), scores=scores)


if __name__ == "__main__":
    told = dict(
        classifiers=[classifier(*c) for c in CLASSIFIERS],
        regressions=[regression("odd", 31), regression("even", 8)],
    )
    with open(os.path.join(HERE, "scores.json"), "w") as file:
        for key, cases in told.items():
            file.write(("{" if key == "classifiers" else ",\n") + json.dumps(key) + ": [\n")
            file.write(",\n".join(json.dumps(case) for case in cases) + "]")
        file.write("}\n")
