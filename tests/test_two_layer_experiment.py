"""The two-layer experiment end to end; PyTorch's side is in ``tests/parity``."""

import functools
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

from experiments import two_layer
from experiments.two_layer import devices, nets, staging
from experiments.two_layer.config import Config

SMALL = Config(timed_widths=(8,), timed_steps=3, rounds=3, seeds=2)


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("two_layer")
    words = "--seeds 3 --rounds 3 --timed-widths 8 --timed-steps 3 --steps 300"
    status = two_layer.main([*words.split(), "--no-progress", "--out", str(out)])
    found = json.loads((out / "result.json").read_text())
    return SimpleNamespace(status=status, out=out, **found)


def test_it_ends_well_and_reports_every_claim(record):
    assert record.status == 0
    assert all(check["ok"] for check in record.checks)
    verdicts = {claim["statement"]: claim["verdict"] for claim in record.claims}
    assert len(verdicts) == 5
    assert verdicts["PyTorch's net, 300 steps: powers of ten"] == "holds"
    assert verdicts["Keras's net, 50 steps: last - first"] == "holds"
    assert record.data["sizes"] == {"train": 64}
    assert record.config["learning_rate"] == 1e-4


def test_its_times_are_there_for_each_way_and_device(record):
    metrics = record.metrics
    for name in ("eager, ms a step", "jit, ms a step", "scan, ms a step"):
        assert metrics[f"8 units: {name}"] > 0
        low, high = metrics["ranges"][f"8 units: {name}"]
        assert low <= metrics[f"8 units: {name}"] <= high
    # The median of ratios of turns, not the ratio of medians.
    low, high = metrics["ranges"]["8 units: eager / jit"]
    assert 1.0 < low <= metrics["8 units: eager / jit"] <= high
    assert metrics["cpu, 8 units: ms a step"] > 0


def test_the_figures_show_something(record):
    for name in ("loss", "steps", "compiling"):
        image = imread(record.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5, f"{name}: {drawn:.3f} of the pixels are drawn on"


def ours(build, hypers, outputs, steps, seed=3):
    begin = nets.start(build, hypers, outputs, jax.random.key(seed))
    run = jax.jit(functools.partial(nets.train, build, hypers, steps=steps))(begin)
    return begin, run


def test_each_net_starts_as_its_own_library_would():
    hypers = {"width": 100, "learning_rate": 1.0}
    begin = nets.start(nets.pytorch_net, hypers, 10, jax.random.key(0))
    params = begin.state.params
    for layer, limit in (("dense_1", 1000**-0.5), ("dense_2", 100**-0.5)):
        for leaf in params[layer].values():
            assert 0.8 * limit < np.abs(leaf).max() <= limit
    glorot = nets.start(nets.keras_net, hypers, 1000, jax.random.key(0)).state.params
    for layer in ("dense_1", "dense_2"):
        limit = (6 / 1100) ** 0.5
        assert 0.99 * limit < np.abs(glorot[layer]["kernel"]).max() <= limit
        assert not np.any(glorot[layer]["bias"])
    x, y = begin.batch
    assert (x.shape, y.shape) == ((64, 1000), (64, 10))
    # Of 64,000 numbers from N(0, 1); the standard errors are 0.004 and 0.003.
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02


def test_seeds_have_their_own_data_and_weights_and_are_trained_alone():
    hypers = {"width": 5, "learning_rate": 1e-2}
    together = nets.train_all(nets.pytorch_net, hypers, 10, 4, range(3, 5))
    assert together.shape == (2, 5)
    for row, seed in zip(together, (3, 4), strict=True):
        _, run = ours(nets.pytorch_net, hypers, 10, 4, seed)
        np.testing.assert_allclose(row, run.losses, rtol=1e-5)
    assert not np.isclose(together[0, 0], together[1, 0])


def test_all_ways_take_the_same_steps():
    begin = staging.beginning(SMALL, 8)
    ends = {way: run(begin) for way, run in staging.ways(SMALL, 8, 3).items()}
    hypers = staging.hypers_of(SMALL, 8)
    due = nets.train(nets.pytorch_net, hypers, begin, 3).state
    for way, end in ends.items():
        assert int(end.step) == 3, way
        for a, b in zip(jax.tree.leaves(end), jax.tree.leaves(due), strict=True):
            # Three steps of Adam at 1e-4.
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_difference_of_weights_is_measured_by_how_far_they_moved():
    start = {"w": jnp.zeros(4)}
    ends = [{"w": jnp.full(4, 2.0)}, {"w": jnp.array([2.0, 2.0, 2.0, 1.0])}]
    assert staging._difference(start, ends) == pytest.approx(1 / 4)


def test_compiling_pays_when_what_it_saves_is_what_it_costs():
    step = {"eager": np.full(2, 0.010), "jit": np.full(2, 0.001)}
    change = staging.Change(8, np.full(2, 0.1), step)
    # 0.1 + (n - 1) / 1000 <= n / 100 from n = 11 on.
    assert change.pays_after() == 11
    steps = np.array([10, 11])
    eager, jit = (change.totals(way, steps)[0] for way in ("eager", "jit"))
    assert (jit <= eager).tolist() == [False, True]
    never = change._replace(step={"eager": step["jit"], "jit": step["eager"]})
    assert never.pays_after() == float("inf")


def test_a_device_of_each_kind_is_timed():
    found = devices.of_each_kind()
    kinds = {(one.platform, one.device_kind) for one in jax.devices()}
    assert len(found) >= len(kinds)
    assert found["cpu"].platform == "cpu"
    timed = devices.time_devices(SMALL)
    assert [(one.name, one.width) for one in timed] == [(name, 8) for name in found]
    assert all(one.step.shape == (3,) and (one.step > 0).all() for one in timed)


def test_every_problem_is_reported_at_once(capsys):
    with pytest.raises(SystemExit) as error:
        two_layer.main(["--seeds", "1", "--rounds", "2", "--layers", "3"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "rounds should be at least 3, got 2" in message
    assert "no option --layers" in message
