"""Seeds that were given to one worker together: each ends as a trial of its own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from study.engine.searcher import FINISHED, PlanSearcher
from study.engine.session import Session
from study.engine.worker import UNKEPT
from study.request.spec import StudySpec
from study.storage.ledger import Ledger
from study.trials.trial import trial_from_json
from tests.engine.sessions import session_of

DONE = {"status": "done", "error": None, "metrics": {"risk": 0.5}, "curves": [], "node": "here"}
RUNNING = {**DONE, "status": "running"}
LOST = {**DONE, "status": UNKEPT, "error": "the disk is full", "errno": 28}


@pytest.fixture
def session(make_spec: Callable[..., StudySpec], tmp_path: Path) -> Iterator[Session]:
    """Eight seeds of one cell, three to a worker; nothing is searched."""
    spec = make_spec(
        families=["linear"],
        depths=[1],
        num_train=[64],
        distortions={},
        seeds=8,
        search={"trials": 0},
        limit={"restarts": 0},
        best_in_class={"restarts": 0},
        resources={"seeds_per_trial": 3},
    )
    with Ledger(tmp_path / "ledger").locked() as ledger:
        yield session_of(spec, tmp_path, ledger)


def seeds_asked(searcher: PlanSearcher, name: str) -> list[int]:
    config = searcher.suggest(name)
    assert isinstance(config, dict)
    return [trial_from_json(trial).seed for trial in config["trials"]]


def end(searcher: PlanSearcher, name: str, *payloads: dict[str, Any]) -> None:
    searcher.on_trial_complete(name, {"payload": json.dumps(payloads)})


def kept(session: Session) -> dict[int, str]:
    records, _ = session.ledger.read()
    return {record["seed"]: record["status"] for record in records}


def test_a_cell_s_seeds_are_given_away_three_by_three(session: Session) -> None:
    searcher = PlanSearcher(session, None)
    assert [seeds_asked(searcher, name) for name in "abc"] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert searcher.suggest("d") is None
    assert [trial.seed for trial in searcher.in_flight] == [*range(8)]
    for name, num in (("b", 3), ("a", 3), ("c", 2)):
        end(searcher, name, *[DONE] * num)
    assert kept(session) == dict.fromkeys(range(8), "done")
    assert searcher.is_over
    assert searcher.suggest("e") == FINISHED


def test_one_that_failed_leaves_the_others(session: Session) -> None:
    searcher = PlanSearcher(session, None)
    seeds_asked(searcher, "a")
    end(searcher, "a", DONE, {**DONE, "status": "failed", "error": "of one"}, DONE)
    assert kept(session) == {0: "done", 1: "failed", 2: "done"}


def test_a_worker_that_dies_for_good_takes_all_of_its_seeds(session: Session) -> None:
    searcher = PlanSearcher(session, None)
    seeds_asked(searcher, "a")
    searcher.deaths["a"] = ["a cosmic ray"] * 4
    searcher.on_trial_complete("a", None, error=True)
    records, _ = session.ledger.read()
    assert [record["seed"] for record in records] == [0, 1, 2]
    assert {record["error"] for record in records} == {
        "the worker died 4 times, at last: a cosmic ray"
    }


@pytest.mark.parametrize(
    "result", [None, {"payload": None}, {"payload": json.dumps([RUNNING] * 3)}]
)
def test_an_interrupted_worker_s_seeds_are_given_away_again(session: Session, result: Any) -> None:
    searcher = PlanSearcher(session, None)
    seeds_asked(searcher, "a")
    searcher.on_trial_complete("a", result)
    assert kept(session) == {}
    assert seeds_asked(searcher, "b") == [0, 1, 2]


def test_one_whose_decisions_are_not_kept_ends_the_sweep_and_runs_again(session: Session) -> None:
    searcher = PlanSearcher(session, None)
    seeds_asked(searcher, "a")
    end(searcher, "a", DONE, LOST, DONE)
    assert kept(session) == {0: "done", 2: "done"}
    assert isinstance(session.ending, OSError)
    assert session.ending.errno == 28
    session.ending = None
    assert seeds_asked(searcher, "b") == [1, 3, 4]
