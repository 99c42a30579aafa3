"""Figures and report of a sweep: numbers by scipy, pages by an HTML parser."""

import contextlib
import dataclasses
import re
from html.parser import HTMLParser

import jax
import numpy as np
import optax
import pytest
import scipy.stats
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.image import imread

import jaxnet
from jaxnet import figures
from jaxnet.search import (
    Halving,
    choice,
    integers,
    log_uniform,
    plan,
    refine,
    sweep,
    uniform,
)
from jaxnet.search.reporting import drawing, relating
from jaxnet.search.reporting.report import diagnose, write_report
from jaxnet.search.reporting.spelling import space_in_code
from jaxnet.search.reporting.trials import trials_of
from jaxnet.search.reporting.wording import answers
from jaxnet.search.results import Runs, Sweep
from jaxnet.search.showing import shown

NAN = float("nan")
X = np.linspace(-1, 1, 12, dtype=np.float32)[:, None]
DATA = (X, np.sin(3 * X))


def build(h):
    dict(h)  # Everything is read.
    rate = h.get("rate", 0.1)
    return jaxnet.Task(
        jaxnet.sequential(jaxnet.dense(2), jaxnet.tanh, jaxnet.dense(1)),
        jaxnet.mean_squared_error,
        optax.sgd(rate),
        batch_size=6,
    )


def made(settings, scores, space=None, maximize=False, halved=None, curves=None):
    """A sweep that has these scores, (trials, runs); nothing was trained for it."""
    scores = np.asarray(scores, float)
    trials, runs = scores.shape
    last = curves["validation_loss"].shape[-1] if curves else 5
    planned = plan(
        build,
        settings[:1],
        DATA,
        DATA,
        key=jax.random.key(0),
        seeds=runs,
        epochs=last,
    )
    planned = dataclasses.replace(planned, space=space, settings=list(settings))
    flat, halved = scores.ravel(), np.zeros(trials, int) if halved is None else halved
    bad, dropped = np.isnan(flat), np.repeat(halved, runs)
    epochs = np.where(bad, 1, np.where(dropped > 0, dropped, last))
    if curves is None:
        falling = flat[:, None] * np.linspace(2.0, 1.0, last)
        after = np.arange(last) >= epochs[:, None]
        falling[np.arange(len(flat)), epochs - 1] = flat
        curve = np.where(after, NAN, falling)
        curves = {"validation_loss": curve, "train_loss": 0.9 * curve}
    ran = Runs(
        curves={name: c.reshape(len(flat), last) for name, c in curves.items()},
        bad_step=np.where(bad, 3, 0),
        epochs=epochs,
        active=~bad & (dropped == 0),
        best_epoch=np.zeros(len(flat), int),
        halved=np.asarray(halved),
        stacks=[],
        place=np.zeros((len(flat), 2), int),
    )
    seconds = {"compile": 1.5, "run": 0.25}
    return Sweep.of(planned, ran, "validation_loss", maximize, seconds)


def rates(values):
    return [{"rate": float(value)} for value in values]


SPACE = {
    "rate": log_uniform(1e-4, 1e1),
    "decay": uniform(0.0, 0.5),
    "width": choice(1.0, 2.0, 4.0),
    "depth": 2,
}


def many_trials(trials=40, runs=3, seed=0):
    """The loss is U-shaped in the rate, which diverges from 1 on; decay is nothing."""
    rng = np.random.default_rng(seed)
    settings = [
        {
            "rate": float(10 ** rng.uniform(-4, 1)),
            "decay": float(rng.uniform(0, 0.5)),
            "width": (1.0, 2.0, 4.0)[rng.integers(3)],
            "depth": 2,
        }
        for _ in range(trials)
    ]
    means = [0.1 + (np.log10(s["rate"]) + 2) ** 2 + 0.1 * s["width"] for s in settings]
    scores = np.array(means)[:, None] + 0.05 * rng.normal(size=(trials, runs))
    scores[[s["rate"] >= 1 for s in settings]] = NAN
    return made(settings, scores, SPACE)


@pytest.fixture(scope="module")
def usual():
    return many_trials()


# The numbers.


