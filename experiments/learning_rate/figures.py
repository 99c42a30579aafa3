"""The figures of the learning-rate experiment."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from experiments.learning_rate import net_figures, parabola, ripples, valley
from experiments.learning_rate.ladder import Ladder
from experiments.learning_rate.parabola import Stability
from experiments.learning_rate.valley import Steepest
from jaxnet.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    band,
    figure,
    legend_above,
    plain_log,
)


def draw(
    walks: dict[float, np.ndarray],
    stability: Stability,
    paths: dict[float, np.ndarray],
    steepest: Steepest,
    ladder: Ladder,
    shares: dict[str, np.ndarray],
    out: Path,
) -> list[Path]:
    """By hand: parabola, stability, valley, gradient. The net: ladder, importance."""
    _draw_parabola(walks, out / "parabola")
    _draw_stability(stability, out / "stability")
    _draw_valley(paths, out / "valley")
    _draw_steepest(steepest, out / "steepest")
    net_figures.draw_ladder(ladder, out / "ladder")
    net_figures.draw_importance(shares, out / "importance")
    names = ("parabola", "stability", "valley", "steepest", "ladder", "importance")
    return [out / f"{name}.png" for name in names]


def _draw_parabola(walks: dict[float, np.ndarray], stem: Path) -> None:
    """The lecture's figure: steps on the parabola, one panel for each rate."""
    with figure(stem, 1, len(walks), size=(11.0, 4.4)) as (_, axes):
        for ax, (rate, path) in zip(axes, walks.items(), strict=True):
            at = np.concatenate([[parabola.START], path])
            loss = (at - parabola.MINIMUM) ** 2
            reach = 1.12 * np.abs(at - parabola.MINIMUM).max()
            w = parabola.MINIMUM + np.linspace(-reach, reach, 200)
            ax.plot(w, (w - parabola.MINIMUM) ** 2, color=GREY, linewidth=1.5)
            for i in range(len(at) - 1):
                arrow = {"arrowstyle": "->", "color": ORANGE, "lw": 1.8}
                ends = {"xytext": (at[i], loss[i]), "xy": (at[i + 1], loss[i + 1])}
                ax.annotate("", **ends, arrowprops=arrow)
            ax.plot(at, loss, "o", color=BLUE, markersize=6)
            ax.plot(at[0], loss[0], "o", color=BLACK, markersize=8)
            ax.set(
                xlabel="w, start in black",
                title=f"learning rate {rate:g}:\n{_word(at)}",
            )
        axes[0].set_ylabel("(w - 1)²")


def _word(at: np.ndarray) -> str:
    """What a walk does, in words."""
    distance = np.abs(at - parabola.MINIMUM)
    crosses = np.any(np.diff(np.sign(at - parabola.MINIMUM)) != 0)
    if distance[-1] > distance[0]:
        return "crosses and climbs" if crosses else "climbs"
    return "crosses, and still falls" if crosses else "falls on one side"


def _draw_stability(stability: Stability, stem: Path) -> None:
    """The change of the distance with the rate, and the border over the momentum."""
    rates, momenta, factors = stability
    found = []
    with figure(stem, 1, 2, size=(11.0, 4.8)) as (fig, axes):
        left, right = axes
        colors = (BLUE, GREEN, PURPLE)
        for momentum, color in zip(parabola.MOMENTA, colors, strict=True):
            row = int(np.abs(momenta - momentum).argmin())
            left.plot(rates, factors[row], color=color, label=f"momentum {momentum:g}")
            found.append(f"{stability.bounds()[row]:.2f}")
            left.axvline(parabola.bound(momentum), color=color, linestyle=":")
        left.axhline(1.0, color=BLACK, linewidth=1)
        left.set(
            xlabel="learning rate",
            ylabel="distance after / before a step",
            ylim=(0, 1.3),
            xlim=(0, 2.2),
            title=f"stable up to {', '.join(found)}\n"
            "dotted: 2 (1 + momentum) / curvature",
        )
        left.annotate("moves away", (0.03, 1.03), va="bottom")
        left.annotate("comes\nnearer", (0.5, 0.45), va="center", ha="center")
        levels = np.linspace(0.0, 1.0, 11)
        image = right.contourf(rates, momenta, factors, levels=levels, cmap="viridis")
        fig.colorbar(image, ax=right, label="distance after / before")
        bound = parabola.bound(momenta)
        right.plot(bound, momenta, color=ORANGE, linewidth=3)
        right.annotate("diverges", (1.75, 0.15), ha="center")
        off = np.abs(stability.bounds() - bound).max()
        right.set(
            xlabel="learning rate",
            ylabel="momentum",
            xlim=(0, 2.2),
            title=f"{factors.size:,} runs:\nthe bound holds to {off:.3f}",
        )
        right.grid(visible=False)
        legend_above(fig, [left])


