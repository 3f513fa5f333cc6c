"""A study that has begun."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.planning.plan import next_trials
from study.request.reading import write_spec
from study.request.spec import StudySpec
from tests.small_study import record_of

Make = Callable[..., StudySpec]


def begun(spec: StudySpec, directory: Path) -> list[dict[str, Any]]:
    """A study of which everything that could start at once is done."""
    write_spec(spec, directory / "study.toml")
    return [record_of(trial) for trial in next_trials(spec, [])]