def test_spread_is_the_one_way_analysis_of_variance():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(9, 1)) + 0.3 * rng.normal(size=(9, 4))
    found = diagnose(made(rates(np.arange(1, 10)), scores)).spread
    f = scipy.stats.f_oneway(*scores).statistic
    within = np.mean([np.var(row, ddof=1) for row in scores])
    np.testing.assert_allclose(found.runs**2, within, rtol=1e-10)
    np.testing.assert_allclose(1 + 4 * found.settings**2 / within, f, rtol=1e-10)
    assert found.trials == 9


def test_settings_that_do_the_same_have_no_spread_of_their_own():
    scores = np.tile([1.0, 2.0, 4.0], (5, 1))
    found = diagnose(made(rates([1, 2, 3, 4, 5]), scores)).spread
    assert found.settings == 0
    np.testing.assert_allclose(found.runs, np.std([1.0, 2.0, 4.0], ddof=1))


def test_the_better_half_is_looked_at_by_itself():
    rng = np.random.default_rng(2)
    scores = np.arange(1.0, 8.0)[:, None] ** 3 + rng.normal(size=(7, 3))
    found = diagnose(made(rates(range(1, 8)), scores))
    half = diagnose(made(rates(range(1, 5)), scores[:4]))
    assert found.spread_of_better == half.spread
    assert found.spread.settings > 3 * found.spread_of_better.settings


@pytest.mark.parametrize("maximize", [False, True])
def test_rivals_are_those_of_which_a_paired_test_sees_no_difference(maximize):
    rng = np.random.default_rng(3)
    # Seeds differ by far more than settings, and are shared: pairs see through that.
    scores = np.linspace(1.0, 1.5, 12)[:, None] + 5 * rng.normal(size=4)
    scores = scores + 0.08 * rng.normal(size=scores.shape)
    found = diagnose(made(rates(range(1, 13)), scores, maximize=maximize))
    scores = scores[np.argsort(scores.mean(axis=1) * (-1 if maximize else 1))]
    p = [scipy.stats.ttest_rel(row, scores[0]).pvalue for row in scores[1:]]
    assert found.rivals == sum(value >= 0.05 for value in p)
    assert 0 < found.rivals < 11
    ends = scipy.stats.ttest_rel(scores[1], scores[0]).confidence_interval()
    np.testing.assert_allclose(found.second[1:], ends, rtol=1e-6)


def test_one_run_of_each_setting_says_nothing_about_chance():
    found = diagnose(made(rates([1, 2, 3]), [[3.0], [1.0], [2.0]]))
    assert (found.rivals, found.spread, found.best.mean) == (None, None, 1.0)


def test_influences_are_those_of_kruskal_and_wallis(usual):
    trials, found = trials_of(usual), diagnose(usual).influences
    chosen = np.flatnonzero(trials.feasible)
    means = trials.means[chosen]
    for name in ("rate", "decay", "width"):
        values = np.array(trials.values(name))[chosen]
        if name == "width":
            groups = [means[values == level] for level in (1.0, 2.0, 4.0)]
        else:
            groups = [means[part] for part in np.array_split(np.argsort(values), 5)]
            sizes = [len(group) for group in groups]
            assert max(sizes) - min(sizes) <= 1
        n, k = len(chosen), len(groups)
        expected = scipy.stats.kruskal(*groups)
        np.testing.assert_allclose(found[name].p, expected.pvalue, rtol=1e-6)
        share = (expected.statistic - k + 1) / (n - k)
        np.testing.assert_allclose(found[name].share, max(share, 0), rtol=1e-6)
    # Though it neither rises nor falls.
    assert next(iter(found)) == "rate"
    assert found["rate"].share > 0.5 > found["decay"].share
    assert [*found] == sorted(found, key=lambda name: -found[name].share)


def test_equal_scores_share_their_rank():
    scores = np.array([0.1, 0.1, 0.2, 0.2, 0.2, 0.3, 0.4, 0.4, 0.5])[:, None]
    values = [1, 2, 1, 2, 3, 3, 1, 3, 2]
    found = diagnose(made(rates(values), scores)).influences
    # The same settings again would be the same runs, and do not count.
    assert found == {}
    settings = [{"rate": float(v), "decay": float(i)} for i, v in enumerate(values)]
    found = diagnose(made(settings, scores)).influences["rate"]
    groups = [scores[np.array(values) == level, 0] for level in (1, 2, 3)]
    np.testing.assert_allclose(found.p, scipy.stats.kruskal(*groups).pvalue)


