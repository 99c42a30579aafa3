"""The figures of the autograd experiment."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.autograd import accuracy, exercises, reuse
from experiments.autograd.accuracy import Curve
from experiments.autograd.backprop import squared_error
from experiments.autograd.vectorizing import Times
from jaxnet.autograd import graph
from jaxnet.figures import BLUE, ORANGE, figure, legend_above

_COLORS = {"forward": ORANGE, "central": BLUE}


def draw(curves: dict[tuple[str, str], Curve], times: Times, out: Path) -> list[Path]:
    """Three graphs, the error over the step, and what vectorizing saves."""
    _draw_exercise(out / "exercise")
    _draw_net(out / "net")
    _draw_reuse(out / "reuse")
    _draw_differences(curves, out / "differences")
    _draw_times(times, out / "vectorizing")
    names = ("exercise", "net", "reuse", "differences", "vectorizing")
    return [out / f"{name}.png" for name in names]


def _draw_exercise(stem: Path) -> None:
    found = graph(exercises.tanh_of_log, 1.0, 1.0, 1.0)
    with figure(stem, size=(13.0, 3.1)) as (_, ax):
        x, y, z = (float(found[name].gradient) for name in "xyz")
        ax.set_title(f"f = {found['g'].value:.5f}, gradient {x:.4f}, {y:.4f}, {z:.4f}")
        found.draw(ax)


def _draw_net(stem: Path) -> None:
    """Lecture 003's net as a circuit of vectors, without biases as there."""

    def net(v: Any, w: Any, x: Any, t: Any) -> Any:
        return squared_error(t, jax.nn.sigmoid(w @ jax.nn.sigmoid(v @ x)))

    random = np.random.default_rng(0)
    shapes = [(2, 2), (2, 2), (2,), (2,)]
    arrays = [random.normal(size=shape).round(1) for shape in shapes]
    found = graph(net, *(one.astype(np.float32) for one in arrays))
    with figure(stem, size=(13.0, 3.0)) as (_, ax):
        loss = float(found.outputs[0].value)
        ax.set_title(f"one hidden layer, loss {loss:.3f}: what goes forward, and back")
        found.draw(ax)


def _draw_reuse(stem: Path) -> None:
    found = graph(reuse.with_e, 2.0, 3.0, 4.0, 5.0)
    with figure(stem, size=(8.0, 4.6)) as (_, ax):
        sums = " + ".join(f"{float(path.derivative):g}" for path in found.paths("a"))
        ax.set_title(f"two paths from a: {sums} = {float(found['a'].gradient):g}")
        found.draw(ax)


def _draw_differences(curves: dict[tuple[str, str], Curve], stem: Path) -> None:
    """The V of each kind, with the step of theory."""
    with figure(stem, 1, 2, size=(10.5, 4.8), sharey=True) as (fig, axes):
        for ax, dtype in zip(axes, accuracy.TYPES, strict=True):
            for kind in accuracy.KINDS:
                curve, color = curves[dtype, kind], _COLORS[kind]
                # A float64 of zero error cannot be drawn on a logarithmic axis.
                logs = np.log10(np.maximum(curve.errors, 1e-17))
                low, middle, high = np.quantile(logs, (0.05, 0.5, 0.95), axis=0)
                ax.plot(
                    accuracy.EPS, 10**middle, color=color, label=f"{kind} difference"
                )
                ax.fill_between(
                    accuracy.EPS, 10**low, 10**high, color=color, alpha=0.2, linewidth=0
                )
                power = "√u" if kind == "forward" else "∛u"
                ax.axvline(curve.theory, color=color, linestyle=":", linewidth=1.6)
                ax.annotate(
                    power,
                    (curve.theory, 1.4e1),
                    color=color,
                    ha="center",
                    va="bottom",
                    annotation_clip=False,
                )
            best = [
                f"{np.median(curves[dtype, kind].best_errors):.0e} {kind}"
                for kind in accuracy.KINDS
            ]
            title = f"{dtype}: {', '.join(best)}"
            ax.set_title(title, pad=24)
            ax.set(xscale="log", yscale="log", xlabel="step ε", ylim=(1e-12, 1e1))
        axes[0].set_ylabel("relative error of the derivative")
        legend_above(fig)


def _draw_times(times: Times, stem: Path) -> None:
    names = list(times.milliseconds)
    middle = [float(np.median(times.milliseconds[name])) for name in names]
    with figure(stem, size=(8.5, 4.2)) as (_, ax):
        places = np.arange(len(names))[::-1]
        for name, place, value in zip(names, places, middle, strict=True):
            ends = np.quantile(times.milliseconds[name], (0.05, 0.95))
            ax.plot(ends, [place, place], color=BLUE, linewidth=6, alpha=0.3)
            ax.plot(value, place, "o", color=BLUE, markersize=10)
            text = f"{value:.3g} ms"
            ax.annotate(
                text,
                (value, place),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
            )
        ax.set_yticks(places, names)
        ax.set(xscale="log", xlabel="time (ms): median, and 5 to 95 % of rounds")
        ax.set_xlim(min(middle) / 3, max(middle) * 3)
        ax.set_ylim(-0.5, len(names) - 0.3)
        ax.grid(visible=False, axis="y")
        ax.set_title(
            f"one product is {middle[0] / middle[3]:,.0f} times as fast as the loop"
        )
