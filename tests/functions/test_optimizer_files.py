"""Do saved optimizers go on as they would have, their schedules and groups with them?"""

import numpy as np
import pytest
from methods import LAYERS, METHODS, trained

import cbackprop
from cbackprop import Adam, AdamW, Checkpoint, Network
from cbackprop.files import ModelFileError, container, registry
from cbackprop.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    LargeBatch,
    OneCycle,
    Schedule,
    Steps,
)

SCHEDULES = [
    Constant(warmup=0.25),
    Cosine(0.1, restarts=2, growth=2.0, warmup=0.125),
    Exponential(0.5, warmup=0.1),
    InverseScaling(0.25),
    LargeBatch(16.0, rule="linear", warmup=0.25, floor=0.5),
    OneCycle(0.4, start=0.5, end=0.25),
    Schedule(warmup=0.5),
    Steps((0.25, 0.75), 0.5, warmup=0.125),
]


@pytest.fixture
def classification(make_problem):
    return make_problem((5, 7, 4, 3), 53, output_activation="softmax", loss="log_loss")


@pytest.mark.parametrize("method", METHODS)
def test_loaded_optimizers_go_on(method, classification, tmp_path):
    optimizer = METHODS[method][0](0.01, schedule=Cosine(warmup=0.1), groups=LAYERS)
    network = trained(classification, optimizer, max_epochs=2)
    optimizer.save(tmp_path / "optimizer")
    again, other = cbackprop.load(tmp_path / "optimizer"), network.copy()
    assert repr(again) == repr(optimizer)
    assert again.groups == optimizer.groups
    options = {"max_epochs": 2, "first_epoch": 2}
    trained(classification, optimizer, network=network, **options)
    trained(classification, again, network=other, **options)
    np.testing.assert_array_equal(other.parameters, network.parameters)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_every_schedule_comes_back(schedule, tmp_path):
    Adam(schedule=schedule).save(tmp_path / "adam")
    again = cbackprop.load(tmp_path / "adam").schedule
    assert type(again) is type(schedule)
    assert again == schedule


class OfMyOwn(Cosine):
    """What this package cannot know."""


@pytest.mark.parametrize("schedule", [lambda t: 1.0 - t, OfMyOwn()], ids=["function", "class"])
def test_a_schedule_made_of_code_is_not_saved(schedule, tmp_path):
    with pytest.raises(TypeError, match=r"(OfTime|OfMyOwn).* cannot be saved.*None first"):
        Adam(schedule=schedule).save(tmp_path / "adam")
    assert not (tmp_path / "adam").exists()


def test_what_is_not_used_is_not_in_the_file():
    """So that earlier versions read it."""
    about, _ = registry.content_of(Adam())
    assert sorted(about["optimizer"]["params"]) == [
        *("beta_1", "beta_2", "clip_norm", "clip_value", "epsilon", "learning_rate"),
    ]


FORGED = {
    "a schedule of code": ("schedule", {"kind": "OfTime", "params": {"function": "eval"}}),
    "a schedule of elsewhere": ("schedule", {"kind": "os.system", "params": {}}),
    "a schedule's text": ("schedule", "Cosine()"),
    "a schedule out of range": ("schedule", {"kind": "Cosine", "params": {"floor": 5.0}}),
    "a schedule's unknown parameter": ("schedule", {"kind": "Cosine", "params": {"f": 5.0}}),
    "groups of text": ("groups", "abc"),
    "groups of three": ("groups", [[[1.0] * 3] * 3]),
    "groups of no numbers": ("groups", [[["a"] * 3] * 2]),
    "groups out of range": ("groups", [[[-1.0, 1.0, 1.0]] * 2]),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_descriptions_are_errors(case, tmp_path):
    name, value = FORGED[case]
    about, tensors = registry.content_of(AdamW())
    about["optimizer"]["params"][name] = value
    container.write(tmp_path / "adamw", about, tensors)
    with pytest.raises(ModelFileError):
        cbackprop.load(tmp_path / "adamw")


class Killed(Exception):
    """The end of a process."""


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_fit_ends_as_if_not_interrupted(method, classification, tmp_path):
    def fit(callbacks):
        network = classification.network.copy()
        optimizer = METHODS[method][0](0.01, schedule=Cosine(warmup=0.2), groups=LAYERS)
        history = network.fit(
            classification.X, classification.y, optimizer=optimizer, epochs=6, batch_size=8,
            random_state=0, callbacks=callbacks,
        )  # fmt: skip
        return network.parameters, history["learning_rate"]

    def killed(model, history):
        if history.epochs == 4:
            raise Killed

    whole, rates = fit([])
    with pytest.raises(Killed):
        fit([Checkpoint(tmp_path / "fit", 3), killed])
    resumed, same_rates = fit([Checkpoint(tmp_path / "fit", resume=True)])
    np.testing.assert_array_equal(resumed, whole)
    assert rates == same_rates


def test_a_fit_with_another_schedule_is_not_resumed(classification, tmp_path):
    X, y = classification.X, classification.y
    checkpoint = Checkpoint(tmp_path / "fit")
    Network([5, 1]).fit(X, y, optimizer=Adam(schedule=Cosine()), epochs=2, callbacks=[checkpoint])
    resumes = Checkpoint(tmp_path / "fit", resume=True)
    with pytest.raises(ModelFileError, match=r"optimizer = .*Cosine"):
        Network([5, 1]).fit(X, y, optimizer=Adam(), epochs=3, callbacks=[resumes])
