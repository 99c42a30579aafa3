"""The benchmark's arithmetic and its processes. Nothing here measures time."""

import ast
import io
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from experiments import benchmark
from experiments.benchmark import (
    CASES,
    MODULES,
    Config,
    comparing,
    mlp_data,
    newsgroups,
    tables,
    turns,
    worker,
)
from experiments.benchmark.case import PRODUCTS, Case, Turn


def turns_of(*values, score=math.nan):
    return [Turn(value, score) for value in values]


CASE = Case(
    unit="seconds",
    contestants=dict.fromkeys(["ours", "theirs", PRODUCTS], lambda: lambda: 1.0),
    targets={"theirs": 0.5, PRODUCTS: 2.0},
)
# The first round was three times as slow for all.
TURNS = {
    "ours": turns_of(6.0, 2.0, 2.2),
    "theirs": turns_of(15.0, 5.0, 4.4),
    PRODUCTS: turns_of(3.0, 1.0, 1.1),
}


def test_ratios_are_of_turns_of_one_round():
    ours, theirs, products = comparing.compare(TURNS)
    np.testing.assert_allclose(theirs.ratio, (0.4, 0.4, 0.5))
    np.testing.assert_allclose(theirs.value, (5.0, 4.4, 15.0))
    np.testing.assert_allclose(ours.share, 0.5)
    np.testing.assert_allclose(theirs.share, 0.2)
    assert products.share == 1.0


def test_there_is_no_share_where_no_limit_is_measured():
    rows = comparing.compare({"ours": TURNS["ours"], "theirs": TURNS["theirs"]})
    assert all(math.isnan(row.share) for row in rows)


def test_a_target_is_held_by_the_median():
    rows = comparing.compare(TURNS)
    checks = comparing.checks_of("case", CASE, rows)
    assert [(one.expected, one.ok) for one in checks] == [("<= 0.5", True), ("<= 2", 1)]
    missed = CASE._replace(targets={"theirs": 0.39})
    (check,) = comparing.checks_of("case", missed, rows)
    assert check.name == "case: ours / theirs"
    assert not check.ok


@pytest.mark.parametrize(("theirs", "ok"), [(0.82, True), (0.84, False)])
def test_ours_should_score_no_lower_than_the_best_of_the_others(theirs, ok):
    case = CASE._replace(targets={}, score="accuracy")
    found = {
        "ours": turns_of(1.0, 1.0, score=0.83),
        "theirs": turns_of(2.0, 2.0, score=theirs),
        "worst": turns_of(3.0, 3.0, score=0.5),
    }
    (check,) = comparing.checks_of("case", case, comparing.compare(found))
    assert check.ok is ok


def test_every_turn_of_everybody_reaches_what_is_enough():
    case = CASE._replace(targets={}, score="accuracy", enough=0.9)
    found = {
        "ours": turns_of(1.0, score=0.95) * 2,
        "theirs": [Turn(1.0, 0.99), Turn(1.0, 0.89)],
    }
    checks = comparing.checks_of("case", case, comparing.compare(found))
    assert [check.ok for check in checks] == [True, False]


def test_a_table_has_a_line_for_each_contestant_and_no_empty_column():
    text = tables.table("case", CASE, comparing.compare(TURNS))
    head, rule, *lines = text.splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == [
        "case",
        "seconds",
        "ours / it",
        "share of the limit",
    ]
    assert set(rule) == set("|- ")
    assert [cell.strip() for cell in lines[1].strip("|").split("|")] == [
        "theirs",
        "5 (4.4 to 15)",
        "0.4 (0.4 to 0.5)",
        "20%",
    ]
    assert len({len(line) for line in text.splitlines()}) == 1


def test_a_contestant_measures_once_for_every_line(monkeypatch, capsys):
    values = iter([1.5, Turn(2.5, 0.75)])
    case = CASE._replace(contestants={"it": lambda: lambda: next(values)})
    monkeypatch.setitem(CASES, "case", case)
    monkeypatch.setattr("sys.stdin", io.StringIO("go\ngo\n"))
    worker.main("case", "it")
    assert capsys.readouterr().out == "1.5\n2.5 0.75\n"


def test_contestants_take_turns_and_their_processes_end(monkeypatch):
    started = []

    def start(*names, **environment):
        started.append(turns_start(*names, **environment))
        return started[-1]

    turns_start = turns.start
    monkeypatch.setattr(turns, "start", start)
    found = turns.take_turns(
        "newsgroups_memory", ["allowed"], 2, **{newsgroups.CORPUS: "somewhere"}
    )
    assert [turn.value for turn in found["allowed"]] == [2000.0, 2000.0]
    assert [one.process.returncode for one in started] == [0]


