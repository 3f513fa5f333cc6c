import pytest
import torch

from classcomp.models.augmentation import Augmentation, rotated, rotated_at_random
from classcomp.testing import batch_of, generator, make, random_batch

POOLING = ["vgg", "resnet", "unet", "unet_pretrained", "resnet18"]
IMAGES = torch.rand(12, 2, 9, 9, generator=generator(0))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_move_pixels_onto_pixels(quarters):
    turned = rotated(IMAGES, torch.full((12,), quarters * torch.pi / 2))
    expected = torch.rot90(IMAGES, quarters, (-2, -1))
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-5)


def test_a_long_image_is_turned_and_not_sheared():
    """A dot 4 right of the centre (7, 10) goes 4 up from it by a quarter turn anticlockwise."""
    long = torch.zeros(1, 1, 15, 21)
    long[..., 7, 14] = 1.0
    turned = rotated(long, torch.tensor([torch.pi / 2]))
    assert divmod(int(turned.flatten().argmax()), 21) == (3, 10)
    assert turned.sum().item() == pytest.approx(1.0, abs=1e-4)


def test_angles_are_uniform_up_to_the_largest():
    """A dot 20 pixels right of the centre: its height tells each image's angle."""
    dot = torch.zeros(400, 1, 45, 45)
    dot[..., 22, 42] = 1.0
    turned = rotated_at_random(dot, 30.0, generator(1))[:, 0]
    rows, columns = torch.arange(45.0)[:, None] - 22, torch.arange(45.0) - 22
    mass = turned.sum((1, 2))
    up, right = (-(turned * rows).sum((1, 2)) / mass, (turned * columns).sum((1, 2)) / mass)
    angles = torch.atan2(up, right).rad2deg()
    assert angles.abs().max() < 30.5
    # 400 draws uniform on [-30, 30]: mean 0 +- .87, standard deviation 17.3 +- .39.
    assert abs(angles.mean().item()) < 3.5
    assert angles.std().item() == pytest.approx(60 / 12**0.5, abs=1.6)


def test_what_is_off_draws_nothing():
    source = generator(3)
    before = source.get_state()
    assert Augmentation()(IMAGES, source) is IMAGES
    assert torch.equal(source.get_state(), before)


@pytest.mark.parametrize("family", POOLING)
@pytest.mark.parametrize("hyperparameters", [{"flips": True}, {"rotation": 20.0}])
def test_images_are_turned_in_training_only(family, hyperparameters):
    batch = batch_of(*random_batch(12, (1, 8, 8), 2))

    def loss(seed, *, mode, **given):
        model = make(family, 1, (1, 8, 8), 2, width=4, **given).train(mode)
        with torch.no_grad():
            return model.loss(batch, generator(seed)).item()

    assert loss(1, mode=True, **hyperparameters) == loss(1, mode=True, **hyperparameters)
    assert loss(1, mode=True, **hyperparameters) != loss(2, mode=True, **hyperparameters)
    assert loss(1, mode=False, **hyperparameters) == loss(2, mode=False)


@pytest.mark.parametrize(
    ("name", "value"), [("flips", 1), ("rotation", -1.0), ("rotation", 180.0), ("rotation", "20")]
)
@pytest.mark.parametrize("family", POOLING)
def test_a_wrong_value_is_named(family, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        make(family, 1, (1, 8, 8), 2, **{name: value})
