"""How the best rule of an architecture is looked for, given data without end."""

from classcomp.training.phases import CHUNK_STEPS, Phase

LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.0
CROSS_ENTROPY_SHARE = 0.6
SMALL_BATCH, LARGE_BATCH = 64, 256


def best_in_class_phases(num_examples: int) -> tuple[Phase, ...]:
    """Cross-entropy to get near, then the expected 0-1 loss itself in larger batches."""
    near = round(num_examples * CROSS_ENTROPY_SHARE / SMALL_BATCH)
    close = round((num_examples - near * SMALL_BATCH) / LARGE_BATCH)
    return (
        Phase(
            kind="stream",
            num_steps=max(1, near),
            pass_steps=CHUNK_STEPS,
            batch_size=SMALL_BATCH,
            rates=(1.0, 0.3),
        ),
        Phase(
            kind="stream",
            num_steps=max(1, close),
            pass_steps=CHUNK_STEPS,
            batch_size=LARGE_BATCH,
            rates=(0.3, 0.0),
            loss="zero_one",
        ),
    )