def test_a_setting_that_was_drawn_twice_is_compared_once():
    settings = rates([1, 2, 1, 2, 2])
    scores = [[1.0, 1.1], [2.0, 2.2], [1.0, 1.1], [2.0, 2.2], [2.0, 2.2]]
    found = diagnose(made(settings, scores))
    assert (found.trials, found.compared) == (5, 2)
    np.testing.assert_allclose(found.second.mean, 1.05)
    assert found.spread == diagnose(made(settings[:2], scores[:2])).spread


def test_the_cause_of_divergence_is_named_if_it_tells_the_trials_apart(usual):
    trials, found = trials_of(usual), diagnose(usual)
    bad = sorted(v for v in trials.values("rate") if v >= 1)
    (cause,) = found.causes
    assert cause == ("rate", "from", bad[0], len(bad), len(bad), 40 - len(bad), 0)
    assert found.diverged == 3 * len(bad)
    assert found.diverged_trials == len(bad)


@pytest.mark.parametrize(
    ("values", "bad", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7], [1, 2, 3], ("rate", "up to", 3.0, 3, 3, 4, 0)),
        ([1, 2, 3, 4, 5, 6, 7], [5, 6, 7], ("rate", "from", 5.0, 3, 3, 4, 0)),
        ([1, 2, 3, 4, 5, 6, 7], [6, 7], None),
        ([1, 2, 3, 4, 5, 6, 7], [1, 4, 7], None),
        (range(10), [5, 7, 8, 9], ("rate", "from", 5.0, 5, 4, 5, 0)),
        (range(10), [4, 7, 8, 9], None),
    ],
    ids=str,
)
def test_causes_are_at_one_end_of_a_range(values, bad, expected):
    scores = [[NAN if value in bad else 1.0 + value] for value in values]
    found = diagnose(made(rates(values), scores)).causes
    assert found == ([expected] if expected else [])


def test_causes_are_some_of_the_values_of_a_choice():
    kinds = [str(i % 4) for i in range(20)]
    settings = [{"kind": kind, "rate": float(i)} for i, kind in enumerate(kinds)]
    scores = [[NAN if kind in "13" else 1.0] for kind in kinds]
    (cause,) = diagnose(made(settings, scores)).causes
    assert cause == ("kind", "among", ("1", "3"), 10, 10, 10, 0)


def curves_of(validation, train=None):
    validation = np.array(validation, float)
    train = validation if train is None else np.array(train, float)
    return {"validation_loss": validation, "train_loss": train}


def test_a_run_that_still_improves_is_told_from_one_that_has_ended():
    falling = curves_of([np.linspace(1.0, 0.0, 21)])
    found = diagnose(made(rates([1]), [[0.0]], curves=falling)).training
    # The last two blocks of 21 are 0.1 below the two before them.
    np.testing.assert_allclose(found.late_gain, 0.1, rtol=1e-6)
    assert (found.improving, found.overfits, found.best_epoch) == (True, False, 21)
    ended = curves_of([np.exp(-np.arange(21.0))])
    found = diagnose(made(rates([1]), [[0.0]], curves=ended)).training
    assert (found.improving, found.overfits) == (False, False)


def test_an_improvement_that_only_one_of_the_runs_has_is_not_seen():
    flat = np.append(1.0, np.full(20, 0.5))
    late = np.append(flat[:19], [0.2, 0.2])
    found = diagnose(
        made(rates([1]), [[0.5] * 3], curves=curves_of([flat, flat, late]))
    )
    assert found.training.late_gain > 0.1
    assert not found.training.improving
    assert found.training.late_epochs == 2


