"""The web service of the examples answers several clients at once, and says what is wrong."""

import json
import re
import runpy
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from cbackprop import MLPClassifier

SERVICE = Path(__file__).resolve().parents[2] / "examples" / "service.py"
X, Y = load_digits(return_X_y=True)

pytestmark = pytest.mark.skipif(not SERVICE.exists(), reason="only in a checkout")


@pytest.fixture(scope="module")
def model():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPClassifier((20,), max_iter=20, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def port(model):
    """Where a service of the model answers."""
    service = runpy.run_path(str(SERVICE))["service"]
    labels = [str(c) for c in model.classes_]
    with service(model.predictor("predict_proba"), labels, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def asked(connection, content):
    body = content if isinstance(content, str) else json.dumps(content)
    connection.request("POST", "/", body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.fixture
def connection(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    yield connection
    connection.close()


def test_rows_are_answered_with_probabilities_by_label(model, connection):
    for rows, given in [(X[:1], X[:1]), (X[5:8], X[5:8]), (X[3:4], X[3])]:  # on one connection
        status, answer = asked(connection, {"rows": given.tolist()})
        assert status == 200
        assert [list(each) for each in answer["probabilities"]] == [list("0123456789")] * len(rows)
        said = [list(each.values()) for each in answer["probabilities"]]
        np.testing.assert_allclose(said, model.predict_proba(rows), rtol=1e-9)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"rows": [[1.0, 2.0]]}, "64 features, got 2"),
        ({"rows": [[None] * 64]}, "NaN"),
        ({"rows": [["a"] * 64]}, "could not convert string"),
        ({"rows": [[10**400] * 64]}, "an integer too large for a float in column 0"),
        ({"rows": []}, "0 feature"),
        ({"rows": 3}, "a row of 64 numbers"),
        ({"columns": []}, "KeyError: 'rows'"),
        ([1], "TypeError"),
        ("{", "JSONDecodeError"),
    ],
)
def test_what_it_cannot_take_is_said_and_the_next_row_answered(content, what, connection):
    status, answer = asked(connection, content)
    assert status == 400
    assert what in answer["error"]
    assert asked(connection, {"rows": X[:1].tolist()})[0] == 200


def test_many_clients_at_once_get_their_own_answers(model, port):
    expected = model.predictor("predict_proba")(X[:40])

    def client(first):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        for i in range(first, 40, 4):
            _, answer = asked(connection, {"rows": X[i : i + 1].tolist()})
            assert list(answer["probabilities"][0].values()) == expected[i].tolist()
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(client, range(4)))


def test_the_script_serves_as_it_says(tmp_path):
    command = [sys.executable, "-W", "ignore", str(SERVICE), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(re.search(r":(\d+)/ answers", process.stdout.readline())[1])
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            status, answer = asked(connection, {"rows": X[:1].tolist()})
            connection.close()
        finally:
            process.kill()
    assert status == 200
    assert max(answer["probabilities"][0], key=answer["probabilities"][0].get) == str(Y[0])
