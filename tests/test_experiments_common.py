"""experiments.common: options, statistics, figures and files of every experiment."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Literal

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
import pytest
import scipy.stats
from matplotlib.figure import Figure
from matplotlib.image import imread

from experiments.common import reports, results
from experiments.common.cli import Options, parse, track
from experiments.common.options import (
    check_fields,
    from_text,
    option,
    seed_option,
    seeds_option,
)
from jaxnet import figures
from jaxnet.statistics import Interval, mean_interval, paired_difference


@dataclass(frozen=True)
class Config:
    rule: Literal["sgd", "adam"] = option("sgd", "the learning rule")
    rate: float = option(0.1, "its learning rate", above=0.0, below=1.0)
    batch_size: int | None = option(None, "examples per step", at_least=1)
    widths: tuple[int, ...] = option((4, 8), "of layers", quick=(2,), at_least=1)
    name: str = option("run", "what to call it")
    nesterov: bool = option(False, "whether to look ahead")
    seed: int = seed_option()
    seeds: int = seeds_option(5, quick=2)

    def __post_init__(self):
        problem = "name should not be empty." if self.name == "" else None
        check_fields(self, *filter(None, [problem]))


def read(argv, tmp_path):
    return parse("demo", "Shows it.", Config, ["--out", str(tmp_path / "new"), *argv])


def refused(argv, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        read(argv, tmp_path)
    assert error.value.code == 2
    return capsys.readouterr().err


def test_without_flags_the_config_has_its_defaults(tmp_path):
    config, options = read([], tmp_path)
    assert config == Config()
    assert options == Options("demo", tmp_path / "new", True, False)
    assert options.out.is_dir()
    assert options.callbacks() == []


def test_flags_become_values_of_the_fields_types(tmp_path):
    argv = ["--rule", "adam", "--rate", "1e-3", "--batch-size", "32", "--widths", "16"]
    argv += ["8", "4", "--name", "a", "--nesterov", "--seed", "7", "--seeds", "3"]
    argv += ["--no-progress"]
    config, options = read(argv, tmp_path)
    assert config == Config("adam", 1e-3, 32, (16, 8, 4), "a", True, 7, 3)
    assert type(config.rate) is float
    assert not options.progress


def test_none_can_be_written_where_it_is_allowed(tmp_path, capsys):
    assert read(["--batch-size", "none"], tmp_path)[0].batch_size is None
    assert "rate should be a finite float" in refused(
        ["--rate", "none"], tmp_path, capsys
    )


def test_quick_changes_defaults_but_not_what_is_given(tmp_path):
    config, _ = read(["--quick", "--seeds", "4"], tmp_path)
    assert config == Config(widths=(2,), seeds=4)


def test_all_problems_of_a_command_line_are_reported_at_once(tmp_path, capsys):
    argv = ["--rule", "addam", "--rate", "0", "--batch-size", "x", "--widths", "3", "0"]
    message = refused([*argv, "--widht", "1", "--name", ""], tmp_path, capsys)
    lines = message.splitlines()
    assert len(lines) == 8  # Usage, what happened, and six problems.
    assert "no option --widht. Did you mean --widths?" in message
    assert "rule='addam' is not one of ['sgd', 'adam']. Did you mean" in message
    assert "rate should be above 0 and below 1, got 0.0" in message
    assert "batch_size should be an int, got 'x'" in message
    assert "widths[1] should be at least 1, got 0" in message
    assert "name should not be empty" in message
    assert not (tmp_path / "new").exists()


def test_words_without_a_flag_are_refused(tmp_path, capsys):
    message = refused(["adam"], tmp_path, capsys)
    assert "'adam' is not an option" in message


def test_flags_are_not_guessed_from_their_beginning(tmp_path, capsys):
    assert "Did you mean --rate?" in refused(["--rat", "0.5"], tmp_path, capsys)


def test_curves_are_only_promised_where_they_can_be_written(tmp_path, capsys):
    flag = ["--tensorboard"]
    assert "no option --tensorboard" in refused(flag, tmp_path, capsys)
    argv = ["--out", str(tmp_path / "new"), *flag]
    _, options = parse("demo", "Shows it.", Config, argv, logged=True)
    assert len(options.callbacks()) == 1


def test_out_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "new").write_text("")
    assert "is no usable folder" in refused([], tmp_path, capsys)


def test_help_shows_texts_ranges_choices_and_defaults(capsys):
    with pytest.raises(SystemExit) as error:
        parse("demo", "Shows it.", Config, ["--help"])
    assert error.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Shows it." in text
    assert "--rule {sgd,adam} the learning rule (default sgd)" in text
    assert "--rate FLOAT its learning rate (above 0, below 1, default 0.1)" in text
    assert "of layers (at least 1, default 4 8, 2 with --quick)" in text
    assert "--nesterov, --no-nesterov" in text
    assert "(default runs/demo)" in text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 1}, "rate should be a finite float, got 1"),
        ({"rate": math.nan}, "rate should be a finite float, got nan"),
        ({"rate": math.inf}, "rate should be a finite float, got inf"),
        ({"seeds": 2.0}, "seeds should be an int, got 2.0"),
        ({"seeds": True}, "seeds should be an int, got True"),
        ({"seeds": 0}, "seeds should be at least 1, got 0"),
        ({"seed": -1}, "seed should be at least 0 and below 1e"),
        ({"widths": [4]}, r"widths should be a tuple .* got \[4\]"),
        ({"widths": ()}, "widths should be a tuple with at least one"),
        ({"nesterov": 1}, "nesterov should be True or False, got 1"),
        ({"name": 3}, "name should be a string, got 3"),
        ({"rule": "SGD"}, "rule='SGD' is not one of .* Did you mean 'sgd'"),
    ],
    ids=str,
)
def test_a_config_made_in_python_is_checked_likewise(values, message):
    with pytest.raises(ValueError, match=message):
        Config(**values)


def test_text_that_is_no_number_stays_text():
    assert from_text(tuple[float, ...], ["1", "x", "-2e3"]) == (1.0, "x", -2000.0)


def test_track_gives_every_item():
    assert list(track(iter("abc"), "letters", show=True)) == ["a", "b", "c"]


seed_values = hnp.arrays(
    float, st.integers(2, 12), elements=st.floats(-100, 100, width=32)
)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(values=seed_values)
def test_the_interval_is_that_of_the_t_test(values):
    hypothesis.assume(values.std() > 1e-3)  # scipy warns of values that are all equal.
    interval = mean_interval(values)
    expected = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    np.testing.assert_allclose(interval[1:], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(interval.mean, values.mean(), rtol=1e-12)


def test_a_paired_difference_is_that_of_the_paired_t_test():
    a, b = [1.0, 2.5, 3.0, 7.0], [0.5, 2.0, 3.5, 4.0]
    expected = scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    np.testing.assert_allclose(paired_difference(a, b)[1:], expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"\(4,\) and \(3,\)"):
        paired_difference(a, b[:3])


def test_one_seed_has_a_mean_but_no_interval():
    mean, low, high = mean_interval([3.0])
    assert mean == 3.0
    assert math.isnan(low)
    assert math.isnan(high)
    assert mean_interval([3.0]).verdict() == "no difference seen"
    with pytest.raises(ValueError, match="one number for each seed"):
        mean_interval([])


def test_a_verdict_needs_the_whole_interval_on_one_side():
    assert Interval(1.0, 0.1, 1.9).verdict() == "larger"
    assert Interval(-1.0, -1.9, -0.1).verdict() == "smaller"
    assert Interval(1.0, -0.1, 2.1).verdict() == "no difference seen"


@pytest.mark.parametrize(
    ("got", "relation", "limit", "ok"),
    [
        (1.0, "<", 2.0, True),
        (2.0, "<", 2.0, False),
        (2.0, "<=", 2.0, True),
        (3, "==", 3, True),
        (2.0, ">", 2.0, False),
        (2.0, ">=", 2.0, True),
        (math.nan, "<", 2.0, False),
        (math.nan, ">=", 2.0, False),
    ],
)
def test_a_check_holds_when_its_relation_does(got, relation, limit, ok):
    check = results.check("loss", got, relation, limit)
    assert check.expected == f"{relation} {limit:g}"
    assert check.ok is ok


def test_metrics_are_summarized_over_seeds():
    metrics = results.summarize([{"loss": 1.0}, {"loss": 2.0}, {"loss": 6.0}])
    assert metrics["loss"] == 3.0
    assert metrics["per_seed"] == {"loss": [1.0, 2.0, 6.0]}
    assert metrics["intervals"] == {"loss": list(mean_interval([1.0, 2.0, 6.0])[1:])}


def test_the_fingerprint_is_of_shapes_dtypes_and_bytes():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    described = results.describe("demo", (x,), train=2)
    text = b"(2, 3) <f4\n" + x.tobytes()
    assert described == {
        "name": "demo",
        "fingerprint": hashlib.sha256(text).hexdigest(),
        "sizes": {"train": 2},
    }

    def fingerprint(*arrays):
        return results.describe("demo", arrays)["fingerprint"]

    same = [fingerprint(jnp.asarray(x)), fingerprint(np.asfortranarray(x))]
    assert set(same) == {described["fingerprint"]}
    others = [x.reshape(3, 2), x.view(np.int32), x + 1, x.astype(np.float64)]
    assert len({fingerprint(y) for y in others} | set(same)) == 5


def test_phases_add_up_even_when_they_fail(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 13.0])
    monkeypatch.setattr(results.time, "perf_counter", lambda: next(clock))
    seconds = {}
    with results.phase(seconds, "train"):
        pass
    with pytest.raises(KeyError), results.phase(seconds, "train"):
        raise KeyError
    assert seconds == {"train": 5.0}


def test_speed_leaves_out_the_blocks_that_compile():
    history = {
        "epoch": np.array([10, 20, 30, 40, 47]),
        "seconds": np.array([9.0, 9.5, 10.0, 10.5, 14.0]),
    }
    assert results.epochs_per_second(history) == 20.0
    short = {name: column[:2] for name, column in history.items()}
    assert math.isnan(results.epochs_per_second(short))


def outcome(draw, *checks):
    return results.Outcome(
        metrics={**results.summarize([{"loss": 1.0}, {"loss": 3.0}]), "none": None},
        checks=list(checks),
        data=results.describe("demo", np.zeros(3), train=3),
        wall_seconds={"train": 1.5},
        draw=draw,
    )


def draw_nothing(out):
    return []


@pytest.mark.parametrize(("limit", "status"), [(4.0, 0), (2.0, 1)])
def test_the_exit_status_says_whether_all_checks_hold(tmp_path, capsys, limit, status):
    checks = [
        results.check("first", 1.0, "<", 4.0),
        results.check("second", 3.0, "<", limit),
    ]
    options = Options("demo", tmp_path, False, False)
    assert reports.finish(Config(), options, outcome(draw_nothing, *checks)) == status
    printed = capsys.readouterr().out
    assert printed.count("FAILS") == status
    assert printed.count("holds") == 2 - status
    assert "\x1b" not in printed  # No colours where nobody sees them.


def test_the_result_file_has_all_that_the_design_asks_for(tmp_path):
    check = results.check("loss", 2.0, "<", 4.0)
    options = Options("demo", tmp_path, False, False)
    reports.finish(Config(), options, outcome(lambda out: [out / "a.png"], check))
    record = json.loads((tmp_path / "result.json").read_text())
    assert list(record) == [
        "experiment",
        "config",
        "versions",
        "device",
        "data",
        "metrics",
        "wall_seconds",
        "checks",
        "claims",
    ]
    assert record["experiment"] == "demo"
    assert record["config"] == {**asdict(Config()), "widths": [4, 8]}
    assert record["versions"]["jax"] == jax.__version__
    assert record["versions"]["optax"] == optax.__version__
    assert record["versions"]["numpy"] == np.__version__
    assert list(record["versions"])[-1] == "jaxnet"
    assert record["device"]["platform"] == jax.devices()[0].platform
    assert record["data"]["sizes"] == {"train": 3}
    assert record["metrics"]["loss"] == 2.0
    assert list(record["wall_seconds"]) == ["train", "figures"]
    assert record["checks"] == [
        {"name": "loss", "expected": "< 4", "got": 2.0, "ok": True}
    ]


def test_a_figure_that_fails_does_not_take_the_result_with_it(tmp_path):
    def fail(out):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reports.finish(Config(), Options("demo", tmp_path, False, False), outcome(fail))
    assert json.loads((tmp_path / "result.json").read_text())["metrics"]["loss"] == 2.0


def test_numbers_that_are_not_finite_become_null_in_json(tmp_path):
    record = {
        "nan": math.nan,
        "array": np.array([1.0, np.inf]),
        "jax": jnp.arange(2),
        "scalar": np.float32(0.5),
        "flag": np.bool_(True),
        "check": results.check("a", -math.inf, "<", 1.0),
        3: tmp_path,
    }
    path = reports.write_json(tmp_path / "a.json", record)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(path.read_text(), parse_constant=refuse) == {
        "nan": None,
        "array": [1.0, None],
        "jax": [0, 1],
        "scalar": 0.5,
        "flag": True,
        "check": ["a", "< 1", None, True],
        "3": str(tmp_path),
    }


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = reports.write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError, match="should be data, got <object"):
        reports.write_json(path, {"new": object()})

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(reports.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        reports.write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def draw_demo(stem):
    with figures.figure(stem) as (fig, ax):
        ax.plot([1, 2, 4], [0.05, 0.3, 2.0], label="loss")
        ax.set(xlabel="step", ylabel="loss", yscale="log")
        figures.plain_log(ax.yaxis)
        figures.legend_above(fig)
    return ax


def test_a_figure_is_saved_in_both_forms_and_the_same_every_time(tmp_path):
    draw_demo(tmp_path / "a")
    draw_demo(tmp_path / "b")
    for ending in (".png", ".svg"):
        a, b = (tmp_path / name for name in ("a" + ending, "b" + ending))
        assert a.read_bytes() == b.read_bytes()
    image = imread(tmp_path / "a.png")
    assert image.shape[:2] == (720, 1280)
    blue = np.array([0x00, 0x72, 0xB2]) / 255
    assert (np.abs(image[..., :3] - blue).max(axis=-1) < 0.02).sum() > 1000
    assert ">step</text>" in (tmp_path / "a.svg").read_text()


def test_the_style_ends_with_the_figure(tmp_path):
    with matplotlib.rc_context({"font.size": 7.0, "axes.grid": False}):
        before = dict(matplotlib.rcParams)
        draw_demo(tmp_path / "a")
        with pytest.raises(ZeroDivisionError), figures.figure(tmp_path / "b"):
            raise ZeroDivisionError
        assert dict(matplotlib.rcParams) == before
    assert not (tmp_path / "b.png").exists()


def test_a_logarithmic_axis_is_labelled_with_plain_numbers(tmp_path):
    ax = draw_demo(tmp_path / "a")
    low, high = ax.get_ylim()
    labels = [
        label.get_text()
        for label in ax.get_yticklabels()
        if low <= label.get_position()[1] <= high
    ]
    assert labels == ["0.05", "0.1", "0.2", "0.5", "1", "2"]


def test_a_band_is_mean_and_interval_over_seeds():
    ax = Figure().subplots()
    rows = np.array([[1.0, 2.0, 4.0], [3.0, 2.5, 1.0], [2.0, 6.0, 2.0]])
    figures.band(ax, np.arange(3), rows, color="k", label="loss")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), rows.mean(axis=0))
    low, high = np.transpose([mean_interval(column)[1:] for column in rows.T])
    (area,) = ax.collections
    drawn = area.get_paths()[0].vertices
    for x in range(3):
        ends = drawn[drawn[:, 0] == x, 1]
        np.testing.assert_allclose([ends.min(), ends.max()], [low[x], high[x]])

    ax = Figure().subplots()
    figures.band(ax, np.arange(3), rows[:1], color="k", label="loss")
    assert not ax.collections