@pytest.mark.parametrize("maximize", [False, True])
def test_overfitting_is_a_minimum_long_before_the_end(maximize):
    sign = -1.0 if maximize else 1.0
    u_shape = sign * (np.arange(20.0) - 9) ** 2
    train = np.linspace(1.0, 0.1, 20)
    made_of = {"maximize": maximize, "curves": curves_of([u_shape], [train])}
    found = diagnose(made(rates([1]), [[1.0]], **made_of)).training
    assert (found.best_epoch, found.epochs, found.overfits) == (10, 20, True)
    np.testing.assert_allclose(found.rise, 100 / 81)
    # What gets worse in training as well is something else.
    made_of["curves"] = curves_of([u_shape], [train[::-1]])
    assert not diagnose(made(rates([1]), [[1.0]], **made_of)).training.overfits
    # Nor is a few epochs too long, however bad these are.
    late = np.append(np.linspace(17.0, 0.0, 18), [10.0, 20.0])
    made_of["curves"] = curves_of([sign * late], [train])
    assert not diagnose(made(rates([1]), [[1.0]], **made_of)).training.overfits


def test_the_next_space_is_that_of_refine(usual):
    trials, found = trials_of(usual), diagnose(usual)
    expected = refine(SPACE, trials.settings, trials.means)
    assert found.refined == expected


def test_dropped_trials_are_behind_in_all_that_is_by_rank():
    halved = np.array([0, 2, 2, 0, 2, 2, 2, 2, 2, 2])
    scores = np.array([5.0, 1, 2, 6, 3, 4, 3.5, 4.5, 2.5, NAN])[:, None]
    result = made(rates(range(1, 11)), scores, halved=halved)
    trials, found = trials_of(result), diagnose(result)
    assert trials.numbers.tolist() == [0, 3, 1, 2, 8, 4, 6, 5, 7, 9]
    np.testing.assert_array_equal(trials.places, [*range(9), NAN])
    assert (found.compared, found.best.mean, found.second.mean) == (2, 5.0, 1.0)
    assert trials.stopped.tolist() == [False, False, *[True] * 7, False]
    expected = refine(trials.space, trials.settings, trials.places)
    assert found.refined == expected


def test_edges_are_those_of_ranges_and_of_ordered_choices():
    space = {
        "rate": log_uniform(1e-3, 1.0),
        "depth": integers(1, 5),
        "width": choice(8.0, 16.0, 32.0),
        "two": choice(0.0, 1.0),
        "kind": choice("a", "b", "c"),
    }
    best = {"rate": 0.9, "depth": 3, "width": 8.0, "two": 1.0, "kind": "a"}
    other = {"rate": 0.01, "depth": 2, "width": 16.0, "two": 0.0, "kind": "b"}
    found = diagnose(made([other, best], [[2.0], [1.0]], space))
    assert found.edges == {"rate": "high", "width": "low"}


def test_given_settings_are_searched_over_the_smallest_space_that_holds_them():
    settings = [
        {"rate": rate, "momentum": momentum, "width": width, "kind": kind, "decay": 0.0}
        for rate, momentum, width, kind in [
            (1e-3, 0.5, 8, "a"),
            (1e-1, 0.9, 16, None),
            (1e-2, 0.7, 12, "b"),
        ]
    ]
    trials = trials_of(made(settings, [[1.0], [2.0], [3.0]]))
    assert trials.space == {
        "rate": log_uniform(1e-3, 1e-1),
        "momentum": uniform(0.5, 0.9),
        "width": integers(8, 16),
        "kind": choice("a", None, "b"),
        "decay": 0.0,
    }
    assert list(trials.varied) == ["kind", "momentum", "rate", "width"]


def test_values_that_are_no_range_in_float32_are_a_choice():
    close = [0.1, 0.1 + 1e-12]
    assert trials_of(made(rates(close), [[1.0], [2.0]])).space["rate"].values == (
        0.1,
        0.1 + 1e-12,
    )


def test_an_infinite_score_is_not_feasible():
    scores = [[np.inf, 1.0], [1.0, 2.0]]
    found = diagnose(made(rates([1, 2]), scores, maximize=True))
    assert (found.best.mean, found.diverged, found.diverged_trials) == (1.5, 1, 1)


# Words.


