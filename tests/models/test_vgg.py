from classcomp.testing import FamilyContract, make


class TestVGG(FamilyContract):
    family = "vgg"

    def test_pooling_stops_at_two_pixels(self):
        encoder = make("vgg", 5, (1, 13, 13), 2).encoder
        assert encoder.sizes == [(13, 13), (6, 6), (3, 3), (3, 3), (3, 3)]
        assert make("vgg", 5, (1, 64, 64), 2).encoder.out_size == (2, 2)
