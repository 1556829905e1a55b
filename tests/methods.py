"""The optimizers under test, by a learning rate, the reference's twin of each, a fit by one."""

from cbackprop import SGD, Adam, AdamW, RMSprop, reference, training
from cbackprop.optimizers import Group

METHODS = {  # by a rate: ours, and the reference's
    "sgd": (SGD, reference.SGD),
    "momentum": (
        lambda rate, **more: SGD(rate, 0.9, **more),
        lambda rate: reference.SGD(rate, 0.9),
    ),
    "nesterov": (
        lambda rate, **more: SGD(rate, 0.9, nesterov=True, **more),
        lambda rate: reference.SGD(rate, 0.9, nesterov=True),
    ),
    "adam": (Adam, reference.Adam),
    "adamw": (
        lambda rate, **more: AdamW(rate, weight_decay=3.0, **more),
        lambda rate: reference.AdamW(rate, weight_decay=3.0),
    ),
    "rmsprop": (
        lambda rate, **more: RMSprop(rate, 0.9, **more),
        lambda rate: reference.RMSprop(rate, 0.9),
    ),
    "rmsprop with momentum": (
        lambda rate, **more: RMSprop(rate, 0.9, 0.8, **more),
        lambda rate: reference.RMSprop(rate, 0.9, 0.8),
    ),
}

# Of three layers: all that groups can do.
LAYERS = [
    (Group(rate=0.5, decay=0.25, epsilon=3.0), Group(rate=2.0, decay=0.0)),
    Group(rate=0.1),
    (Group(), Group(rate=0.0, epsilon=100.0)),
]


def falls(t):
    """A schedule."""
    return 1.5 - t**2


def trained(problem, optimizer, *, X=None, epochs=4, weighted=False, network=None, **more):
    """A copy of the problem's network, or the one given, after epochs in order, 8 rows a step."""
    network = problem.network.copy() if network is None else network
    options = {"batch_size": 8, "rng": None, "max_epochs": epochs, "total_epochs": epochs, **more}
    weight = problem.weight if weighted else None
    X = problem.X if X is None else X
    list(training.epochs(network, X, problem.y, optimizer, sample_weight=weight, **options))
    return network
