"""Debian's chromium, without a screen and without a network, and reports for it to show."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from study.report import write_report
from tests.rendering.conftest import make_exhibits
from tests.rendering.synthetic_study import Asked, write_study

SHIPPED = Path(__file__).parents[2] / "ray_results/reference"
MADE_UP = "made up"
DRAWN = "Number(document.documentElement.dataset.drawn ?? 0)"


@dataclass(kw_only=True, slots=True)
class Opened:
    """A page in the browser, and what it said and asked for since it was opened."""

    page: Page
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def drawn(self, steps: int = 1) -> None:
        """Wait until charts were drawn so many times in all.

        By asking again: the page's policy forbids what a browser would wait by.
        """
        end = time.monotonic() + 300
        while self.times() < steps:
            assert time.monotonic() < end, self.said
            self.page.wait_for_timeout(50)

    def times(self) -> int:
        """How many times charts were drawn."""
        return int(self.page.evaluate(DRAWN))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; that there is none is a failure: what is not looked at is not known."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("no chromium: `make chromium`, or apt-get install chromium", pytrace=False)
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


def open_report(browser: Browser, path: Path, scheme: str = "light") -> Opened:
    """Open a report and wait until its charts are drawn."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": 1440, "height": 1000},
    )
    opened = Opened(page=context.new_page())

    def hear(message: ConsoleMessage) -> None:
        opened.said.append(f"{message.type}: {message.text}")

    opened.page.on("console", hear)
    opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.page.on("request", lambda request: opened.requests.append(request.url))
    opened.page.goto(path.as_uri())
    opened.drawn()
    return opened


class Reports(dict[str, Path]):
    """Pages of the shipped tables, and of a made-up study that decodes and generates.

    Each is written when it is first asked for.
    """

    def __init__(self, place: Path) -> None:
        """Where they are written."""
        super().__init__()
        self._place = place

    def __missing__(self, name: str) -> Path:
        if name == MADE_UP:
            asked = Asked(families=("linear", "vgg"), depths=(1,), seeds=3, streams=(1_000,))
            folder = write_study(self._place / name, asked, autoencoders=("autoencoder",))
            _write_exhibits(folder)
        else:
            folder = shutil.copytree(SHIPPED / name, self._place / name)
        self[name] = write_report(folder)
        return self[name]


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """The reports that the browser shows."""
    return Reports(tmp_path_factory.mktemp("reports"))


def _write_exhibits(folder: Path) -> None:
    """Of XOR's first seeds: reconstructions, traversals, samples, maps."""
    import pandas as pd

    trials = pd.read_parquet(folder / "trials.parquet")
    is_shown = trials["population"].str.startswith("xor") & (trials["role"] == "measure")
    (folder / "exhibits").mkdir()
    for number, trial_id in enumerate(trials.loc[is_shown, "trial_id"]):
        kinds = dict.fromkeys(("is_planar", "is_coder", "generates"), True)
        arrays = make_exhibits(number, 2, **kinds)
        np.savez(folder / "exhibits" / f"{trial_id}.npz", allow_pickle=False, **arrays)
