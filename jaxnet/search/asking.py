"""`optimize`: other people's samplers choose the settings, sweeps try them.

    from jaxnet.search.asking import optimize

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    result = optimize(
        study, build, space, train, validation,
        trials=64, batch=16, key=key, epochs=50,
    )

An Optuna sampler learns from the trials that it has seen. It is asked for several at
a time, which are one program, and told what came of them before it is asked again.
The study knows everything afterwards, so its storage, figures and dashboard work, and
the result is a `Sweep` like any other.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxnet.checks import check_int
from jaxnet.search.dimensions import Choice, Dimension, plain
from jaxnet.search.results import Runs, Sweep
from jaxnet.search.space import Space, check_space, varying
from jaxnet.search.sweeping import sweep
from jaxnet.training import Build
from jaxnet.types import Batch, PRNGKey


def optimize(
    study: Any,
    build: Build,
    space: Space,
    train: Batch,
    validation: Batch | None = None,
    *,
    trials: int,
    batch: int,
    key: PRNGKey,
    epochs: int,
    **arguments: Any,
) -> Sweep:
    """Sweeps in which an Optuna study chooses the settings, a batch at a time.

    Each trial is told the mean over its seeds and folds. One with a member that
    diverged is told as pruned, without a value, which samplers take for the worst;
    one that halving dropped as pruned with the value at its last epoch. Both kinds
    and all others have ``status``, ``epochs`` and the 95 % ``interval`` of the mean
    as user attributes, the last if there is more than one member.

    Every batch is a sweep of its own. With one size for all of them the first
    compiles and the others do not: take ``trials`` that are a multiple of ``batch``.
    A `choice` that shapes the program, such as a width, divides each batch anew, and
    parts of other sizes compile again. A larger batch makes better use of the
    machine, a smaller one of what the sampler has learnt.

    Args:
      study: of one objective, with any sampler; it may hold trials already, and have
        a storage. Its direction says whether more of ``monitor`` is better.
      build: as in `sweep`.
      space: likewise, with at least one dimension. A value of a `choice` that is no
        number, string, bool or None is known to the study by its name.
      train: likewise.
      validation: likewise.
      trials: how many settings, at least 1.
      batch: how many of them at a time, at least 1.
      key: likewise. All batches have the same seeds: all settings are compared in
        pairs, as within one sweep.
      epochs: likewise.
      **arguments: the others of `sweep`, such as ``seeds`` and ``monitor``.

    Returns:
      All trials of this call as one sweep. Its seconds are the sums.

    Raises:
      ModuleNotFoundError: if optuna is not installed.
      ValueError: if the study has several objectives, and as in `sweep`. Trials that
        were asked for then are told as failed.
    """
    distributions = _distributions(space)
    check_int("trials", trials)
    check_int("batch", batch)
    if len(study.directions) != 1:
        raise ValueError(
            f"a sweep has one objective, got a study with {len(study.directions)} "
            "directions. Create it with one."
        )
    for name in arguments.keys() & {"maximize", "sampler"}:
        raise ValueError(f"{name} is the study's to say. Leave it out.")
    maximize = study.direction.name == "MAXIMIZE"
    parts: list[Sweep] = []
    for first in range(0, trials, batch):
        count = min(batch, trials - first)
        asked = [study.ask(distributions) for _ in range(count)]
        try:
            part = sweep(
                build,
                [_setting(space, trial.params) for trial in asked],
                train,
                validation,
                key=jax.random.clone(key),
                epochs=epochs,
                maximize=maximize,
                **arguments,
            )
        except BaseException:
            for trial in asked:
                study.tell(trial, state=_states().FAIL)
            raise
        _tell(study, asked, part)
        parts.append(part)
    return _joined(parts, space)


def _tell(study: Any, asked: Sequence[Any], result: Sweep) -> None:
    """Tells a study what came of the trials that it was asked for."""
    each = result.plan.seeds * result.plan.folds
    status = result.status
    rows = zip(result.trials, result.scores, strict=True)
    for place, (number, score) in enumerate(rows):
        trial = asked[number]
        members = slice(place * each, (place + 1) * each)
        kinds = sorted({one.split(" at ")[0] for one in status[members]})
        trial.set_user_attr("status", ", ".join(kinds))
        epochs = int(result.runs.epochs[result.members[members]].max())
        trial.set_user_attr("epochs", epochs)
        if math.isfinite(score.low):
            trial.set_user_attr("interval", [score.low, score.high])
        if not math.isfinite(score.mean):
            study.tell(trial, state=_states().PRUNED)
        elif result.runs.halved[number]:
            trial.report(score.mean, epochs)
            study.tell(trial, state=_states().PRUNED)
        else:
            study.tell(trial, score.mean)


def _joined(parts: Sequence[Sweep], space: Space) -> Sweep:
    """Sweeps of the same space, seeds and data as one."""
    plans, runs = [part.plan for part in parts], [part.runs for part in parts]
    trials = [0, *itertools.accumulate(len(plan.settings) for plan in plans)]
    groups = [
        replace(one, group=one.group._replace(trials=one.group.trials + first))
        for plan, first in zip(plans, trials, strict=False)
        for one in plan.groups
    ]
    plan = replace(
        plans[0],
        space=space,
        settings=[setting for plan in plans for setting in plan.settings],
        groups=groups,
        bytes=sum(plan.bytes for plan in plans),
    )
    stacks = [0, *itertools.accumulate(len(one.stacks) for one in runs)]
    place = [
        one.place + np.array([first, 0])
        for one, first in zip(runs, stacks, strict=False)
    ]

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in runs])

    joined = Runs(
        curves={
            name: np.concatenate([one.curves[name] for one in runs])
            for name in runs[0].curves
        },
        bad_step=column("bad_step"),
        epochs=column("epochs"),
        active=column("active"),
        best_epoch=column("best_epoch"),
        halved=column("halved"),
        stacks=[stack for one in runs for stack in one.stacks],
        place=np.concatenate(place),
    )
    seconds = {
        phase: sum(part.seconds[phase] for part in parts) for phase in parts[0].seconds
    }
    return Sweep.of(plan, joined, parts[0].monitor, parts[0].maximize, seconds)


def _distributions(space: Space) -> dict[str, Any]:
    """What varies in a space, in Optuna's words.

    Raises:
      ModuleNotFoundError: if optuna is not installed.
      ValueError: if nothing varies.
    """
    distributions = _optuna().distributions
    check_space(space)

    def of(dimension: Dimension) -> Any:
        if isinstance(dimension, Choice):
            return distributions.CategoricalDistribution(_labels(dimension))
        kind = "IntDistribution" if dimension.integer else "FloatDistribution"
        make = getattr(distributions, kind)
        return make(dimension.low, dimension.high, log=dimension.log)

    found = {name: of(dimension) for name, dimension in varying(space).items()}
    if not found:
        raise ValueError(
            f"nothing varies in the space {dict(space)}, so there is nothing to ask "
            "for. Write a range or a choice, such as log_uniform(1e-4, 1e-1)."
        )
    return found


def _labels(dimension: Choice) -> list[Any]:
    """What a study knows the values of a choice by."""
    labels = []
    for i, value in enumerate(dimension.values):
        if value is None or isinstance(value, bool | int | float | str):
            labels.append(value)
        else:  # Two functions may have the same name.
            labels.append(f"{i}: {getattr(value, '__name__', value)}")
    return labels


def _setting(space: Space, drawn: dict[str, Any]) -> dict[str, Any]:
    """A setting from what a study has drawn."""
    setting = {}
    for name, dimension in space.items():
        if name not in drawn:
            setting[name] = plain(dimension)
        elif isinstance(dimension, Choice):
            place = _labels(dimension).index(drawn[name])
            setting[name] = dimension.values[place]
        else:
            setting[name] = drawn[name]
    return setting


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        error.add_note("Install it with: pip install 'optuna>=4,<5'")
        raise
    return optuna


def _states() -> Any:
    return _optuna().trial.TrialState
