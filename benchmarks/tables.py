"""What tables cost: trials in their thousands and millions to errors, intervals, comparisons.

    python benchmarks/tables.py [16k 160k 1m …]    every table of a made study (made_trials.py)
    python benchmarks/tables.py --tables 160k      the same, table by table
    python benchmarks/tables.py --report           the report of a study of 10,000 trials
    python benchmarks/tables.py --import           `import study.report` beside `import pandas`

Seconds are of the wall clock and of the processor: the first mean something on an idle machine
alone. Each is measured in a process of its own, whose peak memory is its own too.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from made_trials import Design, write_study

DESIGNS = {
    "10k": Design(laws=1, depths=1, seeds=22, proposals=22, deciding=1, curves=10),
    "16k": Design(laws=1, depths=2, seeds=20, proposals=20, deciding=1),
    "160k": Design(laws=2, depths=4, seeds=50, proposals=50, deciding=1),
    "1m": Design(laws=6, depths=4, seeds=104, proposals=104, deciding=1),
}
ROUNDS = 5


class Clock:
    """Seconds of wall and processor since it was made."""

    def __init__(self) -> None:
        self._begin = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        wall, cpu = self._begin
        return f"{time.perf_counter() - wall:.2f} s, processor {time.process_time() - cpu:.2f} s"


def peak_memory() -> str:
    """Of this process."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"


def measure_tables(folder: Path, *, one_by_one: bool) -> None:
    """Prints what reading a study and building its tables takes."""
    from study.analysis import results
    from study.analysis.reading import read_study

    whole = Clock()
    study = read_study(folder)
    print(f"read {whole}", flush=True)
    if one_by_one:
        for name in ("join", "missing_rows", *vars(results)):
            if name in ("join", "missing_rows") or name.startswith("build_"):
                setattr(results, name, _timed(name, getattr(results, name)))
    found = results.build_results(
        study.trials,
        study.levels,
        study.decisions,
        families=study.families,
        curves=study.curves,
    )
    rows = f"{len(found.landscape):,} cells, {len(found.comparisons):,} comparisons"
    print(f"{len(study.trials):,} trials, {rows}: {whole}, peak {peak_memory()}")


def _timed(name: str, function: Any) -> Any:
    def timed(*args: Any, **kwargs: Any) -> Any:
        clock = Clock()
        found = function(*args, **kwargs)
        print(f"    {name} {clock}, peak {peak_memory()}", flush=True)
        return found

    return timed


def measure_report(folder: Path) -> None:
    """Prints what the report of a study takes, pictures and page included."""
    clock = Clock()
    from study.report import write_report

    write_report(folder, folder / "out")
    print(f"report {clock}, peak {peak_memory()}")


def measure_imports() -> None:
    """Prints processor seconds of both imports, the least of some rounds, taken in turns."""
    found: dict[str, list[float]] = {"pandas": [], "study.report": []}
    for _ in range(ROUNDS):
        for name, seconds in found.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds.append(used)
    least = {name: min(seconds) for name, seconds in found.items()}
    ratio = statistics.median(
        mine / pandas for mine, pandas in zip(found["study.report"], found["pandas"], strict=True)
    )
    print(json.dumps({name: round(value, 2) for name, value in least.items()}))
    print(f"median ratio {ratio:.2f}")


def measure_apart(what: str, folder: Path) -> None:
    """Measures in a process of its own."""
    subprocess.run([sys.executable, __file__, "--measure", what, str(folder)], check=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes the studies asked for and prints what their tables take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=["16k", "160k", "1m"])
    parser.add_argument("--tables", action="store_true", help="table by table")
    parser.add_argument("--report", action="store_true", help="of 10,000 trials")
    parser.add_argument("--import", action="store_true", dest="imports")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "DIR"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        what, folder = options.measure[0], Path(options.measure[1])
        if what == "report":
            measure_report(folder)
        else:
            measure_tables(folder, one_by_one=what == "each")
        return
    if options.imports:
        measure_imports()
        return
    for size in ["10k"] if options.report else options.sizes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / size
            print(f"{size}: {write_study(folder, DESIGNS[size]):,} trials", flush=True)
            told = "report" if options.report else "each" if options.tables else "tables"
            measure_apart(told, folder)


if __name__ == "__main__":
    main()
