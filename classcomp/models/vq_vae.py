"""VQ-VAE: the autoencoder whose latent map holds no numbers but the names of codes."""

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from classcomp.models.architecture import ImageConfig, check_integer, check_truth
from classcomp.models.augmentation import turned_at_random
from classcomp.models.base import Batch, Model
from classcomp.models.blocks import Encoder
from classcomp.models.code_prior import CodePrior
from classcomp.models.convolutional_coders import convolution_block, mirrored
from classcomp.models.initialisation import initialise_layers
from classcomp.models.vector_quantiser import VectorQuantiser
from classcomp.models.widths import decoder_channels, encoder_channels

MAX_CODES = 1_024
MAX_CODE_DIM = 256
COMMITMENT = 0.25
_ENCODING_BATCH = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ImageConfig):
    """A VQ-VAE's architecture.

    Attributes:
        codes: K, entries of the codebook.
        code_dim: D, dimensions of an entry.
        batch_norm: whether blocks are normalised.
        flips: whether training turns every image left to right with probability 1/2.

    Raises:
        ValueError: a value is out of range.
    """

    codes: int = 64
    code_dim: int = 8
    batch_norm: bool = True
    flips: bool = False

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)
        check_integer("codes", self.codes, 2, MAX_CODES)
        check_integer("code_dim", self.code_dim, 1, MAX_CODE_DIM)
        check_truth("batch_norm", self.batch_norm)
        check_truth("flips", self.flips)


class VQVAE(Model):
    """`autoencoder`'s blocks and their mirror, with a code for every cell of the last map.

    van den Oord et al. (2017), eq. 1-3. The map keeps its cells, 7x7 of 28x28 pixels at depth 2;
    a 1x1 convolution gives each its D numbers, whose place the nearest of K codes takes. What the
    decoder's gradient says of the code goes to the encoder as it is (straight through), and the
    codes follow the encoder by moving averages (`VectorQuantiser`).

    The objective is the mean squared error of a coordinate, and .25 of the mean squared distance
    of the encoder's numbers to their codes (commitment), times the variance of the batch's pixels.
    So divided by that variance it is what the authors' code minimises, and as it is it has the
    risk's unit: images in another one train in the same steps.

    The codebook is not among the parameters that a budget counts, nor is the codes' prior, which
    `fit_head` counts on the training sample; samples are drawn from it.
    """

    takes: ClassVar[str] = "images"
    needs_head: ClassVar[bool] = True

    def __init__(self, config: Config, width: float) -> None:
        super().__init__()
        self.flips = config.flips
        channels, rows, columns = config.input_shape
        widths = encoder_channels(width, config.depth)
        block = partial(convolution_block, batch_norm=config.batch_norm)
        self.encoder = Encoder(block, channels, widths, (rows, columns))
        self.size = self.encoder.out_size
        self.latent = nn.Conv2d(widths[-1], config.code_dim, 1)
        self.latent_dim = math.prod(self.size) * config.code_dim
        self.quantiser = VectorQuantiser(config.codes, config.code_dim)
        self.prior = CodePrior(config.codes, self.size)
        mirror = decoder_channels(width, config.depth)
        levels = mirrored(mirror, channels, self.encoder.sizes, batch_norm=config.batch_norm)
        self.decoder = nn.Sequential(block(config.code_dim, mirror[-1]), *levels)

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        initialise_layers(self, generator)
        self.quantiser.reset(generator)
        self.prior.reset()

    def features(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch latents"]:
        """Return the codes' entries, cell by cell: as many numbers as cells times D.

        Straight through: their gradient is the encoder's.
        """
        points = self._encoded(inputs)
        entries: Tensor = self.quantiser(points)
        return (entries + (points - points.detach())).flatten(1)

    def training_latents(
        self, inputs: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return the same; training moves codes."""
        points = self._encoded(inputs)
        entries = self._taken(points, generator)
        return (entries + (points - points.detach())).flatten(1)

    def decode(
        self, latents: Float[Tensor, "batch latents"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the images that entries stand for; also of points that are no code."""
        cells = latents.unflatten(1, (*self.size, -1)).movedim(-1, 1)
        images: Tensor = self.decoder(cells)
        return images

    def reconstruct(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the images as they come back."""
        return self.decode(self.features(inputs))

    def pass_through(self, inputs: Float[Tensor, "batch channels height width"]) -> None:
        """Send `inputs` through encoder and decoder, and their codes to the prior."""
        self.reconstruct(inputs)
        self.code_bits(self.codes(inputs))

    def codes(
        self, inputs: Float[Tensor, "batch channels height width"]
    ) -> Int64[Tensor, "batch places"]:
        """Return each cell's code, row by row."""
        points = self._encoded(inputs)
        return self.quantiser.nearest(points.flatten(0, 1)).view(points.shape[:2])

    def code_bits(self, codes: Int64[Tensor, "batch places"]) -> Float64[Tensor, " batch"]:
        """Return how many bits each map of codes takes by the prior of the training sample's."""
        found: Tensor = self.prior(codes)
        return found

    def sample(
        self, num: int, generator: torch.Generator
    ) -> Float[Tensor, "num channels height width"]:
        """Return what `num` maps of codes stand for that are drawn from their prior."""
        codes = self.prior.sample(num, generator)
        return self.decode(self.quantiser.codebook[codes].flatten(1))

    @torch.no_grad()
    def fit_head(
        self,
        inputs: Float[Tensor, "n channels height width"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Count the codes of a training sample, in evaluation mode."""
        mode = self.training
        self.eval()
        self.prior.reset()
        for images in inputs.split(_ENCODING_BATCH):
            self.prior.count(self.codes(images))
        self.train(mode)

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean squared error of a coordinate and the commitment; training moves codes.

        Both in squared input units.
        """
        images = batch.inputs
        if self.training and self.flips:
            images = turned_at_random(images, generator)
        points = self._encoded(images)
        entries = self._taken(points, generator)
        straight = points + (entries - points).detach()
        error = self.decode(straight.flatten(1)) - images
        commitment = (points - entries).square().mean()
        found: Tensor = error.square().mean()
        return found + COMMITMENT * images.var(correction=0) * commitment

    def _taken(
        self, points: Float[Tensor, "batch places dims"], generator: torch.Generator
    ) -> Float[Tensor, "batch places dims"]:
        """Return the entries that points take; training moves the codes afterwards."""
        flat = points.detach().flatten(0, 1)
        codes = self.quantiser.nearest(flat)
        entries = self.quantiser.codebook[codes].view_as(points)
        if self.training:
            self.quantiser.learn(flat, codes, generator)
        return entries

    def _encoded(self, images: Tensor) -> Float[Tensor, "batch places dims"]:
        found: Tensor = self.latent(self.encoder(images)).flatten(2).movedim(1, -1)
        return found
