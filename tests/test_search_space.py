"""Spaces, samplers and refinement: scipy's distributions, closed forms, properties."""

import itertools
import json
import math

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from scipy.stats import qmc

from jaxnet.search import samplers
from jaxnet.search.dimensions import Choice
from jaxnet.search.refining import edges, refine
from jaxnet.search.space import (
    check_space,
    choice,
    from_json,
    integers,
    log_integers,
    log_uniform,
    to_json,
    uniform,
    varying,
)

SPACE = {
    "rate": log_uniform(1e-4, 1e-1),
    "dropout": uniform(-0.5, 1.5),
    "width": integers(3, 9),
    "batch": log_integers(1, 12),
    "activation": choice("relu", "tanh", "gelu"),
    "depth": 2,
}
ONE_OF_EACH = [pytest.param(d, id=name) for name, d in varying(SPACE).items()]
every_dimension = pytest.mark.parametrize("dimension", ONE_OF_EACH)
every_sampler = pytest.mark.parametrize(
    "sampler", [samplers.random, samplers.sobol, samplers.grid]
)
NAN = float("nan")
few = hypothesis.settings(deadline=None, max_examples=25)
many = hypothesis.settings(deadline=None, max_examples=100)


def column(settings, name):
    return [setting[name] for setting in settings]


# What u stands for.


@every_dimension
@few
@hypothesis.given(u=st.floats(0, 1, exclude_max=True))
def test_where_is_the_inverse_of_at(dimension, u):
    value = dimension.at(u)
    assert dimension.at(dimension.where(value)) == pytest.approx(value)
    if dimension.size == math.inf:
        assert dimension.where(value) == pytest.approx(u, abs=1e-9)
    else:  # The middle of the part of [0, 1] that gives this value.
        assert abs(dimension.where(value) - u) < 1.0


@every_dimension
def test_both_ends_can_be_drawn_and_nothing_lies_outside(dimension):
    ends = dimension.values if isinstance(dimension, Choice) else None
    low, high = (ends[0], ends[-1]) if ends else (dimension.low, dimension.high)
    assert dimension.at(0.0) == pytest.approx(low)
    assert dimension.at(math.nextafter(1.0, 0.0)) == pytest.approx(high)
    if not ends:
        assert all(low <= dimension.at(u) <= high for u in np.linspace(0, 1, 999))


def test_values_at_given_places():
    assert uniform(-1, 3).at(0.25) == 0.0
    assert log_uniform(1e-4, 1e-2).at(0.5) == pytest.approx(1e-3)
    assert [choice("a", "b").at(u) for u in (0.0, 0.49, 0.5)] == ["a", "a", "b"]
    assert choice("a", "b").where("b") == 0.75
    assert integers(1, 4).where(2) == 0.375
    for dimension, kind in [(uniform(0, 1), float), (integers(0, 1), int)]:
        assert type(dimension.at(0.3)) is kind
        assert all(type(value) is kind for value in dimension.grid(2))


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("value", [0.4, 100.0, NAN, "2", None, 4.5])
def test_a_value_outside_has_no_place(value):
    for dimension in (integers(1, 8), choice(1, 8)):
        with pytest.raises(ValueError, match="is not a value of"):
            dimension.where(value)


def test_a_value_that_was_in_float32_has_its_place():
    bound = float(np.float32(0.1))
    assert bound > 0.1
    assert uniform(0.0, 0.1).where(bound) == 1.0


def test_grids():
    assert uniform(0, 1).grid(5) == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert uniform(0, 1).grid(1) == (0.5,)
    assert integers(1, 10).grid(4) == (1, 4, 7, 10)
    assert integers(1, 3).grid(9) == (1, 2, 3)
    assert log_integers(1, 8).grid(4) == (1, 2, 4, 8)
    # Rounded in log space these would be 1, 2, 2, 3, 5, 8.
    assert log_integers(1, 8).grid(6) == (1, 2, 3, 4, 5, 8)
    assert choice(1, 2, 3, 4, 5).grid(3) == (1, 3, 5)
    assert choice("a").grid(3) == ("a",)
    np.testing.assert_allclose(
        log_uniform(1e-5, 3.0).grid(7), np.geomspace(1e-5, 3.0, 7), rtol=1e-12
    )


