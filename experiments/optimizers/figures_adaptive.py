"""Four things that rules with a rate for each weight do."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from experiments.optimizers import adagrad, reddi
from experiments.optimizers.figures_digits import COLORS
from experiments.optimizers.found import Found
from experiments.optimizers.rules import RULES
from jaxnet.figures import band, figure
from jaxnet.statistics import mean_interval


def draw_adaptive(found: Found, stem: Path) -> None:
    """Adagrad on a slope, Wilson's problem, and two games that Adam loses."""
    with figure(stem, 2, 2, size=(11.0, 7.6)) as (_, axes):
        _draw_slope(axes[0, 0], found)
        _draw_wilson(axes[0, 1], found)
        _draw_game(axes[1, 0], found, "theorem", "every third slope is 3, others -1")
        share = f"slope 10 at random in {100 * reddi.GAMES['random'].share:.0f} %"
        _draw_game(axes[1, 1], found, "random", f"{share}, else -1")


def _draw_slope(ax: Axes, found: Found) -> None:
    for rule, rate in found.functions.walk.slope.items():
        ax.plot(np.arange(1, len(rate) + 1), rate, color=COLORS[rule], label=rule)
    ax.axvspan(1, adagrad.STEEP_STEPS, color="#EEEEEE", zorder=0)
    ax.text(adagrad.STEEP_STEPS + 10, 1.35, "steep before", ha="left")
    gains = {
        r: s[-1] / s[adagrad.STEEP_STEPS - 1]
        for r, s in found.functions.walk.slope.items()
    }
    ax.set(
        yscale="log",
        ylim=(0.005, 2),
        xlabel="step",
        ylabel="step / gradient",
        title=f"on flat ground RMSprop is {gains['rmsprop']:.0f} times as fast,\n"
        f"Adagrad {gains['adagrad']:.2f} times",
    )
    ax.legend(loc="center right")


def _draw_wilson(ax: Axes, found: Found) -> None:
    names = list(RULES)[::-1]
    each = [mean_interval(found.functions.solved[name].accuracy) for name in names]
    for i, (name, one) in enumerate(zip(names, each, strict=True)):
        error = [[one.mean - one.low], [one.high - one.mean]]
        ax.errorbar(one.mean, i, xerr=error, fmt="o", color=COLORS[name], capsize=4)
    ax.set_yticks(range(len(names)), names)
    low = min(one.low for one in each)
    ax.set(
        xlim=(min(60, low - 5), 103),
        xlabel="accuracy on new examples, %",
        title="Wilson's problem: all fit the training\n"
        f"examples; Adam knows {each[names.index('adam')].mean:.0f} % of new ones",
    )


def _draw_game(ax: Axes, found: Found, name: str, slopes: str) -> None:
    game = found.functions.games[name]
    for player in reddi.PLAYERS:
        band(ax, game.rounds, game.places[player], color=COLORS[player], label=player)
    ends = {player: game.last[player].mean() for player in reddi.PLAYERS}
    ax.set(
        xscale="log",
        ylim=(-1.1, 1.25),
        xlabel="round",
        ylabel="x; -1 is best, 1 worst",
        title=f"{slopes}:\nAdam ends at {ends['adam']:.2f}, "
        f"AMSGrad at {ends['amsgrad']:.2f}",
    )
    ax.legend(loc="upper left")
