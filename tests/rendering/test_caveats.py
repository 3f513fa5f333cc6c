"""What a reader must know before believing the numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classcomp.models import widths
from study.analysis.decisions import Decisions
from study.rendering.answers import answers
from study.rendering.caveats import BUDGET_AT_DEPTH_1, BUDGET_TOLERANCE, caveats
from study.trials.seeds import encode_search_seed
from tests.rendering.conftest import (
    landscape_frame,
    make_record,
)
from tests.rendering.found import found_in, known, parts, real


class TestCaveats:
    """What a reader must know first."""

    def test_a_real_population_has_no_floor(self) -> None:
        (text, *_) = caveats(*parts(landscape_frame(real("vgg"))))
        assert text.startswith("No Bayes risk is known for digits: total, approximation and")

    def test_one_restart_is_why_estimation_has_no_interval(self) -> None:
        bare = {"estimation": (0.09, None, None), "limit_restarts": 1, "num_seeds": 5}
        study, results = parts(landscape_frame(real("a", **bare), real("b", **bare), real("c")))
        kept = replace(study, decisions=Decisions(Path("none")))
        (text,) = [line for line in caveats(kept, results) if "intervals are unknown" in line]
        assert text == (
            "In 2 of 3 cells intervals are unknown, since U_A is of a single restart "
            "(limit.restarts = 1): estimation."
        )

    def test_cells_with_several_reasons_have_them_told_apart(self) -> None:
        bare = {"estimation": (0.09, None, None), "num_seeds": 5}
        one, two = real("a", **bare, limit_restarts=1), real("b", **bare, limit_restarts=2)
        study, results = parts(landscape_frame(one, two))
        kept = replace(study, decisions=Decisions(Path("none")))
        (text,) = [line for line in caveats(kept, results) if "intervals are unknown" in line]
        assert "in 1, since U_A is of a single restart" in text
        assert "in 1, since decisions of some of their trials are missing or unusable." in text

    def test_the_first_failure_is_told_and_one_is_one(self) -> None:
        failed = make_record("measure", status="failed", error="ValueError: no batch\n  at step 12")
        found = found_in(landscape_frame(), records=[failed])
        assert found.headline[0] == (
            "Nothing is known: the only trial failed. The first: ValueError: no batch"
        )
        text = "".join(caveats(*parts(landscape_frame(known("a")), records=[failed])))
        assert "1 trial failed: see “Failed”. The first: ValueError: no batch" in text

    def test_what_has_settled_is_counted(self) -> None:
        landscape = landscape_frame(known("a"), known("b", share_converged=0.8))
        text = "".join(caveats(*parts(landscape)))
        assert "In 1 of 2 cells every seed had settled; in the others (marked ~)" in text
        (answer,) = answers(landscape)
        assert answer.lines[1].numbers[0].startswith("estimation ~9.0 [8.0, 10.0]")

    @pytest.mark.parametrize(("repeats", "is_said"), [(0, False), (1, True), (2, False)])
    def test_one_search_is_said(self, repeats: int, is_said: bool) -> None:
        records = [
            make_record("search", seed=encode_search_seed(repeat, number), schema=2)
            for repeat in range(repeats)
            for number in range(3)
        ]
        text = "".join(caveats(*parts(landscape_frame(known("a")), records=records)))
        assert ("search.repeats = 1" in text) == is_said

    def test_what_exceeds_its_budget_is_said(self) -> None:
        """Ten per cent are a matched network's; a width that was asked for is no surprise."""

        def trial(family: str, depth: int, num: int | None, **hyperparameters: Any) -> Any:
            cell = {"family": family, "depth": depth, "hyperparameters": hyperparameters}
            return make_record("measure", num_parameters=num, **cell)

        held = [trial("vgg", 1, 8_800), trial("forest", 1, None), trial("unet", 2, 99_999, width=9)]
        above = [
            trial("linear", 1, 8_801),
            trial("linear_autoencoder", 2, 66_144, latent_dim=38),
            trial("linear_autoencoder", 2, 20_000, latent_dim=10),
        ]
        landscape = landscape_frame(known("a"))
        assert "budget" not in "".join(caveats(*parts(landscape, records=held)))
        text = "".join(caveats(*parts(landscape, records=[*held, *above])))
        assert (
            "budget: linear at depth 1: 8,801 for 8,000; linear_autoencoder at depth 2, k = 38: "
            "66,144 for 16,000 and 1 more. What sets"
        ) in text

    def test_the_budget_is_the_same_on_both_sides_of_the_wall(self) -> None:
        assert BUDGET_TOLERANCE == widths.BUDGET_TOLERANCE
        assert widths.parameter_budget(4) == BUDGET_AT_DEPTH_1 * 2**3
