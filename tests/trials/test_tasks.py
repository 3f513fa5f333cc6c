"""What a task's risks are: one record for each, held against what trains and what is searched."""

import math

from classcomp.distortions import DISTORTIONS
from classcomp.tasks import TASKS as TRAINED
from search_spaces import SPACES
from study.trials.tasks import CLASSIFICATION, TASKS, task_of


def test_what_trials_score_has_the_same_name_and_unit_in_tables() -> None:
    """The wall between the two sides has this test in place of an import."""
    assert {name: task.unit for name, task in TRAINED.items()} == {
        name: TASKS[name].unit for name in TRAINED
    }


def test_a_best_rule_is_looked_for_where_one_is_planned() -> None:
    assert {name: task.has_best_rule for name, task in TRAINED.items()} == {
        name: TASKS[name].seeks_best_rule for name in TRAINED
    }


def test_every_family_has_a_task_with_facts() -> None:
    assert {space.task for space in SPACES.values()} <= TASKS.keys()


def test_a_table_from_before_there_were_tasks_classified() -> None:
    assert task_of(None) == task_of("classification") == CLASSIFICATION
    assert (CLASSIFICATION.most, CLASSIFICATION.largest) == (1.0, 1.0)


def test_what_is_not_bounded_has_no_allowance() -> None:
    for name in ("reconstruction", "a task of next year"):
        task = task_of(name)
        assert (task.name, task.most, task.largest) == (name, math.inf, 0.0)
        assert not any((task.keeps_decisions, task.seeks_best_rule, task.margin))
    assert task_of("reconstruction").unit == "squared input"


def test_denoising_has_a_floor_a_best_rule_and_something_to_undo() -> None:
    task = task_of("denoising")
    assert (task.floor, task.undoes) == ("least mean squared error", "feature_noise")
    assert task.undoes in DISTORTIONS
    assert task.seeks_best_rule
    assert not task.keeps_decisions
