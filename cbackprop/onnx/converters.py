"""What does skl2onnx know of us: which converter is whose, and which options are there?"""

from __future__ import annotations

from typing import Any

from cbackprop.estimators import MLPClassifier, MLPRegressor
from cbackprop.onnx import mlp, tabular
from cbackprop.onnx.types import MISSING
from cbackprop.tabular import TableEncoder, TabularClassifier, TabularRegressor

# What scikit-learn's classifiers take in skl2onnx.
OPTIONS: dict[str, Any] = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [False],  # it asks for this one wherever it looks up the classes
}
# Logits in the place of probabilities: calibration takes them where there is a decision_function.
RAW_SCORES = {"raw_scores": [False, True]}


def register() -> None:
    """Let skl2onnx convert our estimators and `TableEncoder`, by themselves and in pipelines.

    To be called once in a process, before ``skl2onnx.to_onnx``. The options are those of
    scikit-learn's classifiers: with ``options={"zipmap": False}`` probabilities come as an array,
    without it as a list of mappings from class to float32. Needs the packages of ``pip install
    cbackprop[onnx]``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    initial_types : The inputs of a table's model.

    Examples
    --------
    ::

        import cbackprop.onnx
        from skl2onnx import to_onnx

        cbackprop.onnx.register()
        model = to_onnx(pipeline, X[:1].astype("float32"), options={"zipmap": False})
    """
    try:
        from skl2onnx import update_registered_converter as update
    except ImportError as error:
        raise ImportError(MISSING) from error
    mlp_options = {**OPTIONS, **RAW_SCORES}
    update(
        MLPClassifier,
        "CbackpropMLPClassifier",
        mlp.classifier_shapes,
        mlp.convert,
        options=mlp_options,
    )
    update(MLPRegressor, "CbackpropMLPRegressor", mlp.regressor_shapes, mlp.convert)
    update(
        TabularClassifier,
        "CbackpropTabularClassifier",
        tabular.classifier_shapes,
        tabular.convert_classifier,
        options=OPTIONS,
    )
    update(
        TabularRegressor,
        "CbackpropTabularRegressor",
        tabular.regressor_shapes,
        tabular.convert_regressor,
    )
    update(
        TableEncoder,
        tabular.ENCODER,
        tabular.encoder_shapes,
        tabular.convert_encoder,
        parser=tabular.parse_encoder,
    )
