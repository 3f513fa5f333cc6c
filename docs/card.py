"""The card of a shipped study: what it is, how it was made, its files and their checksums.

    python docs/card.py ray_results/reference/gaussian-small    # writes CARD.md beside its tables

All of it is of the study's own files and of docs/tables.md: the same files have the same card.
`tests/analysis/test_shipped.py` holds cards and files together.
"""

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from study.recipes import questions, recipe_file

ROOT = Path(__file__).parent.parent
NAME = "CARD.md"
LAWS = ("two_gaussians", "gaussians", "xor", "concentric", "checkerboard", "gaussian_images")
"""Populations that are drawn by this code alone."""
DATA = {
    "digits": "scikit-learn's `load_digits`, a copy of the test part of *Optical Recognition of\n"
    "  Handwritten Digits* (E. Alpaydin, C. Kaynak, 1998, doi:10.24432/C50P49), which the UCI\n"
    "  repository gives under [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)"
}
"""Real data that a shipped study may have learned from, and on what terms they are had."""
SAID = {
    "findings.txt": "what was found, in sentences",
    "ledger.jsonl.xz": "each trial's record, from which the study goes on",
    "provenance.json": "with what, where and when it was run",
    "study.toml": "what was asked, every default spelled out",
}
LIMITS = "Before you believe it\n"


def card(folder: Path) -> str:
    """The card as it should be.

    Raises:
        OSError: the folder lacks `study.toml`, `provenance.json`, `findings.txt` or its trials.
        ValueError: it is of a population whose data nobody has said the licence of.
    """
    asked = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    made = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    findings = (folder / "findings.txt").read_text(encoding="utf-8")
    headline = "\n".join(f"- {line}" for line in findings.partition("\n\n")[0].splitlines())
    parts = (
        f"# {folder.name}: a data card\n\nMade by `python docs/card.py {_place(folder)}`.",
        f"## What it is\n\n{_what(asked, folder)}\n\n{headline}",
        f"## How to load it\n\n{_loading(folder)}",
        f"## How it was made\n\n{_making(made, folder)}",
        f"## Licence\n\n{licence(asked['populations'])}",
        f"## Known limits\n\n{_limits(findings, folder)}",
        f"## Files\n\n{_files(folder)}",
    )
    return "\n\n".join(parts) + "\n"


def _place(folder: Path) -> str:
    return folder.resolve().relative_to(ROOT.resolve()).as_posix()


def _what(asked: Mapping[str, Any], folder: Path) -> str:
    """The question, and what was crossed with what."""
    asks = {
        tomllib.loads(recipe_file(recipe).read_text(encoding="utf-8"))["name"]: question
        for question, recipes in questions().items()
        for recipe in recipes
    }
    question = asks.get(asked["name"])
    trials = pd.read_parquet(folder / "trials.parquet", columns=["status", "role"])
    counts = trials.groupby("role", sort=True).size()
    failed = int((trials["status"] == "failed").sum())
    seeds = f"{asked['seeds']} seeds" + (
        f", up to {asked['max_seeds']} where a total is wider than ±{asked['precision']:g}"
        if "precision" in asked
        else ""
    )
    rows = {
        "families": ", ".join(asked["families"]),
        "depths; n": f"{_listed(asked['depths'])}; {_listed(asked['num_train'])}",
        "populations": ", ".join(one["name"] for one in asked["populations"]),
        "distortions": ", ".join(
            f"{name} {_listed(levels)}" for name, levels in asked.get("distortions", {}).items()
        ),
        "distorted at": "; ".join(
            f"{axis} {_listed(asked[key])}"
            for axis, key in (("depths", "distorted_depths"), ("n", "distorted_num_train"))
            if key in asked
        ),
        "seeds": seeds,
        "trials": f"{len(trials)}, of which {failed} failed: "
        + ", ".join(f"{number} {role}" for role, number in counts.items()),
    }
    table = "\n".join(f"| {name} | {text} |" for name, text in rows.items() if text)
    first = "" if question is None else f"The study asks: {question}\n\n"
    return f"{first}| | |\n|---|---|\n{table}"


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _loading(folder: Path) -> str:
    place = _place(folder)
    asked = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    more = (
        f"max_seeds={2 * asked['max_seeds']}"
        if "precision" in asked
        else f"seeds={asked['seeds'] + 2}"
    )
    running = f"ray_results/{asked['name']}"
    going_on = (
        "\n\nMore seeds are added to those that are here, whose trials do not run again:\n\n"
        f"```console\nmkdir -p {running}/ledger\n"
        f"cp -r {place}/decisions {place}/study.toml {running}\n"
        f"xz -dc {place}/ledger.jsonl.xz > {running}/ledger/000001.jsonl\n"
        f"python -m study.run {place}/study.toml --set {more}\n```"
        if (folder / "ledger.jsonl.xz").exists()
        else ""
    )
    return (
        "After `pip install -e .` in the repository, without PyTorch:\n\n"
        f'```python\nimport study\n\nfound = study.open("{place}")\n'
        "found.landscape, found.comparisons, found.trials  # pandas\nprint(found.findings)\n```\n\n"
        f"`python -m study.report {place} --out /tmp/report` writes the page of it. The CSV and\n"
        "Parquet files are read by anything else too; their columns are in\n"
        f"[docs/tables.md](../../../docs/tables.md).{going_on}"
    )


