"""Searches good hyperparameters: hundreds of training runs as a few programs.

    python -m experiments.sweep
    python -m experiments.sweep --problem regression --rounds 2 --trials 128
    python -m experiments.sweep --search optuna --halving 3
    python -m experiments.sweep --problem newsgroups --corpus FOLDER --trials 16
    python -m experiments.sweep --trials 1000 --checkpoint runs/long --resume

Shows the plan, trains every setting with several seeds, and says what was found: the
table of the best with intervals, and report.html, which judges the search itself.
Settings are chosen by validation data; the best is looked at on test data once, alone
and with those next to it as an ensemble.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from experiments.common.cli import parse
from experiments.common.devices import split_cpu
from experiments.common.long_runs import LongRun, join_processes
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, phase
from experiments.sweep.config import Config
from experiments.sweep.judging import described, judge, loss_difference
from experiments.sweep.problem import Problem
from experiments.sweep.rounds import Round, plan_round, search_all
from jaxnet.devices import is_leader

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("sweep", __doc__, Config, argv, logged=True, long=True)
    split_cpu(config.devices)
    try:
        join_processes(options.long)
        if config.plan:
            problem = load(config, {})
            print(plan_round(config, problem, problem.space, 0))
            return 0
        outcome = run(
            config,
            progress=options.progress,
            say=print if is_leader() else _silent,
            long=options.long,
        )
    except ValueError as error:  # What only the data or the plan can tell.
        print(f"python -m experiments.sweep: error: {error}", file=sys.stderr)
        return 2
    return finish(config, options, outcome)


def load(config: Config, seconds: dict[str, float]) -> Problem:
    """The problem that was asked for.

    Raises:
      ValueError: if its corpus cannot be used.
    """
    # Each imports what it alone needs.
    if config.problem == "newsgroups":
        from experiments.sweep import newsgroups

        return newsgroups.load(config.seed, config.corpus, seconds)
    with phase(seconds, "data"):
        if config.problem == "digits":
            from experiments.sweep import digits

            return digits.load(config.seed)
        from experiments.sweep import regression

        return regression.load(config.seed)


def _silent(text: str) -> None:
    pass


def run(
    config: Config,
    *,
    progress: bool = False,
    say: Callable[[str], None] = _silent,
    long: LongRun = LongRun(),
) -> Outcome:
    """Searches and evaluates. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show bars, on a terminal.
      say: is told plans, tables and warnings as they come.
      long: where to write the sweep down, and whether to go on from there.

    Raises:
      ValueError: if the sweep cannot be made as it was asked for.
    """
    seconds: dict[str, float] = {}
    problem = load(config, seconds)
    with phase(seconds, "search"):
        rounds = search_all(config, problem, long, progress=progress, say=say)
    result = rounds[-1].result
    with phase(seconds, "test"):
        judged = judge(problem, result)
    with phase(seconds, "replay"):
        alone = result.replay().fit
        difference = loss_difference(result, alone)
    statuses = [status for one in rounds for status in one.result.status]
    run_seconds = sum(one.result.seconds["run"] for one in rounds)
    chunks = [one.layout.chunk for one in result.plan.groups]
    metrics = {
        "members": len(statuses),
        "steps_per_second": sum(map(_steps, rounds)) / run_seconds,
        "compile_seconds": sum(one.result.seconds["compile"] for one in rounds),
        "run_seconds": run_seconds,
        "chunk": chunks[0] if len(set(chunks)) == 1 else chunks,
        "devices": len(result.plan.devices),
        "diverged": float(np.mean([s.startswith("diverged") for s in statuses])),
        "best": described(problem, result),
        f"best_validation_{problem.metric}": result.scores[0].mean,
        f"test_{problem.metric}": judged.best.mean,
        f"median_test_{problem.metric}": judged.median.mean,
        "test_gain": judged.gain.mean,
        f"ensemble_test_{problem.metric}": judged.ensemble,
        "ensemble_settings": judged.together,
        "replay_difference": difference,
        "warnings": [warning for one in rounds for warning in one.warnings],
        "intervals": {
            f"best_validation_{problem.metric}": result.scores[0][1:],
            f"test_{problem.metric}": judged.best[1:],
            f"median_test_{problem.metric}": judged.median[1:],
            "test_gain": judged.gain[1:],
        },
    }
    relation = ">" if problem.maximize else "<"
    checks = [
        check(f"test_{problem.metric}", judged.best.mean, relation, problem.enough),
        # The best among several settings is better than chance would have it.
        check("test_gain", judged.gain.mean, ">=", 0.0),
        check("replay_difference", difference, "<", 1e-3),
    ]
    draw = partial(_write, rounds)
    return Outcome(
        metrics, checks, problem.described, seconds, draw, log=result.tensorboard
    )


def _steps(one: Round) -> int:
    """Training steps of all members together."""
    runs = one.result.runs
    of_stacks = [np.asarray(stack.state.step) for stack in runs.stacks]
    return sum(int(of_stacks[stack][slot]) for stack, slot in runs.place)


def _write(rounds: Sequence[Round], out: Path) -> list[Path]:
    """Both tables, one row a member or value, and the report of the last round."""
    import pandas

    from jaxnet.search.reporting.report import write_report

    paths = []
    for name in ("trials", "curves"):
        frames = []
        for number, one in enumerate(rounds, start=1):
            result = one.result
            frame = result.to_frame() if name == "trials" else result.to_curves()
            frame.insert(0, "round", number)
            frames.append(frame)
        path = out / f"{name}.parquet"
        pandas.concat(frames, ignore_index=True).to_parquet(path)
        paths.append(path)
    report = out / "report.html"
    write_report(rounds[-1].result, report)
    return [*paths, report]
