"""The command line: `cbackprop demo`, and `info`, `play` and `plan`, which say what they do."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from cbackprop._version import __version__

INTERRUPTED, PIPE_CLOSED = 128 + 2, 128 + 13  # as a shell reports SIGINT and SIGPIPE

EPOCHS, HIDDEN = 30, 100

DEMO = (
    "Train a network on scikit-learn's handwritten digits (nothing is downloaded) with cbackprop, "
    "with scikit-learn and with a NumPy reference, from the same parameters and with the same "
    "shuffles. Print test accuracy, the largest difference between the models, and how long each "
    "took. Takes about ten seconds. Exits with 1 if the models differ. With --table: compare "
    "TabularClassifier or TabularRegressor with scikit-learn's trees and network on a table of "
    "your own."
)
INFO = (
    "Print what a bug report needs: versions, the processor, the BLAS libraries and their threads, "
    "the vector instructions in use, environment variables that matter."
)
PLAN = (
    "Print how much of several machines is to be expected: their efficiency, by number and link, "
    "for a network and a mini-batch, and the mini-batch from which a further one pays."
)

PLAY = (
    "Open a page in the browser on which networks learn before your eyes: layers, activation, "
    "loss, rate, mini-batch and optimizer are yours to choose. The page is served from this "
    "machine to this machine; nothing is downloaded. Ctrl-C ends it."
)


def _demo(arguments: argparse.Namespace) -> int:
    from cbackprop.command.demo import demo  # here, so that --help need not wait for scikit-learn

    if arguments.table is None:
        for name in ("target", "task"):
            if getattr(arguments, name) is not None:
                option = "--target" if name == "target" else f"--{arguments.task}"
                arguments.refuse(f"{option} goes with --table FILE.csv")
        return demo(
            EPOCHS if arguments.epochs is None else arguments.epochs,
            HIDDEN if arguments.hidden is None else arguments.hidden,
            arguments.seed,
        )
    if arguments.target is None:
        arguments.refuse("--table needs --target NAME, the column to predict")
    for name in ("epochs", "hidden"):
        if getattr(arguments, name) is not None:
            arguments.refuse(f"--{name} is for the digits, not for --table")
    from cbackprop.command.table import table_demo

    return table_demo(arguments.table, arguments.target, arguments.seed, arguments.task)


def _info(arguments: argparse.Namespace) -> int:
    from cbackprop.command.info import info

    return info()


def _plan(arguments: argparse.Namespace) -> int:
    from cbackprop.command.plan import NODES, plan

    if len(arguments.layers) < 2:
        arguments.refuse("--layers needs at least two sizes: inputs and outputs")
    return plan(
        arguments.layers,
        arguments.batch,
        arguments.nodes or NODES,
        float(arguments.gigaflops),
        arguments.sync_every,
    )


def _play(arguments: argparse.Namespace) -> int:
    from cbackprop.command.play import play

    try:
        return play(arguments.port, open_browser=arguments.browser)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return arguments.refuse(f"port {arguments.port} cannot be used: {error.strerror}")


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
        ("--epochs", EPOCHS, 1, 100_000, "passes over the training set"),
        ("--hidden", HIDDEN, 1, 1024, "units of the hidden layer"),
        ("--seed", 0, 0, 2**32 - 1, "draws the split, the first parameters and the shuffles"),
    ):
        demo.add_argument(
            name,
            type=_integer(low, high),
            default=default if name == "--seed" else None,  # so that it is known if it was given
            metavar="N",
            help=f"{what}; {low} to {high} (default: {default})",
        )
    _add_table(demo)
    demo.set_defaults(run=_demo, refuse=demo.error)
    commands.add_parser("info", help=INFO, description=INFO).set_defaults(run=_info)
    _add_plan(commands.add_parser("plan", help=PLAN, description=PLAN))
    _add_play(commands.add_parser("play", help=PLAY, description=PLAY))
    return parser


def _add_plan(plan: argparse.ArgumentParser) -> None:
    large = 10**9
    plan.add_argument(
        "--layers",
        type=_integer(1, large),
        nargs="+",
        metavar="N",
        default=[100, 256, 256, 256, 10],
        help="units of every layer, inputs first (default: 100 256 256 256 10)",
    )
    for name, default, what in (
        ("--batch", 32_768, "rows of a mini-batch, of all nodes together"),
        ("--gigaflops", 1200, "what a node computes in float32, in 10^9 operations a second"),
        ("--sync-every", 1, "steps after which the nodes come together"),
    ):
        plan.add_argument(
            name,
            type=_integer(1, large),
            default=default,
            metavar="N",
            help=f"{what} (default: {default})",
        )
    plan.add_argument(
        "--nodes",
        type=_integer(2, 10**6),
        nargs="+",
        metavar="N",
        help="of how many (default: some up to 1000)",
    )
    plan.set_defaults(run=_plan, refuse=plan.error)


def _add_play(play: argparse.ArgumentParser) -> None:
    play.add_argument(
        "--port",
        type=_integer(0, 65_535),
        default=0,
        metavar="N",
        help="listen there; 0 takes one that is free (default: 0)",
    )
    play.add_argument(
        "--no-browser", action="store_false", dest="browser", help="only say where the page is"
    )
    play.set_defaults(run=_play, refuse=play.error)


def _add_table(demo: argparse.ArgumentParser) -> None:
    own = demo.add_argument_group(
        "a table of your own",
        "Columns of numbers and of text, separated by commas, with a line of names; an empty field "
        "is missing. A fifth of the rows is held out and predicted. Needs pandas and narwhals.",
    )
    own.add_argument("--table", metavar="FILE.csv", help="the table")
    own.add_argument("--target", metavar="NAME", help="the column to predict")
    task = own.add_mutually_exclusive_group()
    for name, what in (
        ("classification", "take the target's values as classes"),
        (
            "regression",
            "take them as numbers (default: as classes if they are text or truth "
            "values, or at most 20 distinct integers)",
        ),
    ):
        task.add_argument(f"--{name}", action="store_const", const=name, dest="task", help=what)


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
