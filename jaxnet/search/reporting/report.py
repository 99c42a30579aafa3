"""A sweep as a page that opens without a network.

    write_report(result, "report.html")

The page says in words what is asked after every search, and shows the best trials,
the figures and the plan. It is one file, without scripts, for screens of all sizes, in
dark or light, and for paper.
"""

import base64
import importlib.metadata
import platform
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import jax

from jaxnet.search.reporting import drawing
from jaxnet.search.reporting.diagnosing import Diagnosis, diagnose
from jaxnet.search.reporting.spelling import space_in_code
from jaxnet.search.reporting.styling import CSS
from jaxnet.search.reporting.trials import Trials, trials_of
from jaxnet.search.reporting.wording import Answer, answers, setting_in_words
from jaxnet.search.showing import printable, shown, without_addresses
from jaxnet.statistics import mean_interval

__all__ = ["Diagnosis", "diagnose", "write_report"]

ROWS = 20
"""Trials in the table."""


def write_report(result: Any, path: Path | str) -> Path:
    """Writes a page about a `Sweep`.

    Args:
      result: the sweep.
      path: of the file, such as ``report.html``; it is written over.

    Returns:
      The path.
    """
    path, trials, diagnosis = Path(path), trials_of(result), diagnose(result)
    parts = [
        _head(result, trials, diagnosis),
        *(_answer(one, diagnosis) for one in answers(diagnosis, trials)),
        _section("The best trials", _table(trials)),
        *_figures(result, trials),
        _section(
            "The plan", f"<pre>{_text(without_addresses(str(result.plan)))}</pre>"
        ),
        _section("Versions", _versions()),
    ]
    path.write_text(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_title(trials)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"<main>\n{chr(10).join(parts)}\n</main>\n</body>\n</html>\n",
        encoding="utf-8",
    )
    return path


def _text(text: str) -> str:
    """Any text as HTML; lines stay lines."""
    lines = (escape(printable(line)) for line in text.split("\n"))
    return "\n".join(lines).replace(" %", "&nbsp;%")


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{_text(title)}</h2>\n{body}\n</section>"


def _title(trials: Trials) -> str:
    names = ", ".join(map(shown, trials.varied))
    return _text(f"A sweep of {names}" if names else "A sweep of one setting")


def _head(result: Any, trials: Trials, diagnosis: Diagnosis) -> str:
    plan, best = result.plan, diagnosis.best
    runs = f"{len(trials.settings):,} settings x {plan.seeds} seeds"
    runs += f" x {plan.folds} folds" if plan.folds > 1 else ""
    better = "higher" if trials.maximize else "lower"
    numbers = {
        f"best {shown(trials.monitor)}": f"{best.mean:.4g}" if best else "none",
        "runs": f"{diagnosis.members:,}",
        "diverged": f"{100 * diagnosis.diverged / diagnosis.members:.3g} %",
        "to compile": f"{result.seconds['compile']:.3g} s",
        "to run": f"{result.seconds['run']:.3g} s",
    }
    tiles = "".join(
        f"<div><dd>{_text(value)}</dd><dt>{_text(name)}</dt></div>"
        for name, value in numbers.items()
    )
    return (
        f"<header>\n<h1>{_title(trials)}</h1>\n"
        f"<p>{_text(runs)}, {plan.epochs:,} epochs each, ranked by "
        f"<code>{_text(trials.monitor)}</code>: {better} is better.</p>\n"
        f"<dl>{tiles}</dl>\n</header>"
    )


def _answer(answer: Answer, diagnosis: Diagnosis) -> str:
    kind = "short warns" if answer.warns else "short"
    body = [f'<p class="{kind}">{_text(answer.short)}</p>']
    body += [f"<p>{_text(text)}</p>" for text in answer.text]
    if answer.question == "What to search next?" and diagnosis.refined is not None:
        body.append(f"<pre>{_text(space_in_code(diagnosis.refined.space))}</pre>")
    return _section(answer.question, "\n".join(body))


def _table(trials: Trials) -> str:
    heads = ["rank", "trial", *trials.varied, trials.monitor, "95 % interval", "status"]
    rows = []
    for i in range(min(ROWS, len(trials.settings))):
        score = mean_interval(trials.scores[i])
        known = score.low == score.low
        values = [shown(trials.settings[i][name]) for name in trials.varied]
        cells = [str(i + 1), str(trials.numbers[i]), *values, f"{score.mean:.4g}"]
        cells.append(f"{score.low:.4g} to {score.high:.4g}" if known else "")
        rows.append([*cells, _status(trials, i)])
    rest = len(trials.settings) - len(rows)
    more = f"<p>… and {rest:,} more.</p>" if rest else ""
    head = "".join(f"<th>{_text(shown(name))}</th>" for name in heads)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>{more}"
    )


def _status(trials: Trials, i: int) -> str:
    if not trials.feasible[i]:
        return "diverged"
    if trials.halved[i]:
        return f"dropped after epoch {trials.halved[i]}"
    return "stopped early" if trials.stopped[i] else "done"


_FIGURES = (
    (drawing.draw_axes, 1, "Each hyperparameter against the score"),
    (drawing.draw_curves, 0, "Curves of the best"),
    (drawing.draw_parallel, 1, "All hyperparameters at once"),
    (drawing.draw_heatmap, 2, "Two hyperparameters"),
)


def _figures(result: Any, trials: Trials) -> list[str]:
    """The figures that there can be, with as many hyperparameters as they need."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for draw, names, title in _FIGURES:
            if len(trials.varied) < names:
                continue
            image = draw(result, Path(folder) / "figure").with_suffix(".svg")
            data = base64.b64encode(image.read_bytes()).decode()
            says = _text(
                f"{title}: {setting_in_words(trials) or 'one setting'} is best."
            )
            parts.append(
                _section(
                    title,
                    f'<figure><div class="wide"><img alt="{says}" '
                    f'src="data:image/svg+xml;base64,{data}"></div></figure>',
                )
            )
    return parts


def _versions() -> str:
    names = ("jaxnet-functional", "jax", "jaxlib", "optax", "numpy")
    found = {"Python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed as a package"
    found["devices"] = jax.devices()[0].device_kind
    return "<p>" + ", ".join(_text(f"{n} {v}") for n, v in found.items()) + ".</p>"
