"""What does a forward pass compute on its way to the outputs: hidden activations, and logits?"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import ArrayLike, NDArray

from cbackprop.network.one_row import told
from cbackprop.network.predictor import PLAIN, Predictor, predictor_of
from cbackprop.running.execution import AS_MANY_AS_PAY, Execution
from cbackprop.running.rows import Rows
from cbackprop.running.sweeps import Sweep


class Beginning(NamedTuple):
    """The first layers of a network as a model of its own, whose outputs are their last z."""

    plan: NDArray
    parameters: NDArray
    function_parameters: dict[str, Any]
    output: int = PLAIN


def beginning(network: Any, n_layers: int) -> Beginning:
    """The first `n_layers` of a network: views of its plan and its vector."""
    plan = network.plan[:n_layers]
    size = int(plan["biases"][-1] + plan["n_out"][-1])
    kept = told(network)
    if "slopes" in kept:
        kept["slopes"] = kept["slopes"][:n_layers]
    return Beginning(plan, network.parameters[:size], kept)


class Forward:
    """A network whose forward pass can be looked at."""

    layer_sizes: tuple[int, ...]

    def _check_X(self, X: Any) -> Any:
        raise NotImplementedError

    def activations(self, X: ArrayLike) -> list[NDArray]:
        """The activations of every layer, without targets and without a backward pass.

        All rows' activations are kept, in memory for (n, sum of all layers' units) numbers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows of finite numbers; taken as the network's dtype.

        Returns
        -------
        list of L + 1 arrays (n, units of the layer)
            :math:`A_0` = X, or what embeddings make of it, then those of layers 1 to L, as in
            `Backprop.activations`: the last is what `predict` returns, and the one before it what
            the last hidden layer makes of the rows.

        Raises
        ------
        ValueError
            As for `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> net = Network([2, 3, 1], activation="tanh", random_state=0)
        >>> rows, hidden, outputs = net.activations(np.eye(2))
        >>> np.allclose(hidden, np.tanh(rows @ net.weights[0] + net.biases[0]))
        True
        """
        rows: Any = self._check_X(X)
        sweep = Sweep(self, rows, execution=AS_MANY_AS_PAY)  # type: ignore[arg-type]
        if sweep.embeds:
            return sweep.activations(range(len(self.layer_sizes)))
        return [rows, *sweep.activations(range(1, len(self.layer_sizes)))]

    def logits(self, X: ArrayLike | Rows) -> NDArray:
        """The last layer's z = a W + b, before the output's activation.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features), or Rows
            Rows of finite numbers; taken as the network's dtype.

        Returns
        -------
        ndarray of shape (n, n_outputs), of the network's dtype
            What softmax, logistic or exp make the outputs of; with identity outputs, these.

        Raises
        ------
        ValueError
            As for `predict`.

        Examples
        --------
        A probability that rounds to 1 has a logit that says how sure the network is:

        >>> from cbackprop import Network
        >>> net = Network([1, 1], output_activation="logistic", loss="binary_log_loss")
        >>> net.parameters = [1.0, 0.0]
        >>> net.predict([[50.0]]).tolist(), net.logits([[50.0]]).tolist()
        ([[1.0]], [[50.0]])
        """
        if isinstance(X, Rows):
            return X._each(self.logits)
        return self._logits(self._check_X(X), AS_MANY_AS_PAY)

    def predictor(self, method: str = "predict") -> Predictor:
        """The network as a function of one row, or of a few, that answers in a microsecond.

        Parameters
        ----------
        method : {'predict', 'logits'}, default='predict'
            What it says: what the method of this name says, to rounding.

        Returns
        -------
        Predictor
            A snapshot: what is done to the network later does not reach it. Any number of threads
            may call it at once.

        Raises
        ------
        ValueError
            For another method.

        See Also
        --------
        cbackprop.network.Predictor : What rows it takes, and how compiled code calls it.

        Examples
        --------
        >>> import numpy as np
        >>> from cbackprop import Network
        >>> net = Network([2, 3, 1], random_state=0)
        >>> ask = net.predictor()
        >>> bool(np.allclose(ask([0.5, 1.0]), net.predict([[0.5, 1.0]])[0]))
        True
        """
        return predictor_of(self, method)

    # For the estimators: of checked rows.

    def _logits(self, X: Any, execution: Execution) -> NDArray:
        return Sweep(beginning(self, len(self.layer_sizes) - 1), X, execution=execution).predict()

    def _hidden(self, X: Any, execution: Execution, layer: int) -> NDArray:
        """The activations of a hidden layer, 1 ... L - 1; what comes behind it is not computed."""
        sweep = Sweep(beginning(self, layer + 1), X, execution=execution)
        return sweep.activations([layer])[0]
