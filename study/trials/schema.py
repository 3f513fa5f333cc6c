"""The columns of trials and curves: name, dtype, unit, meaning. Results' are in `study.analysis`.

The tables hold pandas nullable dtypes, so that what is unknown is null: never 0, never a made-up
number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from study.trials.roles import ROLES
from study.trials.tasks import PROBABILITY
from study.trials.trial import CORRUPTIONS, KEEPING_THE_IMAGE, OF_A_SAMPLE

TABLE_VERSION = 4
"""Of what a table holds. Tables of an older version are read: a column that they lack is null."""
STATUSES = ("done", "stopped", "failed")

# The severity at which a distortion changes nothing. Repeated from classcomp.distortions, which
# this side of the wall may not import; a contract test holds the two together.
NEUTRAL_SEVERITY: Mapping[str, float] = MappingProxyType(
    {
        **{"feature_noise": 0.0, "imbalance": 0.5, "overlap": 0.0, "shift": 0.0},
        "missing_pixels": 0.0,
        **dict.fromkeys(OF_A_SAMPLE, 0.0),
    }
)

# Units that imply a range; see study.analysis.validation. Those of a risk and of a difference of
# two are the task's (study.trials.tasks); a probability is one whatever the task.
RISK = "risk"
RISK_DIFFERENCE = "risk difference"
STANDARD_ERROR = "standard error"
COUNT = "count"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its name, pandas dtype, unit and meaning."""

    name: str
    dtype: str
    unit: str
    meaning: str


def under(kind: str, measure: str = "risk") -> str:
    """The column of what a rule is scored by where every evaluation image is corrupted."""
    return f"{kind}_{measure}"


def _corrupted_columns() -> Iterator[Column]:
    """Of every corruption: the risk under it, and how far what is given back is from clean."""
    for kind in CORRUPTIONS:
        words = f"under {kind.replace('_', ' ')}"
        yield Column(under(kind), "Float64", RISK, f"R_n(T) {words} of all evaluation images")
        yield Column(under(kind, "risk_se"), "Float64", STANDARD_ERROR, f"of {under(kind)}")
        if kind in KEEPING_THE_IMAGE:
            told = f"of what is given back {words}, against the clean image"
            yield Column(under(kind, "restored_mse"), "Float64", "squared input", told)


