"""A study's results in Python: `study.open(path)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from study.analysis.columns import ERRORS
from study.analysis.exhibits import (
    MAP_QUALITY,
    Arrays,
    exhibit_ids,
    law_exhibit_ids,
    read_exhibits,
)
from study.analysis.joining import join_studies
from study.analysis.reading import Study, read_study
from study.analysis.results import Results, build_results
from study.analysis.term_comparisons import TERMS
from study.storage.opening import is_address, store_at
from study.storage.store import KEPT_WITH_TRIALS
from study.trials.trial import CELL_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


RISK = "risk"
"""What families are compared by where no term is named: R_n(T)."""


class StudyResults:
    """What a study has found, computed from its tables when it is first asked for.

    Attributes:
        study: its tables as read.
        plot: its figures.
        laws: the exhibits of its laws, by name.
        unread: a line for each file of exhibits that cannot be used.
    """

    def __init__(self, study: Study, joined: Sequence[StudyResults] = ()) -> None:
        """Reads the exhibits that tables are made of.

        Args:
            study: of `read_study`.
            joined: the studies that it is joined from, whose exhibits are its.
        """
        self.study = study
        self.plot = Plots(self)
        self.laws, lines = _laws_of(study)
        self._maps, more = _maps_of(study)
        for one in reversed(joined):  # of what both have, the first's
            self.laws |= one.laws
            self._maps |= one._maps
        theirs = [line for one in joined for line in one.unread]
        self.unread: tuple[str, ...] = tuple(dict.fromkeys((*lines, *more, *theirs)))

    def __repr__(self) -> str:
        """Return its name, and how much there is."""
        return f"<study {self.name}: {len(self.trials)} trials>"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.study.name

    @property
    def trials(self) -> pd.DataFrame:
        """A row for each trial, finished or stopped or failed; columns as docs/tables.md."""
        return self.study.trials

    @property
    def curves(self) -> pd.DataFrame | None:
        """A row for each point of the trials' learning curves; None with a table alone."""
        return self.study.curves

    @property
    def landscape(self) -> pd.DataFrame:
        """A row for each cell: its errors, each with `_lo` and `_hi` of its 95% interval."""
        return self.results.landscape

    @property
    def comparisons(self) -> pd.DataFrame:
        """A row for every two families by R_n(T), in each cell and over a population's."""
        return self.results.comparisons

    @property
    def term_comparisons(self) -> pd.DataFrame:
        """The same by each of the four terms, named in `error`."""
        return self.results.term_comparisons

    @cached_property
    def results(self) -> Results:
        """Every table."""
        study = self.study
        return build_results(
            study.trials,
            study.levels,
            study.decisions,
            first_stage=None if study.stopping is None else study.stopping.first_seeds,
            laws=self.laws,
            maps=self._maps,
            families=study.families,
            curves=study.curves,
        )

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Every table that has a row, by its name."""
        held = {f.name: getattr(self.results, f.name) for f in fields(self.results)}
        frames = {"trials": self.trials, "curves": self.curves, **held}
        return {n: f for n, f in frames.items() if isinstance(f, pd.DataFrame) and len(f)}

    @cached_property
    def findings(self) -> str:
        """What the report says first."""
        from study.rendering.findings import find, findings_text

        return findings_text(find(self.study, self.results))

    def compare(self, first: str, second: str, error: str = RISK) -> pd.DataFrame:
        """The comparisons of two families, `difference` the first's risk less the second's.

        Args:
            first: a family of the study.
            second: another one.
            error: what is compared: "risk", R_n(T), or one of its terms "approximation",
                "objective", "estimation" and "optimization".

        Raises:
            ValueError: the study has none of this name, or knows the error of both in no cell.
        """
        if error not in (RISK, *TERMS):
            raise ValueError(f"error {error!r}: allowed are {', '.join((RISK, *TERMS))}")
        known = [*self.study.families] or sorted(self.trials["family"].unique())
        for name in (first, second):
            if name not in known:
                raise ValueError(f"family {name!r}: allowed are {', '.join(known)}")
        terms = self.term_comparisons
        held = self.comparisons if error == RISK else terms[terms["error"] == error]
        straight = held[(held["first"] == first) & (held["second"] == second)]
        turned = held[(held["first"] == second) & (held["second"] == first)]
        if straight.empty and turned.empty:
            known_of = "are" if error == RISK else f"have a known {error}"
            raise ValueError(f"{first} and {second} {known_of} in no cell together")
        return pd.concat([straight, _turned(turned)]).sort_index().reset_index(drop=True)

    def query(self, sql: str) -> pd.DataFrame:
        """What a question in SQL has for an answer; every one of `tables` can be asked.

        Needs duckdb (`pip install "classcomp[query]"`).

        Args:
            sql: such as `select family, avg(risk) from trials where role = 'measure' group by 1`.

        Raises:
            ModuleNotFoundError: there is no duckdb.
            duckdb.Error: the question is none.
        """
        try:
            import duckdb
        except ModuleNotFoundError:
            raise ModuleNotFoundError("query needs duckdb: pip install duckdb") from None
        with duckdb.connect() as connection:
            for name, table in self.tables.items():
                connection.register(name, table)
            answer: pd.DataFrame = connection.execute(sql).df()
            return answer

    def join(self, other: StudyResults) -> StudyResults:
        """Both studies' trials as one study's; a trial that both have is there once.

        Args:
            other: another study; severities that it lists and this one does not are added.

        Raises:
            TableError: one line, where the two cannot be one study.
        """
        return StudyResults(join_studies(self.study, other.study), (self, other))

    def diff(self, other: StudyResults) -> pd.DataFrame:
        """Every error of this landscape beside the other's, where both have the cell.

        Args:
            other: another study, or the same one run again.

        Returns:
            A row for each cell and error that both know: `this`, `other` and `difference` = this
            less other, each with `_lo` and `_hi`, and `apart`, whether the two intervals do not
            meet. That is no test: two intervals of 95% that just touch differ at some .006, and
            studies that share seeds are not independent. The difference's interval is as long as
            both together, however the two studies hang together: it holds no 0 where they are
            apart.
        """
        keys = ["task", *CELL_NAMES]
        long = [_long(found.landscape, keys) for found in (self, other)]
        both = long[0].merge(long[1], on=[*keys, "error"], suffixes=("", "_other"))
        named = both.rename(
            columns={"value": "this", "lo": "this_lo", "hi": "this_hi", "value_other": "other"}
            | {"lo_other": "other_lo", "hi_other": "other_hi"}
        )
        apart = (named["this_lo"] > named["other_hi"]) | (named["other_lo"] > named["this_hi"])
        return named.assign(
            difference=named["this"] - named["other"],
            difference_lo=named["this_lo"] - named["other_hi"],
            difference_hi=named["this_hi"] - named["other_lo"],
            apart=apart,
        )


class Plots:
    """A study's figures, as its report has them, for matplotlib.

    Each method returns the figures of its kind, one for a population or what else does not fit into
    one; none where there is nothing to show.
    """

    def __init__(self, opened: StudyResults) -> None:
        """Draws nothing yet."""
        self._opened = opened

    def landscape(self) -> list[Figure]:
        """Heat maps of every error: family and depth against severity."""
        return self._drawn("heat")

    def errors(self) -> list[Figure]:
        """The errors against severity, with intervals."""
        return self._drawn("lines")

    def faults(self) -> list[Figure]:
        """The four errors stacked, of undistorted cells."""
        return self._drawn("faults")

    def damage(self) -> list[Figure]:
        """The four errors stacked, against severity."""
        return self._drawn("damage")

    def curves(self) -> list[Figure]:
        """Training risk against steps or epochs."""
        return self._drawn("curves")

    def growth(self) -> list[Figure]:
        """The errors of undistorted cells against n, from two sample sizes on."""
        return self._drawn("growth")

    def speed(self) -> list[Figure]:
        """Steps until a trial had settled against its R_n(inf)."""
        return self._drawn("speed")

    def sizes(self) -> list[Figure]:
        """Risks against n, with fitted power laws."""
        return self._drawn("sizes")

    def differences(self) -> list[Figure]:
        """Differences between families against n."""
        return self._drawn("differences")

    def latent_dims(self) -> list[Figure]:
        """Risks against the latent dimension, with knees."""
        return self._drawn("latent_dims")

    def capacities(self) -> list[Figure]:
        """Risks and errors against the number of parameters, with peaks."""
        return self._drawn("capacities")

    def robustness(self) -> list[Figure]:
        """Risks under corruptions against severity."""
        return self._drawn("robustness")

    def traces(self) -> list[Figure]:
        """The risk along the training."""
        return self._drawn("traces")

    def _drawn(self, heading: str) -> list[Figure]:
        from study.rendering.names import shown_results, shown_study
        from study.rendering.pictures import DRAWINGS

        drawing = DRAWINGS[heading]
        study, results = shown_study(self._opened.study), shown_results(self._opened.results)
        return [drawing.draw(info) for info in drawing.infos(study, results)]


def open_results(path: str | Path) -> StudyResults:
    """A study's results from its folder, an S3 address or a trials table alone.

    Raises:
        TableError: one line, where a file is missing or cannot be used.
        StorageError: an address does not answer.
    """
    if not is_address(str(path)):
        return StudyResults(read_study(Path(path)))
    store = store_at(str(path))
    with store.workspace() as folder:
        for kept in KEPT_WITH_TRIALS:
            store.fetch(folder, kept)
        opened = StudyResults(read_study(folder))
        opened.results  # noqa: B018  # while its files are there
        return opened


def _long(landscape: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    parts = [
        landscape[keys].assign(
            error=error,
            value=landscape[error],
            lo=landscape[f"{error}_lo"],
            hi=landscape[f"{error}_hi"],
        )
        for error in ERRORS
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset="value")


def _turned(rows: pd.DataFrame) -> pd.DataFrame:
    """The same comparisons with the families' places exchanged."""
    turned = rows.assign(
        first=rows["second"],
        second=rows["first"],
        difference=-rows["difference"],
        difference_lo=-rows["difference_hi"],
        difference_hi=-rows["difference_lo"],
    )
    if "probability_first_better" not in rows:
        return turned
    return turned.assign(
        probability_first_better=1.0 - rows["probability_first_better"],
        probability_first_better_lo=1.0 - rows["probability_first_better_hi"],
        probability_first_better_hi=1.0 - rows["probability_first_better_lo"],
    )


def _laws_of(study: Study) -> tuple[dict[str, Arrays], list[str]]:
    """Return the exhibits of laws by name, and a line for each file that cannot be used."""
    if study.folder is None:
        return {}, []
    return read_exhibits(study.folder, sorted(law_exhibit_ids(study.folder)))


def _maps_of(study: Study) -> tuple[dict[str, Arrays], list[str]]:
    """Return the numbers of all measured trials' maps of latents, and a line for each bad file."""
    if study.folder is None:
        return {}, []
    measured = study.trials.loc[study.trials["role"] == "measure", "trial_id"]
    present = exhibit_ids(study.folder)
    wanted = [trial_id for trial_id in measured if trial_id in present]
    return read_exhibits(study.folder, wanted, MAP_QUALITY)