@many
@hypothesis.given(
    low=st.integers(1, 300), more=st.integers(1, 300), n=st.integers(2, 400)
)
def test_a_grid_of_integers_has_as_many_as_there_can_be(low, more, n):
    for make in (integers, log_integers):
        values = make(low, low + more).grid(n)
        assert len(values) == min(n, more + 1)
        assert (values[0], values[-1]) == (low, low + more)
        assert all(a < b for a, b in itertools.pairwise(values))


# What is refused, where it is written.

BAD = [
    (lambda: choice(), ValueError, "got no value. Name some"),
    (lambda: choice(1, 16, 16), ValueError, "16 and 16. Leave one"),
    (lambda: choice(1, True), ValueError, "1 and True"),
    (lambda: choice([16, 64]), ValueError, r"Write choice\(16, 64\)"),
    (lambda: choice({}), ValueError, "can be hashed, got {}"),
    (lambda: choice(uniform(0, 1)), ValueError, "cannot vary in itself"),
    (lambda: choice(0.1, NAN), ValueError, "finite, got nan"),
    (lambda: uniform(0.5, 0.1), ValueError, "low=0.5 and high=0.1. Swap"),
    (lambda: uniform(1, 1), ValueError, "should differ, got 1.0 and 1.0"),
    (lambda: integers(2, 2), ValueError, "should differ, got 2 and 2"),
    (lambda: uniform(500, 500.00001), ValueError, "one number to the program. Write"),
    (lambda: uniform(0, math.inf), ValueError, "uniform: high should be finite"),
    (lambda: uniform(NAN, 1), ValueError, "uniform: low should be finite"),
    (lambda: uniform(0, 1e39), ValueError, r"at most 3.4e\+38"),
    (lambda: uniform(0, 10**400), ValueError, "high should be finite"),
    (lambda: uniform("0", 1), ValueError, "low should be a number, got '0'"),
    (lambda: uniform(False, 1), ValueError, "low should be a number, got False"),
    (lambda: log_uniform(0, 1), ValueError, "positive, .* got 0. Use .* or uniform"),
    (lambda: log_uniform(-1, 1), ValueError, "log_uniform: low .* positive"),
    (lambda: log_uniform(1e-60, 1), ValueError, "log_uniform: low .* positive"),
    (lambda: log_integers(0, 4), ValueError, "log_integers: low .* positive"),
    (lambda: integers(1, 2.5), ValueError, "integers: high should be an int, got 2.5"),
    (lambda: integers(1, 8.0), ValueError, "integers: high should be an int, got 8.0"),
    (lambda: integers(8, 1), ValueError, "low=8 and high=1. Swap"),
    (lambda: check_space({}), ValueError, "the space is empty"),
    (lambda: check_space([1]), TypeError, r"should be a dict .* got \[1\]"),
    (lambda: check_space({3: 0.1}), TypeError, "should be a str, got 3"),
    (lambda: check_space({"w": [16, 64]}), ValueError, r"w .* choice\(16, 64\)"),
    (lambda: check_space({"w": range(9)}), ValueError, r"choice\(0, 1, 2, \.\.\.\)"),
    (lambda: check_space({"w": np.ones(2)}), ValueError, r"choice\(1.0, 1.0\)"),
    (lambda: check_space({"w": math.inf}), ValueError, "w should be finite, got inf"),
    (lambda: check_space({"w": {"choice": [1]}}), ValueError, "read by from_json"),
    (lambda: to_json({"f": jax.nn.relu}), ValueError, "f cannot be written as JSON"),
]


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize(
    ("act", "kind", "match"), BAD, ids=[match[:30] for *_, match in BAD]
)
def test_what_cannot_be_is_refused(act, kind, match):
    with pytest.raises(kind, match=match):
        act()


def test_what_can_be_fixed():
    check_space({"a": 1, "b": 0.5, "c": "x", "d": None, "e": jax.nn.relu, "f": (1, 2)})


@pytest.mark.usefixtures("as_users_have_it")
def test_numbers_of_numpy_and_jax_become_plain():
    space = {
        "a": choice(*np.logspace(-2, 0, 3)),
        "b": uniform(np.float32(0.5), jnp.asarray(1.0)),
        "c": integers(np.int64(1), np.int32(4)),
        "d": np.float64(0.25),
    }
    (setting,) = samplers.random(space, 1, jax.random.key(0))
    assert [type(value) for value in setting.values()] == [float, float, int, float]


