"""Study files, overrides, identities and seeds."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.planning.plan import next_trials
from study.request.reading import SpecError, parse_spec, read_spec, recipe_names, write_spec
from study.request.spec import StudySpec
from study.trials.seeds import seed_for
from study.trials.trial import trial_from_json, trial_id, trial_to_json
from tests.small_study import TABLE

MakeSpec = Callable[..., StudySpec]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_a_study(name: str) -> None:
    assert read_spec(name).name == ("landscape" if name == "reference" else name)


def test_a_written_study_reads_back(make_spec: MakeSpec, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    write_spec(make_spec(), path)
    assert read_spec(str(path)) == make_spec()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_is_a_study(path: Path) -> None:
    """Of any law: one names data that are yet to be made."""
    assert read_spec(str(path), ['populations=[{name="xor"}]']).limit.restarts > 0


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({}, ("epochs", 10, 100)),
        ({"budget_epochs": 20}, ("epochs", 20, 100)),
        ({"max_epochs": 12}, ("epochs", 10, 12)),
        ({"budget_steps": 300, "max_steps": 3000}, ("steps", 300, 3000)),
    ],
)
def test_a_budget_has_one_unit(
    given: dict[str, int], budget: tuple[str, int, int], make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec = make_spec(training=given)
    found = spec.training.budget
    assert (found.unit, found.to_budget, found.at_most) == budget
    write_spec(spec, tmp_path / "study.toml")
    assert read_spec(str(tmp_path / "study.toml")) == spec


@pytest.mark.parametrize(
    ("training", "share", "reports", "grace"),
    [
        ({"budget_epochs": 10}, 0.1, 10, 1),
        ({"budget_epochs": 30}, 0.1, 30, 3),
        ({"budget_epochs": 4}, 0.1, 4, 1),
        ({"budget_epochs": 4}, 1.0, 4, 4),
        ({"budget_steps": 400, "max_steps": 4000}, 0.1, 20, 2),
        ({"budget_steps": 400, "max_steps": 4000}, 0.5, 20, 10),
        ({"budget_steps": 7, "max_steps": 40}, 0.5, 7, 4),
        ({"budget_steps": 50, "max_steps": 400}, 0.2, 17, 3),  # one every three steps
    ],
)
def test_grace_is_a_share_of_the_reports(
    training: dict[str, int], share: float, reports: int, grace: int, make_spec: MakeSpec
) -> None:
    spec = make_spec(training=training, search={"trials": 2, "grace_share": share})
    budget = spec.training.budget
    assert (budget.num_reports, spec.search.grace_reports(budget)) == (reports, grace)


def test_a_law_is_known_or_it_is_not(make_spec: MakeSpec) -> None:
    spec = make_spec(populations=[{"name": "digits", "classes": [3, 8]}, {"name": "xor"}])
    assert [population.is_law_known for population in spec.populations] == [False, True]


def test_overrides_reach_every_level() -> None:
    spec = read_spec(
        "smoke",
        ["seeds=5", "search.trials=0", "populations.0.sigma=1.0", 'families=["vgg"]'],
        name="mine",
    )
    assert (spec.seeds, spec.search.trials, spec.families) == (5, 0, ("vgg",))
    assert spec.populations[0].label == "xor(sigma=1)"
    assert spec.name == "mine"


WRONG = [
    ("colour = 3", "colour: no such key; ", "allowed are"),
    ('familes = ["vgg"]', "familes: no such key (did you mean 'families'?)", "allowed are name, "),
    ('families = ["vggg"]', "families", "allowed are linear"),
    ("seeds = -3", "seeds = -3", "allowed is a number of at least 1"),
    ("seeds = 2.5", "seeds = 2.5", "allowed is an integer"),
    ("depths = [0]", "depths.0 = 0", "allowed is a number of at least 1"),
    ("depths = []", "depths", "allowed is a list with at least 1"),
    ("latent_dims = [2]", 'latent_dims = [2]: none of families = ["linear", "vgg"]', "vae_svm"),
    ("latent_dims = [0]", "latent_dims.0 = 0", "a number of at least 1"),
    ("latent_dims = [2.5]", "latent_dims.0 = 2.5", "an integer"),
    ("latent_dims = 2", "latent_dims = 2", "a list in brackets"),
    ("latent_dims = [2, 2]", "latent_dims", "no value twice"),
    (
        'families = ["vae_svm"]\nlatent_dims = [2, 5000]',
        "latent_dims = 5000",
        "an integer from 1 to 4,096",
    ),
    (
        'families = ["vae_svm"]\nlatent_dims = [2]\nhyperparameters = {vae_svm = {latent_dim = 3}}',
        "hyperparameters.vae_svm.latent_dim = 3",
        "latent_dims = [2], not both",
    ),
    ("capacity = [0.0]", "capacity.0 = 0.0", "a number of at least 0.000976562"),
    ("capacity = [2000]", "capacity.0 = 2000", "a number of at most 1024"),
    ("capacity = [nan]", "capacity.0 = nan", "a finite number"),
    ("capacity = [true]", "capacity.0 = true", "a number"),
    ("capacity = 2.0", "capacity = 2.0", "a list in brackets"),
    ("capacity = [1, 1.0]", "capacity", "no value twice"),
    (
        "capacity = [0.5]\nmatch_parameters = false",
        "capacity = [0.5]",
        "allowed with match_parameters = true only",
    ),
    (
        'capacity = [0.5]\nfamilies = ["vgg", "resnet18"]\nhyperparameters = {vgg = {width = 4}}',
        'capacity = [0.5]: no width of families = ["vgg", "resnet18"]',
        "of which no width is given",
    ),
    ("num_train = [64, 64]", "num_train", "no value twice"),
    ("distortions = {label_noise = [0.7]}", "distortions.label_noise", "0.7"),
    ("distortions = {shift = [1.5]}", "distortions.shift: shift = 1.5", "a whole number of pixels"),
    ("distortions = {shift = [-1]}", "distortions.shift: shift = -1", "0 or more"),
    ("distortions = {shift = [0, 2]}", "distortions.shift: shift = 2: xor", "allowed with images"),
    (
        'distortions = {shift = [4]}\npopulations = [{name = "digits"}]',
        "distortions.shift: shift = 4",
        "allowed are 0 to 3",
    ),
    (
        'distortions = {shift = [1]}\npopulations = [{name = "teacher", family = "linear"}]',
        "distortions.shift: a teacher's posterior is lost by shift = 1",
        "only 0",
    ),
    ("distortions = {missing_pixels = [1.0]}", "distortions.missing_pixels", "[0, 1)"),
    (
        'distortions = {missing_pixels = [0.0, 0.5]}\nfamilies = ["beta_vae", "vgg", "linear"]',
        "distortions.missing_pixels: vgg, linear cannot take images of which pixels are missing",
        "allowed are beta_vae",
    ),
    (
        'families = ["beta_vae"]\ndistortions = {missing_pixels = [0.5]}\n'
        'populations = [{name = "xor", rendering = "none"}]',
        "distortions.missing_pixels",
        "has no pixels",
    ),
    (
        'families = ["variational_auto_decoder"]\n'
        'hyperparameters = {variational_auto_decoder = {law = "laplace"}}',
        "hyperparameters.variational_auto_decoder.law",
        "one of gaussian, exponential, uniform",
    ),
    (
        'families = ["auto_decoder"]\nhyperparameters = {auto_decoder = {inference_steps = 0}}',
        "hyperparameters.auto_decoder.inference_steps",
        "an integer of at least 1",
    ),
    (
        'families = ["beta_vae"]\nhyperparameters = {beta_vae = {refining_steps = 0.5}}',
        "hyperparameters.beta_vae.refining_steps",
        "an integer of at least 0",
    ),
    ("distortions = {smudge = [0.1]}", "distortions", "allowed are label_noise"),
    ('populations = [{name = "xorr"}]', "populations.0", "xor"),
    ('populations = [{name = "xor", sigma = -1.0}]', "populations.0", "sigma"),
    ('populations = [{name = "xor", sigmma = 1.0}]', "populations.0", "sigmma"),
    ("search = {trialss = 2}", "search.trialss", "(did you mean 'trials'?); allowed are trials"),
    (
        "search = {max_epochs = 2}",
        "search: max_epochs is no key any more",
        "trains for the budget of [training]",
    ),
    ("search = {grace_epochs = 5}", "search: grace_epochs is no key any more", "grace_share"),
    ("search = {grace_share = 0.0}", "search.grace_share = 0.0", "allowed is a number above 0"),
    (
        "search = {grace_share = 1.5}",
        "search.grace_share = 1.5",
        "allowed is a number of at most 1",
    ),
    ("search = {trials = 10001}", "search.trials = 10001", "allowed is a number of at most 10000"),
    ("search = {repeats = 0}", "search.repeats = 0", "allowed is a number of at least 1"),
    ("search = {validation_size = 0}", "search.validation_size = 0", "a number of at least 1"),
    ("training = {budget_epochs = 50, max_epochs = 20}", "training", "above budget_epochs = 50"),
    ("training = {budget_epochs = 100}", "training", "max_epochs must be above budget_epochs"),
    ("training = {budget_steps = 50, max_steps = 50}", "training", "above budget_steps = 50"),
    ("training = {budget_steps = 50}", "training: max_steps is missing", "beside budget_steps"),
    ("training = {max_steps = 50}", "training: budget_steps is missing", "beside max_steps"),
    (
        "training = {budget_steps = 50, max_epochs = 20}",
        "training: budget_steps and max_epochs",
        "allowed is one unit, epochs or steps",
    ),
    (
        "training = {budget_steps = 2.5, max_steps = 9}",
        "training.budget_steps = 2.5",
        "allowed is an integer",
    ),
    (
        "best_in_class = {num_stream = []}",
        "best_in_class.num_stream",
        "allowed is a list with at least 1",
    ),
    (
        "best_in_class = {slack_restarts = -1}",
        "best_in_class.slack_restarts = -1",
        "a number of at least 0",
    ),
    ("limit = {num_stream = [8, 8]}", "limit.num_stream", "no value twice"),
    (
        "distortions = {feature_noise = [1.0, 1.0]}",
        "distortions.feature_noise = [1.0, 1.0]",
        "no value twice",
    ),
    (
        "hyperparameters = {vgg = {weight_decay = inf}}",
        "hyperparameters.vgg.weight_decay",
        "inf is no finite number",
    ),
    ("depths = [0, 1.5, 9]", "depths.0 = 0", "(and 2 more errors)"),
    ("depths = [0, 1.5]", "depths.0 = 0", "(and 1 more error)"),
    ("depths = [0]", "depths.0 = 0: allowed is a number of at least 1", "at least 1"),
    ("limit = {restartss = 1}", "limit.restartss", "allowed are restarts, num_stream"),
    ('families = "vgg"', "families", "allowed is a list in brackets"),
    ('search = {sampler = "grid"}', "search.sampler", "allowed is 'tpe' or 'random'"),
    ("training = {ideal = 3}", "training.ideal = 3", "allowed is true or false"),
    ("search = 3", "search = 3", "allowed is a table of keys"),
    ("distortions = {label_noise = [nan]}", "distortions.label_noise", "a finite number"),
    (
        "distorted_num_train = [32]",
        "distorted_num_train = [32]",
        "allowed are some of num_train = [64, 128]",
    ),
    ("distorted_depths = [4]", "distorted_depths = [4]", "allowed are some of depths = [1, 2]"),
    (
        "distorted_num_train = [64]\ndistortions = {label_noise = [0.2]}",
        "distorted_num_train = [64]",
        "a severity that leaves samples as they are",
    ),
    ('name = "../up"', "name", "allowed is text that matches"),
]


@pytest.mark.parametrize(("line", "key", "allowed"), WRONG)
def test_a_wrong_study_is_one_line_with_key_and_what_is_allowed(
    line: str, key: str, allowed: str
) -> None:
    import tomllib

    with pytest.raises(SpecError) as caught:
        parse_spec({**TABLE, **tomllib.loads(line)}, "study.toml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"study.toml: {key}")
    assert allowed in message
    assert ("more error" in message) is ("more error" in allowed)


@pytest.mark.parametrize(
    ("text", "said"),
    [(b"seeds = = 3", "is not TOML"), (b"\xff\xfe", "cannot be read"), (None, "cannot be read")],
)
def test_an_unreadable_study_is_one_line(tmp_path: Path, text: bytes | None, said: str) -> None:
    path = tmp_path / "study.toml"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(SpecError, match=said) as caught:
        read_spec(str(path))
    assert "\n" not in str(caught.value)


def test_noise_is_taken_off_where_there_is_some(make_spec: MakeSpec) -> None:
    for family in ("denoising_autoencoder", "linear_denoiser"):
        asked = {"families": ["linear", family]}
        spec = make_spec(**asked, distortions={"feature_noise": [0.0, 0.5]})
        assert spec.families == ("linear", family)
        for none in ({}, {"label_noise": [0.2]}, {"feature_noise": [0.0]}):
            with pytest.raises(SpecError) as caught:
                make_spec(**asked, distortions=none)
            assert str(caught.value) == (
                f"test: families: {family} takes feature_noise off and the study has none; "
                "distortions.feature_noise must list a severity above 0"
            )


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(SpecError, match=r"^'smoek' is no recipe \(did you mean 'smoke'\?\): "):
        read_spec("smoek")
    with pytest.raises(SpecError, match=r"allowed are .*fashion.*smoke"):
        read_spec("smok")


@pytest.mark.parametrize("override", ["seeds", "=3", "seeds.x=3", "populations.0.sigma.x=3"])
def test_a_wrong_override_is_one_line(override: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec("smoke", [override])
    assert "\n" not in str(caught.value)


def test_an_identity_is_the_hash_of_what_determines_the_result(make_spec: MakeSpec) -> None:
    spec = make_spec(search={"trials": 0})
    trials = next_trials(spec, [])
    ids = [trial.trial_id for trial in trials]
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 16 and int(i, 16) >= 0 for i in ids)
    other = make_spec(search={"trials": 0}, name="other", resources={"cpus_per_trial": 2})
    assert [trial.trial_id for trial in next_trials(other, [])] == ids


def test_a_known_identity_never_changes() -> None:
    # printf '{"a":{"c":"x","d":0.5},"b":1}' | sha256sum | cut -c1-16
    identity = {"b": 1, "a": {"d": 0.5, "c": "x"}}
    assert trial_id(identity) == "7ec6c081df2176da"


def test_a_trial_travels_unchanged(make_spec: MakeSpec) -> None:
    for trial in next_trials(make_spec(search={"trials": 0}), []):
        back = trial_from_json(trial_to_json(trial))
        assert back.trial_id == trial.trial_id
        assert back.streams == trial.streams


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans())))
def test_an_identity_ignores_the_order_of_its_keys(fields: dict[str, object]) -> None:
    shuffled = dict(reversed(list(fields.items())))
    assert trial_id(fields) == trial_id(shuffled)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_seeds_differ_where_names_differ(first: list[str], second: list[str]) -> None:
    assert 0 <= seed_for(*first) < 2**62
    assert (seed_for(*first) == seed_for(*second)) == (first == second)


def test_a_seed_is_the_same_in_every_interpreter() -> None:
    code = "from study.trials.seeds import seed_for; print(seed_for('data', 'measure', 'xor', 3))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == seed_for("data", "measure", "xor", 3)


def test_every_part_of_the_identity_changes_the_id(make_spec: MakeSpec) -> None:
    trial = next_trials(make_spec(search={"trials": 0}), [])[0]
    changed = [
        replace(trial, role="measure" if trial.role != "measure" else "ideal"),
        replace(trial, seed=trial.seed + 7),
        replace(trial, budget=replace(trial.budget, to_budget=trial.budget.to_budget + 1)),
        replace(trial, budget=replace(trial.budget, at_most=trial.budget.at_most + 1)),
        replace(trial, budget=replace(trial.budget, unit="steps")),
        replace(trial, num_validation=77),
        replace(trial, hyperparameters={**(trial.hyperparameters or {}), "learning_rate": 0.5}),
        replace(trial, cell=replace(trial.cell, num_train=999)),
        replace(trial, cell=replace(trial.cell, severity=0.123)),
    ]
    assert len({t.trial_id for t in [trial, *changed]}) == len(changed) + 1
    assert json.loads(trial_to_json(trial))["role"] == trial.role
