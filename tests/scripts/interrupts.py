"""Interrupt fits and predictions at random moments, and look at what is left.

Arguments: how many, a seed, and "once" or "storm": then signals come until there is an answer.

The signal is a timer's, so that its moment is known to the kernel alone: its handler is Ctrl-C's.
"""

import faulthandler
import hashlib
import os
import random
import signal
import sys
import time
import warnings

import numpy as np

from cbackprop import Adam, MLPClassifier, MLPRegressor, Network
from cbackprop.running import slices, threads
from cbackprop.running.execution import Execution

warnings.simplefilter("always")
warned = []  # of an interrupt, since the last signal was asked for
warnings.showwarning = lambda message, *_: "interrupted" in str(message) and warned.append(message)
ANSWERED = 0.5  # seconds at most until Ctrl-C is answered
ROWS, BATCH = 300, 30

rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 6))
LABELS = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]
OTHER = X[:, :4], (X[:, 0] > 0).astype(int)  # of another shape, with other classes
NUMBERS = X[:, 0] - X[:, 1]
LARGE = rng.normal(size=(400_000, 30))
WIDE = Network([30, 200, 200, 3], random_state=0)
SMALL = {"hidden_layer_sizes": (9,), "batch_size": BATCH, "random_state": 0, "tol": 0.0}


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def trajectory(estimator, *data):
    """What parameters and optimizer are after every step of a fit."""
    seen = []
    together = threads.Team.together
    whole = slices.SECONDS

    def recorded(team, call):
        result = together(team, call)
        seen.append(digest(estimator.network_.parameters, estimator._optimizer.state))
        return result

    threads.Team.together, slices.SECONDS = recorded, 0.0
    estimator.fit(*data)
    threads.Team.together, slices.SECONDS = together, whole
    return seen


class Case:
    """Something to interrupt, and what must be so afterwards."""

    def run(self):
        raise NotImplementedError

    def prepare(self):
        pass

    def check(self):
        pass

    def again(self):
        """The bits of what is done next."""


class Fit(Case):
    def __init__(self, kind, y, **settings):
        self.estimator = kind(**SMALL, max_iter=40, **settings)
        self.y = y
        self.steps = trajectory(kind(**SMALL, max_iter=40, **settings), X, y)
        self.expected = self.again()

    def run(self):
        self.estimator.fit(X, self.y)

    def check(self):
        books_are_right(self.estimator)
        optimizer, network = self.estimator._optimizer, self.estimator.network_
        if self.estimator.early_stopping:
            return
        if optimizer.n_steps:
            now = digest(network.parameters, optimizer.state)
            assert now == self.steps[optimizer.n_steps - 1], "not the parameters of that step"

    def again(self):
        self.run()
        return digest(self.estimator.network_.parameters)


def books_are_right(estimator):
    n, scores = estimator.n_iter_, estimator.validation_scores_
    assert len(estimator.loss_curve_) == n, (len(estimator.loss_curve_), n)
    held_out = round(0.1 * ROWS) if estimator.early_stopping else 0
    assert estimator.t_ == n * (ROWS - held_out), (estimator.t_, n)
    outputs = estimator.predict(X)
    assert len(outputs) == ROWS
    if estimator.early_stopping:
        assert len(scores) in (n - 1, n), (len(scores), n)
        assert estimator.best_validation_score_ == max(scores, default=-np.inf)
    else:
        best = min(estimator.loss_curve_, default=np.inf)
        assert estimator.best_loss_ in (best, min(estimator.loss_curve_[:-1], default=np.inf))


class Refit(Case):
    """Of a fitted model, with other data: set-up takes most of the time."""

    def __init__(self):
        settings = {**SMALL, "max_iter": 1, "early_stopping": True}
        self.old = MLPClassifier(**settings).fit(X, LABELS)
        self.new = MLPClassifier(**settings).fit(*OTHER)
        self.expected = digest(self.new.predict_proba(OTHER[0]))

    def prepare(self):
        self.old.fit(X, LABELS)
        self.before = digest(self.old.predict_proba(X))

    def run(self):
        self.old.fit(*OTHER)

    def check(self):
        assert len(self.old.classes_) in (2, 3)
        if len(self.old.classes_) == 3:
            assert digest(self.old.predict_proba(X)) == self.before, "neither old nor new"
        else:
            assert set(self.old.predict(OTHER[0])) <= {0, 1}

    def again(self):
        self.run()
        return digest(self.old.predict_proba(OTHER[0]))


class PartialFit(Case):
    def __init__(self):
        self.expected = self.again()

    def prepare(self):
        self.estimator = MLPClassifier(**SMALL, n_jobs=2)

    def run(self):
        for _ in range(20):
            self.estimator.partial_fit(X, LABELS, classes=["a", "b", "c"])
            if warned:  # that was the answer
                break

    def check(self):
        if hasattr(self.estimator, "network_"):
            assert len(self.estimator.loss_curve_) * ROWS == self.estimator.t_
            self.estimator.predict(X)
        else:
            assert not hasattr(self.estimator, "classes_"), "half a beginning"

    def again(self):
        warned.clear()
        self.prepare()
        self.run()
        return digest(self.estimator.network_.parameters)


