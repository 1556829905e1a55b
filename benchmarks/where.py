"""Where does the time of a training step go?

    python benchmarks/where.py --workloads A,B

Threads that train are asked a few thousand times, at irregular moments, where they are; README.md
says more. Linux on x86-64 or AArch64, with addr2line (binutils).
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import compiled
import measure
import peers
import report
import workloads
from workloads import WORKLOADS

# Parts of a step, and what the names of the engine's functions for them look like.
PRODUCTS, ENGINE, PYTHON = "matrix products", "rest of the engine", "Python"
PARTS = {
    # The innermost names are those of intrinsics; a tile that ends with a relu counts as a product.
    PRODUCTS: r"^tile|^product|^narrow_product|^thin_|^settle|^sum_of_lanes|^copy_panel",
    "shuffle": r"shuffle|swap",
    "gather": r"gather|ask_for|prefetch",
    "sparse products": r"add_scaled|sparse",
    "update": r"_update|\bmove\b|_move|sum_of_squares|squares|clip",
    "elementwise": r"logistic|relu|tanh|identity|softmax|exp|squared_error|loss|derivative|bias|"
    r"column_sums|fill_rows|output_delta|sum_",
    "waiting": r"team_wait|barrier",
}
COLUMNS = [*PARTS, ENGINE, PYTHON]
WAITING_CALLS = re.compile(r"yield|futex|nanosleep|cond_wait|cond_timedwait|pause|sem_")


class Mapping:
    """What lies at an address of this process."""

    def __init__(self):
        self.ranges = []
        first: dict[str, int] = {}
        for line in Path("/proc/self/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            if len(fields) < 6:
                continue
            low, high = (int(part, 16) for part in fields[0].split("-"))
            first.setdefault(fields[5], low)
            if "x" in fields[1]:
                self.ranges.append((low, high, fields[5]))
        self.first = first

    def find(self, address: int) -> tuple[str, int]:
        """File and address within it."""
        for low, high, path in self.ranges:
            if low <= address < high:
                return path, address - self.first[path]
        return "", address


def functions(path: str, addresses: list[int]) -> dict[int, list[str]]:
    """Functions at these addresses of a file, the innermost inlined one first."""
    if not addresses or not os.path.exists(path):
        return {}
    text = subprocess.run(
        ["addr2line", "-a", "-f", "-i", "-e", path],
        input="\n".join(hex(a) for a in addresses),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[int, list[str]] = {}
    for line in text.splitlines():
        if re.fullmatch(r"0x[0-9a-f]+", line):
            here = found.setdefault(int(line, 16), [])
            is_name = True
        else:
            if is_name:
                here.append(line)
            is_name = not is_name
    return found


class Profile:
    """cbackprop in a process of its own, watched while it trains."""

    def __init__(self):
        from threadpoolctl import threadpool_info

        import cbackprop

        self.peer = peers.runner("cbackprop")
        self.sampler = compiled.load("sampler")
        self.home = os.path.dirname(os.path.realpath(cbackprop.__file__)) + os.sep
        self.blas = {os.path.realpath(i["filepath"]) for i in threadpool_info()}

    def version(self) -> str:
        return self.peer.version

    def profile(self, name: str, dtype: str, threads: int, seconds: float):
        """Seconds, CPU seconds, and what a step takes, its parts' shares, the functions met."""
        workload, others = WORKLOADS[name], _threads()
        runner = self.peer(workload, workloads.make(workload, dtype), f"n_jobs={threads}", threads)
        runner.epochs(1)
        epochs = max(1, round(seconds / measure.timed(lambda: runner.epochs(1))[0]))
        # Those that train, among them the ones that wait for work between slices; not BLAS's own.
        self.sampler.start([threading.get_native_id(), *(_threads() - others)], 400)
        elapsed, cpu = measure.timed(lambda: runner.epochs(epochs))
        parts, names = self.classify(self.sampler.stop())
        if not workload.sparse:  # the loop that adds a multiple of a vector serves momentum, too
            parts["update"] += parts.pop("sparse products", 0)
        total = sum(parts.values())
        return elapsed, cpu, {
            "step": elapsed / (epochs * workload.steps) * 1e6,
            "samples": total,
            "parts": {part: count / total for part, count in parts.items()},
            "functions": [(what, count / total) for what, count in names.most_common(25)],
        }  # fmt: skip

    def classify(self, samples: list[tuple[int, int]]):
        """How many samples each part has, and each function."""
        mapping = Mapping()
        counts = collections.Counter(samples)
        # A return address is behind its call.
        places = {pair: (mapping.find(pair[0]), mapping.find(pair[1] - 1)) for pair in counts}
        wanted: dict[str, set[int]] = collections.defaultdict(set)
        for here, above in places.values():
            for path, at in (here, above):
                if path.startswith(self.home) or "libc" in Path(path).name:
                    wanted[path].add(at)
        names = {path: functions(path, sorted(wanted[path])) for path in wanted}
        parts, met = collections.Counter(), collections.Counter()
        for pair, count in counts.items():
            (path, at), (above, back) = places[pair]
            chain = names.get(path, {}).get(at, ["?"])
            part = self.part(path, chain, above, names.get(above, {}).get(back, ["?"]))
            parts[part] += count
            where = Path(path).name.split(".")[0] or "the kernel"
            met[f"{part}: {_short(chain[0])} in {where}"] += count
        return parts, met

    def part(self, path: str, chain: list[str], above: str, callers: list[str]) -> str:
        """The part of a step that an address belongs to, or the address it was called from."""
        if os.path.realpath(path) in self.blas:
            return PRODUCTS
        if path.startswith(self.home):
            return _of_engine(chain)
        if any(WAITING_CALLS.search(name) for name in chain):
            return "waiting"
        if "random" in path:
            return "shuffle"
        if os.path.realpath(above) in self.blas:
            return PRODUCTS
        if above.startswith(self.home):
            return _of_engine(callers)
        # Of the mathematical library the loops use pow, for Adam's rate; Python does not.
        return ENGINE if Path(path).name.startswith("libm.") else PYTHON


