"""From what the user names to a study's place, and to its ledger."""

from pathlib import Path
from urllib.parse import urlunsplit

from study.storage.bucket import BucketStore, split_address
from study.storage.bucket_ledger import BucketLedger
from study.storage.folder import FolderStore
from study.storage.ledger import Ledger
from study.storage.store import Store


def open_store(results: str, name: str) -> Store:
    """The place of the study `name` under `--results`.

    Raises:
        StorageError: no such bucket, or it cannot be reached.
    """
    if not is_address(results):
        return FolderStore(Path(results) / name)
    parts = split_address(results)
    return store_at(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}")))


def store_at(address: str) -> Store:
    """The place with this address.

    Raises:
        StorageError: no such bucket, or it cannot be reached.
    """
    return BucketStore(address) if is_address(address) else FolderStore(Path(address))


def is_address(place: str) -> bool:
    """Whether a place is named by an address, and not by a path."""
    return "://" in place


def open_ledger(store: Store) -> Ledger | BucketLedger:
    """The ledger of a study's place."""
    if isinstance(store, BucketStore):
        return BucketLedger(store)
    assert isinstance(store, FolderStore)
    return Ledger(store.path / "ledger")
