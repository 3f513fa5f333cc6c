"""Results in a bucket, served by moto on loopback."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from study import report
from study.storage import bucket_ledger
from study.storage.bucket import BucketStore
from study.storage.bucket_ledger import BucketLedger
from study.storage.ledger import LedgerError
from study.storage.opening import open_store
from study.storage.store import StorageError
from tests.cluster.driving import KEYS, SMALL, records_of, results_of
from tests.storage.test_ledger import record_with_id


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """HOST:PORT of a server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def results(service: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix in a bucket that is there."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=f"http://{service}", region_name="us-east-1")
    client.create_bucket(Bucket="studies")
    yield f"s3://studies/mine?endpoint_override={service}&scheme=http&region=us-east-1"
    listed = client.list_objects_v2(Bucket="studies").get("Contents", [])
    for found in listed:
        client.delete_object(Bucket="studies", Key=found["Key"])


def store_of(results: str, name: str = "small") -> BucketStore:
    store = open_store(results, name)
    assert isinstance(store, BucketStore)
    return store


@pytest.mark.slow
def test_a_study_lives_in_a_bucket(
    finish_shared: Callable[..., tuple[int, str]],
    results: str,
    tmp_path: Path,
    quiet_study: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, printed = finish_shared(SMALL, tmp_path, "--results", results)
    assert status == 0, printed
    store = store_of(results)
    assert f"report: {store.shown}/report/index.html" in printed
    promised = (
        *("study.toml", "provenance.json", "trials.parquet", "trials.csv", "curves.parquet"),
        *("landscape.parquet", "landscape.csv", "optuna.journal", "report/index.html"),
    )
    assert [name for name in promised if store.read(name) is None] == []
    records, warnings = BucketLedger(store).read()
    assert warnings == []
    assert store.files("locks") == {}
    status, printed = finish_shared(SMALL, tmp_path, "--results", results)
    assert status == 0, printed
    assert "nothing to run" in printed
    assert len(json.loads(store.read("provenance.json"))["runs"]) == 2
    status, printed = finish_shared(
        SMALL, tmp_path, "--results", results, "--set", "training.max_epochs=9"
    )
    assert status == 2
    assert "training.max_epochs = 9 (there: 15)" in printed
    assert results_of(records) == results_of(records_of(quiet_study))
    assert report.main([store.address]) == 0
    assert capsys.readouterr().out.strip().endswith("/report/index.html")


def test_what_workers_put_there_is_fetched_and_not_uploaded_again(results: str) -> None:
    store = store_of(results)
    for name in ("decisions/a.npz", "exhibits/a.npz", "study.toml"):
        store.write(name, b"theirs")
    with store.workspace() as folder:
        for kept in ("exhibits", "decisions"):
            store.fetch(folder, kept)
        for path in folder.rglob("*"):
            if path.is_file():
                assert path.read_bytes() == b"theirs"
                path.write_bytes(b"mine")
        assert len([*folder.rglob("*.npz")]) == 2
        store.publish(folder)
    assert store.read("study.toml") == b"mine"
    assert store.read("decisions/a.npz") == store.read("exhibits/a.npz") == b"theirs"


def test_the_second_of_two_drivers_is_refused(results: str) -> None:
    store = store_of(results)
    with (
        BucketLedger(store).locked(),
        pytest.raises(LedgerError, match="another driver is at work on it"),
        BucketLedger(store).locked(),
    ):
        pass
    with BucketLedger(store).locked() as ledger:
        ledger.append(record_with_id("a"))
    assert [r["trial_id"] for r in BucketLedger(store).read()[0]] == ["a"]


@pytest.mark.slow
def test_the_lock_of_a_driver_that_died_ends(results: str) -> None:
    store = store_of(results)
    store.write("locks/dead.json", b'{"host": "gone", "pid": 1}')
    with pytest.raises(LedgerError, match="gone, process 1, last seen"):
        BucketLedger(store, stale_s=2).locked().__enter__()
    time.sleep(3)  # S3 tells times in whole seconds
    with BucketLedger(store, stale_s=2).locked():
        assert "dead.json" not in store.files("locks")


@pytest.mark.slow
def test_a_heartbeat_keeps_the_lock(results: str) -> None:
    store = store_of(results)
    with BucketLedger(store, heartbeat_s=0.2, stale_s=2).locked():
        time.sleep(3)
        with pytest.raises(LedgerError, match="another driver"):
            BucketLedger(store, stale_s=2).locked().__enter__()


def test_a_driver_cut_off_from_the_bucket_stops_itself(
    results: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(results)
    now = time.monotonic()
    with BucketLedger(store).locked() as ledger:
        later = now + bucket_ledger.STALE_S + 5
        monkeypatch.setattr(bucket_ledger.time, "monotonic", lambda: later)
        with pytest.raises(LedgerError, match="another driver may have taken over"):
            ledger.append(record_with_id("a"))


def test_damage_is_refused(results: str) -> None:
    store = store_of(results)
    store.write("ledger/a.json", b'{"trial_id": "a"')
    with pytest.raises(LedgerError, match=r"ledger/a.json is not a trial's record"):
        BucketLedger(store).read()


def test_what_cannot_be_opened_is_one_line(results: str, service: str) -> None:
    nowhere = results.replace("s3://studies", "s3://nobody")
    with pytest.raises(StorageError, match="there is no such bucket"):
        open_store(nowhere, "small")
    with pytest.raises(StorageError, match="carries no keys"):
        open_store(results.replace("s3://", "s3://key:secret@"), "small")
