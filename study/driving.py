"""A driver: from what `study.run` was asked to a study's landscape and report."""

import argparse
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from study import cli
from study.engine import signals
from study.engine.carrying import carry
from study.engine.code import fingerprint
from study.logbook import LOG, LogBook
from study.planning.plan import next_trials
from study.planning.progress import ProgressLine
from study.request.extension import (
    check_code,
    check_protocol,
    extend,
    unscored_lines,
    untraced_lines,
)
from study.request.reading import SpecError, read_spec, write_spec
from study.request.spec import StudySpec
from study.storage.bucket_ledger import BucketLedger
from study.storage.ledger import Ledger, LedgerError, Record
from study.storage.opening import open_ledger, open_store
from study.storage.provenance import read_provenance, write_provenance
from study.storage.store import KEPT_WITH_TRIALS, NO_ROOM, StorageError, Store, first_line

if TYPE_CHECKING:
    from study.tables import Tables

FAILED_TRIALS, INTERRUPTED = 3, signals.INTERRUPTED


def drive(options: argparse.Namespace) -> int:
    """Runs what is asked.

    Args:
        options: of `study.options.run_parser`.

    Returns:
        The exit status: see `study.run`.
    """
    with LogBook(options.quiet).kept() as log:
        return _in_one_line(options, log)


def _in_one_line(options: argparse.Namespace, log: LogBook) -> int:
    """Runs what is asked; whatever is in the way is one line."""
    try:
        with signals.raised():
            return _run(options, log)
    except (SpecError, LedgerError, StorageError) as error:
        return cli.complain("study.run", str(error))
    except OSError as error:
        remedy = "make room" if error.errno in NO_ROOM else "mend that"
        return cli.complain(
            "study.run",
            f"{cli.reason(error)}; every finished trial is kept; "
            f"to go on, {remedy} and type: {_same_command()}",
        )
    except MemoryError as error:
        return cli.complain("study.run", f"out of memory: {first_line(error)}")
    except (KeyboardInterrupt, SystemExit):  # the second is Ray's answer to SIGTERM
        print(f"interrupted: every finished trial is kept\nto go on: {_same_command()}")
        return INTERRUPTED
    except _table_error() as error:
        return cli.complain("study.run", str(error))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Workplace:
    """Where this driver works, and how it was told to."""

    store: Store
    ledger: Ledger | BucketLedger
    directory: Path
    options: argparse.Namespace
    log: LogBook


def _run(options: argparse.Namespace, log: LogBook) -> int:
    from study.planning.preflight import check

    spec = read_spec(options.study, options.set, options.name)
    spec = check(spec, options.data_dir)
    store = open_store(options.results, spec.name)
    ledger = open_ledger(store)
    held = nullcontext() if options.dry_run else ledger.locked()
    with held, store.workspace() as directory:
        place = _Workplace(
            store=store, ledger=ledger, directory=directory, options=options, log=log
        )
        if options.dry_run:
            return _dry_run(spec, place)
        return _run_locked(spec, place)


def _dry_run(spec: StudySpec, place: _Workplace) -> int:
    from study.engine import environment
    from study.planning.dry_run import describe

    records, _ = place.ledger.read()
    check_protocol(records, place.store.shown)
    extend(spec, records, place.directory, place.store.shown)
    _check_cost(spec, place.options)
    check_code(spec, records, fingerprint(), place.store.shown)
    environment.prepare()  # before Ray is imported
    from study.engine.timing import timer

    _tell_beforehand(spec, place.options)
    held = (spec, records, place.directory)
    for line in (*unscored_lines(*held), *untraced_lines(*held)):
        print(cli.printable(line))
    costs_of = timer(place.store.address, place.options.data_dir)
    side_by_side = None if place.options.cluster else _side_by_side(spec)
    describe(spec, records, costs_of, Console(), side_by_side)
    return cli.OK


