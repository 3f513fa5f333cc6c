"""The command `python -m study.run`: from a study file to its landscape.

Exit status: 0 all done · 2 the request is wrong, or the place for results takes no more · 3 done
with failed trials, or ended for too many of them · 130 interrupted.
"""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from study import command, signals
from study.bucket_ledger import BucketLedger, open_ledger
from study.extension import extend
from study.ledger import Ledger, LedgerError, Record
from study.plan import next_trials
from study.progress import ProgressLine
from study.provenance import read_provenance, write_provenance
from study.report import write_report
from study.schema import UNDISTORTED
from study.spec import SpecError, StudySpec, read_spec, recipe_names, write_spec
from study.storage import NO_ROOM, StorageError, Store, first_line, open_store
from study.table import TableError, build_curves, build_trials, write_table
from study.terminal import render_landscape_text

FAILED_TRIALS, INTERRUPTED = 3, signals.INTERRUPTED


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    command.print_whatever_can_be_shown()
    options = _parser().parse_args(arguments)
    try:
        with signals.raised():
            return _run(options)
    except (SpecError, LedgerError, TableError, StorageError) as error:
        return command.complain("study.run", str(error))
    except OSError as error:
        remedy = "make room" if error.errno in NO_ROOM else "mend that"
        return command.complain(
            "study.run",
            f"{command.reason(error)}; every finished trial is kept; "
            f"to go on, {remedy} and type: {_same_command()}",
        )
    except MemoryError as error:
        return command.complain("study.run", f"out of memory: {first_line(error)}")
    except (KeyboardInterrupt, SystemExit):  # the second is Ray's answer to SIGTERM
        print(f"interrupted: every finished trial is kept\nto go on: {_same_command()}")
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    from study.preflight import check

    spec = read_spec(options.study, options.set, options.name)
    check(spec, options.data_dir)
    store = open_store(options.results, spec.name)
    ledger = open_ledger(store)
    if options.dry_run:
        from study.dry_run import describe

        records, _ = ledger.read()
        with store.workspace() as directory:
            extend(spec, records, directory, store.shown)
        describe(spec, records, options.data_dir, Console())
        return command.OK
    with ledger.locked(), store.workspace() as directory:
        return _run_locked(spec, store, ledger, directory, options)


def _run_locked(
    spec: StudySpec,
    store: Store,
    ledger: Ledger | BucketLedger,
    directory: Path,
    options: argparse.Namespace,
) -> int:
    records, warnings = ledger.read()
    for warning in warnings:
        print(f"study.run: {warning}", file=sys.stderr)
    whole = extend(spec, records, directory, store.shown)
    build_trials(records, _levels(whole, records))  # what cannot be tabulated is refused now
    earlier = read_provenance(directory)
    write_spec(whole, directory / "study.toml")
    store.publish(directory, "study.toml")
    begin = time.monotonic()
    ending: Exception | None = None
    if next_trials(spec, records):
        records, ending = _sweep(spec, records, store, ledger, directory, options)
    else:
        print(f"{spec.name}: all {len(records)} trials are done, nothing to run")
    if isinstance(ending, OSError | LedgerError):
        raise ending
    write_provenance(directory, spec, records, earlier, wall_s=time.monotonic() - begin)
    status = _conclude(whole, records, store, directory, ending)
    store.publish(directory)
    return status


def _sweep(
    spec: StudySpec,
    records: Sequence[Record],
    store: Store,
    ledger: Ledger | BucketLedger,
    directory: Path,
    options: argparse.Namespace,
) -> tuple[list[Record], Exception | None]:
    from study import cluster, launch
    from study.search import Journal, check_search
    from study.session import Interrupted, Session

    check_search(records)
    try:
        with (
            cluster.connected(
                cluster=options.cluster, address=options.address, dashboard=options.dashboard
            ) as dashboard,
            signals.raised(),  # connecting put Ray's own handlers in their place
        ):
            slots = cluster.num_slots(spec)
            cluster.check_visible(store)
            cluster.stage_data(spec.populations, options.data_dir)
            if options.dashboard:
                print(cluster.dashboard_line(dashboard), file=sys.stderr)
            progress = ProgressLine(spec, slots, Console(stderr=True))
            session = Session(
                spec=spec,
                store=store,
                ledger=ledger,
                records={record["trial_id"]: record for record in records},
                journal=Journal(directory / "optuna.journal"),
                on_change=lambda s: progress.show(s.records.values()),
            )

            def interrupt() -> None:
                session.ending = session.ending or Interrupted()

            with signals.noted(interrupt):
                launch.launch_sweep(session, options.data_dir)
            progress.close(session.records.values())
    except cluster.ClusterError as error:
        raise SpecError(str(error)) from None
    return list(session.records.values()), session.ending


def _conclude(
    spec: StudySpec,
    records: Sequence[Record],
    store: Store,
    directory: Path,
    ending: Exception | None,
) -> int:
    from study.session import Interrupted, TooManyFailed

    levels = _levels(spec, records)
    write_table(build_trials(records, levels), directory / "trials", levels=levels)
    write_table(build_curves(records), directory / "curves")
    if isinstance(ending, Interrupted):
        print(f"interrupted: {len(records)} finished trials are kept in {store.shown}")
        print(f"to go on: {_same_command()}")
        return INTERRUPTED
    report = write_report(directory)
    print(render_landscape_text(pd.read_parquet(directory / "landscape.parquet")))
    print(f"report: {store.shown}/{report.relative_to(directory)}")
    num_failed = sum(record["status"] == "failed" for record in records)
    if isinstance(ending, TooManyFailed):
        print(f"study.run: ended early: {ending}", file=sys.stderr)
    elif num_failed:
        print(f"{num_failed} trials failed; the report names them", file=sys.stderr)
    return FAILED_TRIALS if num_failed else command.OK


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
    parser = command.Parser(
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
        "--no-dashboard",
        dest="dashboard",
        action="store_false",
        help="a local study without Ray's dashboard: about a second and 200 MB less",
    )
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
    exit_status = main()
    if exit_status == INTERRUPTED:  # in a hurry: torch and Ray take seconds to be taken down
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_status)
    sys.exit(exit_status)
