"""How long does one row take: median and 99.9th percentile of a million calls each?

    python benchmarks/latency.py [--calls 1000000] [--parts C,T,W]

C: ten classes from 50 columns by a network of 100 hidden units, float32. T: two classes from a table
of 8 columns by TabularClassifier, five members. Every call is timed by itself, with what timing
costs, which the first line shows. Contenders take turns, a thousand calls each, in one process and
on one thread; onnxruntime takes part where it is installed.

W: C's network behind the web service of the examples, each model in a process of its own; a call is
a request and its answer, on a connection that stays open, and there are a tenth as many. The first
line is a service that always says the same.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import runpy
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

TURN = 1000
Contenders = dict[str, Callable[[], Any]]


def classes(n: int, columns: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """n rows and their labels: a rule that a network can learn, and noise."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((n, columns)).astype(np.float32)
    scores = np.tanh(X @ rng.normal(size=(columns, 30)) / 5) @ rng.normal(size=(30, k))
    return X, (scores + rng.normal(size=scores.shape)).argmax(axis=1)


def onnx_session(model: Any, X: np.ndarray) -> Any:
    """The model in onnxruntime, on one thread; None where that, or skl2onnx, is missing."""
    try:
        import onnxruntime
        from skl2onnx import to_onnx

        import cbackprop.onnx
    except ImportError as error:
        print(f"without onnxruntime: {error}")
        return None
    cbackprop.onnx.register()
    made = to_onnx(model, X[:1], options={"zipmap": False}, target_opset=18)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(made.SerializeToString(), options, providers=providers)


def two_models() -> tuple[Any, Any, np.ndarray]:
    """Ours, scikit-learn's, and rows."""
    import sklearn.neural_network

    from cbackprop import MLPClassifier

    X, y = classes(3000, 50, 10)
    ours = MLPClassifier((100,), max_iter=5, random_state=0).fit(X, y)
    theirs = sklearn.neural_network.MLPClassifier((100,), max_iter=5, random_state=0).fit(X, y)
    return ours, theirs, X


def small_network() -> Contenders:
    """50-100-10."""
    ours, theirs, X = two_models()
    row, rows, listed = X[0].copy(), X[:1].copy(), X[0].tolist()
    label, chances = ours.predictor(), ours.predictor("predict_proba")
    found: Contenders = {
        "nothing": lambda: None,
        "predictor(), a label": lambda: label(row),
        "predictor('predict_proba')": lambda: chances(row),
        "the same, of a list": lambda: chances(listed),
        "predict": lambda: ours.predict(rows),
        "predict_proba": lambda: ours.predict_proba(rows),
        "scikit-learn's predict": lambda: theirs.predict(rows),
        "scikit-learn's predict_proba": lambda: theirs.predict_proba(rows),
    }
    if (session := onnx_session(ours, X)) is not None:
        name = session.get_inputs()[0].name
        found["onnxruntime, label and probabilities"] = lambda: session.run(None, {name: rows})
    return found


def table() -> Contenders:
    """8 columns, five members."""
    from cbackprop.tabular import TabularClassifier

    X, y = classes(2000, 8, 2)
    ours = TabularClassifier(max_epochs=8, random_state=0).fit(X, y)
    row, rows = X[0].copy(), X[:1].copy()
    label, chances = ours.predictor(), ours.predictor("predict_proba")
    return {
        "nothing": lambda: None,
        "predictor(), a label": lambda: label(row),
        "predictor('predict_proba')": lambda: chances(row),
        "predict": lambda: ours.predict(rows),
        "predict_proba": lambda: ours.predict_proba(rows),
    }


SERVED = (
    "always the same",
    "predictor('predict_proba')",
    "predict_proba",
    "scikit-learn's predict_proba",
    "onnxruntime",
)


def asked(name: str) -> Callable[[Any], np.ndarray] | None:
    """A model as a service calls it, with rows as JSON gives them; None if it is not there."""
    ours, theirs, X = two_models()
    if name == "onnxruntime":
        session = onnx_session(ours, X)
        if session is None:
            return None
        run = partial(session.run, ["probabilities"])
        return lambda rows: run({"X": np.array(rows, dtype=np.float32)})[0]
    same = ours.predict_proba(X[:1])
    return {
        "always the same": lambda rows: same,
        "predictor('predict_proba')": ours.predictor("predict_proba"),
        "predict_proba": lambda rows: ours.predict_proba(np.array(rows, dtype=np.float32)),
        "scikit-learn's predict_proba": lambda rows: theirs.predict_proba(
            np.array(rows, dtype=np.float32)
        ),
    }[name]


def serve(name: str, connection: Any) -> None:
    """A process that serves a model, after saying where."""
    warnings.simplefilter("ignore")
    example = Path(__file__).resolve().parents[1] / "examples" / "service.py"
    service, ask = runpy.run_path(str(example))["service"], asked(name)
    if ask is None:
        connection.send(None)
        return
    server = service(ask, [str(i) for i in range(10)], 0)
    connection.send(server.server_port)
    server.serve_forever()


def web() -> Contenders:
    """50-100-10 as a web service."""
    body = json.dumps({"rows": classes(1, 50, 10)[0].tolist()})
    found: Contenders = {}
    for name in SERVED:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        context.Process(target=serve, args=(name, theirs), daemon=True).start()
        if (port := ours.recv()) is not None:
            found[name] = partial(request, HTTPConnection("127.0.0.1", port), body)
    return found


def request(connection: HTTPConnection, body: str) -> bytes:
    connection.request("POST", "/", body)
    with connection.getresponse() as response:
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(answer.decode())
    return answer


PARTS = {"C": small_network, "T": table, "W": web}
FEWER = {"W": 10}


def turn(call: Callable[[], Any], into: np.ndarray) -> None:
    """Nanoseconds of as many calls as there is room for."""
    now = time.perf_counter_ns
    for i in range(into.size):
        start = now()
        call()
        into[i] = now() - start


def timed(contenders: Contenders, calls: int) -> Iterator[tuple[str, np.ndarray]]:
    """Microseconds of all calls of each, sorted."""
    taken = {name: np.empty(calls, dtype=np.int64) for name in contenders}
    for call in contenders.values():
        turn(call, np.empty(TURN, dtype=np.int64))  # what the first calls cost once
    for start in range(0, calls, TURN):
        for name, call in contenders.items():
            turn(call, taken[name][start : start + TURN])
    for name, nanoseconds in taken.items():
        yield name, np.sort(nanoseconds) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1_000_000, help="of each contender")
    parser.add_argument("--parts", default="C,T,W", help="of C, T and W, separated by commas")
    given = parser.parse_args()
    if given.calls < TURN or not set(given.parts.split(",")) <= set(PARTS):
        parser.error(f"--calls must be at least {TURN}, --parts some of {','.join(PARTS)}")
    warnings.simplefilter("ignore")
    for part in given.parts.split(","):
        made, calls = PARTS[part], max(TURN, given.calls // FEWER.get(part, 1))
        contenders = made()
        print(f"\n{part}: {made.__doc__} {calls:,} calls each, microseconds\n")
        print(f"| {'':36} | median | 99 % | 99.9 % | longest |\n|---|---:|---:|---:|---:|")
        for name, us in timed(contenders, calls):
            at = [us[int(share * (us.size - 1))] for share in (0.5, 0.99, 0.999, 1.0)]
            print(f"| {name:36} | {at[0]:.2f} | {at[1]:.2f} | {at[2]:.2f} | {at[3]:.0f} |")


if __name__ == "__main__":
    main()