def _side_by_side(spec: StudySpec) -> int:
    """Trials at once on this machine."""
    return max(1, int((os.cpu_count() or 1) / spec.resources.cpus_per_trial))


def _check_cost(spec: StudySpec, options: argparse.Namespace) -> None:
    """Refuses a trial that this machine is too small for; of a cluster's nodes nothing is known."""
    from study.planning.cost import check_cost, memory_here

    lines = check_cost(
        spec,
        options.data_dir,
        memory=memory_here(),
        side_by_side=_side_by_side(spec),
        insists=options.force or options.cluster,
    )
    for line in lines:
        cli.warn("study.run", line)


def _tell_beforehand(spec: StudySpec, options: argparse.Namespace) -> None:
    """Says how far samples of real data overlap, what has no effect, what exceeds its budget."""
    from study.planning.preflight import lines_without_effect
    from study.planning.samples import sample_lines
    from study.planning.sizes import size_lines
    from study.planning.work import settling_lines

    overlaps, exceeding = (tell(spec, options.data_dir) for tell in (sample_lines, size_lines))
    unsettled = settling_lines(spec)
    for line in (*overlaps, *lines_without_effect(spec), *unsettled, *exceeding):
        print(cli.printable(line))


def _run_locked(spec: StudySpec, place: _Workplace) -> int:
    store, directory = place.store, place.directory
    records, warnings = place.ledger.read()
    for warning in warnings:
        cli.warn("study.run", warning)
    check_protocol(records, store.shown)
    whole = extend(spec, records, directory, store.shown)
    earlier = read_provenance(directory)
    spec, whole = (carry(asked, store, directory) for asked in (spec, whole))
    is_over = not next_trials(spec, records)
    tables = _build_tables(whole, records) if records else None  # what no table takes ends here
    if records and not is_over:
        for line in check_code(spec, records, fingerprint(), store.shown):
            cli.warn("study.run", line)
    if not is_over:
        _check_cost(spec, place.options)
    held = (whole, records, directory)
    for line in (*unscored_lines(*held), *untraced_lines(*held)):
        print(cli.printable(line))
    place.log.open(directory / LOG, _same_command())  # what is refused leaves no mark
    write_spec(whole, directory / "study.toml")
    store.publish(directory, "study.toml")
    begin = time.monotonic()
    ending: Exception | None = None
    if not is_over:
        _tell_beforehand(spec, place.options)
        ending = _sweep(spec, whole, records, place)
        tables = None  # there is more now
    else:
        print(f"{spec.name}: all {len(records)} trials are done, nothing to run")
    if isinstance(ending, OSError | LedgerError):
        raise ending
    place.ledger.check_there()  # tables of what is in no ledger would pretend that it is kept
    # The session keeps no curves, the ledger does.
    tables = tables or _build_tables(whole, place.ledger.read()[0])
    wall_s = time.monotonic() - begin
    write_provenance(directory, spec.name, tables.records, earlier, wall_s=wall_s)
    status = _conclude(whole, tables, place, ending)
    store.publish(directory)
    return status


