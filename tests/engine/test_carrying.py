"""What a study takes along of a fitted law: its fingerprint."""

from pathlib import Path

import pytest

from study.engine.carrying import carry
from study.request.reading import SpecError, parse_spec
from study.storage.folder import FolderStore
from tests.small_study import TABLE

FITTED = {"name": "fitted_images", "dataset": "fashion_mnist", "dims": 5, "components": 8}


def test_a_fitted_law_is_pinned(tmp_path: Path) -> None:
    spec = parse_spec({**TABLE, "populations": [{**FITTED, "classes": [2, 4]}]}, "test")
    held = carry(spec, FolderStore(tmp_path), tmp_path)
    (section,) = held.populations
    assert section.parameters["fit"] == "5e33bc0c8b92"
    assert section.label == spec.populations[0].label
    assert carry(held, FolderStore(tmp_path), tmp_path) == held


def test_another_fit_is_refused() -> None:
    populations = [{**FITTED, "classes": [2, 4], "fit": "db0deb7f706a"}]
    with pytest.raises(SpecError, match="the fit on this machine is 5e33bc0c8b92"):
        parse_spec({**TABLE, "populations": populations}, "test")
