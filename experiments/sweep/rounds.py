"""From coarse to fine: sweeps of which each searches where the last one found best."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from experiments.common.long_runs import LongRun
from experiments.sweep.config import Config
from experiments.sweep.problem import Problem
from jaxnet import search
from jaxnet.search import planning, sweeping
from jaxnet.search.asking import optimize
from jaxnet.search.dimensions import Choice, Range

SAMPLERS = {"random": search.random, "grid": search.grid, "sobol": search.sobol}

BATCH = 16
"""Trials that Optuna is asked for at a time."""

RUNGS = 2
"""Decisions of halving, if the epochs permit."""


class Round(NamedTuple):
    """A sweep, and what it says about where to search next.

    Attributes:
      result: of the sweep.
      warnings: of `refine`; none after the last round.
    """

    result: search.Sweep
    warnings: list[str]


def plan_round(config: Config, problem: Problem, space: Any, number: int) -> Any:
    """The plan of a round; that of the first batch if Optuna chooses the settings.

    Raises:
      ValueError: if the sweep cannot be made as it was asked for.
    """
    epochs, every = _epochs(config, problem, number)
    trials = config.trials
    if config.search == "optuna":
        trials = min(BATCH, trials)
    return planning.plan(
        problem.build,
        space,
        problem.train,
        problem.validation,
        key=_key(config, number),
        trials=trials,
        epochs=epochs,
        every=every,
        sampler=SAMPLERS.get(config.search, search.random),
        **_shared(config),
    )


def search_all(
    config: Config,
    problem: Problem,
    long: LongRun,
    *,
    progress: bool,
    say: Callable[[str], None],
) -> list[Round]:
    """All rounds, the coarsest first; they end early if every setting diverged.

    Args:
      config: how to search.
      problem: what for.
      long: where to write each round down, and whether to go on from there.
      progress: whether to show bars, on a terminal.
      say: is told plans, tables and warnings as they come.

    Raises:
      ValueError: if a sweep cannot be made as it was asked for.
    """
    rounds: list[Round] = []
    space = dict(problem.space)
    for number in range(config.rounds):
        if config.rounds > 1:
            say(f"Round {number + 1} of {config.rounds}: {written(space)}\n")
        planned = plan_round(config, problem, space, number)
        say(f"{planned}\n")
        saving = long.saving(f"round_{number + 1}")
        result = _sweep(config, problem, space, planned, number, saving, progress)
        say(f"{result}\n")
        means, warnings = [score.mean for score in result.scores], []
        feasible = any(mean == mean for mean in means)
        if feasible and number + 1 < config.rounds:
            space, warnings = search.refine(
                space, result.settings, means, maximize=problem.maximize
            )
            for warning in warnings:
                say(f"{warning}\n")
        rounds.append(Round(result, warnings))
        if not feasible:
            break
    return rounds


def _sweep(
    config: Config,
    problem: Problem,
    space: Any,
    planned: search.Plan,
    number: int,
    saving: dict[str, Any],
    progress: bool,
) -> search.Sweep:
    monitor, halving = f"validation_{problem.metric}", _halving(config, planned)
    if config.search != "optuna":
        return sweeping.run(
            planned, monitor, problem.maximize, halving, **saving, progress=progress
        )
    if saving:
        raise ValueError(
            "--checkpoint is not for --search optuna, whose studies have a storage of "
            "their own. Leave it out, or search at random."
        )
    return optimize(
        _study(config, problem, number),
        problem.build,
        space,
        problem.train,
        problem.validation,
        trials=config.trials,
        batch=BATCH,
        key=_key(config, number),
        epochs=planned.epochs,
        every=planned.every,
        monitor=monitor,
        halving=halving,
        progress=progress,
        **_shared(config),
    )


def _study(config: Config, problem: Problem, number: int) -> Any:
    """A study of Optuna, whose sampler is the tree-structured Parzen estimator."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ValueError(
            "--search optuna needs Optuna: pip install 'optuna>=4,<5'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = config.seed + 1_000_003 * number
    return optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=BATCH),
        direction="maximize" if problem.maximize else "minimize",
    )


def _shared(config: Config) -> dict[str, Any]:
    return {
        "seeds": config.seeds,
        "chunk": config.most_members,
        # Of several processes it says how many each has, and all are used.
        "devices": None if jax.process_count() > 1 else config.devices or None,
    }


def _epochs(config: Config, problem: Problem, number: int) -> tuple[int, int]:
    """The epochs of a round, and how many of them are a block.

    The last round has all of them, each before it half as many as the next.
    """
    epochs = config.epochs or problem.epochs
    epochs = max(1, epochs // 2 ** (config.rounds - 1 - number))
    return epochs, problem.every if epochs % problem.every == 0 else 1


def _halving(config: Config, planned: search.Plan) -> search.Halving | None:
    if config.halving == 0:
        return None
    # Rounded up, so that none is left for a decision just before the end.
    first = -(-planned.epochs // config.halving**RUNGS)
    return search.Halving(config.halving, first)


def _key(config: Config, number: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(config.seed), number)


def written(space: Mapping[str, Any]) -> str:
    """A space in one line.

    >>> written({"width": search.choice(8, 64), "rate": search.uniform(0.0, 1 / 3)})
    'width 8 or 64, rate 0 to 0.333'
    """
    words = []
    for name, dimension in space.items():
        if isinstance(dimension, Range):
            between = f"{dimension.low:.3g} to {dimension.high:.3g}"
            words.append(f"{name} {between}{' (log)' if dimension.log else ''}")
        elif isinstance(dimension, Choice):
            words.append(f"{name} {' or '.join(map(str, dimension.values))}")
    return ", ".join(words)
