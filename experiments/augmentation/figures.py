"""The figures of the augmentation experiment."""

from collections.abc import Sequence
from pathlib import Path

import jax
import matplotlib
import numpy as np

from experiments.augmentation.config import Config
from experiments.augmentation.data import Problem, sizes
from experiments.augmentation.lecture import difference, gain
from experiments.augmentation.seeds import AT_ALL_SIZES, TESTED, Seed
from experiments.augmentation.training import MIDDLE, STRENGTHS
from experiments.augmentation.transforms import TRANSFORMS, augment_each
from jaxnet.figures import BLUE, GREY, ORANGE, band, figure, legend_above
from jaxnet.statistics import Interval

_COLORS = {"none": GREY, "together": BLUE, "nearest": ORANGE}

_NAMES = {
    "none": "none",
    "together": "four together",
    "nearest": "four, nearest pixel",
    "translate": "translate",
    "rotate": "rotate",
    "reflect": "reflect",
    "scale": "scale",
    "crop": "crop",
    "noise": "Gaussian noise",
    "occlude": "occlude",
}

_LABELS = {
    "plain": "as they\nare",
    "translate": "moved\n1 pixel",
    "rotate": "turned\nup to {:g}°",
    "reflect": "reflected",
    "scale": "scaled\nup to {:.0%}",
    "crop": "cropped\nby {:.0%}",
    "noise": "noise\n{:g}",
    "occlude": "hidden\n{0:g} x {0:g}",
}
"""What was done to test digits, and how far."""

_COLUMNS = (
    "as\nit is",
    *(_NAMES[name].replace(" ", "\n") for name in TRANSFORMS),
    "four,\nlinear",
    "four,\nnearest",
)

_SHOWN = (2, 3, 4, 7)
"""Digits in the picture."""


def draw(
    config: Config, problem: Problem, seeds: Sequence[Seed], out: Path
) -> list[Path]:
    """Digits, gains, invariance, and sizes of the training set."""
    _draw_digits(config, problem, out / "digits")
    _draw_gains(config, seeds, out / "gains")
    _draw_invariance(config, seeds, out / "invariance")
    _draw_sizes(config, seeds, out / "sizes")
    names = ("digits", "gains", "invariance", "sizes")
    return [out / f"{name}.png" for name in names]


def _draw_digits(config: Config, problem: Problem, stem: Path) -> None:
    """The same digits under every augmentation."""
    x, y = problem.train[config.examples]
    first = np.array([int(np.argmax(np.asarray(y) == digit)) for digit in _SHOWN])
    strengths = {"translate": 1.0} | TESTED
    settings = [{}, *({name: strengths[name]} for name in TRANSFORMS), MIDDLE, MIDDLE]
    nearest = [0.0] * (len(settings) - 1) + [1.0]
    key = jax.random.key(config.seed)
    shown = jax.jit(lambda: augment_each(key, x[first], settings, nearest))()
    columns = dict(zip(_COLUMNS, np.asarray(shown), strict=True))
    height, width = x.shape[1:]
    picture = np.full((len(first) * (height + 1), len(columns) * (width + 1)), np.nan)
    for (i, j), image in zip(
        np.ndindex(len(first), len(columns)),
        (column[i] for i in range(len(first)) for column in columns.values()),
        strict=True,
    ):
        top, left = i * (height + 1), j * (width + 1)
        picture[top : top + height, left : left + width] = image
    with figure(stem, size=(13.0, 6.2)) as (_, ax):
        # What is between the digits, which are white around, has another color.
        shown = np.ma.masked_invalid(picture[:-1, :-1])
        colors = matplotlib.colormaps["Greys"].with_extremes(bad="#BFDDEE")
        ax.imshow(shown, cmap=colors, vmin=0, vmax=1)
        places = np.arange(len(columns)) * (width + 1) + (width - 1) / 2
        ax.set_xticks(places, list(columns), fontsize=12)
        ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
        ax.set_yticks([])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.set_title(f"One draw for every digit; four are {', '.join(MIDDLE)}", pad=12)


