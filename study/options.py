"""What the commands take: parsers, for themselves, for `--help`, for a shell's completion."""

import argparse
from pathlib import Path

from study import cli
from study.recipes import DEFAULT, questions

STUDY_FOLDER = "a study's folder, such as ray_results/quickstart; it may be an S3 address"


def run_parser(prog: str = "python -m study.run") -> cli.Parser:
    """Of the command that runs a study."""
    parser = cli.Parser(
        prog=prog,
        description="Runs a study to its landscape and report.",
        epilog=_recipes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "study",
        nargs="?",
        default=DEFAULT,
        metavar="RECIPE|study.toml",
        help=f"a recipe (below) or a study file; default: {DEFAULT}",
    )
    parser.add_argument("--cluster", action="store_true", help="use the Ray cluster that is there")
    parser.add_argument("--address", metavar="A", help="of the cluster, HOST:PORT")
    parser.add_argument(
        "--no-dashboard",
        dest="dashboard",
        action="store_false",
        help="a local study without Ray's dashboard and its dozen processes",
    )
    parser.add_argument(
        "--results", metavar="DIR", default="ray_results", help="default: ray_results"
    )
    parser.add_argument("--name", metavar="N", help="of the study, in place of the file's")
    parser.add_argument(
        "--set",
        metavar="key=value",
        action="append",
        default=[],
        help="override a key of the study file, such as seeds=5 or search.trials=0",
    )
    parser.add_argument("--data-dir", metavar="DIR", help="where real images are looked for first")
    parser.add_argument(
        "--force", action="store_true", help="run even what this machine seems too small for"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="tell trials, examples and CPU time, and stop"
    )
    _add_quiet(parser, "print warnings and errors alone; study.log has the rest")
    return parser


def status_parser(prog: str = "python -m study.status") -> cli.Parser:
    """Of the command that tells how far a study is."""
    parser = cli.Parser(prog=prog, description="Tells how far a study is.")
    parser.add_argument("directory", metavar="DIR", help=STUDY_FOLDER)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="as one JSON object (docs/operations.md)")
    how.add_argument(
        "--watch", action="store_true", help="again and again, until it is finished or Ctrl-C"
    )
    return parser


def report_parser(prog: str = "python -m study.report") -> cli.Parser:
    """Of the command that writes a study's report, and compares two studies."""
    parser = cli.Parser(
        prog=prog, description="Writes a study's report; of two studies, what they differ in."
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="DIR|trials.parquet",
        help="a study; a second one: the first is compared with it. DIR may be an S3 address",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: beside)")
    parser.add_argument(
        "--latex", action="store_true", help="also tables and methods for a paper: report/latex/"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="what was written, as one JSON object")
    how.add_argument(
        "--follow", action="store_true", help="write it again as trials finish, and serve it here"
    )
    _add_quiet(how, "print the page's path alone")
    return parser


def _add_quiet(parser: argparse._ActionsContainer, what: str) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help=what)


def _recipes() -> str:
    """The recipes and what they ask."""
    lines = ["recipes:"]
    for asked, names in questions().items():
        lines += [f"  {', '.join(names)}", f"      {asked}"]
    return "\n".join(lines)
