"""Do embeddings before the first layer and parametric activations behind it get on?"""

import numpy as np
import pytest

import cbackprop
from cbackprop import Adam, AdamW, Network
from cbackprop.network import Periodic, PiecewiseLinear
from cbackprop.optimizers import Group, LayerGroups

X = np.random.default_rng(1).normal(size=(60, 3))
Y = np.random.default_rng(2).normal(size=(60, 2))


def new(**more):
    network = Network(
        [3, 17, 5, 2], activation="mish", parametric_activation=True, input_scaling=True,
        embeddings=[PiecewiseLinear([-1.0, 0.0, 1.0]), None, Periodic(frequencies=3)],
        random_state=0, **more,
    )  # fmt: skip
    for own in network.activation_weights:
        own[...] = np.linspace(0.3, 1.3, own.size)
    return network


def test_gradient_is_the_numerical_one():
    assert new().check_gradient(X, Y) < 1e-7


@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_every_number_of_threads_trains_the_same_network(clip_norm):
    groups = [LayerGroups(Group(), Group(2.0), Group(0.5))] * 3
    ends = []
    for n_jobs in (1, 2, 3):
        network = new()
        optimizer = Adam(0.01, groups=groups, clip_norm=clip_norm)
        network.fit(
            X, Y, optimizer=optimizer, epochs=3, batch_size=16, dropout=0.2, random_state=0,
            n_jobs=n_jobs,
        )  # fmt: skip
        ends.append(network.parameters)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-9)
    np.testing.assert_allclose(ends[2], ends[0], rtol=1e-9)


def test_groups_of_embeddings_come_after_those_of_the_layers():
    network, before = new(), new()
    still = Group(rate=0.0, decay=0.0)
    groups = [LayerGroups(still, still, Group())] * 3 + [still] * 4
    network.fit(X, Y, optimizer=AdamW(0.01, groups=groups), epochs=2)
    moved = network.parameters != before.parameters
    own = np.concatenate(network.activation_weights)
    assert moved.sum() == own.size == 22
    assert (own != np.concatenate(before.activation_weights)).all()


def test_both_come_back_from_a_file(tmp_path):
    network = new()
    network.save(tmp_path / "network")
    again = cbackprop.load(tmp_path / "network")
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    np.testing.assert_array_equal(again.activation_weights[0], network.activation_weights[0])


def test_first_parameters_made_of_rows_see_through_embeddings():
    network = new().initialize_from(X, random_state=0)
    inputs = network.activations(X)[:-1]
    for A, W in zip(inputs, network.weights, strict=True):
        np.testing.assert_allclose((A @ W).std(axis=0), 1.0, rtol=1e-9)
