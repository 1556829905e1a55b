"""Python ends, whatever training with several threads is left open."""

import subprocess
import sys

import pytest

START = """
import gc, sys, threading
import numpy as np
from cbackprop import SGD, Network, training

network = Network([100, 300, 10], random_state=0)
X, y = np.ones((400, 100)), np.ones((400, 10))

def begun():
    epochs = training.epochs(
        network, X, y, SGD(1e-6), batch_size=100, max_epochs=10**6, rng=None, n_jobs=2
    )
    next(epochs)
    return epochs
"""

LEFT = {
    "a generator": "epochs = begun()",
    "a generator that goes on": "epochs = begun(); next(epochs); next(epochs)",
    "several": "many = [begun() for _ in range(4)]",
    "one in a cycle": """
class Node: pass
node = Node()
node.self, node.epochs = node, begun()
del node
""",
    "one in a cycle that is collected": """
class Node: pass
node = Node()
node.self, node.epochs = node, begun()
del node
gc.collect()
assert threading.active_count() == 1
""",
    "one that an exception leaves": """
def fails():
    epochs = begun()
    raise SystemExit(0)
fails()
""",
    "one of a thread that has ended": """
held = []
thread = threading.Thread(target=lambda: held.append(begun()))
thread.start()
thread.join()
""",
    "one of a thread that waits": """
ready = threading.Event()
def work():
    epochs = begun()
    ready.set()
    threading.Event().wait()
threading.Thread(target=work, daemon=True).start()
ready.wait()
""",
    "a thread that trains": """
ready = threading.Event()
def work():
    for _ in begun():
        ready.set()
threading.Thread(target=work, daemon=True).start()
ready.wait()
""",
    "one that is to go on when all is over": """
class Late:
    def __del__(self):
        try:
            next(self.epochs)
        except RuntimeError as error:
            assert "Python is ending" in str(error), error
late = Late()
late.epochs = begun()
sys.modules["late"] = late
""",
    "one closed by atexit": """
import atexit
epochs = begun()
atexit.register(epochs.close)
""",
}


@pytest.mark.parametrize("what", LEFT)
def test_python_ends_where_training_is_left_open(what):
    done = subprocess.run(
        [sys.executable, "-P", "-c", START + LEFT[what]],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
