"""The command line: `cbackprop demo` shows what it does, `cbackprop info` where it runs."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from cbackprop._version import __version__

INTERRUPTED, PIPE_CLOSED = 128 + 2, 128 + 13  # as a shell reports SIGINT and SIGPIPE

DEMO = (
    "Train a network on scikit-learn's handwritten digits (nothing is downloaded) with cbackprop, "
    "with scikit-learn and with a NumPy reference, from the same parameters and with the same "
    "shuffles. Print test accuracy, the largest difference between the models, and how long each "
    "took. Takes about ten seconds. Exits with 1 if the models differ."
)
INFO = (
    "Print what a bug report needs: versions, the processor, the BLAS libraries and their threads, "
    "the vector instructions in use, environment variables that matter."
)


def _demo(arguments: argparse.Namespace) -> int:
    from cbackprop.command.demo import demo  # here, so that --help need not wait for scikit-learn

    return demo(arguments.epochs, arguments.hidden, arguments.seed)


def _info(arguments: argparse.Namespace) -> int:
    from cbackprop.command.info import info

    return info()


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        with suppress(ValueError):
            if low <= int(text) <= high:
                return int(text)
        raise argparse.ArgumentTypeError(f"expected an integer from {low} to {high}, got {text!r}")

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cbackprop",
        description="Multilayer perceptrons for NumPy arrays, trained in compiled code.",
        epilog="`cbackprop demo --help` lists the demo's options.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    demo = commands.add_parser("demo", help=DEMO, description=DEMO)
    for name, default, low, high, what in (
        ("--epochs", 30, 1, 100_000, "passes over the training set"),
        ("--hidden", 100, 1, 1024, "units of the hidden layer"),
        ("--seed", 0, 0, 2**32 - 1, "draws the split, the first parameters and the shuffles"),
    ):
        demo.add_argument(
            name,
            type=_integer(low, high),
            default=default,
            metavar="N",
            help=f"{what}; {low} to {high} (default: %(default)s)",
        )
    demo.set_defaults(run=_demo)
    commands.add_parser("info", help=INFO, description=INFO).set_defaults(run=_info)
    return parser


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    return arguments.run(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default the process's own; return the exit status."""
    try:
        try:
            return _run(argv)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # a closed pipe shows here, not when the interpreter ends
    except KeyboardInterrupt:
        print("cbackprop: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        # What is still in the buffer goes nowhere, so that the interpreter ends in silence.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return PIPE_CLOSED
        print(f"cbackprop: cannot write the output: {error.strerror}", file=sys.stderr)
        return 1
