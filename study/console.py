"""The command `classcomp`: run, status and report under one name, and what completes them.

classcomp run|status|report ...           as python -m study.run|status|report
classcomp --print-completion bash|zsh     a script for the shell
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import shtab

from study import cli
from study.options import report_parser, run_parser, status_parser
from study.recipes import recipe_names

COMMANDS = {"run": run_parser, "status": status_parser, "report": report_parser}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words and words[0] in COMMANDS:
        command = import_module(f"study.{words[0]}")
        return int(command.main(words[1:], prog=f"classcomp {words[0]}"))
    parser = whole_parser()
    parser.parse_args(words)  # answers --help and --print-completion, refuses what is no command
    parser.print_help()
    return cli.OK


def script() -> None:
    """What the installed `classcomp` calls."""
    from study.run import leave

    leave(main())


def whole_parser() -> cli.Parser:
    """All commands' options in one parser, for help and for completion."""
    parser = cli.Parser(prog="classcomp", description="Whose fault is a network's error?")
    preamble = {"bash": _BASH.format(recipes=" ".join(recipe_names()))}
    shtab.add_argument_to(parser, ["--print-completion"], preamble=preamble)
    commands = parser.add_subparsers(metavar="|".join(COMMANDS), dest="command")
    for name, make in COMMANDS.items():
        made = make(f"classcomp {name}")
        for action in made._actions:
            if action.metavar and any(part in str(action.metavar) for part in ("DIR", "toml")):
                is_study = action.dest == "study"
                files = {**shtab.FILE, "bash": _STUDY} if is_study else shtab.FILE
                action.complete = files  # type: ignore[attr-defined]
        commands.add_parser(
            name,
            parents=[made],
            add_help=False,
            help=made.description,
            description=made.description,
            epilog=made.epilog,
            formatter_class=made.formatter_class,
        )
    return parser


_STUDY = "_classcomp_study"
_BASH = """
_classcomp_study() {{
  compgen -W "{recipes}" -- $1
  compgen -f -- $1
}}
"""


if __name__ == "__main__":
    script()
