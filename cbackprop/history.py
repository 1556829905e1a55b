"""What `Network.fit` reports, under the path it has always had."""

from cbackprop.training.history import METRICS, History, Metric, accuracy, check_metrics

__all__ = ["METRICS", "History", "Metric", "accuracy", "check_metrics"]