def _sweep(
    spec: StudySpec, whole: StudySpec, records: Sequence[Record], place: _Workplace
) -> Exception | None:
    """Runs what is left; returns why it ended early, if it did."""
    from study.engine import environment

    environment.prepare()  # before Ray is imported
    from study.engine import cluster, sweep, watching
    from study.engine.ending import Interrupted
    from study.engine.logs import Logs
    from study.engine.proposals import Journal, check_search, quieten
    from study.engine.session import Session

    options = place.options
    tell_dashboard = partial(_tell_dashboard, is_quiet=options.quiet)
    quieten()
    check_search(whole, records)
    try:
        with (
            ThreadPoolExecutor(1) as beside,
            cluster.connected(
                cluster=options.cluster,
                address=options.address,
                tell_dashboard=tell_dashboard if options.dashboard else None,
                is_preloading=spec.resources.cpus_per_trial <= 1
                and not spec.resources.gpus_per_trial,
            ),
            signals.raised(),  # connecting put Ray's own handlers in their place
            nullcontext() if options.cluster else watching.watched(_tell_that_ray_ended),
        ):
            code = beside.submit(fingerprint)  # half a second, while workers start
            slots = cluster.num_slots(spec)
            cluster.check_visible(place.store)
            cluster.stage_data(spec.populations, options.data_dir, place.store)
            # Of a quiet study stdout is the log's alone.
            console = Console(force_terminal=False) if options.quiet else Console(stderr=True)
            progress = ProgressLine(spec, slots, console)
            session = Session(
                spec=spec,
                store=place.store,
                ledger=place.ledger,
                records={record["trial_id"]: record for record in records},
                journal=Journal(place.directory / "optuna.journal", whole),
                code=code.result(),
                on_record=Logs(whole, place.directory, partial(cli.warn, "study.run")).add,
                on_change=lambda s: progress.show(s.records.values()),
            )

            progress.show(session.records.values())  # while those of earlier are whole

            def interrupt() -> None:
                session.ending = session.ending or Interrupted()

            # What the report needs is imported while trials run.
            threading.Thread(target=_import_report, daemon=True).start()
            try:
                with signals.noted(interrupt):
                    sweep.launch_sweep(session, options.data_dir)
            finally:
                progress.close(session.records.values())
    except cluster.ClusterError as error:
        raise SpecError(str(error)) from None
    return session.ending


def _tell_dashboard(place: str, is_quiet: bool) -> None:
    from study.engine.cluster import dashboard_line

    if is_quiet:
        print(dashboard_line(place))
        return
    begin = "\r\x1b[2K" if sys.stderr.isatty() else ""  # in place of the progress bar, for a moment
    sys.stderr.write(f"{begin}{dashboard_line(place)}\n")
    sys.stderr.flush()


def _tell_that_ray_ended(why: str) -> None:
    cli.warn("study.run", f"{why}; every finished trial is kept; to go on, type: {_same_command()}")


def _conclude(
    spec: StudySpec, tables: "Tables", place: _Workplace, ending: Exception | None
) -> int:
    from study.engine.ending import Interrupted, TooManyFailed
    from study.rendering.words import counted
    from study.tables import write_tables

    write_report, terminal_text = _import_report()
    store, directory, records = place.store, place.directory, tables.records
    write_tables(tables, spec, directory)
    if isinstance(ending, Interrupted):
        print(f"interrupted: {len(records)} finished trials are kept in {store.shown}")
        print(f"to go on: {_same_command()}")
        return INTERRUPTED
    for folder in KEPT_WITH_TRIALS:
        store.fetch(directory, folder)
    report = write_report(directory)
    print(terminal_text(directory, shutil.get_terminal_size(fallback=(100, 40)).columns))
    print(f"report: {store.shown}/{report.relative_to(directory)}")
    num_failed = sum(record["status"] == "failed" for record in records)
    if isinstance(ending, TooManyFailed):
        cli.warn("study.run", f"ended early: {ending}")
    elif num_failed:
        print(f"{counted(num_failed, 'trial')} failed; the report names them", file=sys.stderr)
    return FAILED_TRIALS if num_failed else cli.OK


def _build_tables(spec: StudySpec, records: Sequence[Record]) -> "Tables":
    from study.tables import build_tables  # pandas: a study can start without

    return build_tables(spec, records)


def _table_error() -> type[Exception]:
    from study.analysis.frames import TableError

    return TableError


def _import_report() -> tuple[Callable[[Path], Path], Callable[..., str]]:
    """The report's two functions; matplotlib and Jinja take a second."""
    from study.report import terminal_text, write_report

    return write_report, terminal_text


def _same_command() -> str:
    """The line that goes on, under the name that the command was called by."""
    name, *words = sys.argv
    called = ["classcomp"] if Path(name).name == "classcomp" else ["python", "-m", "study.run"]
    return shlex.join([*called, *words])