IDENTITY_COLUMNS = (
    Column("trial_id", "string", "", "first 16 hex digits of the hash of what determines it"),
    Column("role", "string", "", "what the trial is for: " + ", ".join(ROLES)),
    Column("status", "string", "", "done, stopped (pruned by the search) or failed"),
    Column("error", "string", "", "what went wrong, where status is failed"),
    Column("family", "string", "", "the family of networks, or of other rules"),
    Column("task", "string", "", "what the family is trained for; it says what risk is"),
    Column("depth", "Int64", COUNT, "the family's one dial of size"),
    Column("population", "string", "", "the law of (x, y), with its parameters"),
    Column("distortion", "string", "", "the damage done to the data; none: undistorted"),
    Column("level", "Int64", COUNT, "index of the severity in the study; none: 0"),
    Column("severity", "Float64", "of the distortion", "strength of the distortion"),
    Column("num_train", "Int64", "examples", "training examples; on a fresh stream its length m"),
    Column("latent_dim", "Int64", COUNT, "k, where it is an axis of the study; else null"),
    Column("capacity", "Float64", "", "c, factor of the budget, where it is an axis; else null"),
    Column("seed", "Int64", "", "of the cell: search, seed, restart or crossing number"),
    Column("budget_epochs", "Int64", "epochs", "T, the training budget; null: it is in steps"),
    Column("max_epochs", "Int64", "epochs", "where convergence was given up; null: it is in steps"),
    Column("budget_steps", "Int64", "steps", "T, the training budget; null: it is in epochs"),
    Column("max_steps", "Int64", "steps", "where convergence was given up; null: it is in epochs"),
    Column("until", "string", "", "end: trained to the maximum, settled or not; else null"),
    Column("num_validation", "Int64", "examples", "that a proposal was scored on; else null"),
    Column("num_folds", "Int64", COUNT, "parts of the sample; a fold leaves one out; else null"),
)
METRIC_COLUMNS = (
    Column("num_parameters", "Int64", COUNT, "trainable parameters"),
    Column("num_available", "Int64", "examples", "of real data, that may be trained on"),
    Column("num_test", "Int64", "examples", "of real data, that are scored on"),
    Column("is_resplit", "boolean", "", "the real set is divided anew for every seed"),
    Column("pretrained_on", "string", "", "what the weights were learned on; random: null"),
    Column("pretraining_s", "Float64", "seconds", "of making them, once; not in wall_s; else null"),
    Column("steps", "Int64", COUNT, "optimizer steps taken, both branches together"),
    Column("examples_seen", "Int64", "examples", "training examples seen, repeats counted"),
    Column("wall_s", "Float64", "seconds", "wall time of the trial"),
    Column("cpu_s", "Float64", "seconds", "processor time of the trial"),
    Column("inference_s", "Float64", "seconds", "processor time to give back one example"),
    Column("bayes_risk", "Float64", RISK, "R*, the least risk there can be; null: unknown"),
    Column("bayes_risk_se", "Float64", STANDARD_ERROR, "of R*; 0 in closed form"),
    Column("risk", "Float64", RISK, "R_n(T), on clean examples at the end of the budget"),
    Column("risk_se", "Float64", STANDARD_ERROR, "of risk over the evaluation sample"),
    Column("excess_risk", "Float64", RISK_DIFFERENCE, "R_n(T) - R*, where R* is known"),
    Column("excess_risk_se", "Float64", STANDARD_ERROR, "of excess_risk"),
    Column("converged", "boolean", "", "objective and training risk settled in time"),
    Column("converged_risk", "Float64", RISK, "R_n(inf), trained until it settles"),
    Column("converged_excess_risk", "Float64", RISK_DIFFERENCE, "R_n(inf) - R*"),
    Column("converged_excess_risk_se", "Float64", STANDARD_ERROR, "of converged_excess_risk"),
    Column("train_risk", "Float64", RISK, "on the training sample"),
    Column("validation_risk", "Float64", RISK, "of a proposal; of a fold, on what it left"),
    Column("selection_risk", "Float64", RISK, "on the draw that chooses U_H"),
    Column("converged_selection_risk", "Float64", RISK, "the same at R_n(inf)"),
    Column("balanced_risk", "Float64", PROBABILITY, "mean of the classes' 0-1 risks"),
    Column("noisy_risk", "Float64", PROBABILITY, "risk against labels flipped as in training"),
    Column("cross_entropy", "Float64", "nats", "mean -log of what the true class was given"),
    Column("excess_cross_entropy", "Float64", "nats", "E KL(posterior || prediction)"),
    Column("converged_excess_cross_entropy", "Float64", "nats", "the same at R_n(inf)"),
    Column("calibration_error", "Float64", PROBABILITY, "of predictions, from the posterior"),
    Column("converged_calibration_error", "Float64", PROBABILITY, "the same at R_n(inf)"),
    Column("class_distribution_kl", "Float64", "nats", "KL(class priors || mean prediction)"),
    Column("class_distribution_tv", "Float64", PROBABILITY, "total variation between the two"),
    Column("area_under_curve", "Float64", RISK, "mean training risk up to T"),
    Column("final_train_risk", "Float64", RISK, "L, on its own training sample at R_n(inf)"),
    Column("steps_to_converge", "Int64", COUNT, "optimizer steps until it had settled"),
    Column("reconstruction_mse", "Float64", "squared input", "of what gives its inputs back"),
    Column("psnr_db", "Float64", "dB", "peak signal to noise of these, of images in [0, 1]"),
    Column(
        "mean_alpha", "Float64", "", "of a robust loss, learned by pixel: 2 squares, 0 Cauchy's"
    ),
    Column("mean_scale", "Float64", "input", "of its c: residuals below it count by their squares"),
    Column("code_bits", "Float64", "bits", "an example's codes, by the training codes' prior"),
    Column("code_perplexity", "Float64", COUNT, "exp of the codes' entropy: how many are in use"),
    Column(
        "best_latent_mse",
        "Float64",
        "squared input",
        "R(g) = E min_z |x - g(z)|^2 / d, the least that descent found; 128 examples",
    ),
    Column(
        "inference_gap",
        "Float64",
        "squared input",
        "of the latents found, minus best_latent_mse, on the same examples; never below 0",
    ),
    Column("inference_gap_se", "Float64", STANDARD_ERROR, "of it, paired by example"),
    Column("knn_accuracy", "Float64", PROBABILITY, "of 15 neighbours in a plane of two latents"),
    Column("trustworthiness", "Float64", PROBABILITY, "of neighbours in that plane"),
    Column("continuity", "Float64", PROBABILITY, "of neighbours of x, in that plane"),
    Column("kl_nats", "Float64", "nats", "KL(true || learned), IWAE; where x has a known density"),
    Column("kl_nats_se", "Float64", STANDARD_ERROR, "of kl_nats over points and draws"),
    Column("mmd2", "Float64", "squared MMD", "of 2,048 generated examples to the law; unbiased"),
    Column("mmd2_se", "Float64", STANDARD_ERROR, "of mmd2, by the jackknife"),
    Column(
        "frechet_distance",
        "Float64",
        "squared feature",
        "generated to real images; null below 320 of each, 5 for a feature",
    ),
    Column("frechet_distance_real", "Float64", "squared feature", "the same, of as many real ones"),
    Column("precision", "Float64", PROBABILITY, "generated images near real ones, by features"),
    Column("recall", "Float64", PROBABILITY, "real images near generated ones, by features"),
    Column("generator_loss", "Float64", "nats", "of a GAN, at T; ln 2 at the equilibrium"),
    Column("discriminator_loss", "Float64", "nats", "of a GAN, at T; 2 ln 2 at the equilibrium"),
    *_corrupted_columns(),
)
NOTE_COLUMNS = (
    Column("variant_of", "string", "", "the family whose variant it is; of a family null"),
    Column("source", "string", "", "hash of a network of the user's own; ours: null"),
    Column("code", "string", "", "fingerprint of the code that ran the trial"),
    Column("attempt", "Int64", COUNT, "how many times the trial had been tried"),
    Column("node", "string", "", "the machine that ran it"),
    Column("finished_at", "string", "ISO 8601", "when it ended"),
)
PREFIX = "hp_"
"""Of a hyperparameter's column in the table."""
# Such columns come after the identity and a metric that is not listed here comes after those that
# are; both as the study's families bring them.
TRIAL_COLUMNS = IDENTITY_COLUMNS + METRIC_COLUMNS + NOTE_COLUMNS

