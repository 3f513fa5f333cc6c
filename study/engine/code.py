"""The code that determines a study's results: the science, and who asks it for what."""

from pathlib import Path

from classcomp.fingerprint import code_fingerprint

STUDY = Path(__file__).parent.parent
ASKING = (
    *("trials/roles.py", "trials/seeds.py", "trials/selection.py", "trials/trial.py"),
    *("planning/plan.py", "engine/proposals.py", "engine/scheduler.py", "engine/handover.py"),
)
"""Files of `study` that decide what a trial is given, who wins and who is stopped. How many seeds a
cell has changes no result of any of them, and is not among these."""


def fingerprint() -> str:
    """First 12 hex digits of a hash that every record of a trial carries."""
    return code_fingerprint(tuple(STUDY / name for name in ASKING))
