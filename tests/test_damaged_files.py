"""Model files that are not as they were written: a clear error or the same model, and no crash."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

import cbackprop
from cbackprop import MLPClassifier, container, saving
from cbackprop.container import ModelFileError

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A file of an estimator with all that a file can hold, and its bytes."""
    estimator = MLPClassifier((60, 30), max_iter=3, random_state=np.random.RandomState(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X, NAMES[y])
    path = tmp_path_factory.mktemp("whole") / "model"
    estimator.save(path)
    return path.read_bytes()


def rewritten(data: bytes, change, *, signed: bool) -> bytes:
    """The file with its header changed, and with a checksum that is right again if `signed`."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["cbackprop"])
    body = bytes(change(header, about) or data[8 + length :])
    if signed:
        about["sha256"] = container.NO_DIGEST
    header["__metadata__"]["cbackprop"] = json.dumps(about)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    changed = len(text).to_bytes(8, "little") + text + body
    if signed:
        digest = hashlib.sha256(changed).hexdigest().encode()
        changed = changed.replace(container.NO_DIGEST.encode(), digest, 1)
    return changed


def _resize(name):
    def change(header, about):
        header[name]["shape"][-1] += 1

    return change


def _huge(header, about):
    about["network"]["layer_sizes"] = [2**31 - 2, 2**31 - 2, 2**31 - 2]


def _huge_everywhere(header, about):
    _huge(header, about)
    header["parameters"]["shape"] = [2**62]
    header["parameters"]["data_offsets"][1] = 2**65


def _swapped(header, about):
    shape = header["optimizer.state"]["shape"]
    header["optimizer.state"]["shape"] = shape[::-1]


def _swapped_tensors(header, about):
    header["parameters"], header["optimizer.state"] = (
        header["optimizer.state"],
        header["parameters"],
    )


def _described(*path, value):
    def change(header, about):
        at = about
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


CHANGES = {
    "a shape": _resize("parameters"),
    "the shape of labels": _resize("classes"),
    "a huge network": _huge,
    "a huge tensor": _huge_everywhere,
    "a shape swapped": _swapped,
    "two tensors swapped": _swapped_tensors,
    "more steps than a number": _described("optimizer", "n_steps", value=-1),
    "a state of other size": _described("optimizer", "state", value=[2**40, 3, "float64"]),
    "a state of no size": _described("optimizer", "state", value="all"),
    "another class": _described("kind", value="os.system"),
    "an unknown parameter": _described("params", "system", value="ls"),
    "an unknown attribute": _described("fitted", "predict", value=1),
    "an attribute of other type": _described("fitted", "loss_curve_", value="a"),
    "labels too wide": _described("labels", "classes", "dtype", value="U900000000"),
    "labels too many": _described("labels", "classes", "n", value=10**18),
    "objects for labels": _described("labels", "classes", "dtype", value="O"),
    "the type of labels": _described("labels", "type", value="binary"),
    "a generator out of range": _described(
        "params", "random_state", "RandomState", "pos", value=10**9
    ),
    "a generator cut short": _described("params", "random_state", "RandomState", "key", value="00"),
    "an activation": _described("network", "activation", value="eval"),
    "no layers": _described("network", "layer_sizes", value=[]),
    "a dtype": _described("network", "dtype", value="object"),
    "a list for a network": _described("network", value=[]),
    "deep nesting": _described("params", "alpha", value=[[[[{"float": "x"}]]]]),
    "a later version": _described("version", value=2),
}


@pytest.mark.thread_unsafe(reason="tracemalloc counts all threads")
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("signed", [False, True], ids=["damaged", "forged"])
def test_changed_description_is_an_error(name, signed, whole, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(rewritten(whole, CHANGES[name], signed=signed))
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="model"):
            cbackprop.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(whole) + 4 * container.CHUNK
    finally:
        tracemalloc.stop()


def test_rewritten_file_that_is_signed_loads(whole, tmp_path):
    (tmp_path / "model").write_bytes(rewritten(whole, lambda header, about: None, signed=True))
    assert cbackprop.load(tmp_path / "model").classes_.tolist() == NAMES.tolist()


def test_letters_that_are_no_characters_are_an_error(whole, tmp_path):
    def change(header, about):
        length = int.from_bytes(whole[:8], "little")
        body = bytearray(whole[8 + length :])
        first, _ = header["classes"]["data_offsets"]
        body[first : first + 4] = struct.pack("<I", 0x110000)
        return body

    (tmp_path / "model").write_bytes(rewritten(whole, change, signed=True))
    with pytest.raises(ModelFileError, match="no character"):
        cbackprop.load(tmp_path / "model")


def test_other_safetensors_file_is_an_error(tmp_path):
    save_file({"a": np.zeros(3)}, tmp_path / "a")
    with pytest.raises(ModelFileError, match="not written by cbackprop"):
        cbackprop.load(tmp_path / "a")


def mutant(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """A file changed in one of the ways in which files change."""
    kind = rng.choice(
        ["truncated", "bit", "bits", "byte", "grown", "zeros", "moved", "length", "digits", "shape"]
    )
    changed = bytearray(data)
    at = int(rng.integers(len(data)))
    length = int.from_bytes(data[:8], "little")
    if kind == "truncated":
        changed = changed[:at]
    elif kind in ("bit", "bits"):
        # Every other one in the header, which is the smaller part.
        for _ in range(1 if kind == "bit" else 8):
            at = int(rng.integers(len(data) if rng.random() < 0.5 else length + 8))
            changed[at] ^= 1 << int(rng.integers(8))
    elif kind == "byte":
        changed[at] = int(rng.integers(256))
    elif kind == "grown":
        changed[at:at] = rng.bytes(int(rng.integers(1, 2000)))
    elif kind == "zeros":
        changed[at : at + 4096] = bytes(len(changed[at : at + 4096]))
    elif kind == "moved":
        to, size = int(rng.integers(len(data))), int(rng.integers(1, 500))
        changed[to : to + size] = data[at : at + size]
    elif kind == "length":
        exponent = int(rng.integers(1, 64))
        changed[:8] = (int(rng.integers(2**exponent, dtype=np.uint64))).to_bytes(8, "little")
    elif kind == "digits":  # a number of the header becomes another, of as many digits or more
        places = [i for i in range(8, 8 + length) if chr(data[i]).isdigit()]
        i = places[int(rng.integers(len(places)))]
        digits = str(int(rng.integers(10 ** int(rng.integers(1, 18))))).encode()
        changed[i : i + 1] = digits
        if rng.random() < 0.5:
            changed[:8] = (length + len(digits) - 1).to_bytes(8, "little")
    else:  # a shape or a description changed by one who sets the checksum right
        name = list(CHANGES)[int(rng.integers(len(CHANGES)))]
        return name, rewritten(data, CHANGES[name], signed=bool(rng.integers(2)))
    return kind, bytes(changed)


def loaded_in_little_memory(path):
    """The model of a file, or None for an error; no more memory than twice the file's size."""
    size = path.stat().st_size
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        return cbackprop.load(path)
    except ModelFileError:
        return None
    finally:
        used = tracemalloc.get_traced_memory()[1] - before
        # Python's own objects, and the chunk read at a time, do not grow with the file.
        assert used < 2 * size + 4 * container.CHUNK


def try_mutants(data: bytes, folder: Path, count: int, seed: int) -> dict[str, int]:
    """How many gave an error and how many the same model; anything else is a failure."""
    rng, path, counts = np.random.default_rng(seed), folder / "model", {"error": 0, "same": 0}
    tracemalloc.start()
    try:
        for _ in range(count):
            kind, changed = mutant(data, rng)
            path.write_bytes(changed)
            model = loaded_in_little_memory(path)
            if model is not None:
                assert container.pack(*saving.content_of(model)) == data, kind
            counts["error" if model is None else "same"] += 1
    finally:
        tracemalloc.stop()
    return counts


@pytest.mark.thread_unsafe(reason="tracemalloc counts all threads")
def test_mutated_files_are_errors_or_the_same_model(whole, tmp_path):
    counts = try_mutants(whole, tmp_path, 300, seed=0)
    assert sum(counts.values()) == 300


MUTANTS = """
import resource, runpy, sys
from pathlib import Path
tests = runpy.run_path(sys.argv[1])
data = Path(sys.argv[2]).read_bytes()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
# Room for the file, mapped and read twice, and for the interpreter's and its allocators' own.
resource.setrlimit(resource.RLIMIT_AS, (used + 3 * len(data) + (128 << 20),) * 2)
folder, count, seed = Path(sys.argv[2]).parent, int(sys.argv[3]), int(sys.argv[4])
print(tests["try_mutants"](data, folder, count, seed))
"""


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_mutated_files(part, whole, tmp_path):
    """In a process of little address space, where a huge allocation ends it."""
    (tmp_path / "original").write_bytes(whole)
    command = [sys.executable, "-P", "-c", MUTANTS, __file__]
    command += [str(tmp_path / "original"), "2500", str(part + 1)]
    package = str(Path(cbackprop.__file__).parents[1])
    result = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": package, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    print("mutants:", result.stdout.strip())
