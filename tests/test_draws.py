"""Inputs of a fixed sample whose noise is drawn anew at every visit."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from classcomp.distortions import distort
from classcomp.draws import RENEWAL_BLOCK, Draws, Presenter, Renewal
from classcomp.populations import make

NUM = 50
STREAMS = {"data": 3, "noise": 4, "damage": 5, "evaluation": 6, "head_examples": 7}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def draws_of(distortion: str, severity: float, *, takes_images: bool = True) -> Draws:
    population = distort(make("digits", classes=[3, 8]), distortion, severity)
    device = torch.device("cpu")
    present = Presenter(population=population, takes_images=takes_images, device=device)
    return Draws(population=population, present=present, device=device, streams=STREAMS)


def renewal_of(draws: Draws) -> Renewal:
    found = draws.renewal(NUM)
    assert found is not None
    return found


@pytest.mark.parametrize(("distortion", "severity"), [("feature_noise", 0.3), ("overlap", 0.5)])
def test_any_portions_see_the_same(distortion: str, severity: float) -> None:
    """As whoever goes on after an interruption asks for other places."""
    renew = renewal_of(draws_of(distortion, severity))
    chosen = np.concatenate([np.random.default_rng(r).permutation(NUM) for r in range(6)])
    whole, none = renew(0, chosen)
    assert none is None
    cuts = [0, 1, 7, RENEWAL_BLOCK, 2 * RENEWAL_BLOCK + 3, 200, len(chosen)]
    pieces = [renew(lo, chosen[lo:hi])[0] for lo, hi in pairwise(cuts)]
    assert torch.equal(torch.cat(pieces), whole)
    again = renewal_of(draws_of(distortion, severity))
    assert torch.equal(again(90, chosen[90:100])[0], whole[90:100])


def test_every_round_is_new() -> None:
    renew = renewal_of(draws_of("feature_noise", 0.3))
    order = np.arange(NUM)
    rounds = torch.stack([renew(r * NUM, order)[0] for r in range(40)]).flatten(1)
    assert len(torch.unique(rounds, dim=0)) == 40
    correlation = torch.corrcoef(rounds - rounds.mean(dim=0))
    # of 3,200 pixels: -1/39 for the mean taken off, and .018 around it
    assert correlation[~torch.eye(40, dtype=torch.bool)].abs().max() < 1 / 39 + 5 * 0.018


@pytest.mark.parametrize("takes_images", [True, False])
def test_it_is_the_sample_that_is_trained_on(takes_images: bool) -> None:
    """The mean over 400 rounds is the clean image that has the sample's label: .015 left."""
    draws = draws_of("feature_noise", 0.3, takes_images=takes_images)
    clean = draws_of("none", 0.0, takes_images=takes_images).training(NUM)
    noisy = draws.training(NUM)
    assert torch.equal(clean.labels, noisy.labels)
    renew = renewal_of(draws)
    seen = renew(0, np.tile(np.arange(NUM), 400))[0].reshape(400, *noisy.inputs.shape)
    assert (seen.mean(dim=0) - clean.inputs).abs().max() < 5 * 0.015
    assert seen.dtype == torch.float32
    if takes_images:
        assert renew(0, np.arange(NUM))[0].is_contiguous(memory_format=torch.channels_last)


def test_the_whole_training_part_is_renewed_alike() -> None:
    draws = draws_of("feature_noise", 0.01)
    rng = np.random.default_rng(STREAMS["head_examples"])
    inputs, *_ = draws.more(NUM, rng, split="whole_train", noisy=True, is_soft=False)
    renew = draws.renewal(NUM, stream="head_examples", split="whole_train")
    assert renew is not None
    renewed, _ = renew(0, np.arange(NUM))
    assert (inputs - renewed).abs().max() < 0.1
    assert not torch.equal(inputs, renewed)


def test_the_evaluation_sample_is_drawn_once() -> None:
    draws = draws_of("feature_noise", 0.3)
    assert torch.equal(draws.evaluation().inputs, draws.evaluation().inputs)


@pytest.mark.parametrize("distortion", ["none", "label_noise", "imbalance"])
def test_what_always_looks_the_same_has_no_renewal(distortion: str) -> None:
    assert draws_of(distortion, 0.3).renewal(NUM) is None
