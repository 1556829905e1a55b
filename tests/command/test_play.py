"""Does the playground's server train by the real engine, and answer nobody but its own page?"""

import http.client
import json
import threading
from importlib.resources import files

import numpy as np
import pytest

from cbackprop import SGD, Network
from cbackprop.command import play
from cbackprop.command.experiment import COMPARED, DATA, LOSSES, OPTIMIZERS, Experiment, Settings
from cbackprop.command.main import main


@pytest.fixture(scope="module")
def server():
    with play.Playground() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(server):
    """The status and the body of an answer, from JSON if it is."""

    def ask(place, what=None, *, secret=server.secret, headers=None, method=None):
        connection = http.client.HTTPConnection(play.HOST, server.port, timeout=60)
        body = what if what is None or isinstance(what, bytes) else json.dumps(what)
        sent = {"Content-Type": "application/json"} if what is not None else {}
        method = method or ("GET" if what is None else "POST")
        connection.request(method, f"/{secret}/{place}", body, {**sent, **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json else text

    return ask


SMALL = {"rows": 40, "hidden": [3], "batch": 10}


# The page.


@pytest.mark.parametrize("place", play.PAGES)
def test_the_page_and_its_parts_are_served(ask, place):
    status, text = ask(place)
    assert status == 200
    assert text == (files("cbackprop.command") / "playground" / play.PAGES[place][0]).read_bytes()


def test_the_page_asks_nobody_else_for_anything():
    for name, _ in play.PAGES.values():
        text = (files("cbackprop.command") / "playground" / name).read_text("utf-8")
        assert "https://" not in text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_the_page_offers_what_the_server_takes():
    page = (files("cbackprop.command") / "playground" / "index.html").read_text("utf-8")
    for known in (DATA, LOSSES, OPTIMIZERS, COMPARED):
        for name in known:
            assert f">{name}</option>" in page


# Training.


def test_a_step_is_one_of_network_fit(ask):
    _, begun = ask("begin", {"settings": {**SMALL, "optimizer": "plain", "rate": 0.5}})
    status, seen = ask("step", {"id": begun["id"], "steps": 1})
    assert status == 200
    experiment = Experiment(Settings(rows=40, hidden=(3,), batch=10, rate=0.5))
    kind = dict(activation="tanh", output_activation="logistic", loss="binary_log_loss")
    net = Network([2, 3, 1], **kind, random_state=0)
    order = np.arange(40)
    np.random.RandomState(0).shuffle(order)
    rows = order[:10]
    net.fit(experiment.X[rows], experiment.y[rows], optimizer=SGD(0.5), epochs=1, batch_size=10)
    inside = net.backprop(experiment.X[:1], experiment.y[:1])
    (run,) = seen["runs"]
    assert (run["steps"], run["epoch"]) == (1, 0)
    for mine, theirs in (
        (run["weights"], net.weights),
        (run["activations"], [a[0] for a in inside.activations]),
        (run["deltas"], [d[0] for d in inside.deltas]),
        (run["gradients"], inside.weight_gradients),
    ):
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    assert run["curve"][-1]["loss"] == pytest.approx(net.loss(experiment.X, experiment.y))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_one_by_one_are_an_epoch(optimizer):
    settings = Settings(rows=40, batch=15, optimizer=optimizer, rate=0.01)
    one, other = Experiment(settings), Experiment(settings)
    for _ in range(7):
        one.step(1)
    other.step(2, "epochs")
    other.step(1)
    for W, V in zip(one.runs[0].network.weights, other.runs[0].network.weights, strict=True):
        np.testing.assert_allclose(W, V, rtol=1e-12)
    assert (one.runs[0].epoch, one.runs[0].steps) == (2, 7)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_data_set_is_learnt_with_every_loss(data, loss):
    rate = 0.05
    experiment = Experiment(Settings(data=data, loss=loss, optimizer="Adam", rate=rate, batch=20))
    before = experiment.runs[0].curve[0]["loss"]
    experiment.step(30, "epochs")
    assert experiment.runs[0].curve[-1]["loss"] < 0.8 * before


@pytest.mark.parametrize("compare", COMPARED)
def test_what_runs_side_by_side_begins_alike_and_keeps_pace(compare):
    experiment = Experiment(Settings(compare=compare, rows=60, batch=20, rate=0.1))
    firsts = [run.network.weights[0].copy() for run in experiment.runs]
    assert len(experiment.runs) == (1 if compare == "nothing" else 3)
    if compare != "activations":  # whose first weights are drawn as suits them
        assert all(np.array_equal(W, firsts[0]) for W in firsts)
    experiment.step(1)
    experiment.step(2, "epochs")
    assert {run.epoch for run in experiment.runs} == {2}
    assert all(run.curve[-1]["epoch"] == 2 for run in experiment.runs)


def test_the_first_layers_gradient_vanishes_in_a_deep_logistic_network():
    experiment = Experiment(Settings(hidden=(8,) * 5, activation="logistic"))
    norms = experiment.runs[0].curve[0]["norms"]
    assert norms[0] < norms[-1] / 100


def test_a_network_that_is_lost_says_so_and_stops():
    experiment = Experiment(
        Settings(activation="identity", loss="quadratic", rate=1.0, hidden=(4,))
    )
    run = experiment.runs[0]
    run.network.parameters *= 1e200
    with np.errstate(all="ignore"):
        experiment.step(2, "epochs")
    shown = json.dumps(experiment.seen(), allow_nan=False)
    assert run.said or np.isfinite(run.network.parameters).all()
    assert "NaN" not in shown


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    experiment = Experiment(Settings(rows=10, hidden=(), batch=10))
    for _ in range(450):
        experiment.step(1, "epochs")
    curve = experiment.runs[0].curve
    assert len(curve) <= 400
    assert (curve[0]["epoch"], curve[-1]["epoch"]) == (0, 450)


# What it refuses.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": "moons"}, "data must be one of"),
        ({"hidden": 7}, "hidden must be at most 6 numbers"),
        ({"hidden": [1] * 7}, "hidden must be at most 6 numbers"),
        ({"hidden": [0]}, "hidden must be at least 1"),
        ({"hidden": [33]}, "hidden must be at most 32"),
        ({"hidden": ["4"]}, "hidden must be an integer"),
        ({"rows": 1e9}, "rows must be an integer"),
        ({"rows": 10**9}, "rows must be at most 400"),
        ({"rate": 0}, "rate must lie in"),
        ({"rate": "fast"}, "rate must be a number"),
        ({"noise": -1}, "noise must lie in"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"seed": 2**32}, "seed must be at most"),
        ({"nonsense": 1}, "settings must be among"),
        (["data"], "settings must be among"),
    ],
)
def test_bad_settings_are_refused_with_what_was_expected(ask, settings, words):
    status, answer = ask("begin", {"settings": settings})
    assert status == 400
    assert words in answer["error"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"steps": 10**6}, "at most 2000 mini-batches at a time"),
        ({"steps": -1}, "steps must be at least 1"),
        ({"steps": "1"}, "steps must be an integer"),
        ({"steps": 1, "unit": "years"}, "unit must be one of"),
        ({"example": 40}, "example must be at most 39"),
        ({"example": -1}, "example must be at least 0"),
    ],
)
def test_a_bad_step_is_refused_and_nothing_moves(ask, asked, words):
    _, begun = ask("begin", {"settings": SMALL})
    status, answer = ask("step", {"id": begun["id"], **asked})
    assert status == 400
    assert words in answer["error"]
    assert ask("step", {"id": begun["id"]})[1]["runs"] == begun["runs"]


