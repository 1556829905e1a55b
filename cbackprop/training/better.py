"""Is a smaller value of a metric the better one: what its name says, or the metric itself."""

from __future__ import annotations

import re
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SMALLER = _words(
    """
    cost loss logloss error errors err mse rmse nmse nrmse mae nmae mape smape wape msle rmsle
    medae rss sse sae deviance nll perplexity entropy crossentropy xent hinge brier kl divergence
    distance risk regret misclassification misclassifications mistakes wer cer ece eer fpr fnr
    """
)
LARGER = _words(
    """
    accuracy acc score scores r2 d2 auc auroc rocauc auprc ap map f1 f2 fbeta precision recall
    sensitivity specificity tpr tnr jaccard iou dice kappa mcc matthews corr correlation pearson
    spearman kendall concordance likelihood loglikelihood gini ndcg dcg mrr lift completeness
    homogeneity similarity hits correct skill
    """
)
# With these in it a name may mean the opposite.
UNCLEAR = _words(
    """
    minus not inverse reciprocal reduction improvement decrease increase change gap delta
    difference ratio
    """
)
# Of names as scikit-learn gives them: their last word decides, whatever else is in them.
LAST = frozenset({"loss", "error", "cost", "deviance"})


def is_smaller_better(name: str) -> bool | None:
    """Whether the smaller of two values is the better one; None if the name does not say.

    Examples
    --------
    >>> from cbackprop.training.better import is_smaller_better
    >>> is_smaller_better("evaluation_rmse"), is_smaller_better("neg_log_loss")
    (True, False)
    >>> is_smaller_better("gain_of_something")
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    words = re.findall(r"[a-z0-9]+", apart)
    while words and words[0] in ("evaluation", "validation", "val", "valid", "test", "train"):
        del words[0]
    if not words:
        return None
    if words[0] in ("neg", "negative", "negated", "minus"):
        inner = is_smaller_better("_".join(words[1:]))
        return None if inner is None else not inner
    if not UNCLEAR.isdisjoint(words):
        return None
    if words[0] in ("d2", "r2") or words == ["explained", "variance"]:
        return False
    if words[-1] in LAST:
        return True
    smaller, larger = not SMALLER.isdisjoint(words), not LARGER.isdisjoint(words)
    return None if smaller == larger else smaller


def declared_direction(name: str, metric: Any) -> bool | None:
    """What a metric says of itself, by an attribute; or else its name, or its function's.

    Raises
    ------
    TypeError
        If the attribute is neither True nor False.
    """
    declared = getattr(metric, "smaller_is_better", None)
    if declared is not None:
        if not isinstance(declared, bool):
            raise TypeError(
                f"smaller_is_better of the metric {name!r} must be True or False, got {declared!r}"
            )
        return declared
    said = is_smaller_better(name)
    return is_smaller_better(getattr(metric, "__name__", "")) if said is None else said
