"""
Digits in a pipeline
====================

`MLPClassifier` takes the place of scikit-learn's: in a pipeline, behind a scaler, in a grid
search. What it learnt can be looked at afterwards.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from cbackprop import MLPClassifier
from cbackprop.plots import AccuracyCurveDisplay, LossCurveDisplay, WeightsDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)

# %%
# A pipeline
# ----------
#
# Early stopping holds a tenth of the images out, and ends when their accuracy has not improved
# for ten epochs.

pipeline = make_pipeline(
    MinMaxScaler(),
    MLPClassifier((40,), learning_rate_init=0.01, early_stopping=True, random_state=0),
)
pipeline.fit(X_train, y_train)
clf = pipeline[-1]
print(clf.network_.summary())
print(f"{clf.n_iter_} epochs, test accuracy {pipeline.score(X_test, y_test):.3f}")

# %%
# Its curves
# ----------

fig, (above, below) = plt.subplots(2, 1, figsize=(6.4, 6), sharex=True, layout="constrained")
LossCurveDisplay.from_estimator(clf, ax=above)
AccuracyCurveDisplay.from_estimator(clf, ax=below)
above.set(xlabel="", title="an epoch is one look at all rows")
plt.show()

# %%
# A grid search
# -------------
#
# The names of the parameters are scikit-learn's.

grid = {
    "mlpclassifier__hidden_layer_sizes": [(40,), (40, 40)],
    "mlpclassifier__alpha": [1e-4, 1.0],
}
search = GridSearchCV(pipeline, grid, cv=3).fit(X_train, y_train)
print(search.best_params_)
print(f"test accuracy {search.score(X_test, y_test):.3f}")

# %%
# What the first layer looks for
# ------------------------------
#
# Each image is one hidden unit: ink excites it where it is red, and quiets it where it is blue. The
# pixels at the edges are never inked, and the L2 term has made their weights small. A unit that is
# blank all over has died: no image makes it active any more.

WeightsDisplay.from_estimator(clf, units=20, columns=5).figure_.suptitle("weights of 20 units")
plt.show()

# %%
# Which digits are mistaken for which
# -----------------------------------

display = ConfusionMatrixDisplay.from_estimator(pipeline, X_test, y_test, colorbar=False)
display.ax_.set_title("450 images that it was not trained on")
plt.show()
