"""jaxnet.search.logging: what TensorBoard reads of a sweep."""

import sys

import jax
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import jaxnet


def build(h):
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(h["width"]), h["activation"], jaxnet.dense(1, bias=h["bias"])
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer(h["rule"] or "sgd", h["rate"]),
        metrics={"absolute_error": jaxnet.losses.mean_absolute_error},
    )


BASE = {"width": 2, "activation": jaxnet.tanh}
SETTINGS = [
    BASE | {"rate": 0.1, "bias": True, "rule": None},
    BASE | {"rate": 0.2, "bias": True, "rule": "momentum"},
    # Diverges in the first epoch.
    BASE | {"rate": 1e30, "bias": False, "rule": "sgd"},
]


@pytest.fixture(scope="module")
def sweep():
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    return jaxnet.sweep(
        build,
        SETTINGS,
        (x, x**2),
        key=jax.random.key(0),
        epochs=6,
        every=2,
        seeds=2,
        folds=2,
        progress=False,
    )


def read(folder):
    """What TensorBoard finds in a folder: hyperparameters, metrics and curves."""
    events = EventAccumulator(str(folder)).Reload()

    def of_plugin(tag):
        content = events.SummaryMetadata(f"_hparams_/{tag}").plugin_data.content
        return HParamsPluginData.FromString(content)

    started = of_plugin("session_start_info").session_start_info.hparams
    values = {name: getattr(v, v.WhichOneof("kind")) for name, v in started.items()}
    infos = of_plugin("experiment").experiment.metric_infos
    curves = {
        tag: [(one.step, one.value) for one in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
    return values, {info.name.tag for info in infos}, curves


def test_every_run_has_its_hyperparameters_and_its_curves(sweep, tmp_path):
    assert sweep.tensorboard(tmp_path) == tmp_path
    due = {
        f"trial_{trial}/seed_{seed}/fold_{fold}": (trial * 2 + seed) * 2 + fold
        for trial in range(3)
        for seed in range(2)
        for fold in range(2)
    }
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {str(path.parent.relative_to(tmp_path)) for path in files} == due.keys()
    assert len(files) == len(due)
    for name, member in due.items():
        values, metrics, curves = read(tmp_path / name)
        setting = SETTINGS[member // 4]
        assert values["rate"] == setting["rate"]
        assert values["width"] == 2
        assert values["activation"] == "tanh"
        assert values["bias"] is setting["bias"]
        assert values.get("rule") == setting["rule"]
        assert metrics == {
            f"{part}/{metric}"
            for part in ("train", "validation")
            for metric in ("loss", "absolute_error")
        }
        if member // 4 == 2:
            assert curves == {}
            continue
        assert curves.keys() == metrics
        for tag, points in curves.items():
            row = sweep.runs.curves[tag.replace("/", "_", 1)][member]
            assert [step for step, _ in points] == [2, 4, 6]
            np.testing.assert_array_equal([value for _, value in points], row)


def test_the_best_alone_can_be_written(sweep, tmp_path):
    sweep.best(1).tensorboard(tmp_path)
    folders = {path.name for path in tmp_path.iterdir()}
    assert folders == {f"trial_{sweep.trials[0]}"}


def test_without_the_package_it_says_what_to_install(sweep, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError) as error:
        sweep.tensorboard(tmp_path)
    assert "pip install tensorboardX" in error.value.__notes__[0]
