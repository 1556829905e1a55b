"""Is all made from the rows of the file of functions, and does nothing half added compile?"""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from methods import METHODS

import cbackprop
from cbackprop import MLPRegressor, Network, optimizers, reference
from cbackprop.engine import run, trial
from cbackprop.functions.losses import LOSSES, OF_NUMBERS
from cbackprop.functions.optimizers import OPTIMIZERS

ENGINE = Path(__file__).parents[2] / "cbackprop" / "engine"
ROWS = {
    "activation": 'ACTIVATION(CUBE, cube, KEPT, NOTHING, NOTHING, "", 0.0, "x * x * x")',
    "output": 'OUTPUT(IDENTITY_CUBE, identity, cube, NUMBERS, identity_cube, "", 0.0, ONE)',
    "optimizer": "OPTIMIZER(CUBE, cube, 1)",
}


@pytest.fixture
def compiles(tmp_path):
    """Whether the kernels compile with this row more in the file of functions, and what is said."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        pytest.skip("there is no C compiler")
    for source in [*ENGINE.glob("*.h"), *ENGINE.glob("*.def"), *ENGINE.glob("vector/*")]:
        target = tmp_path / source.relative_to(ENGINE)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    definitions = tmp_path / "functions.def"

    def result(row):
        text = definitions.read_text(encoding="utf-8")
        head, mark, tail = text.partition("#undef FINISH")
        definitions.write_text(f"{head}{row}\n{mark}{tail}", encoding="utf-8")
        made = subprocess.run(
            [compiler, "-std=c11", "-fsyntax-only", "-DCBACKPROP_PLAIN", "vector/table.c"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return made.returncode == 0, made.stderr

    return result


def test_the_file_of_functions_compiles_as_it_is(compiles):
    made, said = compiles("")
    assert made, said


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_without_its_functions_does_not_compile(kind, compiles):
    made, said = compiles(ROWS[kind])
    assert not made
    assert "cube" in said


def test_only_the_leaves_ask_for_the_dtype():
    asking = {
        path.name
        for path in ENGINE.glob("*.p[yx][xd]")
        if "floating is" in path.read_text(encoding="utf-8")
    }
    assert asking == {"leaves.pxd"}


def test_python_knows_every_row_of_the_file():
    text = (ENGINE / "functions.def").read_text(encoding="utf-8")

    def rows(kind):
        return re.findall(rf"^{kind}\((\w+), (\w+)(?:, (\w+))?", text, re.MULTILINE)

    assert list(run.ACTIVATIONS) == [name for _, name, _ in rows("ACTIVATION")]
    assert list(run.OUTPUTS) == [(name, loss) for _, name, loss in rows("OUTPUT")]
    assert list(run.OPTIMIZERS) == [name for _, name, _ in rows("OPTIMIZER")]
    assert list(trial.FINISHES) == ["nothing", *(name for _, name, _ in rows("FINISH"))]


def test_the_reference_knows_every_activation_and_every_output():
    assert set(reference.DERIVATIVES) == set(run.ACTIVATIONS)
    assert set(reference.PAIRS) == set(run.OUTPUTS)


def test_every_optimizer_of_the_file_is_an_object_with_its_twin():
    made = {method: ours(0.1) for method, (ours, _) in METHODS.items()}
    assert {method: optimizer._code for method, optimizer in made.items()} == dict(run.OPTIMIZERS)
    assert {type(optimizer).__name__ for optimizer in made.values()} == set(OPTIMIZERS)
    for name in OPTIMIZERS:
        assert getattr(cbackprop, name) is getattr(optimizers, name)
        assert name in reference.__all__
        assert name in Network.fit.__doc__


def test_docstrings_name_every_activation_and_every_loss():
    losses = {name for _, name in run.OUTPUTS}
    for name in {*run.ACTIVATIONS, *losses}:
        assert f"'{name}'" in Network.__doc__
        assert f'"{name}"' in reference.__doc__
    for name in OF_NUMBERS:
        assert f"'{name}'" in MLPRegressor.__doc__


def test_every_loss_of_the_file_is_an_object_with_its_parameters():
    assert {name for _, name in run.OUTPUTS} == set(LOSSES)
    for name, kind in LOSSES.items():
        loss = kind()
        if name in run.LOSS_PARAMETERS:
            _, standard, _ = run.LOSS_PARAMETERS[name]
            assert loss.parameters == (standard,)
        else:
            assert loss.parameters == ()