@pytest.mark.parametrize("what", [b"{", b"[1]", b"\xff\xfe", b"", b"1" * (play.MOST_BYTES + 1)])
def test_what_is_not_json_is_refused(ask, what):
    status, answer = ask("begin", what)
    assert status in (400, 413)
    assert answer["error"]


def test_an_experiment_that_is_not_there_is_said_to_be_gone(ask):
    status, answer = ask("step", {"id": "none", "steps": 1})
    assert status == 404
    assert "start anew" in answer["error"]


def test_only_so_many_experiments_are_kept(server, ask):
    names = [ask("begin", {"settings": SMALL})[1]["id"] for _ in range(play.MOST_EXPERIMENTS + 2)]
    assert list(server.experiments) == names[2:]


# Whom it answers.


def test_it_listens_to_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("secret", ["", "guess", "é"])
def test_nobody_gets_in_without_the_secret(ask, secret):
    quoted = secret.encode("utf-8").decode("latin-1") if secret.isascii() else "%C3%A9"
    for place, what in (("", None), ("begin", {})):
        assert ask(place, what, secret=quoted)[0] == 403


def test_every_server_has_a_secret_of_its_own(server):
    with play.Playground() as another:
        assert another.secret != server.secret
        assert len(another.secret) > 20


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", ""])
def test_a_page_of_another_name_is_refused(ask, host):
    assert ask("", headers={"Host": host})[0] == 403


def test_a_form_of_another_page_is_refused(ask):
    status, _ = ask("begin", {}, headers={"Content-Type": "text/plain"})
    assert status == 415


@pytest.mark.parametrize("place", ["nothing", "../play.py", "begin/", "page.css/../../main.py"])
def test_there_is_nothing_else(ask, place):
    assert ask(place)[0] == 404


def test_other_methods_are_refused(ask):
    assert ask("", method="PUT")[0] == 501


# The command.


def test_play_says_where_the_page_is_opens_it_and_ends_with_control_c(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(play.webbrowser, "open", opened.append)

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(play.Playground, "serve_forever", interrupted)
    assert main(["play"]) == 0
    (url,) = opened
    assert url.startswith("http://127.0.0.1:")
    assert url in capsys.readouterr().out
    assert main(["play", "--no-browser"]) == 0
    assert len(opened) == 1


def test_a_port_that_is_taken_is_refused_with_its_number(server, capsys):
    with pytest.raises(SystemExit) as exit:
        main(["play", "--no-browser", "--port", str(server.port)])
    assert exit.value.code == 2
    assert f"port {server.port} cannot be used" in capsys.readouterr().err