def _making(made: Mapping[str, Any], folder: Path) -> str:
    """Each run: the command, the commit, the machine, what it took."""
    lines = [
        f"```console\npython -m study.run {_place(folder)}/study.toml --name {made['name']}\n```"
    ]
    for run in made["runs"]:
        machine, versions = run["machine"], run["versions"]
        named = ", ".join(f"{name} {value}" for name, value in versions.items())
        lines.append(
            f"At commit `{run['git_commit']}`, finished {run['finished_at']}: {run['num_trials']} "
            f"trials,\n{run['wall_s']:g} s on the wall, {run['cpu_s_of_all_trials']:g} s of "
            f"processors in trials, on {machine['cpus']} CPUs\n({machine['processor']}, "
            f"{machine['system']});\nPython {run['python']}, {named}."
        )
    return "\n\n".join(lines)


def licence(populations: list[dict[str, Any]]) -> str:
    """On what terms the files are had, and the data that the populations are.

    Raises:
        ValueError: nobody has said it of one of them.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"- These files: {project['license']}, as the [code](../../../LICENSE)."]
    for name in dict.fromkeys(one["name"] for one in populations):
        if name in DATA:
            lines.append(f"- `{name}`: learned from, and no part of it is here: {DATA[name]}.")
        elif name in LAWS:
            lines.append(f"- `{name}`: drawn by the code.")
        else:
            raise ValueError(f"population {name!r}: say its licence in docs/card.py, DATA")
    return "\n".join(lines)


def _limits(findings: str, folder: Path) -> str:
    told = findings.partition(LIMITS)[2].partition("\n\n")[0].splitlines()
    usual = ("curves.parquet", "decisions", "exhibits", "ledger", "report", "study.log")
    left = [name for name in usual if not (folder / name).exists() or name == "report"]
    names = ", ".join(f"`{name}`" for name in left)
    return "\n".join(
        [
            *(f"- {line.strip()}" for line in told),
            f"- Of what a study's folder has, left out here: {names}.",
        ]
    )


def _files(folder: Path) -> str:
    """A row for each file; a folder's is of all of its files."""
    page = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
    tables = dict(re.findall(r"^## (\w+)\n\n(.*?)\.\n", page, re.MULTILINE))
    lines = ["| file | bytes | sha256 | is |", "|---|---|---|---|"]
    for path in _shipped(folder):
        name, said = path.name, SAID.get(path.name, "")
        if path.stem in tables:
            said = f"[{tables[path.stem]}](../../../docs/tables.md#{path.stem})"
        if path.is_dir():
            inside = sorted(path.iterdir())
            name = f"{name}/"
            said = f"{len(inside)} files, what rules decide, and what laws' posteriors are"
            size = sum(one.stat().st_size for one in inside)
            listing = "".join(f"{_digest(one.read_bytes())}  {one.name}\n" for one in inside)
            digest = _digest(listing.encode())
        else:
            size, digest = path.stat().st_size, _digest(path.read_bytes())
        lines.append(f"| `{name}` | {size} | `{digest}` | {said} |")
    return "\n".join(lines) + (
        "\n\nThe folder's checksum is `cd decisions && LC_ALL=C sha256sum * | sha256sum`; how "
        "decisions are packed is in\n[docs/protocol.md](../../../docs/protocol.md)."
    )


def _shipped(folder: Path) -> Iterator[Path]:
    """All that ships but the card; a report is made where it is read."""
    return (path for path in sorted(folder.iterdir()) if path.name not in (NAME, "report"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        (Path(name) / NAME).write_text(card(Path(name)), encoding="utf-8")
