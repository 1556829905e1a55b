"""The extension modules, the one table of their directives and flags, and how they are built."""

import os
import re
import shutil
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


def flags(compiler, asked_for):
    """The flags for a compiler, behind the interpreter's own; `asked_for` is what $CFLAGS says.

    Most Pythons ask for debug information, ten times as much as the code: none unless $CFLAGS does.
    """
    own = FLAGS.get(compiler, [])
    return own if compiler == "msvc" or re.search(r"(?:^|\s)-g", asked_for) else [*own, "-g0"]


# The oldest CPython. Modules built for its limited API run on every later one: one wheel a
# platform. A free-threaded CPython and other Pythons get modules for themselves alone.
OLDEST = (3, 11)
LIMITED = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
MACROS = [("Py_LIMITED_API", f"0x{OLDEST[0]:02X}{OLDEST[1]:02X}0000")] if LIMITED else []

ENGINE = "cbackprop/engine"
SOURCES = {  # the longest to compile first: they are compiled side by side
    "kernels": ["vector/table.c"],
    **dict.fromkeys(["run", "crew", "predictor", "trial", "block", "steps"], ()),
    **dict.fromkeys(["rehearsal", "passes", "own", "rows", "encoding", "shuffle"], ()),
}
JOBS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def included(files):
    """These files, and of ours those that they include, and so on."""
    found, left = set(), list(files)
    while left:
        file = Path(os.path.normpath(left.pop()))
        if file not in found and file.exists():
            found.add(file)
            text = file.read_text("utf-8")
            names = re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE)
            left += [folder / name for name in names for folder in (file.parent, Path(ENGINE))]
    return sorted(map(str, found))


def extensions():
    """The modules, with their C generated; each depends on the headers that it sees."""
    headers = [str(path) for path in Path(ENGINE).rglob("*.*") if path.suffix in (".h", ".def")]
    modules = cythonize(
        [
            Extension(
                f"cbackprop.engine.{name}",
                [f"{ENGINE}/{name}.pyx", *(f"{ENGINE}/{source}" for source in more)],
                include_dirs=[ENGINE],
                depends=headers,  # these Cython copies to where it writes
                define_macros=MACROS,
                py_limited_api=LIMITED,
            )
            for name, more in SOURCES.items()
        ],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        annotate=bool(os.environ.get("CBACKPROP_ANNOTATE")),
        nthreads=min(JOBS, len(SOURCES)),
    )
    for module in modules:
        module.depends = ["setup.py", *included(module.sources)]
    return modules


def is_newer(file, other):
    return file.stat().st_mtime >= other.stat().st_mtime


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
    """Compiles what has changed, all processors at work; leaves no earlier build's modules.

    The compiler at hand gets the flags it understands; with other flags all is compiled anew.
    """

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = JOBS

    def run(self):
        # An editable install is built in a new folder every time: what is in place is taken there.
        for extension in self.extensions if self.inplace else ():
            python = self.get_finalized_command("build_py")
            here, there = map(Path, self._get_inplace_equivalent(python, extension))
            if here.exists() and not (there.exists() and is_newer(there, here)):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(here, there)
        super().run()

    def build_extensions(self):
        compiler = self.compiler
        mine = flags(compiler.compiler_type, os.environ.get("CFLAGS", ""))
        for extension in self.extensions:
            extension.extra_compile_args = mine
        # With MSVC they come with the compiler alone.
        commands = [getattr(compiler, name, "") for name in ("compiler_so", "linker_so")]
        note, used = Path("build/flags"), repr([compiler.compiler_type, *commands, mine, MACROS])
        self.force = self.force or not note.exists() or note.read_text("utf-8") != used
        super().build_extensions()
        note.write_text(used, "utf-8")

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


if __name__ == "__main__":  # where processes are spawned, Cython's import this file
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": Build},
        options={"bdist_wheel": {"py_limited_api": "cp{}{}".format(*OLDEST)}} if LIMITED else {},
    )
