"""A study's folder from a stranger: links in it, and more in it than memory holds."""

import os
from pathlib import Path

import numpy as np
import pytest

from classcomp.sources import LARGEST_SOURCE, source_of
from study import report
from study.analysis.decisions import MOST_EXAMPLES, open_decisions
from study.analysis.exhibits import read_exhibits
from study.analysis.files import write_table
from study.analysis.table import build_trials
from study.rendering.image_sheets import Sheet
from study.storage.store import write_whole
from study.trials.decisions import law_key
from study.trials.trial import Cell, cell_of
from tests.attacks.attacking import answer_of, check_answer
from tests.attacks.test_ledgers import RECORDS

ROWS = [cell_of(record) for record in RECORDS]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder of the user's own."""
    (tmp_path / "mine/figures").mkdir(parents=True)
    (tmp_path / "mine/figures/thesis.png").write_text("mine")
    (tmp_path / "mine/index.html").write_text("mine")
    return tmp_path / "mine"


@pytest.mark.parametrize("there", [True, False])
def test_a_report_is_written_through_no_link(there: bool, mine: Path, tmp_path: Path) -> None:
    """What it leads to would have its index.html overwritten, and its figures deleted."""
    folder, target = tmp_path / "sent", mine if there else tmp_path / "elsewhere"
    write_table(build_trials(RECORDS, {}), folder / "trials")
    before = sorted(tmp_path.rglob("*"))
    (folder / "report").symlink_to(target)
    check_answer(answer_of(report.main, str(folder)), "is a link")
    (folder / "report").unlink()
    assert sorted(tmp_path.rglob("*")) == before
    assert {p.read_text() for p in mine.rglob("*.*")} == {"mine"}


def test_figures_are_deleted_through_no_link(mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    write_table(build_trials(RECORDS, {}), folder / "trials")
    (folder / "report").mkdir()
    (folder / "report/figures").symlink_to(mine / "figures")
    check_answer(answer_of(report.main, str(folder)), "symbolic link")
    assert (mine / "figures/thesis.png").read_text() == "mine"


def test_nobody_foresees_where_a_file_is_written_first(mine: Path, tmp_path: Path) -> None:
    """Two MB of archive hold a link for every process number there may be."""
    (tmp_path / f".x.{os.getpid()}.tmp").symlink_to(mine / "index.html")
    written: list[Path] = []

    def write(path: Path) -> None:
        assert not path.is_symlink()
        written.append(path)
        path.write_text("theirs")

    for _ in range(2):
        write_whole(tmp_path / "x", write)
    assert len(set(written)) == 2
    assert (tmp_path / "x").read_text() == "theirs"
    assert (mine / "index.html").read_text() == "mine"
    assert not any(path.exists() for path in written)


def test_exhibits_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand files of 64 kB unpack to 64 GB."""
    monkeypatch.setattr("study.analysis.exhibits.MOST_BYTES", 150_000)
    (tmp_path / "exhibits").mkdir()
    for name in "abc":
        np.savez_compressed(tmp_path / f"exhibits/{name}.npz", odd=np.zeros(10_000))
    found, skipped = read_exhibits(tmp_path, "abc")
    assert list(found) == ["a"]
    assert len(skipped) == 2
    assert all("others of its folder take all" in line for line in skipped)


def decided(folder: Path, cell: Cell, **arrays: np.ndarray) -> Path:
    (folder / "decisions").mkdir(exist_ok=True)
    np.savez_compressed(folder / f"decisions/law-{law_key(cell)}.npz", **arrays)
    return folder


def test_decisions_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.analysis.decisions.MOST_BYTES", 150_000)
    cells = [Cell(**{**held(ROWS[0]), "population": name}) for name in "abc"]
    for cell in cells:
        decided(tmp_path, cell, posterior=np.full((2_500, 2), 0.5))  # kept as it is and as read
    decisions = open_decisions(tmp_path)
    assert decisions is not None
    known = [decisions.floor(cell) is not None for cell in cells]
    assert known == [True, True, False]
    (line,) = decisions.skipped
    assert "others of its folder take all" in line


def test_more_examples_than_any_honest_sample(tmp_path: Path) -> None:
    labels = np.zeros(MOST_EXAMPLES + 1, np.int8)
    decisions = open_decisions(decided(tmp_path, ROWS[0], labels=labels, num_classes=np.array(2)))
    assert decisions is not None
    assert decisions.posterior(ROWS[0]) is None
    (line,) = decisions.skipped
    assert "1,048,577 examples are more than" in line


def test_gaps_between_long_pictures_are_no_wider_than_they(tmp_path: Path) -> None:
    """A pixel's width times a tenth of a million's height, for each of them, is terabytes."""
    images, scale = np.zeros((1, 2, 1, 10_000, 1)), np.array([[0.0, 1.0]])
    assert Sheet(label="a", images=images, scale=scale).mosaic.shape == (10_000, 3)
    square = np.zeros((1, 2, 1, 28, 28))
    assert Sheet(label="a", images=square, scale=scale).mosaic.shape == (28, 59)


def test_code_that_takes_no_room(tmp_path: Path) -> None:
    with (tmp_path / "net.py").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=f"larger than {LARGEST_SOURCE // 2**20} MiB"):
        source_of(f"{tmp_path}/net.py:Net")


def held(cell: Cell) -> dict[str, object]:
    return {name: getattr(cell, name) for name in cell.__dataclass_fields__}
