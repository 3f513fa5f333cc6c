"""How far a study's estimates of its time left are from the truth, on the way.

Replays finished studies from their ledgers, or tables where they are shipped without: at a tenth, a
quarter, ... of a study's time it looks at the trials that had finished by then, and holds what
`study.status` would have said against when the last trial did end. Beside it the mean seconds of a
role times those that are left of it, which says nothing until every role has been seen. Without a
folder it runs a study first. `--cpu` replays trials in the order in which they would begin today,
each as long as its processor time: as if the machine had had nothing else to do.
"""

import argparse
import heapq
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from study.planning.agenda import Agenda
from study.planning.forecast import Forecast
from study.planning.plan import total_by_role
from study.planning.progress import duration
from study.planning.stretch import last_stretch, spans_of
from study.request.reading import read_spec
from study.request.spec import StudySpec
from study.storage.ledger import Ledger, Record
from study.trials.roles import ROLES
from study.trials.selection import Search, search_of
from study.trials.trial import TrialSpec, cell_of

METRICS = (
    *("wall_s", "cpu_s", "examples_seen", "validation_risk"),
    *("risk", "risk_se", "excess_risk", "excess_risk_se"),
)
"""Of a row of a table, what a forecast looks at."""
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of a study's time, from the start of its first trial to the end of its last."""


def by_role(spec: StudySpec, records: Sequence[Record], num_slots: int) -> float | None:
    """Mean seconds of each role times its trials that are left; None where a role is unseen."""
    totals, seconds = total_by_role(spec, records), defaultdict(list)
    done = Counter(record["role"] for record in records)
    for record in records:
        if record["metrics"].get("wall_s") is not None:
            seconds[record["role"]].append(record["metrics"]["wall_s"])
    left = {role: totals[role] - done[role] for role in totals if totals[role] > done[role]}
    if any(role not in seconds for role in left):
        return None
    return sum(n * sum(seconds[r]) / len(seconds[r]) for r, n in left.items()) / num_slots


def records_of(folder: Path) -> list[Record]:
    """From a study's ledger; of one that is shipped without, from its table: without curves."""
    if (folder / "ledger").is_dir():
        return Ledger(folder / "ledger").read()[0]
    table = pd.read_parquet(folder / "trials.parquet")
    records = []
    for row in table.sort_values("finished_at", kind="stable").to_dict("records"):
        known = {str(name): value for name, value in row.items() if not pd.isna(value)}
        metrics = {name: known[name] for name in METRICS if name in known}
        chosen = {name[3:]: value for name, value in known.items() if name.startswith("hp_")}
        records.append({**known, "metrics": metrics, "hyperparameters": chosen, "curves": []})
    return records


def on_idle_machine(spec: StudySpec, records: Sequence[Record], num_slots: int) -> list[Record]:
    """The same records as if trials had had a core of their own, in the order of today's plan."""
    known = {(record["role"], cell_of(record), record["seed"]): record for record in records}
    finished: dict[str, Record] = {}
    searched: dict[Search, list[Record]] = defaultdict(list)
    agenda, now = Agenda(spec, finished, searched), 0.0
    begin = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    running: list[tuple[float, int, TrialSpec]] = []
    number = 0
    while True:
        while len(running) < num_slots and (taken := agenda.take()):
            (trial,) = taken
            ends = now + known[trial.role, trial.cell, trial.seed]["metrics"]["cpu_s"]
            heapq.heappush(running, (ends, number, trial))
            number += 1
        if not running:
            return list(finished.values())
        now, _, trial = heapq.heappop(running)
        record = known[trial.role, trial.cell, trial.seed]
        metrics, ended = record["metrics"], begin + timedelta(seconds=now)
        share = metrics["cpu_s"] / metrics["wall_s"]
        finished[record["trial_id"]] = {
            **record,
            "finished_at": ended.isoformat(),
            "metrics": {**metrics, "wall_s": metrics["cpu_s"]},
            "curves": [{**p, "wall_s": p["wall_s"] * share} for p in record["curves"]],
        }
        if ROLES[trial.role].is_searched:
            searched[search_of(trial.cell, trial.seed)].append(finished[record["trial_id"]])
        agenda.finish(trial)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was to be said at a share of a study's time, and what there was to be said.

    Attributes:
        share: of the study's time.
        num: trials that had finished.
        left_s: until the last one did, in truth.
        forecast_s: as `study.status` would have told it; None: unknown.
        by_role_s: by the mean seconds of roles.
    """

    share: float
    num: int
    left_s: float
    forecast_s: float | None
    by_role_s: float | None


def looks_at(spec: StudySpec, records: Sequence[Record], slots: int) -> Iterator[Look]:
    """A look at each of `SHARES`.

    Args:
        spec: of a finished study.
        records: its trials.
        slots: side by side.
    """
    spans = spans_of(records)
    end, begin = spans[-1].finished, min(span.finished - span.seconds for span in spans)
    for share in SHARES:
        now = begin + share * (end - begin)
        known = [r for r in records if (held := spans_of([r])) and held[0].finished <= now]
        yield Look(
            share=share,
            num=len(known),
            left_s=end - now,
            forecast_s=Forecast(spec).look(known, slots, now).seconds_left,
            by_role_s=by_role(spec, known, slots),
        )


def replay(folder: Path, num_slots: int | None, *, is_idle: bool) -> None:
    """Prints a line for each share of a finished study's time."""
    spec = read_spec(str(folder / "study.toml"))
    records = records_of(folder)
    if is_idle:
        records = on_idle_machine(spec, records, num_slots or 2)
    stretch = last_stretch(spans_of(records))
    assert stretch is not None
    slots = num_slots or stretch.num_slots
    looks = [*looks_at(spec, records, slots)]
    whole_s = looks[0].left_s / (1 - SHARES[0])
    print(f"{spec.name}: {len(records)} trials in {duration(whole_s)}, {slots} side by side")
    print(f"{'at':>5} {'trials':>7} {'true':>7} {'forecast':>9} {'ratio':>6} {'by role':>9}")
    for look in looks:
        print(
            f"{look.share:>5.0%} {look.num:>7} {duration(look.left_s):>7} "
            + " ".join(
                "unknown" if said is None else f"{duration(said):>9} {said / look.left_s:>6.2f}"
                for said in (look.forecast_s, look.by_role_s)
            )
        )


def main() -> None:
    """Prints a table for each study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="of finished studies")
    parser.add_argument("--run", default="quickstart", help="recipe or study file without a folder")
    parser.add_argument("--set", action="append", default=[], metavar="key=value")
    parser.add_argument("--slots", type=int, help="trials side by side; default: as it looks")
    parser.add_argument("--cpu", action="store_true", help="by processor time, two side by side")
    options = parser.parse_args()
    for folder in options.folders:
        replay(folder, options.slots, is_idle=options.cpu)
    if not options.folders:
        with tempfile.TemporaryDirectory() as results:
            command = [sys.executable, "-m", "study.run", options.run, "--results", results]
            command += [word for setting in options.set for word in ("--set", setting)]
            subprocess.run([*command, "--no-dashboard"], check=True, capture_output=True)
            (folder,) = Path(results).iterdir()
            replay(folder, options.slots, is_idle=options.cpu)


if __name__ == "__main__":
    main()
