"""What a wrong value is told: in TOML's words, never in the parser's."""

import datetime
import re
from typing import Any

import pytest
from pydantic_core import core_schema

from study.request.reading import ALLOWED, SpecError, parse_spec
from tests.request.test_every_key import OTHERWISE
from tests.small_study import TABLE

VALUES: list[Any] = [
    *("text", "", 3, -1, 10**30, 0.5, float("inf"), True),
    *([], [1], ["a"], [[1]], [{}], [{"name": 3}], [0.5, "x"]),
    *({}, {"x": 1}, {"x": {"y": 1}}, {"x": []}, {"x": [True]}),
    *(datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.time(12)),
]
"""Of every type that TOML has."""
OF_PYTHON = re.compile(
    r"Input|should|valid\b|\btuple|instance|dictionary|Assertion|<class|NoneType|unhashable|"
    r"None\b|validation,|\bNaN|Infinity|datetime"
)
ENTRIES = {
    "populations": {"name": "xor", "sigma": 0.5},
    "networks": {"name": "forest", "path": "sklearn.ensemble:RandomForestClassifier"},
    "variants": {"name": "dropped", "family": "vgg", "parameters": {"dropout": 0.5}},
}


def complaints(key: str) -> list[str]:
    section, _, name = key.partition(".")
    found = []
    for value in VALUES:
        table = {**TABLE, section: {**TABLE.get(section, {}), name: value} if name else value}
        try:
            parse_spec(table, "f")
        except SpecError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("key", OTHERWISE)
def test_no_key_is_told_in_the_parsers_words(key: str) -> None:
    found = complaints(key)
    assert len(found) > 5
    assert [line for line in found if OF_PYTHON.search(line)] == []


@pytest.mark.parametrize("section", ENTRIES)
def test_nor_is_a_key_of_an_entry(section: str) -> None:
    fields = {"name", "path", "parameters", "space", "family", "kind", "takes", "matched"}
    found = []
    for name in fields:
        for value in VALUES:
            try:
                parse_spec({**TABLE, section: [{**ENTRIES[section], name: value}]}, "f")
            except SpecError as error:
                found.append(str(error))
    assert len(found) > 50
    assert [line for line in found if OF_PYTHON.search(line)] == []


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"depths": 3}, "depths = 3: allowed is a list in brackets"),
        ({"seeds": float("inf")}, "seeds = inf: allowed is an integer"),
        ({"seeds": datetime.date(2020, 1, 2)}, "seeds = 2020-01-02: allowed is an integer"),
        ({"name": True}, "name = true: allowed is text in quotes"),
        ({"search": 3}, "search = 3: allowed is a table of keys"),
        (
            {"networks": [{**ENTRIES["networks"], "matched": "perhaps"}]},
            'networks.0.matched = "perhaps": allowed is true or false',
        ),
        (
            {"variants": [{**ENTRIES["variants"], "parameters": {}}]},
            "variants.0.parameters: allowed is a table with a key in it",
        ),
    ],
)
def test_it_is_told_in_these(table: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=rf"^f: {re.escape(told)}"):
        parse_spec({**TABLE, **table}, "f")


def test_every_kind_that_is_translated_is_one_of_pydantics() -> None:
    assert set(ALLOWED) <= set(core_schema.ErrorType.__args__)
