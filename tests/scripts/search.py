"""A search in processes: prints the most threads that a fit may take there, and BLAS."""

import sys
import warnings

import numpy as np
from sklearn.model_selection import GridSearchCV

from cbackprop import MLPClassifier
from cbackprop.running import threads


def fits_threads(estimator, X, y):
    return float(threads.number_of_threads(None, 1e12))


def blas_threads(estimator, X, y):
    return float(max(library.get_num_threads() for library in threads._libraries()))


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    search = GridSearchCV(
        MLPClassifier((5,), max_iter=2),
        {"alpha": [0.1, 0.2]},
        cv=2,
        n_jobs=int(sys.argv[1]) if len(sys.argv) > 1 else 2,
        scoring={"fit": fits_threads, "blas": blas_threads},
        refit=False,
        error_score="raise",
    )
    search.fit(X, X[:, 0] > 0)
    print(*(int(search.cv_results_[f"mean_test_{name}"].max()) for name in ("fit", "blas")))


if __name__ == "__main__":
    main()
