"""The columns of tables of curves: the risk along training, and over capacity."""

from study.analysis.columns import ERRORS, cell_columns, error_columns, interval_columns
from study.trials.schema import COUNT, RISK, RISK_DIFFERENCE, Column

TRACE_COLUMNS = (
    *cell_columns("task", "level"),
    Column("num_seeds", "Int64", COUNT, "traced seeds"),
    Column("step", "Int64", COUNT, "optimizer steps up to there; null: of each seed others"),
    Column("epoch", "Float64", "epochs", "passes over the sample; null: of each seed others"),
    Column("num_running", "Int64", COUNT, "seeds not yet settled; others keep their last risk"),
    *interval_columns("risk", RISK, "mean over seeds, at constant rate"),
    Column("train_risk", "Float64", RISK, "on the training sample, mean over seeds"),
)

EARLY_STOPPING_COLUMNS = (
    *cell_columns("task", "level"),
    Column("num_seeds", "Int64", COUNT, "traced seeds"),
    Column("num_points", "Int64", COUNT, "of the trace"),
    Column("budget_step", "Int64", COUNT, "T in steps; null: of each seed others"),
    Column("budget_epoch", "Float64", "epochs", "the same in epochs"),
    Column("budget_risk", "Float64", RISK, "R_n(T), mean over traced seeds"),
    Column("end_step", "Int64", COUNT, "the trunk's end, of who was trained longest"),
    Column("end_epoch", "Float64", "epochs", "the same in epochs"),
    Column("converged_risk", "Float64", RISK, "R_n(inf), mean over traced seeds"),
    Column("best_step", "Int64", COUNT, "of the smallest mean risk"),
    Column("best_step_lo", "Int64", COUNT, "first step not told apart from it, 95%"),
    Column("best_step_hi", "Int64", COUNT, "last step not told apart from it, 95%"),
    Column("best_epoch", "Float64", "epochs", "of the smallest mean risk"),
    Column("best_epoch_lo", "Float64", "epochs", "first not told apart from it, 95%"),
    Column("best_epoch_hi", "Float64", "epochs", "last not told apart from it, 95%"),
    Column("num_candidates", "Int64", COUNT, "points not told apart from the best"),
    Column("best_risk", "Float64", RISK, "smallest mean risk; too small by the luck of its choice"),
    *interval_columns(
        "gain_over_budget", RISK_DIFFERENCE, "R_n(T) less the risk at a step that others chose"
    ),
    *interval_columns("gain_over_converged", RISK_DIFFERENCE, "the same of R_n(inf)"),
    *interval_columns("gain_over_end", RISK_DIFFERENCE, "the same of the trunk's end"),
    *(
        Column(f"{name}_{axis}", dtype, unit, f"{where}, in {axis}s")
        for name, where in (
            ("valley", "smallest risk before the peak"),
            ("peak", "highest between two lower ones"),
            ("second", "smallest risk after it"),
        )
        for axis, dtype, unit in (("step", "Int64", COUNT), ("epoch", "Float64", "epochs"))
    ),
    *interval_columns("rise", RISK_DIFFERENCE, "from valley to peak, as others chose them"),
    *interval_columns("fall", RISK_DIFFERENCE, "from peak to second, as others chose them"),
    Column("is_second_descent", "boolean", "", "both are above 0, one-sided test at 5%"),
)

FOUR = ERRORS[1:]
"""The errors that sum to the total."""
CAPACITY_COLUMNS = (
    *cell_columns("task", "level"),
    Column("num_seeds", "Int64", COUNT, "seeds measured"),
    Column("num_parameters", "Int64", COUNT, "trainable parameters"),
    *interval_columns("risk", RISK, "R_n(T), mean over seeds"),
    *interval_columns("converged_risk", RISK, "R_n(inf), likewise"),
    *interval_columns("resubstitution_risk", RISK, "L, on the own sample at R_n(inf), likewise"),
    Column("best_in_class_risk", "Float64", RISK, "U_H; null: not looked for"),
    Column("limit_risk", "Float64", RISK, "U_A"),
    *(column for name in FOUR for column in error_columns(name)),
)

PEAK_COLUMNS = (
    *cell_columns("task", "level", without="capacity"),
    Column("quantity", "string", "", "risk (at T) or converged_risk"),
    Column("num_seeds", "Int64", COUNT, "seeds measured at every capacity"),
    Column("num_capacities", "Int64", COUNT, "capacities c of the curve"),
    Column("smallest", "Float64", "", "of them"),
    Column("largest", "Float64", "", "of them"),
    Column("peak", "Float64", "", "c between these of the largest mean; of fewer than three: null"),
    Column("peak_lo", "Float64", "", "smallest c between them that is not told apart from it"),
    Column("peak_hi", "Float64", "", "largest such c"),
    Column("peak_num_parameters", "Int64", COUNT, "trainable parameters there"),
    Column("peak_risk", "Float64", RISK, "the mean there"),
    Column("left", "Float64", "", "c of the smallest mean below the peak"),
    *interval_columns("rise", RISK_DIFFERENCE, "from there; Bonferroni over pairs of capacities"),
    Column("right", "Float64", "", "c of the smallest mean above the peak"),
    *interval_columns("fall", RISK_DIFFERENCE, "to there; likewise"),
    Column("is_peak", "boolean", "", "both are above zero with all of their intervals"),
    *(
        Column(f"{way}_{name}", "Float64", RISK_DIFFERENCE, f"what {name} adds to the {way}")
        for way in ("rise", "fall")
        for name in FOUR
    ),
    Column("carried_by", "string", "", "the error that adds most to the fall; no peak: null"),
    Column("interpolation", "Float64", "", "smallest c of mean L at most .005; none: null"),
)