# A record without one of these has no place in the table.
REQUIRED_NAMES = (
    *("trial_id", "role", "status", "family", "depth", "population", "distortion"),
    *("severity", "num_train", "seed"),
)

# Repeated from classcomp.training.phases, which this side of the wall may not import; a test holds
# the two together.
TRUNK_KINDS = ("budget", "settle")
"""Phases of a curve that are of its trunk, at a constant rate."""
CURVE_COLUMNS = (
    Column("trial_id", "string", "", "the trial"),
    Column("phase", "string", "", "what the pass belonged to; both cooldowns leave one trunk"),
    Column("step", "Int64", COUNT, "optimizer steps up to there, along trunk and branch"),
    Column("epoch", "Float64", "epochs", "passes over the training sample so far"),
    Column("train_loss", "Float64", "of the family", "mean training objective"),
    Column("train_risk", "Float64", RISK, "on the training sample"),
    Column("validation_risk", "Float64", RISK, "of a proposal, on the search's own draw"),
    Column("risk", "Float64", RISK, "of the trunk on clean examples, where it is traced"),
    Column("risk_se", "Float64", STANDARD_ERROR, "of risk over the evaluation sample"),
    Column("gradient_norm", "Float64", "of the family", "Euclidean norm of the gradient"),
    Column("wall_s", "Float64", "seconds", "wall time so far"),
)
