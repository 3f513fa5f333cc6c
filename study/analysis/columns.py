"""The columns of every table of results, each made of trials; units as in `study.trials.schema`."""

from study.trials.schema import (
    COUNT,
    IDENTITY_COLUMNS,
    RISK,
    RISK_DIFFERENCE,
    STANDARD_ERROR,
    Column,
)
from study.trials.tasks import PROBABILITY
from study.trials.trial import CELL_NAMES

# Rigorous split first (they sum to the total), then the nominal split of the field's tutorials.
ERRORS = ("total", "approximation", "objective", "estimation", "optimization")
NOMINAL_ERRORS = ("nominal_approximation", "nominal_estimation")


def cell_columns(*more: str, without: str = "") -> tuple[Column, ...]:
    """The columns that name a row's cell, with more of the trials table's identity or less."""
    names = {*CELL_NAMES, *more} - {without}
    return tuple(column for column in IDENTITY_COLUMNS if column.name in names)


SEED_ERROR_COLUMNS = (
    Column("trial_id", "string", "", "the measuring trial"),
    *cell_columns(),
    Column("seed", "Int64", "", "the seed"),
    Column("risk", "Float64", RISK, "R_n(T)"),
    Column("converged_risk", "Float64", RISK, "R_n(inf)"),
    Column("resubstitution_risk", "Float64", RISK, "L"),
    Column("risk_noise", "Float64", STANDARD_ERROR, "evaluation noise of R_n(T)"),
    Column("converged_noise", "Float64", STANDARD_ERROR, "evaluation noise of R_n(inf)"),
    *(
        Column(name, "Float64", RISK_DIFFERENCE, "of this seed; see landscape")
        for name in ERRORS + NOMINAL_ERRORS
    ),
)

BEST_IN_CLASS_COLUMNS = (
    *cell_columns("task", without="num_train"),
    Column("role", "string", "", "best_in_class: U_H at this m; limit: U_A at this m"),
    Column("num_stream", "Int64", "examples", "m, fresh examples the restarts trained on"),
    Column("restarts", "Int64", COUNT, "finished restarts"),
    Column("risk", "Float64", RISK, "of the best restart by selection; limit: their mean"),
    Column("risk_se", "Float64", STANDARD_ERROR, "of risk over the examples; limit: null"),
    Column("excess_risk", "Float64", RISK_DIFFERENCE, "risk - R*; null where R* is unknown"),
    Column("excess_risk_se", "Float64", STANDARD_ERROR, "of it over the examples; limit: null"),
    Column("restart_sd", "Float64", RISK_DIFFERENCE, "standard deviation of the restarts' risks"),
    Column("selection_risk", "Float64", RISK, "of the best restart; limit: null"),
    Column("trial_id", "string", "", "the best restart; limit: null"),
)

_ERROR_MEANINGS = {
    "total": "R_n(T) - R* = approximation + objective + estimation + optimization",
    "approximation": "U_H - R*, the architecture's fault; null where R* is unknown",
    "objective": "U_A - U_H, the fault of what is minimised; null where R* is unknown",
    "estimation": "R_n(inf) - U_A, the sample's fault",
    "optimization": "R_n(T) - R_n(inf), the optimizer's fault",
    "nominal_approximation": "L - R*, as the field's tutorials have it",
    "nominal_estimation": "R_n(T) - L, as the field's tutorials have it",
}


def error_columns(name: str) -> tuple[Column, ...]:
    """An error of the decomposition with its interval."""
    return (
        Column(name, "Float64", RISK_DIFFERENCE, _ERROR_MEANINGS[name]),
        Column(f"{name}_lo", "Float64", RISK_DIFFERENCE, f"lower end, 95% interval of {name}"),
        Column(f"{name}_hi", "Float64", RISK_DIFFERENCE, f"upper end, 95% interval of {name}"),
    )


