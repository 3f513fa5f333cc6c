"""Bytes that a reader takes, from which fuzzing starts."""

import io
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

from classcomp.populations.fits import Wanted
from study.analysis.files import LEVELS_KEY, STOPPING_KEY, VERSION_KEY
from study.analysis.table import build_trials
from study.engine.code import fingerprint
from study.planning.plan import next_trials
from study.request.reading import parse_spec
from tests.small_study import TABLE, record_of

FITTED = Wanted(dataset="digits", classes=(3, 8), dims=1, components=1)


def seeds_of(reader: str) -> list[bytes]:
    """A few inputs of a reader that are as they should be."""
    return list(_SEEDS.get(reader, _json)())


def _json() -> Iterator[bytes]:
    yield json.dumps({"name": "x", "runs": [{"wall_s": 1.5, "git_commit": None}]}).encode()


def _toml() -> Iterator[bytes]:
    yield tomli_w.dumps(TABLE).encode()
    more = {"hyperparameters": {"vgg": {"learning_rate": [1e-4, 1e-2]}}, "precision": 0.1}
    yield tomli_w.dumps({**TABLE, **more, "seeds": 5, "max_seeds": 9}).encode()


def _overrides() -> Iterator[bytes]:
    yield from (b"seeds=5", b"populations.0.sigma=0.5", b"search={trials=3}", b"families=['vgg']")


def _ledger() -> Iterator[bytes]:
    record = {
        **record_of(next_trials(parse_spec(TABLE, "test"), [])[0]),
        "code": fingerprint(),
        "finished_at": "2026-01-01T00:00:00+00:00",
        "curves": [{"step": 1, "epoch": 0.5, "train_risk": 0.2, "phase": "budget"}],
    }
    yield json.dumps(record).encode() + b"\n"
    yield json.dumps({**record, "status": "failed", "error": "x"}).encode() + b"\n"


def _parquet(table: pa.Table) -> bytes:
    held = io.BytesIO()
    pq.write_table(table, held, compression="none")
    return held.getvalue()


def _trials() -> Iterator[bytes]:
    record = record_of(next_trials(parse_spec(TABLE, "test"), [])[0])
    table = pa.Table.from_pandas(build_trials([record], {}), preserve_index=False)
    rule = {"precision": 0.1, "first_seeds": 5, "max_seeds": 9}
    held = {
        VERSION_KEY: b"4",
        LEVELS_KEY: b'{"label_noise": [0.1]}',
        STOPPING_KEY: json.dumps(rule).encode(),
    }
    names = ("trial_id", "role", "status", "family", "depth", "population", "distortion")
    few = table.select([*names, "severity", "num_train", "seed", "risk", "task"])
    yield _parquet(few.replace_schema_metadata(held))


def _curves() -> Iterator[bytes]:
    point = {"trial_id": "a", "phase": "budget", "step": 1, "epoch": 0.5, "train_risk": 0.1}
    yield _parquet(pa.Table.from_pylist([point]))


def _npz(**arrays: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.savez(held, **arrays)
    return held.getvalue()


def _exhibits() -> Iterator[bytes]:
    yield _npz(**{"features/points": np.zeros((4, 2)), "features/labels": np.arange(4)})
    yield _npz(**{"confusion/counts": np.array([[1, 2], [3, 4]])})
    yield _npz(**{"latent_map/mds": np.zeros((2, 3)), "latent_map/quality": np.zeros((5, 3))})


def _decisions() -> Iterator[bytes]:
    posterior = np.full((8, 2), 0.5)
    yield _npz(posterior=posterior, budget=np.zeros(1, np.uint8), budget_terms=np.zeros(8))
    yield _npz(labels=np.arange(8) % 2, num_classes=np.array(2), budget_terms=np.full(8, 0.5))


def _arrays() -> Iterator[bytes]:
    yield _npz(x=np.zeros((12, 2)), y=np.arange(12) % 2)
    yield _npz(x=np.zeros((12, 4, 4), np.uint8), y=np.arange(12) % 2)


def _fit() -> Iterator[bytes]:
    arrays = {key: np.ones(shape, "f4") for key, shape in FITTED.shapes.items()}
    yield _npz(**{**arrays, "axes": np.eye(1, 64, dtype="f4"), "facts": np.array("{}")})


_SEEDS = {
    "toml": _toml,
    "study_file": _toml,
    "override": _overrides,
    "ledger": _ledger,
    "trials_table": _trials,
    "curves_table": _curves,
    "exhibits_file": _exhibits,
    "decisions_file": _decisions,
    "arrays": _arrays,
    "fit": _fit,
}
