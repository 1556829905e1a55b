"""Published settings for tables, exactly: arguments of `TabularClassifier` and `TabularRegressor`.

``TabularRegressor(**cbackprop.presets.realmlp_td)`` is the network of Holzmueller, Grinsztajn and
Steinwart (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data",
arXiv:2407.04491, as version 1.7 of their package has it; `realmlp_td_s` its simplified form.

Examples
--------
>>> import cbackprop
>>> from cbackprop.tabular import TabularRegressor
>>> TabularRegressor(**cbackprop.presets.realmlp_td, random_state=0).max_epochs
256
"""

from cbackprop.tabular.recipes import realmlp_td, realmlp_td_s

__all__ = ["realmlp_td", "realmlp_td_s"]
