"""Every reader of what comes from outside, each as a function of bytes, for fuzzing.

A reader may refuse what it is given, in the way in which its command says so; any other exception
is a finding. `fuzzing.py` asks them under coverage guidance, `test_fuzzing.py` with Hypothesis.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import tomli_w

from classcomp.populations.fits import read_fit
from classcomp.populations.own_examples import read_examples
from study.analysis.decisions import Decisions
from study.analysis.exhibits import read_exhibit
from study.analysis.files import read_curves, read_stopping, read_trials
from study.analysis.frames import TableError, to_rows
from study.analysis.reading import read_study
from study.analysis.table import build_curves, build_trials, levels_of
from study.planning.plan import next_trials
from study.rendering.names import shown_name
from study.rendering.summary import flatten
from study.request.extension import check_protocol
from study.request.reading import SpecError, parse_spec, read_spec
from study.status import describe
from study.storage.ledger import Ledger, LedgerError
from study.storage.outside import OutsideError, parse_json, parse_toml
from study.storage.provenance import read_provenance
from study.storage.store import StorageError
from tests.attacks.seeds import FITTED
from tests.small_study import TABLE

SMALLEST = {
    **TABLE,
    **{"families": ["linear"], "depths": [1], "num_train": [64], "seeds": 1, "distortions": {}},
}
"""A study whose plan takes a millisecond."""
REFUSALS = (SpecError, LedgerError, TableError, StorageError, OutsideError)


@cache
def _held() -> tempfile.TemporaryDirectory[str]:
    """A folder of this process, in memory where there is such a place; gone with the process."""
    shared = Path("/dev/shm")
    held = tempfile.TemporaryDirectory(prefix="fuzzing-", dir=shared if shared.is_dir() else None)
    for name in ("ledger", "decisions"):
        (Path(held.name) / name).mkdir()
    return held


def _folder() -> Path:
    return Path(_held().name)


def _written(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def read_json(data: bytes) -> None:
    json.dumps(parse_json(data), allow_nan=False).encode()


def read_toml(data: bytes) -> None:
    tomli_w.dumps(parse_toml(data.decode(errors="replace"))).encode()


def read_study_file(data: bytes) -> None:
    next_trials(read_spec(str(_written("study.toml", data))), [])


def read_override(data: bytes) -> None:
    path = _written("good.toml", tomli_w.dumps(TABLE).encode())
    read_spec(str(path), [data.decode(errors="surrogateescape")])


def read_ledger(data: bytes) -> None:
    """As `study.status` and the tables read it."""
    _written("ledger/000001.jsonl", data)
    records, warnings = Ledger(_folder() / "ledger").read()
    spec = parse_spec(SMALLEST, "test")
    check_protocol(records, "a study")
    told = describe(spec, records, warnings, None, 1e9, 40)
    assert all(line.isprintable() for line in told.splitlines())
    build_trials(records, levels_of(spec.distortions, records))
    build_curves(records)


def read_runs(data: bytes) -> None:
    _written("provenance.json", data)
    read_provenance(_folder())


def read_page_provenance(data: bytes) -> None:
    place = _folder() / "page"
    place.mkdir(exist_ok=True)
    trials = place / "trials.parquet"
    if not trials.exists():
        from study.analysis.files import write_table

        write_table(build_trials([], {}), place / "trials", levels={})
    (place / "provenance.json").write_bytes(data)
    for name, text in flatten(read_study(place).provenance):
        shown_name(name).encode()
        shown_name(text).encode()


def read_trials_table(data: bytes) -> None:
    path = _written("trials.parquet", data)
    to_rows(read_trials(path)[0])
    read_stopping(path)


def read_curves_table(data: bytes) -> None:
    to_rows(read_curves(_written("curves.parquet", data)))


def read_exhibits_file(data: bytes) -> None:
    read_exhibit(_written("exhibit.npz", data))


def read_decisions_file(data: bytes) -> None:
    """As a law and as a rule; what is wrong with them is kept, not raised."""
    from tests.attacks.deciding import CELL, ROW

    _written(f"decisions/{CELL}", data)
    _written(f"decisions/{ROW['trial_id']}.npz", data)
    decisions = Decisions(_folder())
    decisions.terms(ROW)
    decisions.log_probabilities(ROW)
    decisions.labelled({**ROW, "task": "reconstruction"})


def read_arrays(data: bytes) -> None:
    with suppress(ValueError):
        read_examples(_written("mine.npz", data))


def read_fitted(data: bytes) -> None:
    with suppress(ValueError):
        read_fit(_written("fit.npz", data), FITTED)


READERS: Mapping[str, Callable[[bytes], None]] = {
    "json": read_json,
    "toml": read_toml,
    "study_file": read_study_file,
    "override": read_override,
    "ledger": read_ledger,
    "runs": read_runs,
    "page_provenance": read_page_provenance,
    "trials_table": read_trials_table,
    "curves_table": read_curves_table,
    "exhibits_file": read_exhibits_file,
    "decisions_file": read_decisions_file,
    "arrays": read_arrays,
    "fit": read_fitted,
}


def ask(reader: str, data: bytes) -> bool:
    """Whether a reader takes these bytes; what is neither taken nor refused is raised."""
    try:
        READERS[reader](data)
    except REFUSALS:
        return False
    return True
