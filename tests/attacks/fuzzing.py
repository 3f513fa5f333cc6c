"""Coverage-guided fuzzing of one reader, for whoever has atheris; the tests need it not.

    python -m tests.attacks.fuzzing READER CORPUS [libFuzzer's options, such as -max_total_time=600]

CORPUS is a folder that keeps what was found to matter; `seeds_of` begins it. A finding ends the
run and lies beside it as crash-*, timeout-* or oom-*; mended, it becomes a row of a table.
"""

import sys
from pathlib import Path

import atheris

WATCHED = ["study.storage", "study.request", "study.analysis", "tomllib", "json", "zipfile"]
"""What coverage is measured of; more of it is slower."""

OURS = ["classcomp.outside", "classcomp.populations.own_examples", "classcomp.populations.fits"]

with atheris.instrument_imports(include=[*WATCHED, *OURS]):
    from tests.attacks import readers
    from tests.attacks.seeds import seeds_of


def main() -> None:
    """Fuzzes until time is up or something is found."""
    reader, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_of(reader)):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], lambda data: readers.ask(reader, data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