# JSON.


def test_json_gives_back_the_space():
    space = SPACE | {
        "sizes": choice((8,), (8, 8)),
        "x": None,
    }
    assert from_json(json.dumps(to_json(space))) == space
    assert from_json(to_json(space)) == space
    assert to_json(
        {"rate": log_uniform(1e-4, 0.1), "width": choice(16, 64), "d": 0.1}
    ) == {
        "rate": {"log_uniform": [1e-4, 0.1]},
        "width": {"choice": [16, 64]},
        "d": 0.1,
    }
    assert from_json(to_json({"sizes": (8, 8)})) == {"sizes": choice((8, 8))}


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "line 1"),
        ("[]", r"an object is due, got \[\]"),
        ("{}", "is empty"),
        ('{"w": [16, 64]}', r"w .* choice\(16, 64\)"),
        ('{"w": {"uniforn": [0, 1]}}', "w='uniforn' .* Did you mean 'uniform'"),
        ('{"w": {"uniform": [1, 0]}}', "w: uniform: low=1.0|w: .* Swap"),
        ('{"w": {"uniform": [1]}}', r"w: uniform should have \[low, high\], got \[1\]"),
        ('{"w": {"uniform": 1}}', "w: uniform should have a list, got 1"),
        ('{"w": {"choice": []}}', "w: choice: got no value"),
        ('{"w": {"choice": [1, {"a": 1}]}}', "w: choice: .* hashed"),
        ('{"w": {"choice": [1], "uniform": [0, 1]}}', "w should have one of"),
        ('{"w": {}}', r"w should have one of .*, got \[\]"),
        ('{"w": NaN}', "w should be finite"),
        ('{"w": {"log_uniform": [1e-3, Infinity]}}', "w: log_uniform: high .* finite"),
        ('{"w": {"integers": [1, 1e3]}}', "w: integers: high should be an int"),
        ('{"w": 1, "w": 2}', "w is there 2 times"),
        ('{"w": ' + "[" * 9999 + "]" * 9999 + "}", "nested too deeply"),
    ],
    ids=lambda text: text[:25],
)
def test_json_that_is_no_space_is_refused_by_name(text, match):
    with pytest.raises(ValueError, match=match):
        from_json(text)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(
    ["choice", "uniform", "log_uniform", "integers", "log_integers"]
)
ALMOST = st.dictionaries(
    st.text(max_size=2),
    JSON
    | st.dictionaries(
        KINDS, st.lists(SCALARS, max_size=3) | JSON, min_size=1, max_size=2
    ),
    max_size=3,
)


@pytest.mark.usefixtures("as_users_have_it")
@hypothesis.settings(deadline=None, max_examples=400)
@hypothesis.given(source=ALMOST | JSON | ALMOST.map(json.dumps) | st.text(max_size=30))
def test_any_json_gives_a_space_that_can_be_sampled_or_a_value_error(source):
    if not isinstance(source, str | dict):
        source = json.dumps(source)
    try:
        space = from_json(source)
    except ValueError:
        return
    assert from_json(json.dumps(to_json(space))) == space
    for setting in samplers.random(space, 3, jax.random.key(0)):
        assert all(0 <= d.where(setting[n]) <= 1 for n, d in varying(space).items())


# Samplers.

TRIALS = 4000


@pytest.mark.parametrize("sampler", [samplers.random, samplers.sobol])
def test_samples_have_the_distributions_of_scipy(sampler):
    settings = sampler(SPACE, TRIALS, jax.random.key(3))
    assert column(settings, "depth") == [2] * TRIALS
    for name, exact in [
        ("rate", scipy.stats.loguniform(1e-4, 1e-1)),
        ("dropout", scipy.stats.uniform(-0.5, 2.0)),
    ]:
        # One key in a hundred would fail, and this one does not.
        assert scipy.stats.kstest(column(settings, name), exact.cdf).pvalue > 0.01, name
    k = np.arange(1, 13)
    in_logs = np.log((k + 0.5) / (k - 0.5)) / np.log(12.5 / 0.5)
    for name, values, shares in [
        ("activation", ["relu", "tanh", "gelu"], np.full(3, 1 / 3)),
        ("width", range(3, 10), np.full(7, 1 / 7)),
        ("batch", k, in_logs),
    ]:
        drawn = column(settings, name)
        counts = [drawn.count(value) for value in values]
        assert sum(counts) == TRIALS
        assert scipy.stats.chisquare(counts, TRIALS * shares).pvalue > 0.01, name


