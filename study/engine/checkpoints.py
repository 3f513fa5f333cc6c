"""A long trial's state on disk: the death of a worker, a node or the driver costs little."""

import io
from contextlib import suppress
from typing import Any

from study.storage.store import StorageError, Store

EVERY_S = 60.0
"""Seconds of a trial that such a death may cost at most."""


def checkpoint_name(trial_id: str) -> str:
    """Where a trial's checkpoint is in the study's place."""
    return f"checkpoints/{trial_id}.pt"


def read_checkpoint(store: Store, trial_id: str) -> dict[str, Any] | None:
    """The state that an attempt before this one left; None where it left none.

    Raises:
        Exception: the checkpoint is damaged; torch raises many kinds.
    """
    import torch

    saved = store.read(checkpoint_name(trial_id))
    if saved is None:
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(saved), weights_only=True, map_location="cpu")
    return state


def write_checkpoint(store: Store, trial_id: str, state: dict[str, Any]) -> None:
    """Writes a trial's state; where that cannot be done the trial goes on without."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    with suppress(OSError, StorageError):
        store.write(checkpoint_name(trial_id), buffer.getvalue())


def drop_checkpoint(store: Store, trial_id: str) -> None:
    """Removes a finished trial's state; one that stays would be ignored."""
    with suppress(OSError):
        store.remove(checkpoint_name(trial_id))
