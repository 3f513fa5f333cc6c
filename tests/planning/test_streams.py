"""What names a trial, and which streams trials share."""

import hashlib
from collections import Counter

import pytest

from study.planning.plan import next_trials, planned_trials
from study.request.reading import SpecError, parse_spec
from study.request.sections import VarianceSection
from tests.planning.studies import MakeSpec, asking
from tests.small_study import TABLE


def test_trial_ids_are_hashes_of_what_is_asked() -> None:
    """The text is written by hand: what a ledger of this identity version was written with."""
    table = {**TABLE, "families": ["linear"], "depths": [1], "num_train": [64], "seeds": 1}
    table |= {"search": {"trials": 0}, "distortions": {}}
    text = (
        '{"budget_epochs":4,"depth":1,"distortion":"none","family":"linear",'
        '"hyperparameters":{"batch_size":32,"learning_rate":0.003,"weight_decay":0.0001},'
        '"max_epochs":30,"num_train":64,"population":"xor(sigma=0.5)","role":"measure",'
        '"schema":2,"seed":0,"severity":0.0}'
    )
    found = {t.role: t for t in next_trials(parse_spec(table, "test"), [])}
    assert found["measure"].trial_id == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_variance_block_crosses_three_streams(make_spec: MakeSpec) -> None:
    spec = asking(make_spec, families=["linear"], depths=[1], num_train=[64], distortions={})
    block = [t for t in next_trials(spec, []) if t.role == "variance"]
    crossed = Counter((t.streams["data"], t.streams["init"], t.streams["order"]) for t in block)
    assert len(crossed) == 8
    for position in range(3):
        assert sorted(Counter(key[position] for key in crossed).values()) == [4, 4]
    assert all(t.streams["noise"] for t in block)
    larger = next_trials(spec.model_copy(update={"variance": VarianceSection(seeds=3)}), [])
    assert {t.trial_id for t in block} < {t.trial_id for t in larger}
    with pytest.raises(SpecError, match=r"variance.seeds = 1: must be 0 \(none\) or from 2 to 100"):
        make_spec(variance={"seeds": 1})


@pytest.mark.parametrize("role", ["search", "measure", "best_in_class", "limit"])
def test_streams_of_data_ignore_family_and_damage(make_spec: MakeSpec, role: str) -> None:
    spec = make_spec(search={"trials": 0})
    trials = [t for t in planned_trials(make_spec()) + next_trials(spec, []) if t.role == role]
    for seed in {t.seed for t in trials}:
        assert len({t.streams["data"] for t in trials if t.seed == seed}) == 1
    assert len({t.streams["evaluation"] for t in trials}) == 1


def test_measuring_never_meets_the_search(make_spec: MakeSpec) -> None:
    trials = planned_trials(make_spec())
    drawn: dict[str, set[int]] = {}
    for trial in trials:
        names = ("data", "noise", "init", "order", "validation")
        drawn.setdefault(trial.role, set()).update(trial.streams[n] for n in names)
    assert not drawn["search"] & drawn["measure"]
    assert not drawn["best_in_class"] & drawn["measure"]
