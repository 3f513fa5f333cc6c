"""`study.report A B`: what two studies' landscapes differ in."""

import json
from pathlib import Path

import pandas as pd
import pytest

import study
from study.report import main
from tests.rendering.test_report import Page

REFERENCE = Path(__file__).parents[2] / "ray_results/reference"
QUICKSTART = REFERENCE / "quickstart"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's table, vgg's risks of XOR 20 points larger."""
    path = tmp_path_factory.mktemp("moved") / "moved.parquet"
    table = study.open(QUICKSTART).study
    trials = table.trials.copy()
    is_moved = (trials["family"] == "vgg") & (trials["role"] == "measure")
    is_moved &= trials["bayes_risk"].notna()
    for name in ("risk", "excess_risk", "converged_risk", "converged_excess_risk"):
        trials.loc[is_moved, name] = trials.loc[is_moved, name] + 0.2
    from study.analysis.files import write_table

    write_table(trials, path.with_suffix(""), levels=table.levels, stopping=table.stopping)
    return path


def test_it_prints_and_writes_what_differs(
    moved: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main([str(moved), str(QUICKSTART / "trials.parquet"), "--out", str(tmp_path)]) == 0
    *text, path, page = capsys.readouterr().out.splitlines()
    assert path == str(tmp_path / "beside-trials.csv")
    assert page == str(tmp_path / "compared/index.html")
    written = pd.read_csv(path)
    total = written.query("error == 'total' and family == 'vgg'")
    assert total["difference"].tolist() == pytest.approx([0.2] * len(total))
    assert written.query("family != 'vgg'")["difference"].abs().max() == 0
    assert " ".join(text).startswith("moved beside trials: 20 cells in common, ")
    assert "apart (40 without an interval). Apart: " in " ".join(text)  # without decisions, on XOR
    assert "That is no test" in " ".join(text)
    first = next(i for i, line in enumerate(text) if line.startswith("vgg 1 · xor"))
    assert "20.00" in " ".join(text[first : first + 3])  # the largest difference first
    assert max(map(len, text)) <= 100


def test_the_file_lies_with_the_first_study(
    moved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(moved), str(moved), "-q"]) == 0
    assert capsys.readouterr().out == f"{moved.parent}/compared/index.html\n"
    assert main([str(moved), str(moved), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["first"], told["second"], told["num_apart"]) == ("moved", "moved", 0)
    assert told["num_errors"] > 0
    assert told["table"] == f"{moved.parent}/beside-moved.csv"
    text = Path(told["page"]).read_text(encoding="utf-8")
    assert "moved (first) beside moved (second): 20 cells in common, 0 of " in text
    assert text.count("<p>Nothing") == 1 + 2 + 1  # apart; alone in either; run otherwise


def test_studies_without_a_common_cell_are_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(QUICKSTART), str(REFERENCE / "gaussian-small"), "--out", str(tmp_path)]) == 0
    assert "have no error of a cell in common" in capsys.readouterr().out
    page = Page((tmp_path / "compared/index.html").read_text(encoding="utf-8"))
    assert "Only in findings" in page.text
    assert "Only in gaussian-small" in page.text
    assert "unet_pretrained 4" in page.text


def test_no_page_is_written_through_a_link(
    moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "compared").symlink_to(tmp_path / "elsewhere")
    assert main([str(moved), str(moved), "--out", str(tmp_path)]) == 2
    assert "compared is a link" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a", "b", "c"], "3 studies: allowed are one, or two to compare"),
        (["a", "b", "--latex"], "--latex and --follow: allowed with one study"),
    ],
)
def test_what_cannot_be_asked(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"study.report: {told}\n"


def test_one_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(QUICKSTART), "no/such/study"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no/such/study" in line