def test_dimensions_are_independent():
    rows = [
        [d.where(s[n]) for n, d in varying(SPACE).items()]
        for s in samplers.random(SPACE, TRIALS, jax.random.key(4))
    ]
    apart = np.corrcoef(rows, rowvar=False) - np.eye(5)
    # 4 standard errors of a correlation of n pairs, 4 / sqrt(n) = 0.063.
    assert np.abs(apart).max() < 0.063


@pytest.mark.parametrize("sampler", [samplers.random, samplers.sobol])
def test_more_trials_begin_with_the_same_ones(sampler):
    longest = sampler(SPACE, 70, jax.random.key(1))
    for trials in (1, 2, 31, 32, 33, 64):  # About powers of two, too.
        assert sampler(SPACE, trials, jax.random.key(1)) == longest[:trials]


@pytest.mark.parametrize("sampler", [samplers.random, samplers.sobol])
def test_another_key_gives_other_settings(sampler):
    one, two = (sampler(SPACE, 8, jax.random.key(i)) for i in range(2))
    assert not set(column(one, "rate")) & set(column(two, "rate"))
    folded = sampler(SPACE, 8, jax.random.fold_in(jax.random.key(0), 1))
    assert not set(column(one, "rate")) & set(column(folded, "rate"))


@every_sampler
def test_the_order_of_a_dict_changes_no_value(sampler):
    turned = dict(reversed(SPACE.items()))
    one, two = (sampler(space, 50, jax.random.key(0)) for space in (SPACE, turned))
    assert one == two
    assert list(one[0]) == list(SPACE)
    assert list(two[0]) == list(turned)


@every_sampler
def test_a_space_in_which_all_is_fixed_can_be_sampled(sampler):
    settings = sampler({"depth": 2, "width": 8}, 3, jax.random.key(0))
    due = 1 if sampler is samplers.grid else 3
    assert settings == [{"depth": 2, "width": 8}] * due


@pytest.mark.usefixtures("as_users_have_it")
@every_sampler
def test_samplers_refuse_what_cannot_be_sampled(sampler):
    for trials in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="trials should be an int of at least 1"):
            sampler(SPACE, trials, jax.random.key(0))
    with pytest.raises(ValueError, match="the space is empty"):
        sampler({}, 3, jax.random.key(0))
    if sampler is not samplers.grid:
        with pytest.raises(TypeError, match="a typed key, got 0"):
            sampler(SPACE, 3, 0)


def test_sobol_fills_a_space_more_evenly_than_chance():
    space = {name: uniform(0.0, 1.0) for name in "abc"}
    for seed in range(3):
        of_sobol, of_chance = (
            qmc.discrepancy(
                [list(s.values()) for s in f(space, 60, jax.random.key(seed))]
            )
            for f in (samplers.sobol, samplers.random)
        )
        assert of_sobol < 0.3 * of_chance


def test_the_points_of_a_grid():
    space = {
        "rate": log_uniform(1e-4, 1e-2),
        "width": choice(16, 64),
        "depth": integers(1, 2),
        "decay": uniform(0.0, 1.0),
        "fixed": "x",
    }
    settings = samplers.grid(space, 35, jax.random.key(0))
    # The first range by name has the third point: (3, 2, 2) of (decay, depth, rate).
    due = itertools.product([0.0, 0.5, 1.0], [1, 2], [1e-4, 1e-2], [16, 64])
    names = ("decay", "depth", "rate", "width", "fixed")
    assert settings == [dict(zip(names, (*point, "x"), strict=True)) for point in due]


@many
@hypothesis.given(
    spans=st.lists(st.integers(1, 9) | st.none(), min_size=1, max_size=4),
    choices=st.integers(1, 3),
    trials=st.integers(3, 60),
)
def test_a_grid_is_full_as_equal_as_can_be_and_cannot_grow(spans, choices, trials):
    ranges = {
        f"r{i}": uniform(0.0, 1.0) if span is None else integers(1, 1 + span)
        for i, span in enumerate(spans)
    }
    space = ranges | {"a": choice(*range(choices))}
    settings = samplers.grid(space, trials, jax.random.key(0))
    counts = {name: len(set(column(settings, name))) for name in space}
    assert len({tuple(s.items()) for s in settings}) == len(settings)
    assert len(settings) == math.prod(counts.values()) <= trials
    assert counts["a"] == choices
    growing = [counts[name] for name, d in ranges.items() if counts[name] < d.size]
    if growing:
        assert max(counts[name] for name in ranges) - min(growing) <= 1
        assert len(settings) // min(growing) * (min(growing) + 1) > trials


