"""
A table, start to finish
========================

Rents of flats that were made up here: numbers, names, yes and no, and fields that are empty.
`TabularRegressor` takes the table as it is; beside it stand scikit-learn's gradient-boosted
trees, and its network in a pipeline that says what happens to every column.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cbackprop.plots import TrainingCurvesDisplay
from cbackprop.tabular import TabularRegressor

rng = np.random.default_rng(0)
n = 1500
flats = pd.DataFrame(
    {
        "area": rng.gamma(9.0, 8.0, n).round(),
        "floor": rng.integers(0, 8, n).astype(float),
        "built": rng.integers(1900, 2025, n).astype(float),
        "district": rng.choice(["harbour", "hill", "mill", "old town", "park", "station"], n),
        "heating": rng.choice(["gas", "district", "pump"], n),
        "lift": rng.random(n) < 0.4,
    }
)
level = {"harbour": 1.1, "hill": 1.3, "mill": 0.8, "old town": 1.5, "park": 1.2, "station": 0.7}
rent = flats["district"].map(level) * (250 + 9 * flats["area"] ** 0.9)
rent *= 1 + 0.3 * np.cos((flats["built"] - 1900) / 30)
rent += np.where(flats["lift"], 20, -20) * flats["floor"] + rng.normal(0, 40, n)
flats.loc[rng.random(n) < 0.15, "built"] = np.nan
flats.loc[rng.random(n) < 0.1, "heating"] = None
X_train, X_test, y_train, y_test = train_test_split(flats, rent, random_state=0)

# %%
# Three ways
# ----------

model = TabularRegressor(random_state=0).fit(X_train, y_train)

dtypes = {"district": "category", "heating": "category"}
trees = HistGradientBoostingRegressor(random_state=0).fit(X_train.astype(dtypes), y_train)

numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
names = make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder())
columns = make_column_transformer(
    (numbers, ["area", "floor", "built"]),
    (names, ["district", "heating"]),
    ("passthrough", ["lift"]),
)
network = MLPRegressor(max_iter=1000, random_state=0)
network = TransformedTargetRegressor(network, transformer=StandardScaler())
pipeline = make_pipeline(columns, network).fit(X_train, y_train)

predicted = {
    "TabularRegressor": model.predict(X_test),
    "HistGradientBoosting": trees.predict(X_test.astype(dtypes)),
    "MLPRegressor in a pipeline": pipeline.predict(X_test),
}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharex=True, sharey=True, layout="constrained")
for ax, (name, rents) in zip(axes, predicted.items(), strict=True):
    error = np.sqrt(np.mean((rents - y_test) ** 2))
    ax.plot(y_test, rents, ".", markersize=3, alpha=0.5)
    ax.axline((500, 500), slope=1, color="gray", linewidth=1)
    ax.set(title=f"{name}\nerror {error:.0f}", xlabel="rent", aspect="equal")
    print(f"{name:27} root of the mean squared error {error:.1f}")
axes[0].set_ylabel("predicted rent")
plt.show()

# %%
# Which epoch is kept
# -------------------
#
# The rate rises and falls four times, and with it the score of the rows that each member holds
# out. The epoch with the best score is kept, the same one for all members.

TrainingCurvesDisplay.from_estimator(model).ax_.set_title("five members together")
print(f"epoch {model.best_epoch_} of {model.n_epochs_}")
plt.show()

# %%
# What the columns do
# -------------------
#
# What the model predicts as the area grows, as the year does, and as both do: the wave that the
# year makes is there.

display = PartialDependenceDisplay.from_estimator(
    model, X_train.dropna(), ["area", "built", ("built", "area")], grid_resolution=30
)
display.figure_.set_size_inches(9, 3)
display.figure_.set_layout_engine("constrained")
display.figure_.suptitle("predicted rent, all else as it is in the table")
plt.show()

# %%
# What a column is worth, shuffling it says.

worth = permutation_importance(model, X_test, y_test, n_repeats=5, random_state=0)
order = np.argsort(worth.importances_mean)
plt.figure(figsize=(6.4, 3), layout="constrained")
plt.barh(flats.columns[order], worth.importances_mean[order], xerr=worth.importances_std[order])
plt.xlabel("R squared lost where the column is shuffled")
plt.title("the columns, by what they are worth")
plt.show()