class Lbfgs(Case):
    def __init__(self):
        settings = {"solver": "lbfgs", "hidden_layer_sizes": (60, 60), "random_state": 0}
        self.estimator = MLPClassifier(**settings, n_jobs=2, max_iter=30, tol=0.0)
        self.data = LARGE[:6000], (LARGE[:6000, 0] > 0).astype(int)
        self.losses = []

        def look(model, history):
            self.losses.append(digest(model.network_.parameters))

        self.estimator.fit(*self.data, callbacks=[look])
        self.expected = digest(self.estimator.network_.parameters)

    def run(self):
        self.estimator.fit(*self.data)

    def check(self):
        n = self.estimator.n_iter_
        if n:
            now = digest(self.estimator.network_.parameters)
            # An interrupt may come when the next iteration is there and not yet counted.
            assert now in self.losses[n - 1 : n + 1], "a point of the line search"

    def again(self):
        self.run()
        return digest(self.estimator.network_.parameters)


class NetworkFit(Case):
    def __init__(self):
        self.expected = self.again()

    def run(self):
        self.network = Network([6, 9, 1], random_state=0)
        self.network.fit(
            X, NUMBERS, optimizer=Adam(clip_norm=1.0), epochs=40, batch_size=BATCH,
            evaluation_data=(X, NUMBERS), gradient_norms=True, random_state=0, n_jobs=2,
        )  # fmt: skip

    def check(self):
        assert "_fit_state" not in vars(self.network)
        self.network.predict(X)

    def again(self):
        self.run()
        return digest(self.network.parameters)


class Call(Case):
    """A sweep over many rows."""

    def __init__(self, call):
        self.call = call
        self.expected = self.again()

    def run(self):
        self.result = self.call()

    def again(self):
        self.run()
        return digest(np.asarray(self.result))


CASES = {
    "adam": lambda: Fit(MLPClassifier, LABELS, n_jobs=1),
    "adam, two threads": lambda: Fit(MLPClassifier, LABELS, n_jobs=2),
    "early stopping, two threads": lambda: Fit(
        MLPRegressor, NUMBERS, early_stopping=True, n_iter_no_change=99, n_jobs=2
    ),
    "momentum, clipped, two threads": lambda: Fit(
        MLPRegressor, NUMBERS, solver="sgd", clip_norm=1.0, n_jobs=2
    ),
    "refit": Refit,
    "partial_fit": PartialFit,
    "lbfgs": Lbfgs,
    "Network.fit": NetworkFit,
    "predict": lambda: Call(lambda: WIDE._predict(LARGE, Execution(2))),
    "gradient": lambda: Call(lambda: WIDE.gradient(LARGE[:50_000], LARGE[:50_000, :3])),
}


def tasks():
    return len(os.listdir("/proc/self/task"))


def wait_for_threads_to_end(before):
    end = time.monotonic() + 10
    while tasks() > before:
        assert time.monotonic() < end, f"{tasks()} threads, of {before}"
        time.sleep(0.001)


def blas():
    return [library.get_num_threads() for library in threads._libraries()]


def interrupted(case, delay, again_after):
    """Run the case, interrupt it then. Seconds from the signal to the answer."""
    warned.clear()
    due = time.perf_counter() + delay
    try:
        signal.setitimer(signal.ITIMER_REAL, delay, again_after)
        case.run()
        while time.perf_counter() < due + 0.001:  # a fit ends with a warning, or was quicker
            pass
    except KeyboardInterrupt:
        pass
    return time.perf_counter() - due


def survived(case, delay, again_after):
    """The same; however many signals come, they end here."""
    answered = 0.0
    while True:
        try:
            if not answered:
                signal.signal(signal.SIGALRM, signal.default_int_handler)
                answered = interrupted(case, delay, again_after)
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, lambda *_: None)  # another thread may still get one
            return answered
        except KeyboardInterrupt:
            answered = answered or 1e-9


def main():
    cases, seed, storm = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "storm"
    chance = random.Random(seed)
    faulthandler.dump_traceback_later(450, exit=True)
    ready = {}
    for name, make in CASES.items():
        case = make()
        case.prepare()
        started = time.perf_counter()
        case.run()
        ready[name] = case, time.perf_counter() - started
    before, blas_before = tasks(), blas()
    slowest, slowest_name = 0.0, ""
    for i in range(cases):
        name = list(ready)[i % len(ready)]
        case, seconds = ready[name]
        delay = max(1e-6, chance.uniform(0.0, seconds))
        for _ in range(3):  # a late answer may be the machine's: it is late each time if it is ours
            case.prepare()
            answered = survived(case, delay, 3e-4 if storm else 0.0)
            assert blas() == blas_before, (name, blas(), blas_before)
            wait_for_threads_to_end(before)
            if not storm:
                case.check()
            assert case.again() == case.expected, f"{name}: the next one has other bits"
            if answered < ANSWERED:
                break
        if answered > slowest:
            slowest, slowest_name = answered, name
    assert slowest < ANSWERED, f"{slowest_name} answered after {slowest:.3f} s"
    print(f"{slowest:.3f} s ({slowest_name})")


if __name__ == "__main__":
    main()