def test_a_grid_names_the_fewest_trials_that_it_needs():
    space = {"a": choice(1, 2, 3), "b": choice(1, 2), "c": uniform(0, 1)}
    with pytest.raises(
        ValueError, match=r"6 combinations, got trials=5. Ask .* least 6"
    ):
        samplers.grid(space, 5, jax.random.key(0))
    assert column(samplers.grid(space, 6, jax.random.key(0)), "c") == [0.5] * 6


# Refinement.


def losses(settings, name, best):
    return [abs(setting[name] - best) for setting in settings]


def test_a_range_is_what_holds_the_best_widened_by_half_the_spacing():
    space = {"x": uniform(0.0, 1.0), "fixed": 3}
    tried = [{"x": x} for x in np.linspace(0, 1, 21).tolist()]
    finer, warnings = refine(space, tried, losses(tried, "x", 0.401))
    # The best fifth are 0.3, 0.35, 0.4, 0.45 and 0.5, at distances of 0.05.
    assert (finer["x"].low, finer["x"].high) == pytest.approx((0.275, 0.525))
    assert (finer["fixed"], warnings) == (3, [])
    upward = [-loss for loss in losses(tried, "x", 0.401)]
    assert refine(space, tried, upward, maximize=True) == (finer, [])
    assert refine(space, tried, upward)[0] != finer
    half, _ = refine(space, tried, losses(tried, "x", 0.401), keep=0.5)
    assert (half["x"].low, half["x"].high) == pytest.approx((0.125, 0.675))


def test_the_gap_between_the_best_counts_where_it_is_wider():
    tried = [{"x": x} for x in (0.1, 0.2, 0.21, 0.22, 0.23, 0.24, 0.25, 0.26, 0.5, 0.8)]
    scores = [9.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 2.0, 3.0, 0.5]
    (finer, _) = refine({"x": uniform(0.0, 1.0)}, tried, scores)
    # The best are 0.2, 0.26, 0.5 and 0.8: 0.2 apart, where all are 0.078.
    assert (finer["x"].low, finer["x"].high) == pytest.approx((0.1, 0.9))


def test_a_choice_keeps_the_values_among_the_best_in_their_order():
    space = {"w": choice(64, 16, 32, 8)}
    tried = [{"w": w} for w in (8, 16, 32, 64) for _ in range(5)]
    scores = [
        {8: 9, 16: 2, 32: NAN, 64: 1}[s["w"]] + i / 10 for i, s in enumerate(tried)
    ]
    assert refine(space, tried, scores, keep=0.5).space == {"w": choice(64, 16)}