LANDSCAPE_COLUMNS = (
    *cell_columns("task", "level"),
    Column("num_parameters", "Int64", COUNT, "trainable parameters"),
    Column("num_seeds", "Int64", COUNT, "seeds measured to the end"),
    Column("num_missing", "Int64", COUNT, "seeds measured elsewhere in the study but not here"),
    Column("estimation_num_seeds", "Int64", COUNT, "seeds in estimation and optimization"),
    Column("num_stopped", "Int64", COUNT, "search trials the search stopped early"),
    Column("num_failed", "Int64", COUNT, "search and measuring trials that failed"),
    Column("share_converged", "Float64", PROBABILITY, "of seeds that settled in time"),
    Column("bayes_risk", "Float64", RISK, "R*; null: unknown"),
    Column("bayes_risk_se", "Float64", STANDARD_ERROR, "of R*"),
    Column("risk", "Float64", RISK, "R_n(T), mean over seeds"),
    Column("converged_risk", "Float64", RISK, "R_n(inf), mean over seeds"),
    Column("best_in_class_risk", "Float64", RISK, "U_H, best rule found; null: not looked for"),
    Column("best_in_class_role", "string", "", "of the trial that found it"),
    Column("best_in_class_num_stream", "Int64", "examples", "its m; null: a measured rule won"),
    Column("approximation_is_bound", "boolean", "", "U_H may fall further; false: it has settled"),
    Column("approximation_limit", "Float64", RISK_DIFFERENCE, "c - R*, U(m) = c + k/m; nominal"),
    Column("slack", "Float64", RISK_DIFFERENCE, "what the search for U_H left on a teacher"),
    Column("limit_risk", "Float64", RISK, "U_A, mean over restarts at the largest m"),
    Column("limit_num_stream", "Int64", "examples", "that m"),
    Column("limit_restarts", "Int64", COUNT, "finished restarts in it"),
    Column("resubstitution_risk", "Float64", RISK, "L, on the seed's own training sample"),
    Column("ideal_risk", "Float64", RISK, "R_ideal(T), mean over seeds; null: not asked"),
    *(column for name in ERRORS + NOMINAL_ERRORS for column in error_columns(name)),
)


def interval_columns(name: str, unit: str, meaning: str) -> tuple[Column, ...]:
    """A value with its 95% interval."""
    ends = (("lo", "lower"), ("hi", "upper"))
    return (
        Column(name, "Float64", unit, meaning),
        *(Column(f"{name}_{e}", "Float64", unit, f"{w} end, 95% interval") for e, w in ends),
    )


FAMILIES_COMPARED = (
    *cell_columns("task", without="family"),
    Column("first", "string", "", "a family"),
    Column("second", "string", "", "another family of the same task, in the same cells"),
)
"""Which two families, and where."""
COMPARISON_COLUMNS = (
    Column("scope", "string", "", "cell; or population: mean over all cells that both are in"),
    *FAMILIES_COMPARED,
    Column("num_cells", "Int64", COUNT, "cells in the mean; the columns of one are null for many"),
    Column("num_pairs", "Int64", COUNT, "seeds that both have in all of these cells"),
    *interval_columns("difference", RISK_DIFFERENCE, "R_n(T) of first minus second, paired"),
    Column(
        "standard_error", "Float64", STANDARD_ERROR, "of it, over seeds and examples; moderated"
    ),
    Column("degrees_of_freedom", "Float64", "", "of that, Satterthwaite's; Smyth's prior included"),
    *interval_columns("probability_first_better", PROBABILITY, "by share of seeds, a tie half"),
    Column("agreement", "Float64", PROBABILITY, "share of examples both decide alike"),
    Column("p_value", "Float64", PROBABILITY, "of no difference, two-sided; cell: moderated t"),
    Column("p_holm", "Float64", PROBABILITY, "corrected for all rows of task and scope (Holm)"),
    Column("significant", "boolean", "", "p_holm below 0.05"),
)

TERM_COMPARISON_COLUMNS = (
    Column("error", "string", "", "approximation, objective, estimation or optimization"),
    Column("scope", "string", "", "cell; or population: mean over all cells where both know it"),
    *FAMILIES_COMPARED,
    Column("num_cells", "Int64", COUNT, "cells in the mean, or of which this is one and the same"),
    Column("num_pairs", "Int64", COUNT, "seeds that both have; objective: restarts; else null"),
    *interval_columns("difference", RISK_DIFFERENCE, "the first's error minus the second's"),
    Column("standard_error", "Float64", STANDARD_ERROR, "of it; moderated as in comparisons"),
    Column("degrees_of_freedom", "Float64", "", "of that, Satterthwaite's; Smyth's prior included"),
    Column("is_bound", "boolean", "", "a lower U_H could bring the two together"),
    Column("p_value", "Float64", PROBABILITY, "of no difference between the rules there are"),
    Column("p_holm", "Float64", PROBABILITY, "corrected for all rows of error, task and scope"),
    Column("significant", "boolean", "", "p_holm below 0.05; null where is_bound"),
)

