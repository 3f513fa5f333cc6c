"""A driver's view of a study that is not running."""

from collections.abc import Callable
from pathlib import Path

from study.engine.proposals import Journal
from study.engine.session import Session
from study.request.spec import StudySpec
from study.storage.folder import FolderStore
from study.storage.ledger import Ledger, Record


def session_of(
    spec: StudySpec,
    folder: Path,
    ledger: Ledger,
    on_record: Callable[[Record], None] = lambda record: None,
) -> Session:
    return Session(
        spec=spec,
        store=FolderStore(folder),
        ledger=ledger,
        records={},
        journal=Journal(folder / "optuna.journal", spec),
        code="0123456789ab",
        on_record=on_record,
        on_change=lambda session: None,
    )
