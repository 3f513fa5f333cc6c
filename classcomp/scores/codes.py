"""What the codes of examples take, and how many of them are used."""

import torch

from classcomp.models.base import Quantises
from classcomp.tasks import Evaluation
from classcomp.tasks.base import batches


@torch.no_grad()
def code_columns(evaluation: Evaluation) -> dict[str, float]:
    """`code_bits`, the mean of an example, and `code_perplexity`.

    The second is exp of the entropy, in nats, of the codes' shares over all examples and places: as
    many codes as would be used if those in use were used alike.
    """
    model, inputs = evaluation.model, evaluation.examples.inputs
    assert isinstance(model, Quantises)
    codes = torch.cat([model.codes(batch) for batch in batches(inputs)])
    shares = codes.flatten().bincount().double() / codes.numel()
    return {
        "code_bits": float(model.code_bits(codes).mean()),
        "code_perplexity": float(torch.special.entr(shares).sum().exp()),
    }