ROBUSTNESS_COLUMNS = (
    *cell_columns("task", "level"),
    Column("reference", "string", "", "the family of the task that the study names first"),
    Column(
        "measure",
        "string",
        "",
        "risk, on clean images; corrupted_risk, where all of them are corrupted in this way; "
        "restored_mse, of what is then given back, against the clean; knn_accuracy",
    ),
    Column("num_seeds", "Int64", COUNT, "seeds in the value"),
    *interval_columns("value", "of the measure", "at T, mean over seeds"),
    Column("num_pairs", "Int64", COUNT, "seeds that family and reference have"),
    *interval_columns(
        "difference", "of the measure", "family minus reference, paired by seed; its own: null"
    ),
    Column("p_value", "Float64", PROBABILITY, "of no difference, two-sided; moderated t"),
    Column("p_holm", "Float64", PROBABILITY, "corrected for the task's differences by the measure"),
    Column("significant", "boolean", "", "p_holm below 0.05"),
)

CROSSOVER_COLUMNS = (
    *(column for column in cell_columns("task", without="family") if column.name != "num_train"),
    Column("first", "string", "", "a family"),
    Column("second", "string", "", "another family of the same task, in the same cells"),
    Column("num_sizes", "Int64", COUNT, "sample sizes n at which the two are compared"),
    Column("ahead", "string", "", "which errs less at the smallest n; null: the interval holds 0"),
    Column("ahead_until", "Int64", "examples", "the largest n up to which it does at every size"),
    Column("open_from", "Int64", "examples", "the next n; null: it is ahead at all sizes"),
    Column("is_over", "boolean", "", "the interval there is known, it is ahead at no n from there"),
    Column("behind_from", "Int64", "examples", "the smallest n from which the other is; else null"),
    Column("p_value", "Float64", PROBABILITY, "the largest of the sizes at which either is so"),
    Column("p_bonferroni", "Float64", PROBABILITY, "times two ends of each of the task's rows"),
    Column("significant", "boolean", "", "p_bonferroni below 0.05"),
)

LEARNING_CURVE_COLUMNS = (
    *cell_columns("task", "level", without="num_train"),
    Column("num_sizes", "Int64", COUNT, "sample sizes n in the fits"),
    Column("num_seeds", "Int64", COUNT, "seeds measured at each of them"),
    Column("bayes_risk", "Float64", RISK, "R*, which c is no less than; null: unknown"),
    Column("limit_risk", "Float64", RISK, "U_A"),
    *interval_columns("c", RISK, "asymptote of R_n(inf) = c + a n^-b; five sizes or more"),
    Column("a", "Float64", RISK_DIFFERENCE, "scale, at n = 1"),
    *interval_columns("b", "", "rate of learning; an end at the range's: none was found"),
    Column("boundary", "string", "", "c or b, where the fit ends at a bound of theirs"),
    Column("lack_of_fit_p", "Float64", PROBABILITY, "of the law, by F against the seeds' noise"),
    *interval_columns("c_minus_limit", RISK_DIFFERENCE, "c - U_A"),
    Column("margin", "Float64", RISK_DIFFERENCE, "c - U_A below it is called none; null: no such"),
    Column("equivalent", "boolean", "", "|c - U_A| < margin, two one-sided tests at 0.05"),
    *interval_columns("rate", "", "b where U_A, as it is known, stands at n = infinity"),
    Column("rate_c", "Float64", RISK, "c of that fit, close to U_A"),
    Column("rate_a", "Float64", RISK_DIFFERENCE, "scale of that fit, at n = 1"),
    Column("rate_boundary", "string", "", "b, where that fit ends at a bound"),
    Column("rate_lack_of_fit_p", "Float64", PROBABILITY, "of that fit"),
)

