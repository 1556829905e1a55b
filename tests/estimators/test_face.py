"""What a user sees: public names, messages about methods and attributes, notebooks' tables."""

import inspect
import pickle
import re

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

import cbackprop
from cbackprop import SGD, Adam, MLPClassifier, MLPRegressor, Network, plots
from cbackprop.validation.naming import named

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
ESTIMATORS = [MLPClassifier, MLPRegressor]
DISPLAYS = [getattr(plots, name) for name in plots.__all__]


@pytest.fixture(params=ESTIMATORS)
def kind(request):
    return request.param


# Names.


def test_dir_shows_public_names_only():
    assert dir(cbackprop) == sorted(cbackprop.__all__)
    assert all(hasattr(cbackprop, name) for name in dir(cbackprop))


def test_nothing_private_is_in_the_module_without_an_underscore():
    modules = {name for name, value in vars(cbackprop).items() if inspect.ismodule(value)}
    visible = {name for name in vars(cbackprop) if not name.startswith("_")} - modules
    assert visible <= set(cbackprop.__all__)


def public_methods(cls):
    for name in dir(cls):
        method = getattr(cls, name)
        own = (getattr(method, "__module__", None) or "").startswith("cbackprop")
        if not name.startswith("_") and callable(method) and own:
            yield name, method


@pytest.mark.parametrize("cls", [*ESTIMATORS, Network, SGD, Adam, *DISPLAYS])
def test_methods_bear_the_name_of_the_class_that_is_public(cls):
    methods = dict(public_methods(cls))
    assert len(methods) >= 1
    for name, method in methods.items():
        innermost = inspect.unwrap(method)
        for function in (method, innermost):
            assert function.__qualname__ == f"{cls.__name__}.{name}"


def test_an_unexpected_argument_is_said_of_the_class_that_is_public(kind):
    name = kind.__name__
    with pytest.raises(TypeError, match=rf"^{name}\.fit\(\) got an unexpected keyword"):
        kind().fit(X, y, epochs=3)
    with pytest.raises(TypeError, match=rf"^{name}\.partial_fit\(\) got an unexpected keyword"):
        kind().partial_fit(X, y, epochs=3)
    for call in (lambda: kind().save(), lambda: kind.from_sklearn()):
        with pytest.raises(TypeError, match=rf"^{name}\.\w+\(\) missing 1 required positional"):
            call()
    with pytest.raises(TypeError, match=rf"^{name}\.to_sklearn\(\) takes 1 positional"):
        kind().to_sklearn(1)


def test_other_classes_speak_for_themselves():
    net = Network([2, 1])
    for call, name in (
        (lambda: net.save(), "Network.save"),
        (lambda: net.copy(1, 2), "Network.copy"),
        (lambda: net.astype(), "Network.astype"),
        (lambda: Adam().save(), "Adam.save"),
        (lambda: SGD().save(), "SGD.save"),
        (lambda: plots.LossCurveDisplay.from_history(), "LossCurveDisplay.from_history"),
        (lambda: plots.GradientNormsDisplay({}).plot(1, 2), "GradientNormsDisplay.plot"),
    ):
        with pytest.raises(TypeError, match=rf"^{name}\(\) "):
            call()


def test_methods_of_ones_own_subclass_keep_the_name_of_ours(kind):
    class Mine(kind):
        def mine(self):
            return super().fit(X, y)

    assert Mine.fit is kind.fit
    assert Mine(max_iter=2).mine().n_iter_ == 2


def test_named_methods_are_documented_and_pickled_as_before(kind):
    assert inspect.getdoc(kind.fit).startswith("Fit the model to data.")
    parameters = ["self", "X", "y", "sample_weight"]
    parameters += ["X_val", "y_val", "sample_weight_val", "groups", "callbacks"]
    parameters += ["comm", "sync_every"]
    assert list(inspect.signature(kind.fit).parameters) == parameters
    assert pickle.loads(pickle.dumps(kind.fit)) is kind.fit


def test_what_a_class_defines_itself_is_left_alone():
    @named
    class Display(plots.LossCurveDisplay):
        def plot(self):
            return 1

    assert Display.plot.__qualname__.endswith("<locals>.Display.plot")
    assert Display.from_history.__qualname__ == "Display.from_history"


# Attributes before a fit.


@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_weights_set_before_fit_say_what_to_do_instead(kind, name):
    model = kind()
    with pytest.raises(NotFittedError, match=rf"{kind.__name__} .*{name}.*fit.*from_sklearn"):
        setattr(model, name, [np.ones((4, 3)), np.ones((3, 1))])
    assert not hasattr(model, name)
    assert not hasattr(model, "network_")


def test_weights_can_be_set_as_the_message_says(kind):
    model = kind((3,)) if kind is MLPClassifier else kind(hidden_layer_sizes=(3,))
    model.set_params(max_iter=1, warm_start=True, learning_rate_init=1e-9).fit(X, y)
    weights = [np.full(w.shape, 0.25) for w in model.coefs_]
    model.coefs_ = weights
    model.fit(X, y)
    np.testing.assert_allclose(model.coefs_[0], weights[0], atol=1e-6)


# Notebooks.


def html(model):
    page = model._repr_html_()
    return page if isinstance(page, str) else page()


def needs_tooltips():
    pytest.importorskip("sklearn.utils._repr_html.fitted_attributes")  # scikit-learn 1.9


def test_notebooks_link_to_the_documentation(kind):
    link = kind()._get_doc_link()
    assert link.startswith("https://")
    assert link.endswith(f"{kind.__name__}.html")
    assert link in html(kind())


def test_every_parameter_has_its_description_in_notebooks(kind):
    needs_tooltips()
    page = html(kind())
    described = set(re.findall(r'class="param-doc-description"[^>]*>\s*(\w+):', page))
    assert described == set(kind().get_params())


def test_every_attribute_of_a_fit_has_its_description_in_notebooks(kind):
    needs_tooltips()
    model = kind(early_stopping=True, max_iter=3).fit(X, y)
    table = html(model).partition("Fitted attributes")[2]
    described = set(re.findall(r'class="param-doc-description"[^>]*>\s*(\w+):', table))
    attributes = {name for name in dir(model) if name.endswith("_") and name[0] != "_"}
    assert described == attributes - {"network_"}


def test_notebooks_show_the_attributes_that_they_show_of_sklearns():
    needs_tooltips()
    ours, theirs = (
        html(c((3,), max_iter=3).fit(X, y)).partition("Fitted attributes")[2]
        for c in (MLPClassifier, SklearnMLPClassifier)
    )
    names = [set(re.findall(r">\s*(\w+_)\s*<", page)) for page in (ours, theirs)]
    assert names[0] - {"best_iter_", "history_"} == names[1]
    assert "coefs_" in names[0]