def test_a_gpu_that_is_not_there_is_missed_before_anything_runs():
    with pytest.raises(ValueError, match=r"device='gpu': JAX finds none .*'nothing'"):
        benchmark._check_gpu({"JAX_PLATFORMS": "nothing"})


def test_a_contestant_that_fails_is_named(capfd):
    with pytest.raises(RuntimeError, match="'nobody' ended with status 1"):
        turns.take_turns("newsgroups_memory", ["nobody"], 1)
    assert "KeyError" in capfd.readouterr().err


@pytest.mark.parametrize("name", CASES)
def test_targets_are_of_others_than_ours(name):
    ours, *others = CASES[name].contestants
    assert ours not in CASES[name].targets
    assert set(CASES[name].targets) <= set(others)


def test_the_operations_of_an_epoch_are_those_of_its_program():
    def loss(params, x):
        for w, b in params:
            x = jax.nn.relu(x @ w + b[None])
        return x.mean()

    widths = (mlp_data.INPUTS, *mlp_data.SIZES)
    params = [
        (jnp.zeros((a, b)), jnp.zeros(b))
        for a, b in zip(widths, mlp_data.SIZES, strict=False)
    ]
    x = jnp.zeros((mlp_data.BATCH, mlp_data.INPUTS))
    program = jax.make_jaxpr(jax.grad(loss))(params, x).jaxpr
    operations = 0
    for equation in program.eqns:
        if equation.primitive.name == "dot_general":
            ((inner,), _), _ = equation.params["dimension_numbers"]
            (out,) = equation.outvars
            operations += 2 * out.aval.size * equation.invars[0].aval.shape[inner]
    assert mlp_data.flops() == operations * mlp_data.EXAMPLES / mlp_data.BATCH


def test_the_peers_of_newsgroups_import_nothing_of_ours():
    path = Path(newsgroups.__file__).with_name("newsgroups_peers.py")
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in getattr(node, "names", []) if alias.name]
        names.append(getattr(node, "module", "") or "")
        assert not any(
            name.split(".")[0] in ("jax", "jaxnet", "experiments") for name in names
        )


@pytest.fixture
def corpus(tmp_path):
    for name in newsgroups.FILES:
        (tmp_path / name).touch()
    return str(tmp_path)


def test_whatever_module_there_is_can_be_run_alone(corpus):
    for name, module in MODULES.items():
        assert Config(only=name, corpus=corpus).cases is module.CASES
    assert Config(corpus=corpus).cases == CASES


def test_without_posts_the_other_cases_are_run():
    cases = Config().cases
    assert {*CASES} - {*cases} == {*newsgroups.CASES}
    with pytest.raises(ValueError, match=r"newsgroups needs the real posts: --corpus"):
        Config(only="newsgroups")


def test_a_folder_without_the_posts_is_refused(tmp_path, corpus):
    (tmp_path / "test.parquet").unlink()
    with pytest.raises(ValueError, match=r"^corpus='.*' should hold test.parquet.$"):
        Config(corpus=corpus)


@pytest.mark.parametrize(("slower", "status"), [(1.0, 1), (9.0, 0)])
def test_the_result_has_all_turns_and_the_status_says_whether_targets_hold(
    monkeypatch, tmp_path, corpus, capsys, slower, status
):
    asked = {}

    def take_turns(case, contestants, repeats, **settings):
        asked[case] = repeats, settings
        first = turns_of(*range(1, 1 + repeats), score=0.9)
        others = [Turn(slower * turn.value, 0.8) for turn in first]
        return {
            name: others if place else first for place, name in enumerate(contestants)
        }

    monkeypatch.setattr(benchmark, "take_turns", take_turns)
    out = tmp_path / "out"
    argv = ["--only", "newsgroups", "--corpus", corpus, "--out", str(out), "--quick"]
    assert benchmark.main(argv) == status
    environment = {
        "warm_up": False,
        newsgroups.CORPUS: corpus,
        "JAX_PLATFORMS": "cpu",
    }
    assert asked == {
        "newsgroups": (3, environment),
        "newsgroups_memory": (1, environment),
    }
    result = json.loads((out / "result.json").read_text())
    ours = result["metrics"]["cases"]["newsgroups"]["jaxnet"]
    assert ours["turns"] == [[1, 0.9], [2, 0.9], [3, 0.9]]
    assert (ours["median"], ours["range"], ours["score"]) == (2, [1, 3], 0.9)
    printed = capsys.readouterr().out
    assert (out / "tables.md").read_text() in printed + "\n"
    for name in newsgroups.CASES:
        assert matplotlib.image.imread(out / f"{name}.png").std() > 0