@pytest.mark.parametrize(
    ("old", "best", "edge", "low", "high"),
    [
        (log_uniform(1e-4, 1e-2), 9e-3, "high", None, 1e-2 * 10**0.5),
        (log_uniform(1e-4, 1e-2), 1.1e-4, "low", 1e-4 / 10**0.5, None),
        (uniform(2.0, 4.0), 3.95, "high", None, 4.5),
        (uniform(2.0, 4.0), 2.05, "low", 1.5, None),
        (uniform(-2.0, 2.0), -2.0, "low", -3.0, None),
        (uniform(0.2, 4.0), 0.3, "low", 0.1, None),  # Half of the way to 0.
        (uniform(0.0, 0.5), 0.01, "low", 0.0, None),
        (uniform(0.0, 0.5), 0.49, "high", None, 0.625),
        (uniform(0.0, 0.9), 0.89, "high", None, 0.95),  # Half of the way to 1.
        (uniform(0.0, 1.0), 0.99, "high", None, 1.0),
        (log_uniform(0.001, 1.0), 0.99, "high", None, 1000**0.25),
        (integers(1, 8), 8, "high", None, 10),
        (integers(1, 8), 1, "low", 1, None),
        (integers(2, 8), 2, "low", 1, None),
        (integers(10, 11), 10, "low", 9, None),
        (integers(10, 11), 11, "high", None, 12),
        (log_integers(10, 11), 10, "low", 9, None),
        (log_integers(10, 11), 11, "high", None, 12),
        (integers(0, 8), 0, "low", 0, None),
        (integers(-8, 8), -8, "low", -12, None),
        (log_integers(16, 256), 256, "high", None, int(256.5 * (256.5 / 15.5) ** 0.25)),
    ],
    ids=str,
)
def test_a_best_at_an_edge_extends_the_range_beyond_it_with_a_warning(
    old, best, edge, low, high
):
    tried = [{"x": old.at(i / 40)} for i in range(41)] + [{"x": best}]
    scores = [abs(old.where(s["x"]) - old.where(best)) for s in tried]
    finer, (warning,) = refine({"x": old}, tried, scores)
    assert edges({"x": old}, {"x": best}) == {"x": edge}
    assert f"at the {edge} edge" in warning
    assert getattr(finer["x"], edge) == pytest.approx(low if edge == "low" else high)
    ends_there = getattr(finer["x"], edge) == getattr(old, edge)
    assert ("ends there; consider fixing" in warning) == ends_there
    # And the other end comes in, unless integers leave no room.
    assert finer["x"].high < old.high if edge == "low" else finer["x"].low > old.low


@pytest.mark.parametrize("high", [1.0 - 2.0**-24, 1.0 - 2.0**-20, 0.99])
def test_a_share_stays_below_one_in_float32(high):
    tried = [{"x": high}]
    finer, _ = refine({"x": uniform(0.0, high)}, tried, [1.0])
    assert finer["x"].high >= high
    assert np.float32(finer["x"].high) < 1.0


def test_values_that_were_in_float32_are_no_new_ones():
    space = {"x": uniform(0.0, 1.0)}
    tried = [{"x": x} for x in (0.1, 0.3, 0.5, 0.7, 0.9)] * 4
    rounded = [{"x": float(np.float32(s["x"]))} for s in tried[5:]]
    scores = losses(tried, "x", 0.5)
    exact, _ = refine(space, tried, scores)
    assert (exact["x"].low, exact["x"].high) == pytest.approx((0.4, 0.6))
    finer, _ = refine(space, tried[:5] + rounded, scores)
    # As near as float32 is.
    assert finer["x"].low == pytest.approx(exact["x"].low, abs=1e-6)
    assert finer["x"].high == pytest.approx(exact["x"].high, abs=1e-6)


@pytest.mark.parametrize("low", [500.0, 1e9])
def test_a_range_is_not_refined_beyond_float32(low):
    space = {"x": uniform(low, low + 2 * float(np.spacing(np.float32(low))))}
    tried = [{"x": space["x"].at(i / 20)} for i in range(20)]
    finer, _ = refine(space, tried, losses(tried, "x", tried[11]["x"]))
    assert finer == space


def test_one_integer_keeps_its_neighbours():
    tried = [{"x": x} for x in [*range(1, 9), 3, 3, 3, 7, 7, 7]]
    for best, due in [(3, integers(2, 4)), (7, integers(6, 8))]:
        finer, _ = refine({"x": integers(1, 8)}, tried, losses(tried, "x", best))
        assert finer == {"x": due}
    finer, _ = refine({"x": integers(1, 2)}, [{"x": 2}] * 9 + [{"x": 1}], [*range(10)])
    assert finer == {"x": integers(2, 3)}  # 2 is at the edge.


def test_a_setting_in_the_middle_is_at_no_edge():
    assert edges(SPACE, {n: d.at(0.5) for n, d in varying(SPACE).items()}) == {}
    assert edges({"x": log_uniform(1e-4, 1.0)}, {"x": 0.01}) == {}
    assert edges({"x": log_uniform(1e-4, 1.0)}, {"x": 0.7}) == {"x": "high"}


