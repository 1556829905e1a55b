"""The extension modules, the one table of their directives and flags, and how they are built."""

import os
import re
import sys
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": True,
}

# No -ffast-math: it changes the rounding mode of the whole process. No contraction: elementwise
# results are then the same with every set of vector instructions. GCC and clang take the same
# flags. MSVC needs C11 for its standard preprocessor; /fp:precise neither reorders nor contracts.
GNU = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
FLAGS = {
    "unix": [*GNU, "-fvisibility=hidden"],
    "mingw32": GNU,
    "msvc": ["/O2", "/fp:precise", "/std:c11"],
}

# The oldest CPython. Modules built for its limited API run on every later one: one wheel a
# platform. A free-threaded CPython and other Pythons get modules for themselves alone.
OLDEST = (3, 11)
LIMITED = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
MACROS = [("Py_LIMITED_API", f"0x{OLDEST[0]:02X}{OLDEST[1]:02X}0000")] if LIMITED else []

ENGINE = "cbackprop/engine"
HEADERS = sorted(str(path) for path in Path(ENGINE).rglob("*") if path.suffix in (".h", ".def"))
MODULES = ["kernels", "passes", "steps", "block", "run", "trial", "crew", "shuffle"]
SOURCES = {name: ["vector/table.c"] if name == "kernels" else [] for name in MODULES}

extensions = [
    Extension(
        f"cbackprop.engine.{name}",
        [f"{ENGINE}/{name}.pyx", *(f"{ENGINE}/{source}" for source in more)],
        include_dirs=[ENGINE],
        depends=["setup.py", *HEADERS],
        define_macros=MACROS,
        py_limited_api=LIMITED,
    )
    for name, more in SOURCES.items()
]


def superseded(module):
    """Files of an earlier build that win over a module beside them, or would get into a wheel.

    Python prefers ``run.cpython-311-x86_64-linux-gnu.so`` to ``run.abi3.so``, however old it is.
    What a free-threaded Python imports stays: no other Python looks at it.
    """
    name = module.name.split(".")[0]
    return [
        other
        for pattern in (f"{name}.*.so", f"{name}.*.pyd")
        for other in module.parent.glob(pattern)
        if other != module and not re.search(r"\.(cpython-|cp)\d+t-", other.name)
    ]


class Build(build_ext):
    """Picks the flags the compiler at hand understands; leaves no earlier build's modules."""

    def build_extensions(self):
        for extension in self.extensions:
            extension.extra_compile_args = FLAGS.get(self.compiler.compiler_type, [])
        super().build_extensions()

    def build_extension(self, extension):
        super().build_extension(extension)
        self.remove_superseded(self.get_ext_fullpath(extension.name))

    def copy_extensions_to_source(self):
        super().copy_extensions_to_source()
        for extension in self.extensions:
            self.remove_superseded(self.get_ext_fullpath(extension.name))

    def remove_superseded(self, module):
        for other in superseded(Path(module)) if LIMITED else []:
            self.announce(f"removing {other}, of an earlier build", level=2)
            other.unlink()


setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        annotate=bool(os.environ.get("CBACKPROP_ANNOTATE")),
    ),
    cmdclass={"build_ext": Build},
    options={"bdist_wheel": {"py_limited_api": "cp{}{}".format(*OLDEST)}} if LIMITED else {},
)
