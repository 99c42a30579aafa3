"""A diagnosis in words: questions about a sweep, and their answers."""

import math
from typing import NamedTuple

from jaxnet.search.dimensions import Choice
from jaxnet.search.reporting.diagnosing import Diagnosis, Spread
from jaxnet.search.reporting.explaining import Cause
from jaxnet.search.reporting.trials import Trials
from jaxnet.search.showing import shown
from jaxnet.statistics import Interval


class Answer(NamedTuple):
    """What a page says about one question; plain text, of which nothing is escaped.

    Attributes:
      question: that was asked.
      short: the answer in a few words.
      warns: whether something should be done about it.
      text: more of it, a sentence or more in each part.
    """

    question: str
    short: str
    warns: bool
    text: list[str]


def answers(diagnosis: Diagnosis, trials: Trials) -> list[Answer]:
    """The answers to all questions, in the order in which they are asked."""
    found = [_best(diagnosis, trials), _diverged(diagnosis)]
    if diagnosis.best is not None:
        found.insert(1, _edge(diagnosis, trials))
        found += [_noise(diagnosis, trials), _influence(diagnosis, trials)]
        found.append(_length(diagnosis, trials))
    return [*found, _next(diagnosis)]


def setting_in_words(trials: Trials, rank: int = 0) -> str:
    """What varies in a setting, such as "width 16, dropout 0.1"."""
    setting = trials.settings[rank]
    return ", ".join(f"{shown(n)} {shown(setting[n])}" for n in trials.varied)


def _best(diagnosis: Diagnosis, trials: Trials) -> Answer:
    question = "Which setting is the best?"
    best, runs = diagnosis.best, trials.scores.shape[1]
    if best is None:
        text = "Every trial has a run that diverged, so that there is none to choose."
        return Answer(question, "None: all diverged", True, [text])
    others = diagnosis.compared - 1
    named = setting_in_words(trials) or "The only setting"
    over = f", the mean over {_count(runs, 'run')}" if runs > 1 else ""
    text = [f"Its {shown(trials.monitor)} is {_with_interval(best)}{over}."]
    if trials.halved.any():
        text.append(
            f"{int((trials.halved > 0).sum()):,} trials were dropped early, and are "
            "not compared with it."
        )
    if others < 1:
        return Answer(question, named, False, [*text, "It is compared with no other."])
    if diagnosis.rivals is None:
        text.append(
            "With one run of each setting nobody can tell whether it is better than "
            "the next one, or luckier. Use seeds=3 or more."
        )
        return Answer(question, named, False, text)
    if diagnosis.second is not None:
        gap = diagnosis.second
        text.append(
            f"The second differs from it by {_with_interval(gap)}: differences are "
            f"taken in pairs, over the same {_count(runs, 'run')}."
        )
    if diagnosis.rivals:
        text.append(
            f"{diagnosis.rivals:,} of {_count(others, 'other setting')} cannot be told "
            "from it, since the interval of the difference has 0 in it. Take the "
            "cheapest of these, or more seeds."
        )
    else:
        text.append(
            f"It differs from {_all(others, 'other setting')} by more than its runs do."
        )
    text.append(
        "The best of many looks a little better than it is: measure it once more, on "
        "data that nothing was chosen by."
    )
    return Answer(question, named, False, text)


def _edge(diagnosis: Diagnosis, trials: Trials) -> Answer:
    question = "Is the best at an edge of what was searched?"
    if not trials.varied:
        return Answer(question, "Nothing varied", False, [])
    if not diagnosis.edges:
        return Answer(question, "No", False, ["It has others on all its sides."])
    text = list(diagnosis.refined.warnings if diagnosis.refined else [])
    for name, edge in diagnosis.edges.items():
        if isinstance(trials.varied[name], Choice):
            which = "smallest" if edge == "low" else "largest"
            text.append(
                f"{shown(name)}: the best value, {shown(trials.settings[0][name])}, is "
                f"the {which} of its choices. Add some beyond it."
            )
    names = ", ".join(f"{shown(n)} ({edge})" for n, edge in diagnosis.edges.items())
    return Answer(question, f"Yes: {names}", True, text)


def _diverged(diagnosis: Diagnosis) -> Answer:
    question = "How much of it diverged?"
    if not diagnosis.diverged:
        text = f"All {_count(diagnosis.members, 'run')} stayed finite."
        return Answer(question, "Nothing", False, [text])
    share = diagnosis.diverged / diagnosis.members
    text = [
        f"{diagnosis.diverged:,} of {_count(diagnosis.members, 'run')} diverged, in "
        f"{diagnosis.diverged_trials:,} of {_count(diagnosis.trials, 'trial')}."
    ]
    text += [_cause(cause) for cause in diagnosis.causes]
    if not diagnosis.causes and 3 <= diagnosis.diverged_trials <= diagnosis.trials - 3:
        text.append("No hyperparameter alone tells these trials from the others.")
    if 0.5 < share < 1:
        text.append("Most of the search was spent there: leave that part out.")
    return Answer(question, _percent(share), share > 0.2, text)