CROSS_ENTROPY_COLUMNS = (
    *cell_columns("task"),
    Column("num_seeds", "Int64", COUNT, "seeds in the means"),
    Column("num_restarts", "Int64", COUNT, "restarts in the limit"),
    Column("num_examples", "Int64", COUNT, "evaluation examples with kept predictions"),
    *interval_columns("total", "nats", "E KL(posterior || prediction) at T: the other three"),
    *interval_columns("limit", "nats", "of U_A: approximation and objective together"),
    *interval_columns("estimation", "nats", "at convergence, minus the limit"),
    *interval_columns("optimization", "nats", "at T, minus at convergence"),
    Column("bias", "Float64", "nats", "E KL(posterior || seeds' geometric mean), by jackknife"),
    Column("variance", "Float64", "nats", "E KL(seeds' geometric mean || prediction), the same"),
    Column("converged_bias", "Float64", "nats", "bias at convergence"),
    Column("converged_variance", "Float64", "nats", "variance at convergence"),
)

ENSEMBLE_COLUMNS = (
    *cell_columns("task"),
    Column("num_seeds", "Int64", COUNT, "seeds in the vote"),
    Column("bayes_risk", "Float64", RISK, "R*; null on real data"),
    Column("mean_risk", "Float64", RISK, "R_n(T), mean over seeds"),
    Column("ensemble_risk", "Float64", RISK, "of the seeds' majority; ties shared"),
    Column("bias", "Float64", RISK_DIFFERENCE, "ensemble_risk - R*; null where R* is unknown"),
    *interval_columns("net_variance", RISK_DIFFERENCE, "mean_risk - ensemble_risk, by examples"),
    Column("disagreement", "Float64", PROBABILITY, "share of decisions not the majority's"),
)

VARIANCE_COLUMNS = (
    *cell_columns("task"),
    Column("quantity", "string", "", "risk (at T) or converged_risk"),
    Column("component", "string", "", "data, init, order, their interactions, or total"),
    Column("num_levels", "Int64", COUNT, "k: seeds of each factor, k^3 trials"),
    Column("degrees_of_freedom", "Int64", COUNT, "of the mean square; total: null"),
    Column("mean_square", "Float64", "risk squared", "of the analysis of variance"),
    Column("variance", "Float64", "risk squared", "estimate, negative ones as they come"),
    Column("share", "Float64", "", "of the total; null where the total is not above 0"),
)

CROSS_VALIDATION_COLUMNS = (
    *cell_columns("task"),
    Column("num_folds", "Int64", COUNT, "k: parts of the sample of the first measured seed"),
    *interval_columns("cross_validation_risk", RISK, "mean over folds of what each left"),
    Column("folds_sd", "Float64", RISK_DIFFERENCE, "standard deviation of the folds' risks"),
    Column("evaluation_risk", "Float64", RISK, "of the same rules there, labels as noisy; mean"),
    *interval_columns("error", RISK_DIFFERENCE, "of what was left out: minus evaluation_risk"),
)

PLANE_NUMBERS = ("knn_accuracy", "trustworthiness", "continuity")
LATENT_PLANE_COLUMNS = (
    *cell_columns(),
    Column(
        "layout", "string", "", "latents: two of a model; pca, tsne: of the examples themselves"
    ),
    Column("num_seeds", "Int64", COUNT, "seeds in the means; pca, tsne: null"),
    *interval_columns("knn_accuracy", PROBABILITY, "of 15 neighbours in the plane; over seeds"),
    *interval_columns("trustworthiness", PROBABILITY, "those near in the plane were near before"),
    *interval_columns("continuity", PROBABILITY, "those near before are near in the plane"),
)

MAP_LAYOUTS = ("latents", "unit_latents", "mds", "unit_mds", "tsne")
"""Rows of the array `latent_map/quality`. Repeated from classcomp.exhibits.latent_map, which this
side of the wall may not import; a contract test holds the two together."""
MAP_NUMBERS = ("silhouette", "knn_accuracy", "stress")
"""Its columns."""
LATENT_MAP_COLUMNS = (
    *cell_columns(),
    Column(
        "layout",
        "string",
        "",
        "latents; unit_latents, each divided by its length; mds, unit_mds: either in three "
        "dimensions; tsne: the latents in the plane",
    ),
    Column("num_seeds", "Int64", COUNT, "seeds in the means"),
    *interval_columns("silhouette", "", "mean of (b - a) / max(a, b), by class; over seeds"),
    *interval_columns("knn_accuracy", PROBABILITY, "of 15 neighbours among 256, in the layout"),
    *interval_columns("stress", "", "stress-1 of mds and unit_mds; others null"),
)

