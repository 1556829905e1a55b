"""Network: layer sizes become a plan and one flat vector; what its passes compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils import check_random_state

from cbackprop.files.registry import saved_by
from cbackprop.files.savable import Savable
from cbackprop.functions import activations
from cbackprop.functions.activations import Activation
from cbackprop.functions.losses import Loss, as_loss, made_of, settings_of
from cbackprop.functions.optimizers import Optimizer
from cbackprop.functions.schedules import Curve, Schedule
from cbackprop.network import glance
from cbackprop.network.embeddings import Embedding, make_front
from cbackprop.network.file import NetworkDescription
from cbackprop.network.fitting import fit
from cbackprop.network.forward import Forward
from cbackprop.network.from_data import initialize_from
from cbackprop.network.initializers import INITIALIZERS
from cbackprop.network.layout import make_plan, views
from cbackprop.network.one_row import predict_row
from cbackprop.network.parameters import Parameters
from cbackprop.network.summary import Summary
from cbackprop.running.execution import AS_MANY_AS_PAY, Execution
from cbackprop.running.ranks import ranks_of
from cbackprop.running.rows import Rows, mapped
from cbackprop.running.sweeps import Sweep
from cbackprop.training.history import History, Metric
from cbackprop.training.record import FitState, Record
from cbackprop.validation.checks import (
    check_bool,
    check_dtype,
    check_layer_sizes,
    check_number,
    check_option,
    check_rows,
    check_targets,
    check_weight,
    fits,
)
from cbackprop.validation.naming import named, public

NO_FRONT = {"embeddings": None, "input_scaling": False}


@public("cbackprop.network")
class Backprop(NamedTuple):
    r"""What one forward and backward pass computes. L layers, m rows; examples are rows.

    Attributes
    ----------
    loss : float
        The mean loss over the rows.
    activations : list of L + 1 arrays (m, units of the layer)
        :math:`A_0` = X, or what embeddings make of it, then those of layers 1 to L:
        ``activations[l]`` is layer l's, the last one the network's output.
    deltas : list of L arrays (m, units of the layer)
        Those of layers 1 to L, ``deltas[0]`` layer 1's: :math:`\partial C_x / \partial z` of each
        row, times its sample weight; not divided by m.
    weight_gradients, bias_gradients : lists of L arrays (fan_in, fan_out) and (fan_out,)
        :math:`\partial C / \partial W_l` and :math:`\partial C / \partial b_l` of the mean loss C.

    References
    ----------
    Nielsen's book, chapter 2: BP1 and BP2 are the deltas, BP3 and BP4 the gradients.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import Network
    >>> inside = Network([2, 3, 1], random_state=0).backprop(np.eye(2), [1.0, 2.0])
    >>> [gradient.shape for gradient in inside.weight_gradients]
    [(2, 3), (3, 1)]
    """

    loss: float
    activations: list[NDArray]
    deltas: list[NDArray]
    weight_gradients: list[NDArray]
    bias_gradients: list[NDArray]

    def __repr__(self) -> str:
        return glance.text(self)

    def _repr_html_(self) -> str:
        return glance.html(self)


@public("cbackprop.network")
@named
@saved_by(NetworkDescription)
class Network(Savable, Forward, Parameters):
    r"""A multilayer perceptron: one flat vector of parameters, and a plan that says what is where.

    Parameters
    ----------
    layer_sizes : sequence of int
        Units of every layer, the input's first: ``(784, 30, 10)``. At least two.
    activation : str, Activation or list of them, default='relu'
        The hidden layers', or a list of one for each: 'identity', 'logistic', 'tanh', 'relu',
        'leaky_relu', 'elu', 'selu', 'softplus', 'silu', 'gelu', 'gelu_tanh' (gelu by tanh) or
        'mish'. `cbackprop.activations.Activation` is for another slope of leaky_relu.
    parametric_activation : bool, default=False
        Give every hidden unit a number w of its own, trained like its bias and 1 at first, so that
        :math:`a = z + w (f(z) - z)`: 0 makes the unit linear. Penalties and `max_norm` leave it
        alone; `AdamW` decays it, unless its layer's `LayerGroups` say otherwise.
    output_activation : {'identity', 'logistic', 'softmax', 'exp'}, default='identity'
        Of the last layer. It must go with the loss; an error names the pairs that do.
    loss : str, Loss or function, default='squared_error'
        The mean over the rows of, summed over the outputs: 'squared_error', half the squared
        distance (with an identity or logistic output, the latter the book's quadratic cost);
        'absolute_error', 'huber', 'log_cosh' or 'quantile' (identity); 'poisson' or 'gamma', half
        the deviance (exp); 'binary_log_loss' (logistic, the book's cross-entropy); or 'log_loss'
        (softmax). Those of `cbackprop.losses` take parameters: ``Huber(delta=2.0)``,
        ``Quantile([0.05, 0.5, 0.95])``, ``LogLoss(label_smoothing=0.1)``. A function of (z, y,
        weight) is a loss of your own, of identity outputs: see `cbackprop.losses.Custom`.
    embeddings : list, optional
        For each column of X what the first layer gets instead of the number: `PiecewiseLinear`,
        `Periodic` or `Category` of `cbackprop.network`, or None for the number itself. What they
        learn stands before the layers in `parameters`; X must be dense, and penalties, max_norm
        and `trainable` leave it alone.
    input_scaling : bool, default=False
        Whether each number that the first layer gets is multiplied by a factor that is trained.
    init : {'glorot_uniform', 'normal', 'scaled_normal'}, default='glorot_uniform'
        As scikit-learn draws it; weights from N(0, 1); or from a normal distribution with variance
        1 / fan_in. The last two have biases from N(0, 1), as in Nielsen's book, chapters 1 and 3.
    dtype : float32 or float64, default=float64
        Of the parameters, and of all that is computed.
    random_state : int, RandomState instance or None, default=None
        Draws the first parameters.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        All weights and biases: :math:`W_1` (row by row), :math:`b_1, W_2, b_2, \ldots` Assigning
        copies into it. Behind a layer's biases come its activation weights, if there are any.
    weights, biases : lists of ndarrays of shape (fan_in, fan_out) and (fan_out,)
        Views into `parameters`. Assigning an item writes into the vector.
    activation_weights : list of ndarrays of shape (fan_out,)
        Likewise, one for each hidden layer where activations are parametric; else none.
    plan : structured ndarray of shape (n_layers,)
        A row a layer: n_in, n_out, where its weights and biases start, its activation's code.

    Raises
    ------
    ValueError, TypeError
        If a size is no positive integer, an option is not among those above, or the output
        activation does not go with the loss.

    See Also
    --------
    MLPClassifier, MLPRegressor : With scikit-learn's interface; their `network_` is one of these.
    cbackprop.reference : The same mathematics in plain NumPy.

    References
    ----------
    Michael Nielsen, *Neural Networks and Deep Learning* (2015), chapters 1 to 3.
    http://neuralnetworksanddeeplearning.com. Glorot and Bengio (2010), "Understanding the
    difficulty of training deep feedforward neural networks", for 'glorot_uniform'.

    Examples
    --------
    >>> import numpy as np
    >>> from cbackprop import Network
    >>> net = Network([2, 3, 1], activation="tanh", random_state=0)
    >>> net.parameters.size, [w.shape for w in net.weights]
    (13, [(2, 3), (3, 1)])
    >>> X, y = np.eye(2), np.array([[0.0], [1.0]])
    >>> net.predict(X).shape
    (2, 1)
    >>> net.check_gradient(X, y) < 1e-7
    True
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        *,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        parametric_activation: bool = False,
        output_activation: str = "identity",
        loss: str | Loss | Callable = "squared_error",
        embeddings: Sequence[Embedding | None] | None = None,
        input_scaling: bool = False,
        init: str = "glorot_uniform",
        dtype: DTypeLike = np.float64,
        random_state: Any = None,
    ):
        self._configure(
            layer_sizes,
            activation,
            output_activation,
            loss,
            init,
            parametric_activation,
            embeddings,
            input_scaling,
        )
        dtype = check_dtype(dtype)
        self._own(np.empty(int(self.plan["biases"][-1]) + self.layer_sizes[-1], dtype=dtype))
        self.initialize(random_state)

    parametric_activation: bool = False  # also of those that were pickled without it

    def _configure(
        self, layer_sizes, activation, output_activation, loss, init, parametric_activation=False,
        embeddings=None, input_scaling=False,
    ) -> None:  # fmt: skip
        """Everything but the vector: checked options, and the plan."""
        self.parametric_activation = check_bool("parametric_activation", parametric_activation)
        self.layer_sizes = check_layer_sizes(layer_sizes)
        self.front = make_front(embeddings, input_scaling, self.layer_sizes[0])
        hidden = activations.as_activations(activation, len(self.layer_sizes) - 2)
        self.activation = activations.kept(activation)
        loss = as_loss(loss)
        self.output = loss.code(output_activation)
        self.output_activation, self.loss_name = output_activation, loss.name
        self._loss_settings = settings_of(loss)
        self.init = check_option("init", init, INITIALIZERS)
        sizes, before = self.layer_sizes, 0
        if self.front is not None:
            sizes, before = (self.front.width, *sizes[1:]), self.front.n_parameters
        names = [f.name for f in hidden]
        self.plan = make_plan(sizes, names, self.parametric_activation, before)
        numbers = loss.engine_parameters(self.layer_sizes[-1])
        self.function_parameters: dict[str, Any] = {}  # but for those that are standard
        if any(f.slope is not None for f in hidden):
            self.function_parameters["slopes"] = np.array([*(f.parameter for f in hidden), 0.0])
        if self._loss_settings:
            self.function_parameters["loss_parameters"] = numbers
        if loss.function_in_engine is not None:
            self.function_parameters["own_loss"] = loss.function_in_engine
        if self.front is not None:
            self.function_parameters |= self.front.function_parameters()

    def initialize(self, random_state: Any = None) -> Network:
        """Draw all parameters anew: per layer weights, then biases, in float64, then cast.

        What embeddings learn is drawn first. Activation weights become 1.

        Parameters
        ----------
        random_state : int, RandomState instance or None, default=None
            Draws them, as `init` says.

        Returns
        -------
        Network
            The network itself.

        Examples
        --------
        >>> from cbackprop import Network
        >>> net = Network([2, 1], random_state=0)
        >>> bool((net.parameters == net.copy().initialize(0).parameters).all())
        True
        """
        rng = check_random_state(random_state)
        if self.front is not None:
            self.front.draw(rng, self._parameters)
        names = self._names_of_activations()
        for weights, biases, name in zip(self._weights, self._biases, names, strict=True):
            drawn = INITIALIZERS[self.init](rng, *weights.shape, name)
            weights[...], biases[...] = drawn
        for ones in self._activation_weights:
            ones[...] = 1.0
        return self

    def initialize_from(
        self, X: ArrayLike, random_state: Any = None, *, n_jobs: int | None = None
    ) -> Network:
        r"""Draw all parameters anew so that they suit these rows: those to be trained on.

        Layer by layer, of what the layers below make of X: weights are drawn from N(0, 1/fan_in),
        and each unit's are divided by the standard deviation of its z over the rows. The bias is
        minus a mean of its z at 5 rows drawn for it, with weights drawn from an exponential
        distribution: so the unit is 0 amid the data. Activation weights become 1. A unit whose z is
        the same for all rows, its inputs being constant, keeps its weights.

        Weights are stored as they act. To train them as :math:`z = x W / \sqrt{\text{fan\_in}}`
        with W of deviation 1 would be, give Adam for each layer
        ``Group(rate=1 / sqrt(fan_in), decay=sqrt(fan_in), epsilon=sqrt(fan_in))``: a Group's decay
        is multiplied by its rate.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows of finite numbers; taken as the network's dtype. 4096 at a time go through.
        random_state : int, RandomState instance or None, default=None
            Draws weights, rows and their weights.
        n_jobs : int or None, default=None
            Threads; None for as many as pay off.

        Returns
        -------
        Network
            The network itself.

        Raises
        ------
        ValueError
            As for `predict`.

        References
        ----------
        Holzmueller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and
        boosted trees on tabular data", arXiv:2407.04491: the initialisation of RealMLP-TD.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> X = np.random.default_rng(0).normal(5.0, 2.0, (100, 3))
        >>> net = Network([3, 4, 1], activation="mish").initialize_from(X, random_state=0)
        >>> (X @ net.weights[0]).std(axis=0).round(6).tolist()
        [1.0, 1.0, 1.0, 1.0]
        """
        rows, execution = self._check_X(X), Execution(n_jobs)
        rng = check_random_state(random_state)
        made = self.copy().initialize(rng)  # so that an interrupt leaves no half of it
        initialize_from(made, rows, rng, execution)
        self.parameters = made.parameters
        return self

    def _use_loss(self, loss: Loss) -> None:
        """Take another loss for the same outputs; a ValueError if it does not go with them."""
        options = self.layer_sizes, self.activation, self.output_activation, loss
        front = self.embeddings, self.input_scaling
        self._configure(*options, self.init, self.parametric_activation, *front)

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        state["embeddings"], state["input_scaling"] = self.embeddings, self.input_scaling
        for name in ("plan", "output", "function_parameters", "front"):
            del state[name]  # made anew of the options
        return state

    def __setstate__(self, state: dict) -> None:
        front = [state.pop(name, plain) for name, plain in NO_FRONT.items()]
        self.__dict__.update(state)
        options = self.layer_sizes, self.activation, self.output_activation, self.loss_function
        self._configure(*options, self.init, self.parametric_activation, *front)
        self._own(state["_parameters"])

    @property
    def embeddings(self) -> tuple[Embedding | None, ...] | None:
        """What the first layer gets of each column of X; None where that is X itself."""
        if self.front is None or not any(self.front.embeddings):
            return None
        return self.front.embeddings

    @property
    def input_scaling(self) -> bool:
        """Whether each number that the first layer gets has a factor."""
        return self.front is not None and self.front.scaling

    @property
    def embedding_parameters(self) -> list[dict[str, NDArray]]:
        """What each column's embedding has learnt, by name, and last the factors, if any: views.

        Examples
        --------
        >>> from cbackprop import Network
        >>> from cbackprop.network import PiecewiseLinear
        >>> net = Network([2, 8, 1], embeddings=[PiecewiseLinear([0, 1, 5]), None])
        >>> {name: view.shape for name, view in net.embedding_parameters[0].items()}
        {'bias': (4,), 'slope': (4,), 'steps': (2, 4)}
        """
        return [] if self.front is None else self.front.views(self.writable()._parameters)

    @property
    def loss_function(self) -> Loss:
        """The loss with its parameters: one of `cbackprop.losses`."""
        return made_of(self.loss_name, self._loss_settings)

    def _names_of_activations(self) -> list[str]:
        """Those of the hidden layers, and for the last layer that of the one before it."""
        if isinstance(self.activation, str):
            return [self.activation] * (len(self.layer_sizes) - 1)
        hidden = activations.as_activations(self.activation, len(self.layer_sizes) - 2)
        names = [f.name for f in hidden]
        return [*names, names[-1] if names else "identity"]

    def __repr__(self) -> str:
        loss = self.loss_function
        parametric = "parametric_activation=True, " if self.parametric_activation else ""
        shown = repr(loss if self._loss_settings else loss.name)
        return (
            f"Network({list(self.layer_sizes)}, activation={self.activation!r}, {parametric}"
            f"output_activation={self.output_activation!r}, loss={shown}, "
            f"dtype={self.dtype.name})"
        )

    # Passes.

    def predict(self, X: ArrayLike | Rows) -> NDArray:
        """Output activations.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features), or Rows
            Rows of finite numbers; taken as the network's dtype.

        Returns
        -------
        ndarray of shape (n, n_outputs), of the network's dtype
            The activations of the last layer, a row for each row of X.

        Raises
        ------
        ValueError
            If X is empty, not two-dimensional, holds NaN or infinity, or has another number of
            features than the network.

        Examples
        --------
        >>> from cbackprop import Network
        >>> net = Network([2, 1], random_state=0)
        >>> net.weights = [[[1.0], [2.0]]]
        >>> net.biases = [[0.5]]
        >>> net.predict([[1, 1], [0, 10]])
        array([[ 3.5],
               [20.5]])
        """
        said = predict_row(self, X)
        if said is None and isinstance(X, Rows):
            return X._each(self.predict)
        return self._predict(self._check_X(X), AS_MANY_AS_PAY) if said is None else said

    def loss(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The mean loss over the rows, weighted if weights are given.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows of finite numbers; taken as the network's dtype.
        y : array-like of shape (n,) or (n, n_outputs)
            Integer labels of shape (n,) or (n, 1), 0 <= y < n_outputs, or one-hot rows, for the
            softmax; numbers of shape (n, n_outputs), or (n,) with one output, for the other
            losses. Several logistic outputs take labels, too: 1 for the label's output, 0 for
            the others.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, none negative; ones without it.

        Returns
        -------
        float
            Without an L2 term; summed in float64.

        Raises
        ------
        ValueError, TypeError
            If X, y or the weights are of another shape or kind, not finite, or if y is outside
            of what the loss is defined for.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> net = Network([1, 1])
        >>> net.parameters = [2.0, 0.0]
        >>> net.loss([[1.0], [2.0]], [1.0, 4.0])  # (1 + 0) / 2 / 2
        0.25
        """
        return self._sweep(X, y, sample_weight).loss()

    def gradient(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> NDArray:
        """The derivative of `loss` by `parameters`, as a vector of the same layout.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows of finite numbers; taken as the network's dtype.
        y : array-like of shape (n,) or (n, n_outputs)
            As for `loss`.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, none negative; ones without it.

        Returns
        -------
        ndarray of shape (n_parameters,), of the network's dtype
            The gradient, laid out as `parameters`.

        Raises
        ------
        ValueError, TypeError
            As for `loss`.

        Examples
        --------
        >>> from cbackprop import Network
        >>> net = Network([1, 1])
        >>> net.parameters = [2.0, 0.0]
        >>> net.gradient([[1.0], [2.0]], [1.0, 4.0]).tolist()
        [0.5, 0.5]
        """
        gradient = np.empty_like(self._parameters)
        self._sweep(X, y, sample_weight).loss_and_gradient(gradient)
        return gradient

    def backprop(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Backprop:
        """One forward and one backward pass, with everything they compute on the way.

        All rows go through at once, in memory for (n, sum of all layers' units) numbers, twice.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows of finite numbers; taken as the network's dtype.
        y : array-like of shape (n,) or (n, n_outputs)
            As for `loss`.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, none negative; ones without it.

        Returns
        -------
        Backprop
            Loss, activations, deltas, and the gradients of weights and biases; that of activation
            weights is in `gradient`.

        Raises
        ------
        ValueError, TypeError
            As for `loss`.

        References
        ----------
        Nielsen's book, chapter 2: equations BP1 to BP4.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> net = Network([2, 3, 1], activation="logistic", random_state=0)
        >>> inside = net.backprop(np.eye(2), np.ones((2, 1)))
        >>> [a.shape for a in inside.activations], [d.shape for d in inside.deltas]
        ([(2, 2), (2, 3), (2, 1)], [(2, 3), (2, 1)])
        """
        rows = self._check_X(X)
        gradient = np.empty_like(self._parameters)
        loss, activations, deltas = self._sweep(rows, y, sample_weight).backprop(gradient)
        weight_gradients, bias_gradients = views(self.plan, gradient)
        if self.front is None:
            activations = [rows, *activations]
        return Backprop(loss, activations, deltas, list(weight_gradients), list(bias_gradients))

    def check_gradient(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        step: float = 1e-6,
    ) -> float:
        """Largest difference between `gradient` and the two-sided numerical gradient.

        Every parameter in turn is moved by ``step`` up and down, in float64, and the loss computed
        at both places: 2 n_parameters forward passes, so take a small network and few rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows of finite numbers; taken as the network's dtype.
        y : array-like of shape (n,) or (n, n_outputs)
            As for `loss`.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, none negative; ones without it.
        step : float, default=1e-6
            How far each parameter is moved, times the larger of 1 and its size.

        Returns
        -------
        float
            The largest absolute difference, divided by the largest component of either gradient:
            about 1e-9 in float64 and 1e-6 in float32 where the passes are right. A relu whose
            argument changes sign within a step adds a difference that is no error.

        Raises
        ------
        ValueError, TypeError
            As for `loss`.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> net = Network([3, 4, 2], activation="tanh", random_state=0)
        >>> net.check_gradient(np.eye(3), np.ones((3, 2))) < 1e-7
        True
        """
        check_number("step", step, 0.0, np.inf, open_low=True, open_high=True)
        wide = self.copy(np.float64)
        numerical = wide._sweep(X, y, sample_weight).numerical_gradient(step)
        gradient = self.gradient(X, y, sample_weight)
        largest = max(np.abs(gradient).max(), np.abs(numerical).max())
        difference = np.abs(gradient - numerical).max()
        return float(difference / largest) if largest > 0 else float(difference)

    # Training.

    def fit(
        self,
        X: ArrayLike | Rows,
        y: ArrayLike | None = None,
        *,
        optimizer: Optimizer | None = None,
        epochs: int = 30,
        batch_size: int | None = 10,
        l2: float = 0.0,
        l1: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        dropout_schedule: Schedule | Curve | None = None,
        max_norm: float | None = None,
        sample_weight: ArrayLike | None = None,
        evaluation_data: tuple[ArrayLike, ArrayLike] | None = None,
        metrics: Sequence[str] | Mapping[str, Metric] | str | None = "auto",
        training_metrics: bool = False,
        gradient_norms: bool = False,
        shuffle: bool = True,
        random_state: Any = None,
        callbacks: Sequence[Any] = (),
        trainable: Sequence[bool] | None = None,
        n_jobs: int | None = None,
        comm: Any = None,
        sync_every: int = 1,
    ) -> History:
        r"""Train in place by gradient descent: batch, mini-batch or stochastic.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features), or Rows
            Rows of finite numbers; taken as the network's dtype. `cbackprop.Rows`, which may be
            larger than memory, have the targets and weights, too: y is None then.
        y : array-like of shape (n,) or (n, n_outputs)
            As for `loss`.
        optimizer : SGD, Adam, AdamW or RMSprop, default=SGD()
            It keeps its velocity or moments: pass it again to go on where it was, with this
            network. Another network gets an optimizer of its own.
        epochs : int, default=30
            Looks at all the rows.
        batch_size : int or None, default=10
            Rows of a mini-batch; 1 is stochastic descent, None takes all rows: batch descent.
        l2 : float, default=0.0
            The book's lambda: the cost gains :math:`\frac{\lambda}{2n} \lVert W \rVert^2` with n
            the rows of X, so that a step decays the weights by ``learning_rate * l2 / n``.
            scikit-learn's ``alpha`` is divided by the rows of the mini-batch instead:
            ``alpha = l2 * batch_size / n``.
        l1 : float, default=0.0
            The cost gains :math:`\frac{l_1}{n} \lvert W \rvert_1` likewise, the weights' absolute
            values: a step draws every weight to 0 by ``learning_rate * l1 / n``.
        dropout : float or list of float, default=0.0
            The share, in [0, 1), of every hidden layer's units that a step leaves out, or a list of
            one share for each layer: of every row of a mini-batch others, drawn anew. What is left
            is multiplied by ``1 / (1 - dropout)``, so that predictions need no change. The
            recorded cost is that of the thinned network; evaluations, `loss` and gradient norms
            are of the whole one. Any number of threads leaves out the same units.
        dropout_schedule : Schedule or callable, optional
            Factors of these shares, step by step: see `cbackprop.schedules`. No share may become 1.
        max_norm : float, optional
            After every step the weights that come into a unit, a column of the layer's matrix, are
            shortened to this length if they are longer: in all layers, the last one, too, but not
            in one whose weights do not learn (a `Group` of rate 0).
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, none negative; ones without it.
        evaluation_data : (X, y), optional
            Evaluated after every epoch.
        metrics : 'accuracy', a list of such names, a mapping of names to functions, or None
            What to evaluate besides the cost; functions are called with y and the outputs.
            'auto', the default, is the accuracy for softmax and logistic outputs.
        training_metrics : bool, default=False
            Evaluate the metrics on X, too: a forward pass over X more in every epoch.
        gradient_norms : bool, default=False
            Record the length of each layer's gradient over all of X: a forward and a backward
            pass more in every epoch.
        shuffle : bool, default=True
            Whether to shuffle the rows before every epoch.
        random_state : int, RandomState instance or None, default=None
            Draws the shuffles, and before them, with dropout, the seed of what it leaves out.
        callbacks : list
            Functions, called with the network and the history after every epoch: True stops. Or
            objects with the hooks of `cbackprop.callbacks.Callback`, as `Checkpoint`, `Progress`.
        trainable : list of bool, optional
            Of each layer of weights, the hidden layers' and the output's: False leaves weights,
            biases and the optimizer's state of a layer as they are, to the bit, and out of
            clip_norm's length. None trains all.
        n_jobs : int or None, default=None
            Threads; None for as many as pay off.
        comm : communicator, optional
            Train together with the other processes of it, as mpi4py's ``MPI.COMM_WORLD``. Each
            brings rows of its own; `batch_size`, `l2` and all that is recorded are of all rows.
            See the page "Past one machine".
        sync_every : int, default=1
            For slow links: make so many steps on one's own rows before all processes take the mean
            of their parameters; 1 makes every step together, and the model that of one process.

        Returns
        -------
        History
            Lists by name, an entry per epoch.

        Raises
        ------
        ValueError
            For data or parameters out of range; and in the epoch in which the parameters become
            non-finite. After an error network, optimizer and `random_state` are as they were
            before the call; after Ctrl-C the network is as the last mini-batch left it.
        TypeError
            For an optimizer, a callback or labels of another type.
        KeyboardInterrupt
            After Ctrl-C, when the mini-batches under way are done: in less than half a second. A
            mini-batch that takes longer is given up, and its step not made.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            Once, if the cost has blown up: 1e8 times what it was before the first step. At the
            end, if the cost shot up and the network is good for nothing: it gives the same answer
            for every row, or a cost far above that of one that knows nothing.
        UserWarning
            If the optimizer comes with what it has learnt from another network.

        References
        ----------
        Nielsen's book, chapter 1 (stochastic gradient descent) and chapter 3 (`l2`,
        `l1`, dropout). Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014),
        "Dropout: a simple way to prevent neural networks from overfitting", Journal of Machine
        Learning Research 15: `dropout` and `max_norm`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from cbackprop import SGD, Network
        >>> X, y = load_digits(return_X_y=True)
        >>> net = Network([64, 30, 10], activation="logistic", output_activation="logistic",
        ...               init="scaled_normal", random_state=0)
        >>> history = net.fit(X[:1500] / 16, y[:1500], optimizer=SGD(3.0), epochs=20,
        ...                   evaluation_data=(X[1500:] / 16, y[1500:]), random_state=0)
        >>> history.epochs, history.best("evaluation_accuracy") > 0.85
        (20, True)

        A larger network that cannot learn its rows by heart:

        >>> net = Network([64, 200, 10], output_activation="softmax", loss="log_loss",
        ...               random_state=0)
        >>> history = net.fit(X[:1500] / 16, y[:1500], optimizer=SGD(0.1), epochs=20, dropout=0.5,
        ...                   max_norm=3.0, random_state=0,
        ...                   evaluation_data=(X[1500:] / 16, y[1500:]))
        >>> history.best("evaluation_accuracy") > 0.9
        True
        """
        with ranks_of(comm, sync_every) as ranks, mapped(X, y, sample_weight) as rows:
            return fit(
                self,
                rows.X,
                rows.y,
                optimizer=optimizer,
                epochs=epochs,
                batch_size=batch_size,
                l2=l2,
                l1=l1,
                dropout=dropout,
                dropout_schedule=dropout_schedule,
                max_norm=max_norm,
                sample_weight=rows.sample_weight,
                evaluation_data=evaluation_data,
                metrics=metrics,
                training_metrics=training_metrics,
                gradient_norms=gradient_norms,
                shuffle=shuffle,
                random_state=random_state,
                callbacks=callbacks,
                trainable=trainable,
                n_jobs=n_jobs,
                ranks=ranks,
                window=rows.window,
            )

    # Showing.

    def summary(self) -> Summary:
        """Layers, shapes, parameters and bytes: a table as text, and in notebooks.

        Returns
        -------
        Summary
            Its ``str`` is the table below; notebooks show it as HTML.

        Examples
        --------
        >>> from cbackprop import Network
        >>> print(Network([784, 30, 10], activation="logistic").summary())
        layer  weights    biases  activation  parameters    bytes
            1  (784, 30)  (30,)   logistic        23,550  188,400
            2  (30, 10)   (10,)   identity           310    2,480
        total                                     23,860  190,880
        """
        hidden = self._names_of_activations()[:-1]
        names = [*hidden, self.output_activation]
        return Summary(self.plan, names, self.dtype.itemsize, self.front)

    # What a checkpoint asks for.

    def _record(self, state: FitState, **known: Any) -> Record:
        """The record of a resumed fit, of which these are known."""
        rate = 0.0 if state.optimizer is None else state.optimizer.learning_rate
        return state.note(learning_rate=rate, **known)

    # Checked data for the engine.

    def _predict(self, X, execution: Execution) -> NDArray:
        said = predict_row(self, X)
        return Sweep(self, X, execution=execution).predict() if said is None else said

    def _sweep(self, X, y, sample_weight) -> Sweep:
        X = self._check_X(X)
        return Sweep(
            self,
            X,
            y=self._check_y(y, X),
            sample_weight=self._check_weight(sample_weight, X),
            execution=AS_MANY_AS_PAY,
        )

    def takes(self, X: Any) -> bool:
        """Whether X can go to the engine as it is: see `cbackprop.validation.checks.fits`.

        Parameters
        ----------
        X : object
            Anything.

        Returns
        -------
        bool
            True for a finite, C-ordered array of the network's dtype and number of features.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> net = Network([2, 1])
        >>> net.takes(np.ones((3, 2))), net.takes([[1.0, 2.0]])
        (True, False)
        """
        return fits(X, self.layer_sizes[0], self.dtype)

    def _check_X(self, X):
        if self.front is not None and hasattr(X, "tocsr"):
            raise TypeError(
                "a network with embeddings takes dense rows, got a sparse X: pass X.toarray()"
            )
        return check_rows(X, self.layer_sizes[0], self.dtype)

    def _check_y(self, y, X) -> NDArray:
        n_outputs = self.layer_sizes[-1]
        return check_targets(
            y, X, n_outputs, self.output_activation, self.loss_function, self.dtype
        )

    def _check_weight(self, sample_weight, X, *, elsewhere: bool = False) -> NDArray | None:
        return check_weight(sample_weight, X, self.dtype, elsewhere=elsewhere)
