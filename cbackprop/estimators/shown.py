"""What does a notebook show of an estimator, beside what scikit-learn shows of every one?"""

from __future__ import annotations

from typing import Any, ClassVar


class Shown:
    """Parameters and attributes with their documentation, and without the network's machinery.

    scikit-learn takes the descriptions from the class's docstring if there is a page to link to.
    """

    _doc_link_module: ClassVar[str] = "cbackprop"
    # The parameters are scikit-learn's, so its page tells more of them.
    _doc_link_template: Any = (
        "https://scikit-learn.org/stable/modules/generated/"
        "sklearn.neural_network.{estimator_name}.html"
    )

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:  # of scikit-learn 1.9
        attributes = super()._get_fitted_attr_html(doc_link)  # type: ignore[misc]
        attributes.pop("network_", None)  # its weights and biases are shown: coefs_, intercepts_
        return attributes
