"""Runs the ONNX files of the test `onnx::files_for_onnxruntime` and compares their outputs with autorot's.

    AUTOROT_ONNX=DIR cargo test --release --test suite -- --ignored files_for_onnxruntime
    python check_onnx.py DIR

Wants `pip install onnx onnxruntime numpy`. Every file is also checked against ONNX's rules and its own shapes.
"""

import collections
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(string)": object}


def array(told, kind):
    values = [np.nan if v is None else v for v in told["values"]]
    return np.array(values, dtype=kind).reshape(told["shape"])


def main():
    folder = pathlib.Path(sys.argv[1])
    worst, failed, operators = 0.0, 0, collections.Counter()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    files = sorted(folder.glob("*.onnx"), key=lambda path: int(path.stem))
    for path in files:
        about = json.loads(path.with_suffix(".json").read_text())
        try:
            model = onnx.load(path)
            onnx.checker.check_model(model, full_check=True)
            operators.update({node.op_type for node in model.graph.node})
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            feed = {i.name: array(about["inputs"][i.name], TYPES[i.type]) for i in session.get_inputs()}
            names = [o.name for o in session.get_outputs()]
            assert set(names) == set(about["outputs"]), (names, list(about["outputs"]))
            for name, found in zip(names, session.run(None, feed)):
                wanted = array(about["outputs"][name], found.dtype)
                assert found.shape == wanted.shape, (found.shape, wanted.shape)
                if found.dtype == object:
                    assert (found == wanted).all(), (found, wanted)
                    continue
                size = max(np.linalg.norm(wanted), 1e-3)
                difference = np.linalg.norm(found.astype(float) - wanted) / size
                worst = max(worst, difference)
                assert difference <= 1e-5, f"{name} differs by {difference}"
        except Exception as error:
            failed += 1
            print(f"{path.name}: {about['name']}: {str(error)[:400]}")
    print(f"{len(files)} files, {failed} failed; largest difference {worst:.2e}; {dict(operators)}")
    sys.exit(failed > 0)


main()