def _draw_gains(config: Config, seeds: Sequence[Seed], stem: Path) -> None:
    """The change of the test error by each augmentation, with its interval."""
    kinds = [kind for kind in STRENGTHS if kind != "none"]
    gains = {kind: gain(seeds, kind, config.examples) for kind in kinds}
    order = sorted(kinds, key=lambda kind: gains[kind].mean, reverse=True)
    with figure(stem, size=(8.0, 5.0)) as (_, ax):
        for place, kind in enumerate(order):
            one = gains[kind]
            verdict = one.verdict()
            color = {"smaller": BLUE, "larger": ORANGE}.get(verdict, GREY)
            ax.plot([one.low, one.high], [place, place], color=color, linewidth=3)
            ax.plot(one.mean, place, "o", color=color, markersize=9)
        ax.axvline(0.0, color=GREY, linewidth=1)
        ax.set_yticks(range(len(order)), [_NAMES[kind] for kind in order])
        ax.set_xlabel("change of the test error in points, chosen - none")
        helped = [kind for kind in order if gains[kind].verdict() == "smaller"]
        worse = [kind for kind in order if gains[kind].verdict() == "larger"]
        ax.set_title(
            f"{config.examples} digits: the error falls with {len(helped)} of "
            f"{len(order)}, and rises with {len(worse)}"
        )


def _draw_invariance(config: Config, seeds: Sequence[Seed], stem: Path) -> None:
    """Test error by what a net was trained on and what it is tested on."""
    tests = list(_LABELS)
    table = np.array(
        [
            [np.mean([one.row[f"{kind}_on_{test}"] for one in seeds]) for test in tests]
            for kind in _NAMES
        ]
    )
    with figure(stem, size=(9.6, 6.2)) as (fig, ax):
        picture = ax.imshow(table, cmap="cividis_r", vmin=0.0, aspect="auto")
        for (i, j), value in np.ndenumerate(table):
            color = "white" if value > 0.55 * table.max() else "black"
            ax.text(
                j, i, f"{value:.1f}", ha="center", va="center", color=color, fontsize=12
            )
        ax.set_yticks(range(len(_NAMES)), list(_NAMES.values()))
        labels = [_LABELS[name].format(TESTED.get(name)) for name in tests]
        ax.set_xticks(range(len(tests)), labels, fontsize=11)
        ax.set(xlabel="test digits", ylabel="trained on")
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        bar = fig.colorbar(picture)
        bar.set_label("test error in %")
        less = difference(seeds, "translate_on_translate", "none_on_translate")
        ax.set_title(
            f"Moved by a pixel, the error is {table[0, 1]:.0f} % in place of "
            f"{table[0, 0]:.0f} %; training\non moved digits changes that by "
            f"{_points(less)} points"
        )


def _draw_sizes(config: Config, seeds: Sequence[Seed], stem: Path) -> None:
    """Test error over the size of the training set."""
    counts = sizes(config)
    errors = {
        kind: np.array([[s.row[f"{kind}_of_{n}"] for n in counts] for s in seeds])
        for kind in AT_ALL_SIZES
    }
    with figure(stem, 1, 2, size=(10.5, 4.8)) as (fig, axes):
        for kind, rows in errors.items():
            change = rows - errors["none"]
            color, label = _COLORS[kind], _NAMES[kind]
            axes[0].plot(counts, rows.mean(axis=0), "o-", color=color, label=label)
            band(axes[1], np.array(counts), change, color=color, label=label)
        for ax in axes:
            ax.set(xscale="log", xlabel="digits to learn from")
            ax.set_xticks(counts, [str(n) for n in counts])
            ax.minorticks_off()
        axes[0].set(ylabel="test error in %", ylim=(0, None))
        axes[1].set_ylabel("change of the test error, points")
        few, *_, many = (gain(seeds, "together", n) for n in counts)
        equal = errors["together"][:, 1].mean(), errors["none"][:, 2].mean()
        axes[0].set_title(
            f"{counts[1]} digits, four together: {equal[0]:.1f} %,\n"
            f"{counts[2]} as they are: {equal[1]:.1f} %"
        )
        axes[1].set_title(
            f"four together: {_points(few)} for {counts[0]}\n"
            f"digits, {_points(many)} for {counts[-1]}"
        )
        legend_above(fig)


def _points(change: Interval) -> str:
    return f"{change.mean:+.1f} ({change.low:+.1f} to {change.high:+.1f})"