@pytest.mark.usefixtures("as_users_have_it")
def test_refine_refuses_what_it_cannot_refine():
    space, tried = {"x": uniform(0.0, 1.0)}, [{"x": 0.2}, {"x": 0.3}]
    for scores in ([NAN, NAN], [math.inf, NAN]):
        with pytest.raises(ValueError, match="none of 2 settings has a finite score"):
            refine(space, tried, scores)
    with pytest.raises(ValueError, match="none of 0 settings"):
        refine(space, [], [])
    with pytest.raises(ValueError, match=r"each of 2 settings, got .* shape \(3,\)"):
        refine(space, tried, [1.0, 2.0, 3.0])
    for keep in (0.0, 1.1, NAN):
        with pytest.raises(ValueError, match="keep should be a share in"):
            refine(space, tried, [1.0, 2.0], keep=keep)
    with pytest.raises(ValueError, match=r"x: 7 is not a value of uniform\(0.0, 1.0\)"):
        refine(space, [*tried, {"x": 7}], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"a value of x, got \{'y': 1\}"):
        refine(space, [*tried, {"y": 1}], [1.0, 2.0, 3.0])


def numbers(low, high):
    ends = st.lists(st.floats(low, high), min_size=2, max_size=2).map(sorted)
    return ends.filter(lambda ends: np.float32(ends[0]) < np.float32(ends[1]))


def whole(low):
    return st.lists(st.integers(low, 300), min_size=2, max_size=2, unique=True).map(
        sorted
    )


DIMENSIONS = st.one_of(
    numbers(-5, 5).map(lambda ends: uniform(*ends)),
    numbers(0, 0.999).map(lambda ends: uniform(*ends)),
    numbers(1e-6, 1e3).map(lambda ends: log_uniform(*ends)),
    # Hardly wider than float32 can tell.
    numbers(500.0, 500.001).map(lambda ends: log_uniform(*ends)),
    numbers(1.0, 1.000001).map(lambda ends: uniform(*ends)),
    whole(-20).map(lambda ends: integers(*ends)),
    whole(1).map(lambda ends: log_integers(*ends)),
    st.lists(st.integers(), min_size=1, max_size=4, unique=True).map(
        lambda values: choice(*values)
    ),
)


@hypothesis.settings(deadline=None, max_examples=300)
@hypothesis.given(
    space=st.dictionaries(st.sampled_from("abc"), DIMENSIONS, min_size=1),
    scores=st.lists(st.floats(-9, 9) | st.just(NAN), min_size=1, max_size=12),
    sampler=st.sampled_from([samplers.random, samplers.sobol]),
    seed=st.integers(0, 99),
)
def test_a_refined_space_is_valid_holds_the_best_and_grows_at_edges_alone(
    space, scores, sampler, seed
):
    hypothesis.assume(np.isfinite(scores).any())
    settings = sampler(space, len(scores), jax.random.key(seed))
    finer, warnings = refine(space, settings, scores)
    check_space(finer)
    assert list(finer) == list(space)
    best = settings[int(np.nanargmin(scores))]
    at_edge = edges(space, best)
    assert len(warnings) == len(at_edge)
    for name, old in space.items():
        new, value = finer[name], best[name]
        assert 0.0 <= new.where(value) <= 1.0
        if isinstance(old, Choice):
            assert set(new.values) <= set(old.values)
            continue
        assert (new.log, new.integer) == (old.log, old.integer)
        assert new.low <= value <= new.high
        assert at_edge.get(name) == "low" or new.low >= old.low
        assert at_edge.get(name) == "high" or new.high <= old.high
        slack = 1e-9 * max(1.0, abs(old.low), abs(old.high))
        least = 1 if old.integer else 0
        assert new.low >= min(old.point(-0.25), old.low - least) - slack
        assert new.high <= max(old.point(1.25), old.high + least) + slack
        assert new.low >= min(old.low, 0) or old.low < 0
        if old.low >= 0 and old.high < 1:
            assert new.high < 1


def test_two_rounds_close_in_on_the_best():
    space, best = {"rate": log_uniform(1e-6, 1.0), "other": uniform(0.0, 1.0)}, 3e-2
    width = math.log10(space["rate"].high / space["rate"].low)
    for i in range(3):
        tried = samplers.sobol(space, 32, jax.random.key(i))
        scores = [abs(math.log10(setting["rate"] / best)) for setting in tried]
        space, _ = refine(space, tried, scores)
        assert space["rate"].low < best < space["rate"].high
        narrower = math.log10(space["rate"].high / space["rate"].low)
        assert narrower < 0.4 * width
        width = narrower
        # What does not matter stays wide.
        assert space["other"].high - space["other"].low > 0.3