def test_the_code_of_a_space_makes_one_that_holds_it():
    space = {
        "rate": log_uniform(0.00123456, 0.98765),
        "share": uniform(0.0, 0.99961),
        "depth": integers(2, 1234567),
        "kind": choice("it's", 'a "b"', None, (1, 2), (3,), True),
        'a "name"': -1.5,
    }
    code = space_in_code(space)
    said = {}
    exec(code, said)
    again = said["space"]
    assert list(again) == list(space)
    assert again["rate"] == log_uniform(0.00123, 0.988)
    assert again["share"] == uniform(0.0, 0.99961)  # It stays below 1.
    for name in ("depth", "kind", 'a "name"'):
        assert again[name] == space[name]


def test_values_are_shown_by_their_names():
    assert shown(jaxnet.tanh) == "tanh"
    assert shown((jax.nn.relu, 0.123456)) == "(relu, 0.1235)"
    assert "0x" not in shown(object())
    assert shown("a\nb\x00") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert len(shown("long" * 20)) == 24


@pytest.mark.parametrize(
    ("curves", "short", "said"),
    [
        ([np.linspace(1, 0, 21)], "No: still", "The last 2 epochs brought 10 % of all"),
        ([np.exp(-np.arange(21.0))], "Yes", "Its best epoch was 21."),
        ([np.append(1.0, np.zeros(20))], "Yes", "no longer improved in the last 2"),
        ([(np.arange(20.0) - 9) ** 2], "Longer", "best at epoch 10 of 20"),
        ([[3.0, 2.0, 1.0]], "Cannot", "fewer than four points"),
        ([np.linspace(1, 0, 5), np.ones(5)], "Cannot", "not more than its runs differ"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_length_of_the_runs_is_judged_in_words(curves, short, said):
    train = np.linspace(1.0, 0.1, len(curves[0]))
    made_of = curves_of(curves, [train] * len(curves))
    result = made(rates([1]), [[0.5] * len(curves)], curves=made_of)
    found = answers(diagnose(result), trials_of(result))
    (length,) = (a for a in found if a.question.startswith("Were the runs"))
    assert length.short.startswith(short)
    assert said in length.text[0]
    assert length.warns == short.startswith(("No", "Longer"))


# Pages.

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Reads a page, and sees to it that what is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(w) for w in self.words.values())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        tag = self.open[-1] if self.open else ""
        self.words.setdefault(tag, []).append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(result, tmp_path):
    path = write_report(result, str(tmp_path / "report.html"))
    text = path.read_text(encoding="utf-8")
    # What is drawn is in the file, as text that no address can be in.
    assert "://" not in text
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    assert " at 0x" not in text
    assert str(tmp_path) not in text
    page = Page(text)
    assert not page.all("script")
    assert not page.all("link")
    assert all(
        i["src"].startswith("data:image/svg+xml;base64,") for i in page.all("img")
    )
    return page


def test_the_report_answers_in_words(usual, tmp_path):
    page, found = page_of(usual, tmp_path), diagnose(usual)
    trials = trials_of(usual)
    said = page.text.replace("\xa0", " ")
    assert page.words["title"] == ["A sweep of decay, rate, width"]
    assert f"{found.best.mean:.4g} (95 % interval {found.best.low:.4g} to" in said
    bad = found.diverged_trials
    assert (
        f"All {bad} trials with rate of {shown(found.causes[0].value)} or more" in said
    )
    assert f"{3 * bad} of 120 runs diverged, in {bad} of 40 trials." in said
    assert f"{100 * bad / 40:.0f} %" in "".join(page.words["p"]).replace("\xa0", " ")
    assert f"{found.spread.settings:.3g}, and runs of one setting of" in said
    assert '"depth": 2,' in said
    assert len(page.all("tr")) == 21
    assert len(page.all("img")) == 4
    assert "… and 20 more." in said
    assert "40 settings x 3 seeds = 120 members, 5 epochs each" in said
    assert jax.__version__ in said
    cells = "".join(page.words["td"])
    assert shown(trials.settings[0]["rate"]) in cells


def test_the_same_sweep_has_the_same_report(tmp_path):
    result = made(rates(range(1, 9)), np.ones((8, 2)))
    a, b = (write_report(result, tmp_path / name) for name in "ab")
    assert a.read_bytes() == b.read_bytes()


HOSTILE = "<script>alert('a&b')</script>"


def test_names_and_values_are_text_and_nothing_else(tmp_path):
    space = {HOSTILE: choice(HOSTILE, "$x$ & $y_{", "\x00<b>\n"), "$a$": uniform(0, 1)}
    settings = [
        {HOSTILE: value, "$a$": i / 10}
        for i, value in enumerate(space[HOSTILE].values * 3)
    ]
    result = made(settings, np.arange(9.0)[:, None] + [[0.0, 0.1]], space)
    page = page_of(result, tmp_path)
    assert not page.all("b")
    assert shown(HOSTILE) in page.text
    svg = drawing.draw_axes(result, tmp_path / "axes").with_suffix(".svg").read_text()
    assert "<script" not in svg
    assert ">$a$</text>" in svg


def nothing_feasible():
    return made([{"rate": r, "decay": 1 / r} for r in (1.0, 2.0)], [[NAN], [NAN]])


def only_choices():
    settings = [{"kind": k, "form": f} for k in "abc" for f in "xy"]
    return made(settings, np.arange(6.0)[:, None] + [[0.0, 0.5]], maximize=True)


CASES = {
    "one hyperparameter": lambda: made(rates(range(1, 9)), np.ones((8, 2))),
    "only choices": only_choices,
    "nothing feasible": nothing_feasible,
    "one run": lambda: many_trials(12, 1),
    "one trial": lambda: made(rates([1]), [[1.0, 2.0]]),
    "the best two": lambda: many_trials().best(2),
    "negative scores": lambda: made(
        [{"rate": float(i), "decay": 1.0 / i} for i in range(1, 9)],
        -(np.arange(8.0)[:, None] ** 9),
        maximize=True,
    ),
    "one epoch": lambda: made(
        rates([1, 2]), [[1.0], [2.0]], curves=curves_of([[1.0], [2.0]])
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_sweep_has_a_report(case, tmp_path):
    result = CASES[case]()
    page = page_of(result, tmp_path)
    vary = len(trials_of(result).varied)
    assert len(page.all("img")) == (1 if vary == 0 else 3 if vary == 1 else 4)
    if case == "nothing feasible":
        assert "None: all diverged" in page.text
        assert "at lower learning rates" in page.text
    if case == "one run":
        assert "Use seeds=3 or more" in page.text


def test_ten_thousand_trials_are_drawn_in_a_file_that_can_be_sent(tmp_path):
    rng = np.random.default_rng(0)
    settings = [
        {"rate": float(r), "decay": float(d)} for r, d in rng.uniform(1, 2, (10_000, 2))
    ]
    result = made(settings, rng.uniform(1, 2, (10_000, 1)))
    path = write_report(result, tmp_path / "report.html")
    assert path.stat().st_size < 8e6


# Figures.


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws a figure, and gives it back as well as its file."""
    kept = []

    @contextlib.contextmanager
    def keep(*args, **kwargs):
        with figures.figure(*args, **kwargs) as (fig, axes):
            kept.append(fig)
            yield fig, axes

    monkeypatch.setattr(drawing, "figure", keep)
    monkeypatch.setattr(relating, "figure", keep)

    def draw(name, result, **options):
        path = getattr(drawing, f"draw_{name}")(result, tmp_path / name, **options)
        assert path == tmp_path / f"{name}.png"
        assert imread(path).std() > 0.01
        assert path.with_suffix(".svg").stat().st_size > 1000
        return kept[-1]

    return draw


def points(ax, color):
    """The offsets of all points that have a colour, on the outside or the inside."""
    found = []
    for part in ax.collections:
        if isinstance(part, PathCollection) and len(part.get_offsets()):
            colors = np.concatenate([part.get_facecolors(), part.get_edgecolors()])
            if any(np.allclose(c[:3], to_rgba(color)[:3], atol=0.02) for c in colors):
                found.append(np.asarray(part.get_offsets()))
    return np.concatenate(found) if found else np.zeros((0, 2))


def test_axes_have_each_trial_where_it_is(usual, drawn):
    trials = trials_of(usual)
    fig = drawn("axes", usual)
    assert [ax.get_xlabel() for ax in fig.axes] == [*diagnose(usual).influences]
    first = fig.axes[0]
    assert (first.get_xscale(), first.get_xlabel()) == ("log", "rate")
    good = trials.feasible
    x, y = np.array(trials.values("rate")), trials.means
    np.testing.assert_allclose(points(first, figures.BLUE), np.stack([x, y], 1)[good])
    np.testing.assert_allclose(points(first, figures.ORANGE), [[x[0], y[0]]])
    crosses = points(first, figures.BLACK)
    np.testing.assert_allclose(np.sort(crosses[:, 0]), np.sort(x[~good]))
    # Those are beyond the worst that is shown, and within the axes.
    assert y[good].max() < crosses[0, 1] < first.get_ylim()[1]
    lines = [line.get_ydata() for line in first.lines]
    low, high = usual.scores[3].low, usual.scores[3].high
    assert any(np.allclose(ends, [low, high]) for ends in lines)


def test_a_choice_has_its_trials_around_its_tick(usual, drawn):
    trials = trials_of(usual)
    fig = drawn("axes", usual)
    (ax,) = (ax for ax in fig.axes if ax.get_xlabel() == "width")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "4"]
    x = points(ax, figures.BLUE)[:, 0]
    place = [(1.0, 2.0, 4.0).index(v) for v in trials.values("width")]
    assert (np.abs(x - np.array(place)[trials.feasible]) <= 0.25).all()
    assert len(np.unique(x)) == len(x)


def test_more_is_better_has_its_diverged_at_the_bottom(drawn):
    scores = [[0.5], [0.9], [0.7], [NAN]]
    ax = drawn("axes", made(rates([1, 2, 3, 4]), scores, maximize=True)).axes[0]
    (cross,) = points(ax, figures.BLACK)
    assert ax.get_ylim()[0] < cross[1] < 0.5
    np.testing.assert_allclose(points(ax, figures.ORANGE), [[2.0, 0.9]])


def test_a_few_far_worse_do_not_flatten_the_others(drawn):
    scores = -np.array([*np.linspace(0.1, 1.0, 18), 1e6, 1e9])[:, None]
    result = made(rates(range(1, 21)), scores, maximize=True)
    ax = drawn("axes", result).axes[0]
    assert ax.get_ylim()[0] > -2
    off = points(ax, figures.PURPLE)
    np.testing.assert_allclose(off, [[19.0, -1.0], [20.0, -1.0]])


def test_curves_are_the_means_of_the_best(usual, drawn):
    (ax,) = drawn("curves", usual, n=3).axes
    lines = {line.get_label(): line for line in ax.lines}
    numbers = usual.trials[:, None] * 3 + np.arange(3)
    for rank in range(3):
        mean = usual.runs.curves["validation_loss"][numbers[rank]].mean(axis=0)
        np.testing.assert_allclose(lines[f"rank {rank + 1}"].get_ydata(), mean)
        np.testing.assert_array_equal(lines["rank 1"].get_xdata(), np.arange(1, 6))
    assert "rank 4" not in lines
    dashed = [line.get_ydata() for line in ax.lines if line.get_linestyle() == "--"]
    train = usual.runs.curves["train_loss"][numbers[0]].mean(axis=0)
    assert any(np.array_equal(line, train) for line in dashed)
    (others,) = (c for c in ax.collections if isinstance(c, LineCollection))
    assert len(others.get_segments()) >= usual.scores.__len__() - 3 - 20


def test_parallel_lines_end_at_the_scores(usual, drawn):
    trials = trials_of(usual)
    ax = drawn("parallel", usual).axes[0]
    ticks = [t.get_text() for t in ax.get_xticklabels()]
    assert ticks == ["decay", "rate", "width", "validation_loss"]
    (best,) = (line for line in ax.lines if line.get_label() == "best")
    rate = (np.log10(trials.settings[0]["rate"]) + 4) / 5
    decay = trials.settings[0]["decay"] / 0.5
    np.testing.assert_allclose(best.get_ydata()[:2], [decay, rate])
    assert best.get_ydata()[3] == 0
    bad, good = ax.collections
    assert len(bad.get_segments()) == (~trials.feasible).sum()
    assert all(line[3, 1] > 1 for line in bad.get_segments())
    # The best has the lowest rank and is drawn last.
    np.testing.assert_array_equal(
        good.get_array(), np.arange(trials.feasible.sum(), 0, -1)
    )
    np.testing.assert_allclose(good.get_segments()[-1][:, 1], best.get_ydata())


def test_a_grid_is_cells_with_the_best_of_each(drawn):
    settings = [
        {"rate": r, "decay": d, "width": w}
        for r in (0.01, 0.1, 1.0)
        for d in (0.0, 0.5)
        for w in (1.0, 2.0)
    ]
    scores = np.array([8.0, 7, 1, 2, 6, 5, 3, 4, NAN, NAN, 9, NAN])[:, None]
    result = made(settings, scores)
    ax = drawn("heatmap", result, x="rate", y="decay").axes[0]
    (mesh,) = (c for c in ax.collections if isinstance(c, QuadMesh))
    cells = np.ma.filled(mesh.get_array(), NAN).reshape(2, 3)
    np.testing.assert_array_equal(cells, [[7, 5, NAN], [1, 3, 9]])
    np.testing.assert_array_equal(points(ax, figures.BLACK), [[2.5, 0.5]])
    (frame,) = ax.patches
    assert frame.get_xy() == (0, 1)


def test_scattered_trials_are_points_and_nothing_in_between(usual, drawn):
    trials = trials_of(usual)
    ax = drawn("heatmap", usual, x="rate", y="decay").axes[0]
    assert not any(isinstance(c, QuadMesh) for c in ax.collections)
    dots = next(c for c in ax.collections if c.get_array() is not None)
    good = trials.feasible
    at = np.stack([trials.values("rate"), trials.values("decay")], 1)[good][::-1]
    np.testing.assert_allclose(dots.get_offsets(), at)
    np.testing.assert_allclose(dots.get_array(), trials.means[good][::-1])
    assert dots.get_cmap().name == "viridis"  # Low is dark, and low is better.


def test_the_default_heatmap_is_of_what_matters_most(usual, drawn):
    ax = drawn("heatmap", usual).axes[0]
    first, second, _ = diagnose(usual).influences
    assert (ax.get_xlabel(), ax.get_ylabel()) == (first, second)
    ax = drawn("heatmap", usual, x=second).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (second, first)


def test_figures_say_what_they_need(usual, tmp_path):
    one = made(rates([1, 2]), [[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"2 or more hyperparameters.*there are 1"):
        drawing.draw_heatmap(one, tmp_path / "a")
    with pytest.raises(ValueError, match="1 or more hyperparameters"):
        drawing.draw_axes(made(rates([1]), [[1.0]]), tmp_path / "a")
    with pytest.raises(ValueError, match="x='rte' is not one of"):
        drawing.draw_heatmap(usual, tmp_path / "a", x="rte")
    with pytest.raises(ValueError, match="x and y should differ"):
        drawing.draw_heatmap(usual, tmp_path / "a", x="rate", y="rate")
    with pytest.raises(ValueError, match="n should be"):
        drawing.draw_curves(usual, tmp_path / "a", n=0)


# A sweep that was trained.


def test_a_real_sweep_is_reported_as_it_went(tmp_path):
    space = {"rate": log_uniform(1e-2, 1e4), "decay": choice(0.0, 0.1)}
    result = sweep(
        build,
        space,
        DATA,
        DATA,
        key=jax.random.key(1),
        trials=27,
        seeds=2,
        epochs=9,
        halving=Halving(3, 3),
        progress=False,
    )
    found = diagnose(result)
    assert found.diverged == sum(s.startswith("diverged") for s in result.status) > 0
    assert found.best == result.scores[0]
    assert found.trials == 27
    page = page_of(result, tmp_path)
    assert "dropped after epoch 3" in "".join(page.words["td"])
    part = dataclasses.replace(result, trials=result.trials[:3])
    assert diagnose(part).trials == 3
