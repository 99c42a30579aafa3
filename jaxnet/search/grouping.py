"""Which settings are one program: those that differ in traced values only."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxnet.batch_sizes import stages_of
from jaxnet.checks import check_choice
from jaxnet.hypers import Named, is_traced
from jaxnet.programs import Program
from jaxnet.training import Build, checked, evaluation_rows
from jaxnet.types import Hypers


class Group(NamedTuple):
    """Settings that one program trains.

    Attributes:
      program: what they have in common.
      trials: their numbers, (trials,).
      traced: what differs, each (trials,) and float32.
    """

    program: Program
    trials: np.ndarray
    traced: dict[str, np.ndarray]


def group_settings(build: Build, settings: Sequence[Hypers]) -> list[Group]:
    """Groups settings by all that shapes their program.

    ``build`` is called once for each setting with the plain values, so that ranges
    are checked that no traced value could be checked for.

    Args:
      build: hyperparameters to the task.
      settings: at least 1.

    Returns:
      The groups in the order of their first trial.

    Raises:
      ValueError: if a hyperparameter is not finite, cannot be hashed, or is read by
        ``build`` for none of the settings.
      Exception: what ``build`` raises, with a note that names the setting.
    """
    by_program: dict[Any, list[int]] = {}
    read: set[str] = set()
    for trial, setting in enumerate(settings):
        recorded = _Recorded(setting)
        try:
            task = checked(build(recorded))
            static = tuple(
                (name, setting[name])
                for name in sorted(setting)
                if not is_traced(setting[name])
            )
            stages = stages_of(task.batch_size)
            program = Program(build, static, stages, evaluation_rows(task))
            names = tuple(sorted(setting.keys() - dict(static).keys()))
            by_program.setdefault((program, names), []).append(trial)
        except Exception as error:
            error.add_note(
                f"This came from build, or from what it returned, for trial {trial} "
                f"with the hyperparameters {dict(setting)}."
            )
            raise
        read |= recorded.read
    _check_read(read, settings)
    groups = []
    for (program, names), trials in by_program.items():
        columns = {}
        for name in names:
            column = np.array([settings[i][name] for i in trials])
            with np.errstate(over="ignore"):
                columns[name] = column.astype(np.float32)
            finite = np.isfinite(columns[name])
            if not finite.all():
                raise ValueError(
                    f"hyperparameter {name} should be finite in float32, got "
                    f"{column[np.argmin(finite)]}."
                )
        groups.append(Group(program, np.array(trials), columns))
    return groups


def _check_read(read: set[str], settings: Sequence[Hypers]) -> None:
    names = {name for setting in settings for name in setting}
    for name in sorted(names - read):
        try:
            check_choice("hyperparameter", name, read)
        except ValueError as error:
            raise ValueError(
                f"build reads no hyperparameter {name!r} for any setting. {error} "
                "Correct its name, or take it out of the space. One that is read in a "
                "function only, such as a schedule, has to be read before it."
            ) from None


class _Recorded(Named):
    """Hyperparameters that remember which of them were read."""

    def __init__(self, setting: Hypers):
        super().__init__(setting)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    # The overloads of dict.get say no more than this does.
    def get(self, name: str, default: Any = None) -> Any:  # pyright: ignore
        self.read.add(name)
        return super().get(name, default)

    # Whoever takes all of them, as in {**h}, may read any.
    def __iter__(self) -> Iterator[str]:
        self.read |= set(super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        self.read |= set(super().keys())
        return super().keys()

    def values(self) -> Any:
        self.read |= set(super().keys())
        return super().values()

    def items(self) -> Any:
        self.read |= set(super().keys())
        return super().items()

    def __or__(self, other: Any) -> Any:
        self.read |= set(super().keys())
        return super().__or__(other)
