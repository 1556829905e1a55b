"""All cases of bad input."""

from bad_inputs import door, estimators, network, others

ALL = [*estimators.TABLE, *network.TABLE, *door.TABLE, *others.TABLE]