GENERATION_NUMBERS = ("mmd2", "frechet_distance", "precision", "recall")
GENERATION_COLUMNS = (
    *cell_columns("task", "level"),
    Column("num_seeds", "Int64", COUNT, "seeds in the means"),
    *interval_columns("mmd2", "squared MMD", "of generated examples to the law; over seeds"),
    *interval_columns("frechet_distance", "squared feature", "generated to real images"),
    Column("frechet_distance_real", "Float64", "squared feature", "of as many real ones to them"),
    *interval_columns("precision", PROBABILITY, "generated images near real ones, by features"),
    *interval_columns("recall", PROBABILITY, "real images near generated ones, by features"),
)

LATENT_DIM_COLUMNS = (
    *cell_columns("task", "level"),
    Column("num_seeds", "Int64", COUNT, "seeds measured at every latent dimension of the curve"),
    *interval_columns("risk", RISK, "R_n(T), mean over these seeds"),
)

KNEE_COLUMNS = (
    *cell_columns("task", "level", without="latent_dim"),
    Column("num_seeds", "Int64", COUNT, "seeds measured at every latent dimension"),
    Column("num_dims", "Int64", COUNT, "latent dimensions k of the curve"),
    Column("smallest", "Int64", COUNT, "of them: where the chord begins"),
    Column("largest", "Int64", COUNT, "of them: where it ends"),
    Column("knee", "Int64", COUNT, "k furthest below the chord over log k (Kneedle); null: none"),
    Column("knee_lo", "Int64", COUNT, "lower end, 95% interval"),
    Column("knee_hi", "Int64", COUNT, "upper end, 95% interval"),
    Column("knee_risk", "Float64", RISK, "R_n(T) there"),
    *interval_columns("sharpness", "", "how far below, in ranges of the risks; Bonferroni over k"),
)

PER_CLASS_COLUMNS = (
    *cell_columns("task", "level"),
    Column("class", "Int64", "", "the class"),
    Column("class_name", "string", "", "its name; of one that has none its number"),
    Column("rank", "Int64", COUNT, "1: the easiest, of the smallest mse"),
    Column("num_seeds", "Int64", COUNT, "seeds in the means"),
    Column("num_examples", "Int64", COUNT, "evaluation examples of the class"),
    *interval_columns("mse", "squared input", "R_n(T) on examples of the class"),
    *interval_columns("psnr_db", "dB", "-10 log10 mse, of images in [0, 1]; others null"),
    *interval_columns("above_easiest", "squared input", "mse less the easiest's, paired by seed"),
)

CLASS_RISK_COLUMNS = (
    *cell_columns("task", "level"),
    Column("class", "Int64", "", "the class, k"),
    Column("class_name", "string", "", "its name; of one that has none its number"),
    Column("num_seeds", "Int64", COUNT, "seeds in the means"),
    Column("prior", "Float64", PROBABILITY, "the class's share of the evaluation sample, p_k"),
    Column("bayes_risk", "Float64", RISK, "R_k of the Bayes rule; null: unknown"),
    *interval_columns("risk", RISK, "R_n(T) on the class, R_k"),
    *interval_columns("total", RISK_DIFFERENCE, "R_k less the Bayes rule's"),
    *interval_columns("approximation", RISK_DIFFERENCE, "of it, as of the cell's"),
    *interval_columns("objective", RISK_DIFFERENCE, "of it, as of the cell's"),
    *interval_columns("estimation", RISK_DIFFERENCE, "of it, as of the cell's"),
    *interval_columns("optimization", RISK_DIFFERENCE, "of it, as of the cell's"),
)

# hp_<name> columns, as the trials table has them, come after these.
WINNER_COLUMNS = (
    *cell_columns("task"),
    Column("repeat", "Int64", "", "number of the independent search; seed s takes s mod repeats"),
    Column("is_searched", "boolean", "", "a search found them; false: the family's defaults"),
    Column("num_proposals", "Int64", COUNT, "trials of this search, whatever came of them"),
    Column("num_stopped", "Int64", COUNT, "of those, stopped early"),
    Column("num_failed", "Int64", COUNT, "of those, failed"),
    Column("validation_risk", "Float64", RISK, "of the proposal that won; null: none did"),
    Column("trial_id", "string", "", "the proposal that won"),
)

MISSING_COLUMNS = (
    Column("role", "string", "", "the role of the missing row"),
    *cell_columns(),
    Column("seed", "Int64", "", "the missing seed; null: all of them"),
    Column("why", "string", "", "absent, failed, stopped or without a risk"),
)
