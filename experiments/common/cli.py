"""The command line of an experiment, made from the fields of its ``Config``.

    def main(argv: Sequence[str] | None = None) -> int:
        config, options = parse("regression", __doc__, Config, argv)
        outcome = run(config, progress=options.progress)
        return finish(config, options, outcome)

The field ``learning_rate`` becomes the flag ``--learning-rate``. All experiments
have ``--out``, ``--quick`` and ``--no-progress`` as well, and exit with 0 if all
checks hold, 1 if one fails, and 2 for a bad argument.
"""

import argparse
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jaxnet
from experiments.common.long_runs import LongRun, add_flags
from experiments.common.options import (
    Limits,
    choices,
    from_text,
    is_tuple,
    metavar,
    quick_values,
)

Config = TypeVar("Config")
Item = TypeVar("Item")


class Options(NamedTuple):
    """What the command line says beside the config: nothing that changes a number.

    Attributes:
      name: of the experiment.
      out: the directory for all files; it is there.
      progress: whether to show how far it is.
      tensorboard: whether to write curves for TensorBoard.
      long: what is for runs that take long, where the experiment knows them.
    """

    name: str
    out: Path
    progress: bool
    tensorboard: bool = False
    long: LongRun = LongRun()

    def callbacks(self) -> list[Callable[..., None]]:
        """Callbacks for the `jaxnet.fit` whose curves are to be logged."""
        if not self.tensorboard:
            return []
        return [jaxnet.tensorboard(self.out / "tensorboard")]


def parse(
    name: str,
    doc: str | None,
    config_class: type[Config],
    argv: Sequence[str] | None = None,
    *,
    logged: bool = False,
    long: bool = False,
) -> tuple[Config, Options]:
    """Reads the command line; a bad one ends the program with the exit status 2.

    Args:
      name: of the experiment: its module's.
      doc: the module's docstring, the description in ``--help``.
      config_class: the frozen dataclass whose fields are options. It raises
        ValueError with one problem a line.
      argv: the arguments; those of the process by default.
      logged: whether its curves can be written for TensorBoard.
      long: whether its runs can take so long that they are to be resumed, or divided
        among processes.
    """
    fields = _fields(config_class)
    parser = _parser(name, doc or "", fields.values(), logged)
    if long:
        add_flags(parser)
    known, unknown = parser.parse_known_args(argv)
    given = vars(known)
    long_run = LongRun(**{field: given.pop(field) for field in LongRun._fields if long})
    options = Options(
        name,
        Path(given.pop("out")),
        given.pop("progress"),
        given.pop("tensorboard", False),
        long_run,
    )
    values = quick_values(config_class) if given.pop("quick") else {}
    for field, text in given.items():
        values[field] = from_text(fields[field].type, text)

    problems = _unknown_flags(parser, unknown) + long_run.problems()
    config = None
    try:
        config = config_class(**values)
    except ValueError as error:
        problems += str(error).splitlines()
    if not problems:
        try:
            options.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problems.append(f"out={str(options.out)!r} is no usable folder: {error}.")
    if problems or config is None:
        parser.error("\n  ".join(["this cannot be run.", *problems]))
    return config, options


def track(items: Iterable[Item], text: str, *, show: bool) -> Iterable[Item]:
    """The items, with a bar on stderr if that is a terminal."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    hidden = not (show and console.is_terminal)
    return progress.track(items, text, console=console, transient=True, disable=hidden)


def _fields(config_class: Any) -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(config_class)}


def _parser(
    name: str, doc: str, fields: Iterable[dataclasses.Field], logged: bool
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}",
        usage="%(prog)s [options]",
        description=doc.strip(),
        epilog="Exit status: 0 if all checks hold, 1 if one fails, 2 for a bad option.",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
            prog, max_help_position=30
        ),
        allow_abbrev=False,
    )
    own = parser.add_argument_group("options of this experiment")
    shared = parser.add_argument_group("options of every experiment")
    for field in fields:
        _add_flag(shared if field.name in ("seed", "seeds") else own, field)
    if logged:
        logs = "write curves to FOLDER/tensorboard"
        own.add_argument("--tensorboard", action="store_true", help=logs)
    add = shared.add_argument
    out = "for all files (default %(default)s)"
    add("--out", metavar="FOLDER", default=f"runs/{name}", help=out)
    add("--quick", action="store_true", help="a smaller run, to see that it works")
    add("--no-progress", dest="progress", action="store_false", help="show no bars")
    return parser


def _add_flag(group: Any, field: dataclasses.Field) -> None:
    """Adds a flag whose value stays text, so that all problems are found at once."""
    remarks = [_range(field.metadata["limits"]), f"default {_shown(field.default)}"]
    if "quick" in field.metadata:
        remarks.append(f"{_shown(field.metadata['quick'])} with --quick")
    settings: dict[str, Any] = {
        "help": f"{field.metadata['text']} ({', '.join(filter(None, remarks))})",
        "default": argparse.SUPPRESS,
    }
    if field.type is bool:
        settings["action"] = argparse.BooleanOptionalAction
    else:
        words = choices(field.type)
        settings["metavar"] = f"{{{','.join(words)}}}" if words else metavar(field.type)
        if is_tuple(field.type):
            settings["nargs"] = "+"
    group.add_argument("--" + field.name.replace("_", "-"), **settings)


def _range(limits: Limits) -> str:
    """A range in words, such as ``above 0, below 1``."""
    return ", ".join(
        f"{word.replace('_', ' ')} {number:g}" for word, number in limits.items()
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _unknown_flags(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """One problem for each argument that is no option, with the nearest that is."""
    flags = list(parser._option_string_actions)
    problems = []
    for i, word in enumerate(words):
        if word.startswith("-"):
            near = difflib.get_close_matches(word.split("=")[0], flags, n=1)
            hint = f" Did you mean {near[0]}?" if near else " See --help."
            problems.append(f"There is no option {word}.{hint}")
        elif i == 0:  # Later ones are values of options that are not there.
            problems.append(f"{word!r} is not an option: options begin with --.")
    return problems
