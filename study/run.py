"""The command `python -m study.run`: from a study file to its landscape.

Exit status: 0 all done, 2 the request is wrong, 3 finished with failed trials, 130 interrupted.
"""

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import pandas as pd
from rich.console import Console

from study.ledger import Ledger, LedgerError, Record
from study.plan import next_trials
from study.progress import ProgressLine
from study.provenance import write_provenance
from study.report import write_report
from study.schema import UNDISTORTED
from study.spec import SpecError, StudySpec, read_spec, recipe_names, write_spec
from study.table import TableError, build_curves, build_trials, write_table
from study.terminal import render_landscape_text

OK, WRONG_REQUEST, FAILED_TRIALS, INTERRUPTED = 0, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (SpecError, LedgerError, TableError) as error:
        print(f"study.run: {error}", file=sys.stderr)
        return WRONG_REQUEST


def _run(options: argparse.Namespace) -> int:
    from study.preflight import check

    spec = read_spec(options.study, options.set, options.name)
    check(spec, options.data_dir)
    directory = Path(options.results) / spec.name
    ledger = Ledger(directory / "ledger")
    if options.dry_run:
        from study.dry_run import describe

        records, _ = ledger.read()
        describe(spec, records, options.data_dir, Console())
        return OK
    with ledger.locked():
        return _run_locked(spec, ledger, directory, options)


def _run_locked(
    spec: StudySpec, ledger: Ledger, directory: Path, options: argparse.Namespace
) -> int:
    records, warnings = ledger.read()
    for warning in warnings:
        print(f"study.run: {warning}", file=sys.stderr)
    write_spec(spec, directory / "study.toml")
    begin = time.monotonic()
    interrupted = False
    if next_trials(spec, records):
        records, interrupted = _sweep(spec, records, ledger, directory, options)
    else:
        print(f"{spec.name}: all {len(records)} trials are done, nothing to run")
    write_provenance(directory, spec, records, wall_s=time.monotonic() - begin)
    return _conclude(spec, records, directory, interrupted)


def _sweep(
    spec: StudySpec,
    records: Sequence[Record],
    ledger: Ledger,
    directory: Path,
    options: argparse.Namespace,
) -> tuple[list[Record], bool]:
    from study import launch
    from study.search import Journal

    try:
        with launch.connected(cluster=options.cluster, address=options.address):
            slots = launch.num_slots(spec)
            launch.stage_data(spec.populations, options.data_dir)
            progress = ProgressLine(spec, slots, Console(stderr=True))
            session = launch.Session(
                spec=spec,
                ledger=ledger,
                records={record["trial_id"]: record for record in records},
                journal=Journal(directory / "optuna.journal"),
                on_change=lambda s: progress.show(s.records.values()),
            )

            def interrupt(number: int, frame: FrameType | None) -> None:
                session.interrupted = True

            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, interrupt)
            launch.launch_sweep(session, directory, options.data_dir)
            progress.close(session.records.values())
    except launch.ClusterError as error:
        raise SpecError(str(error)) from None
    return list(session.records.values()), session.interrupted


def _conclude(
    spec: StudySpec, records: Sequence[Record], directory: Path, interrupted: bool
) -> int:
    levels = _levels(spec, records)
    write_table(build_trials(records, levels), directory / "trials", levels=levels)
    write_table(build_curves(records), directory / "curves")
    if interrupted:
        print(f"interrupted: {len(records)} finished trials are kept in {directory}")
        print(f"to go on: {_same_command()}")
        return INTERRUPTED
    report = write_report(directory)
    print(render_landscape_text(pd.read_parquet(directory / "landscape.parquet")))
    print(f"report: {report}")
    num_failed = sum(record["status"] == "failed" for record in records)
    if num_failed:
        print(f"{num_failed} trials failed; the report names them", file=sys.stderr)
        return FAILED_TRIALS
    return OK


def _levels(spec: StudySpec, records: Sequence[Record]) -> dict[str, list[float]]:
    """Severities by distortion: the spec's, then those only an earlier run asked for."""
    levels = {name: list(severities) for name, severities in spec.distortions.items()}
    for record in records:
        if record["distortion"] != UNDISTORTED:
            severities = levels.setdefault(record["distortion"], [])
            if record["severity"] not in severities:
                severities.append(record["severity"])
    return levels


def _same_command() -> str:
    return shlex.join(["python", "-m", "study.run", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m study.run", description="Runs a study to its landscape and report."
    )
    parser.add_argument(
        "study",
        nargs="?",
        default="quickstart",
        metavar="RECIPE|study.toml",
        help=f"a recipe ({', '.join(recipe_names())}) or a study file; default: quickstart",
    )
    parser.add_argument("--cluster", action="store_true", help="use the Ray cluster that is there")
    parser.add_argument("--address", metavar="A", help="of the cluster, HOST:PORT")
    parser.add_argument(
        "--results", metavar="DIR", default="ray_results", help="default: ray_results"
    )
    parser.add_argument("--name", metavar="N", help="of the study, in place of the file's")
    parser.add_argument(
        "--set",
        metavar="key=value",
        action="append",
        default=[],
        help="override a key of the study file, such as seeds=5 or search.trials=0",
    )
    parser.add_argument("--data-dir", metavar="DIR", help="where real images are looked for first")
    parser.add_argument(
        "--dry-run", action="store_true", help="tell trials, epochs and CPU time, and stop"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
