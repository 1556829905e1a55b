"""The extension modules, and the one table of their compiler directives and flags."""

import os

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
# results are then the same with every set of vector instructions.
FLAGS = {
    "unix": ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"],
    "mingw32": ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"],
    "msvc": ["/O2", "/fp:precise", "/std:c11"],
}

ENGINE = "cbackprop/engine"
HEADERS = ["plan.h", "team.h"]
HEADERS += [f"vector/{name}.h" for name in ("table", "both", "body", "vmath", "simd", "product")]
MODULES = ["kernels", "passes", "steps", "run", "crew", "shuffle"]
SOURCES = {name: ["vector/table.c"] if name == "kernels" else [] for name in MODULES}

extensions = [
    Extension(
        f"cbackprop.engine.{name}",
        [f"{ENGINE}/{name}.pyx", *(f"{ENGINE}/{source}" for source in more)],
        include_dirs=[ENGINE],
        depends=[f"{ENGINE}/{header}" for header in HEADERS],
    )
    for name, more in SOURCES.items()
]


class Build(build_ext):
    """Picks the flags that the compiler at hand understands."""

    def build_extensions(self):
        for extension in self.extensions:
            extension.extra_compile_args = FLAGS.get(self.compiler.compiler_type, [])
        super().build_extensions()


setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        annotate=bool(os.environ.get("CBACKPROP_ANNOTATE")),
    ),
    cmdclass={"build_ext": Build},
)