def _threads() -> set[int]:
    """All threads of this process: `threading` knows only those that it has started."""
    return {int(name) for name in os.listdir("/proc/self/task")}


def _of_engine(chain: list[str]) -> str:
    for name in chain:
        for part, pattern in PARTS.items():
            if re.search(pattern, _short(name)):
                return part
    return ENGINE


def _short(name: str) -> str:
    """A Cython function's own name."""
    return re.sub(r"^(__pyx_fuse_\d)?__pyx_f_9cbackprop_6engine_\d+[a-z]+_", "", name)


def _table(found: list[dict]) -> str:
    """Microseconds a step of every part, and its share."""
    head = ["workload", "threads", "us a step", "bare gemm calls", *COLUMNS, "others"]
    rows = []
    for one in found:
        shares = [one["parts"].get(column, 0.0) for column in COLUMNS]
        cells = [
            f"{report.number(one['step'] * share)} ({share:.0%})" if share >= 0.005 else "-"
            for share in shares
        ]
        rows.append(
            [
                f"{one['workload']}: {WORKLOADS[one['workload']]}, {one['dtype']}",
                str(one["threads"]),
                report.number(one["step"]),
                report.number(one["floor"]),
                *cells,
                f"{one['others']:.1f}",
            ]
        )
    return report.table(head, rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", default="A,B,C,D,E,F", help="of %(default)s")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=3.0, help="of watching, each")
    parser.add_argument("--patience", type=int, default=3, help="as in steps.py")
    parser.add_argument("--functions", action="store_true", help="list the functions met, too")
    parser.add_argument("--keep-pins", action="store_true", help="as in steps.py")
    parser.add_argument("--out", type=Path, default=report.RESULTS, help="folder")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md too")
    return parser.parse_args()


def _watch(own: measure.Worker, patience: int, *what) -> dict:
    """The least disturbed of at most 1 + patience profiles."""
    best: dict = {}
    for _ in range(1 + patience):
        got: list[dict] = []

        def once(got=got):
            seconds, cpu, found = own.call("profile", *what)
            got.append(found)
            return seconds, cpu

        others = measure.sample(once).elsewhere
        if not best or others < best["others"]:
            best = {**got[0], "others": others}
        if not best["others"] > measure.QUIET:
            break
    return best


def _floor(worker: measure.Worker, name: str, dtype: str) -> float:
    """Microseconds of a step's bare products: the least of a few measurements of the best form."""
    times = []
    for form in worker.call("load", name, dtype):
        worker.call("start", form)
        epochs = worker.call("epochs_in", form, 0.1)
        for _ in range(5):
            seconds, _ = worker.call("time", form, epochs)
            times.append(seconds / (epochs * WORKLOADS[name].steps) * 1e6)
    return min(times)


def _look(options: argparse.Namespace, names: list[str], threads: int) -> tuple[str, list[dict]]:
    """cbackprop's version, and where the time goes with so many threads."""
    variables = measure.environment(threads, options.keep_pins)
    own = measure.Worker("where:Profile", variables)
    bare = measure.Worker(
        "steps:Trainer", variables, library="floor", threads=threads, most=threads
    )
    found = []
    for name, dtype in itertools.product(names, options.dtype.split(",")):
        one = {"workload": name, "dtype": dtype, "threads": threads}
        one["floor"] = _floor(bare, name, dtype)
        one |= _watch(own, options.patience, name, dtype, threads, options.seconds)
        found.append(one)
        print(f"{name} {dtype}, {threads}: {one['samples']} samples", file=sys.stderr)
        if options.functions:
            print("\n".join(f"  {share:6.1%} {what}" for what, share in one["functions"]))
    version = own.call("version")
    own.close()
    bare.close()
    return version, found


def main() -> None:
    options = _arguments()
    for name in ("sampler", "floor"):
        compiled.load(name)
    wanted = options.workloads.split(",")
    names = [name for name in WORKLOADS if name in wanted or name.split()[0] in wanted]
    load, found = report.load_average(), []
    for threads in [int(n) for n in options.threads.split(",")]:
        version, more = _look(options, names, threads)
        found += more
    found.sort(key=lambda one: (one["dtype"], names.index(one["workload"]), one["threads"]))
    machine = report.machine(
        {"cbackprop": version}, options.keep_pins, (load, report.load_average())
    )
    text = f"{report.about(machine)}\n\n{_table(found)}"
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "where.md").write_text(text + "\n", encoding="utf-8")
    report.write_json(options.out / "where.json", machine, found=found)
    if options.readme:
        report.into_readme("where", text)


if __name__ == "__main__":
    main()
