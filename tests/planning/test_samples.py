"""What is said of real data before anything starts."""

import pytest

from study.planning.samples import sample_lines
from study.request.reading import parse_spec
from tests.populations.own_files import labels, points, write
from tests.small_study import TABLE


def test_every_real_population_has_its_line(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    path = write(
        f"{tmp_path}/mine.npz",
        **{"x": points(), "y": labels(), "x_test": points(9, seed=1), "y_test": labels(9)},
    )
    populations = [
        {"name": "digits", "classes": [3, 8]},
        {"name": "xor", "sigma": 0.5},
        {"name": "arrays", "path": path},
    ]
    spec = parse_spec({**TABLE, "populations": populations, "num_train": [16, 32]}, "test")
    digits, mine = sample_lines(spec, None)
    assert digits == (
        "digits(classes=[3, 8]): 357 examples, divided anew for every seed: samples of 32 overlap "
        "by 9% on average, test parts of 119 by 33%"
    )
    assert mine.startswith("arrays(mine, sha256=")
    assert mine.endswith(
        ": samples of 32 out of 51 training examples overlap by 63% on average; all seeds share 9 "
        "test examples"
    )
