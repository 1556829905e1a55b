"""scikit-learn's checks of an estimator's contract: all that the installed version has."""

from collections import Counter
from functools import partial
from unittest import SkipTest

import pytest
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.fixes import parse_version
from threadpoolctl import threadpool_limits

from cbackprop import MLPClassifier, MLPRegressor

# The number of epochs is the one that scikit-learn checks its own MLPs with.
ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPClassifier(max_iter=100, solver="lbfgs", hidden_layer_sizes=(10,)),
    MLPRegressor(max_iter=100),
    MLPRegressor(max_iter=100, solver="lbfgs", hidden_layer_sizes=(10,)),
    # What scikit-learn's have not, away from its default.
    MLPClassifier(max_iter=100, class_weight="balanced", trainable=[False, True]),
    MLPClassifier(max_iter=100, class_weight={}, new_classes="add", trainable=[True, False]),
    MLPRegressor("quantile", max_iter=100, non_crossing=True, trainable=[False, True]),
]
# And with what scikit-learn's do not have, away from its default.
AVERAGED = {"max_iter": 100, "scoring": "loss", "gradient_norms": True}
MORE = [
    MLPClassifier(ema_decay=0.5, **AVERAGED),
    MLPRegressor(swa_epochs=3, **AVERAGED),
]
# Parameters that scikit-learn has not, away from their defaults.
PENALIZED = [
    MLPClassifier(max_iter=100, l1=1e-3, max_norm=3.0),
    MLPRegressor(max_iter=100, l1=1e-3, max_norm=3.0),
]
WITH_DROPOUT = [clone(estimator).set_params(dropout=0.1) for estimator in PENALIZED]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """These networks are small: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def of_sklearn(estimator):
    """scikit-learn's estimator with the same parameters."""
    kind = getattr(neural_network, type(estimator).__name__)
    params = estimator.get_params()
    return kind(**{name: params[name] for name in kind().get_params()})


def name_of(check) -> str:
    if not isinstance(check, partial):
        return check.__name__
    given = ",".join(f"{name}={value}" for name, value in check.keywords.items())
    return f"{check.func.__name__}({given})" if given else check.func.__name__


# Of class_weight="balanced", as of scikit-learn's own estimators that have it.
PARTIAL = "partial_fit takes no 'balanced', as SGDClassifier's"
COUNTED = "rows are counted, and not weighed, as in compute_sample_weight"
NOT_BALANCED = {
    "check_fit_score_takes_y": PARTIAL,
    "check_n_features_in_after_fitting": PARTIAL,
    "check_estimators_partial_fit_n_features": PARTIAL,
    "check_sample_weight_equivalence_on_dense_data": COUNTED,
    "check_sample_weight_equivalence_on_sparse_data": COUNTED,
}


def marks_of(estimator, name):
    """Dropout leaves out other units of a row that is there twice than of one that weighs 2."""
    weighs = "sample_weight_equivalence" in name or "weights_invariance(kind=zeros)" in name
    reason = "units are drawn for every row of a mini-batch, and not for what it weighs"
    return [pytest.mark.xfail(reason=reason)] if estimator.dropout and weighs else []


# What parametrize_with_checks does; before 1.9 it hands pytest a generator, which pytest warns of.
CHECKS = [
    pytest.param(
        estimator,
        check,
        id=f"{i}-{type(estimator).__name__}-{estimator.solver}-{name}",
        marks=marks_of(estimator, name),
    )
    for i, estimator in enumerate([*ESTIMATORS, *MORE, *PENALIZED, *WITH_DROPOUT])
    for check, name in ((c, name_of(c)) for _, c in estimator_checks_generator(estimator))
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore")
def test_estimator_passes_the_check(estimator, check):
    reason = NOT_BALANCED.get(name_of(check), "")
    if getattr(estimator, "class_weight", None) == "balanced" and reason:
        error, match = (ValueError, "'balanced'") if reason is PARTIAL else (AssertionError, "")
        with pytest.raises(error, match=match):
            check(estimator)
        return
    try:
        check(estimator)
    except SkipTest:
        with pytest.raises(SkipTest):
            check(of_sklearn(estimator))
        raise


def names_of_checks(estimator) -> Counter:
    return Counter(name_of(check) for _, check in estimator_checks_generator(estimator))


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.7"),
    reason="scikit-learn takes sample_weight, and checks it, from 1.7 on",
)
@pytest.mark.parametrize("estimator", ESTIMATORS[::2], ids=lambda e: type(e).__name__)
def test_checks_are_those_that_sklearns_own_estimator_gets(estimator):
    checks, theirs = names_of_checks(estimator), names_of_checks(of_sklearn(estimator))
    assert theirs <= checks
    # Ours is a transformer, too, and the classifier has class_weight.
    more = {name.partition("(")[0] for name in checks - theirs}
    assert all(
        "transform" in name
        or "class_weight" in name
        or "set_output" in name
        or "feature_names_out" in name
        for name in more
    ), more
    assert theirs.total() > 50