def _cause(cause: Cause) -> str:
    among = cause.side == "among"
    value = " or ".join(map(shown, cause.value)) if among else shown(cause.value)
    where = {
        "among": f"with {shown(cause.name)} {value}",
        "from": f"with {shown(cause.name)} of {value} or more",
        "up to": f"with {shown(cause.name)} of {value} or less",
    }[cause.side]
    if cause.diverged_inside == cause.inside:
        inside = f"All {_count(cause.inside, 'trial')}"
    else:
        inside = f"{cause.diverged_inside:,} of {_count(cause.inside, 'trial')}"
    outside = "none" if not cause.diverged_outside else f"{cause.diverged_outside:,}"
    return f"{inside} {where} diverged, and {outside} of the other {cause.outside:,}."


def _noise(diagnosis: Diagnosis, trials: Trials) -> Answer:
    question = "Do settings differ more than runs of one setting?"
    spread, better = diagnosis.spread, diagnosis.spread_of_better
    if spread is None:
        few = trials.scores.shape[1] == 1
        text = (
            "Each setting has one run. Use seeds=3 or more to see how much of a "
            "difference is chance."
            if few
            else "Fewer than two settings were trained to the end, and the others "
            "cannot be compared with them."
        )
        return Answer(question, "Cannot be said", few, [text])
    text = [f"Over {_count(spread.trials, 'setting')}, {_spread(spread)}."]
    if better is not None:
        text.append(f"Among the better half of them, {_spread(better)}.")
    closest = better or spread
    ratio = closest.settings / closest.runs if closest.runs else math.inf
    if ratio < 1:
        text.append(
            "Where it matters, chance is larger than what the settings do: more seeds "
            "help more than more settings."
        )
    else:
        text.append("What settings do is seen above chance.")
    short = "No" if ratio < 1 else "Yes"
    return Answer(question, short, ratio < 1, text)


def _spread(spread: Spread) -> str:
    return (
        f"settings have a standard deviation of {spread.settings:.3g}, and runs of one "
        f"setting of {spread.runs:.3g}"
    )


def _influence(diagnosis: Diagnosis, trials: Trials) -> Answer:
    question = "Which hyperparameters matter?"
    if not diagnosis.influences:
        text = "This takes hyperparameters that vary, and 8 settings that are feasible."
        return Answer(question, "Cannot be said", False, [text])
    limit = 0.05 / len(diagnosis.influences)
    clear = [name for name, one in diagnosis.influences.items() if one.p < limit]
    rest = [name for name in diagnosis.influences if name not in clear]
    text = ["What each alone says of the order of the settings that did not diverge:"]
    shares = [f"{shown(n)} {_percent(diagnosis.influences[n].share)}" for n in clear]
    text[0] += f" {', '.join(shares) or 'nothing that chance could not'}."
    if rest and clear:
        text.append(
            f"Of {', '.join(map(shown, rest))} no effect can be told from chance."
        )
    return Answer(question, ", ".join(map(shown, clear)) or "None is seen", False, text)


def _length(diagnosis: Diagnosis, trials: Trials) -> Answer:
    question = "Were the runs of the best long enough?"
    training = diagnosis.training
    if training is None:
        text = "There are fewer than four points of its curve."
        return Answer(question, "Cannot be said", False, [text])
    if training.overfits:
        text = (
            f"What it is validated on is best at epoch {training.best_epoch:,} of "
            f"{training.epochs:,}, and then falls back by {_percent(training.rise)} of "
            "what was gained, while the training loss goes on falling: it overfits. "
            "Stop early, or regularize."
        )
        return Answer(question, "Longer than good", True, [text])
    gain, end = _percent(training.late_gain), _count(training.late_epochs, "epoch")
    gained = f"The last {end} brought {gain} of all that was gained"
    if training.improving:
        text = f"{gained}: it still improved. Train for longer before choosing."
        return Answer(question, "No: still improving", True, [text])
    if training.late_gain > 0.02:
        text = f"{gained}, which is not more than its runs differ by."
        return Answer(question, "Cannot be said", False, [text])
    text = f"{gained}, of {training.epochs:,}."
    if training.late_gain <= 0:
        text = f"It no longer improved in the last {end} of {training.epochs:,}."
    text += f" Its best epoch was {training.best_epoch:,}."
    return Answer(question, "Yes", False, [text])


def _next(diagnosis: Diagnosis) -> Answer:
    question = "What to search next?"
    if diagnosis.refined is not None:
        text = (
            "The part in which the best settings lie, and beyond an edge that the best "
            "one is at:"
        )
        return Answer(question, "A finer space", False, [text])
    if diagnosis.best is None:
        text = (
            "Search where training does not diverge, such as at lower learning rates."
        )
        return Answer(question, "Another space", True, [text])
    return Answer(question, "Nothing varied", False, [])


def _with_interval(of: Interval) -> str:
    if math.isnan(of.low):
        return f"{of.mean:.4g}"
    return f"{of.mean:.4g} (95 % interval {of.low:.4g} to {of.high:.4g})"


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _all(n: int, thing: str) -> str:
    return f"the one {thing}" if n == 1 else f"all {n:,} {thing}s"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if not 0 < abs(percent) < 1 else f"{percent:.1g} %"