def _draw_valley(paths: dict[float, np.ndarray], stem: Path) -> None:
    """Contours of the valley with the way down at each rate."""
    u, v = np.linspace(-10.5, 10.5, 200), np.linspace(-5.2, 5.2, 200)
    flat, steep = valley.CURVATURES
    surface = 0.5 * (flat * u[None, :] ** 2 + steep * v[:, None] ** 2)
    with figure(stem, 2, 2, size=(11.0, 6.0), sharex=True, sharey=True) as (_, axes):
        for ax, (rate, path) in zip(axes.ravel(), paths.items(), strict=True):
            levels = np.geomspace(0.5, 200.0, 9)
            ax.contour(u, v, surface, levels=levels, colors=GREY, linewidths=0.7)
            ax.plot(*path.T, "o-", color=BLUE, markersize=4, linewidth=1.3)
            ax.plot(*path[0], "o", color=BLACK, markersize=8)
            ax.plot(0, 0, "*", color=ORANGE, markersize=15)
            loss = valley.heights(path)[-1]
            shown = f"{loss:.0f}" if loss > 10 else f"{loss:.2g}"
            share = f"{rate / valley.bound():.0%}".replace("%", " %")
            ax.set_title(f"rate {rate:.3g}, {share} of 2 / 10: f ends at {shown}")
            ax.set(xlim=(u[0], u[-1]), ylim=(v[0], v[-1]))
            ax.grid(visible=False)
        for ax in axes[-1]:
            ax.set_xlabel("u, curvature 1")
        for ax in axes[:, 0]:
            ax.set_ylabel("v, curvature 10")


def _draw_steepest(steepest: Steepest, stem: Path) -> None:
    """The gradient of exercise 1.1 as arrows, and how long it is the best way."""
    with figure(stem, 1, 2, size=(11.0, 5.0)) as (fig, axes):
        left, right = axes
        line = np.linspace(-2.0, 2.0, 101)
        surface = np.sin(line[None, :] ** 2 + line[:, None] ** 2)
        image = left.contourf(line, line, surface, levels=21, cmap="PuOr", alpha=0.7)
        fig.colorbar(image, ax=left, label="sin(x² + y²)", ticks=[-1, 0, 1])
        points = ripples.grid(15)
        arrows = np.asarray(ripples.automatic(jnp.asarray(points)))
        left.quiver(*points.T, *arrows.T, color=BLACK, width=0.004)
        left.set(xlabel="x", ylabel="y", aspect="equal")
        left.set_title("the gradient points uphill")
        left.grid(visible=False)
        lengths, angles = steepest
        label = f"mean and 95 % interval of {len(angles)} points"
        band(right, lengths, angles, color=BLUE, label=label)
        right.plot(lengths, angles.mean(axis=0), "o", color=BLUE)
        small, large = angles.mean(axis=0)[[0, -1]]
        right.set(
            xscale="log",
            yscale="log",
            xlabel="length of the step",
            ylabel="best direction - gradient's, degrees",
            title=f"off by {small:.1f}° for tiny steps, by {large:.0f}° for long ones",
        )
        plain_log(right.xaxis)
        plain_log(right.yaxis)
