"""Runs and sweeps that start from given weights: ``params=``, ``model_state=``."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import counted_compilations

import jaxnet
from jaxnet.checkpoint.fingerprints import fingerprint_leaves
from jaxnet.starting import AFRESH, load_start

OLD, NEW = jax.random.key(1), jax.random.key(2)


def build(h):
    """Gradient descent, which remembers nothing but where it is."""
    return jaxnet.Task(
        model=jaxnet.sequential(
            encoder=jaxnet.sequential(jaxnet.dense(h["width"]), jaxnet.tanh),
            norm=jaxnet.batch_norm(),
            head=jaxnet.dense(1),
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=optax.sgd(h["learning_rate"]),
        batch_size=None,
    )


HYPERS = {"width": 8, "learning_rate": 0.1}
STAY = HYPERS | {"learning_rate": 0.0}


def curve(examples=40, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (examples, 1)).astype(np.float32)
    return x, np.sin(3 * x).astype(np.float32)


def fit(hypers=HYPERS, key=NEW, epochs=1, build=build, **start):
    key = jax.random.clone(key)
    return jaxnet.fit(build, hypers, curve(), key=key, epochs=epochs, **start)


def sweep(space, key=NEW, epochs=2, train=None, **arguments):
    return jaxnet.sweep(
        build,
        space,
        curve() if train is None else train,
        key=jax.random.clone(key),
        epochs=epochs,
        progress=False,
        **arguments,
    )


@pytest.fixture(scope="module")
def old():
    return fit(key=OLD, epochs=5)


def start_of(run):
    return {"params": run.params, "model_state": run.state.model_state}


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_training_on_is_training_longer(old):
    longer, on = fit(key=OLD, epochs=8), fit(epochs=3, **start_of(old))
    for a, b in zip(
        jax.tree.leaves((longer.params, longer.state.model_state)),
        jax.tree.leaves((on.params, on.state.model_state)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        on.history["train_loss"], longer.history["train_loss"][5:], rtol=1e-5
    )
    assert on.state.step == 3
    assert fit(epochs=3).history["train_loss"][0] > 2 * on.history["train_loss"][0]


def test_layers_that_are_left_out_are_drawn_as_ever(old):
    drawn = fit(STAY).params
    part = {
        "encoder": old.params["encoder"],
        "head": {"bias": old.params["head"]["bias"]},
    }
    params = fit(STAY, params=part).params
    assert_same(params["encoder"], old.params["encoder"])
    assert_same(params["head"]["bias"], old.params["head"]["bias"])
    assert_same(params["head"]["kernel"], drawn["head"]["kernel"])
    assert_same(params["norm"], drawn["norm"])


def test_the_state_of_layers_is_given_apart(old):
    given = {"norm": {"mean": np.full(8, 3.0, np.float32)}}
    start = load_start(None, given)
    state = jaxnet.supervised(build).init(HYPERS, OLD, curve(), start).model_state
    assert_same(state["norm"]["mean"], given["norm"]["mean"])
    assert_same(state["norm"]["var"], np.ones(8))
    with_state = fit(STAY, **start_of(old)).evaluate(curve())["loss"]
    without = fit(STAY, params=old.params).evaluate(curve())["loss"]
    assert with_state != pytest.approx(without, rel=1e-3)


def test_optimizers_start_from_what_is_given(old):
    def back(updates, anchor, params=None):
        del updates
        return jax.tree.map(jnp.subtract, anchor, params), anchor

    def returning(h):
        rule = optax.GradientTransformation(lambda params: params, back)
        return build(h)._replace(optimizer=rule)

    for a, b in zip(
        jax.tree.leaves(fit(build=returning, epochs=3, params=old.params).params),
        jax.tree.leaves(old.params),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_what_is_given_is_left_as_it_was(old):
    given = jax.tree.map(jnp.copy, old.params)
    before = jax.tree.map(np.array, given)
    first, second = fit(epochs=2, params=given), fit(epochs=2, params=given)
    assert_same(given, before)
    assert_same(first.params, second.params)
    assert_same(fit(epochs=2, params=before).params, first.params)


def test_other_weights_compile_nothing(old, caplog):
    fit(**start_of(old))
    twice = jax.tree.map(lambda a: np.asarray(a) * 2, start_of(old))
    with counted_compilations(caplog) as names:
        fit(**twice)
    assert names == []


def test_a_batch_that_is_split_over_devices_starts_there_too(old):
    one, two = (fit(epochs=3, devices=n, **start_of(old)) for n in (1, 2))
    for a, b in zip(
        jax.tree.leaves(one.params), jax.tree.leaves(two.params), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_weights_of_flax_are_given_by_their_names():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            x = nn.BatchNorm(use_running_average=not train)(nn.Dense(4)(x))
            return nn.Dense(1)(x)

    def build(h):
        model = jaxnet.from_linen(Net(), kwargs=lambda train: {"train": train})
        return jaxnet.Task(
            model=jaxnet.sequential(net=model),
            loss=jaxnet.mean_squared_error,
            optimizer=optax.sgd(h["learning_rate"]),
        )

    x = curve()[0]
    variables = Net().init(OLD, x)
    variables["batch_stats"]["BatchNorm_0"]["mean"] += 0.5
    run = fit({"learning_rate": 0.0}, build=build, params={"net": variables["params"]})
    assert_same(run.params["net"], variables["params"])
    # Evaluated as it starts, before training has moved the statistics.
    start = load_start(None, {"net": {"batch_stats": variables["batch_stats"]}})
    start = start._replace(params={"net": variables["params"]})
    recipe = jaxnet.supervised(build)
    state = recipe.init({"learning_rate": 0.0}, NEW, curve(), start)
    np.testing.assert_allclose(
        recipe.predict({"learning_rate": 0.0}, state, x),
        Net().apply(variables, x),
        rtol=1e-6,
    )


@pytest.mark.parametrize(("devices", "chunk"), [(1, 1), (2, 2)])
def test_every_member_of_a_sweep_starts_there(old, devices, chunk):
    result = sweep(
        [{"width": 8, "learning_rate": rate} for rate in (0.0, 0.1, 0.3)],
        seeds=2,
        devices=devices,
        chunk=chunk,
        **start_of(old),
    )
    for i, rate in enumerate(
        np.repeat([one["learning_rate"] for one in result.settings], 2)
    ):
        member, alone = result.member(i), result.replay(i)
        assert alone.difference < 1e-4
        if rate == 0.0:
            assert_same(member.params, old.params)
        by_hand = fit(HYPERS | {"learning_rate": rate}, epochs=2, **start_of(old))
        for a, b in zip(
            jax.tree.leaves(member.params), jax.tree.leaves(by_hand.params), strict=True
        ):
            # Of gradient descent on all examples the seed is of no consequence.
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_seeds_draw_what_is_left_out(old):
    encoder = {"encoder": old.params["encoder"]}
    result = sweep([STAY], seeds=2, params=encoder)
    first, second = (result.member(i).params for i in range(2))
    assert_same(first["encoder"], old.params["encoder"])
    assert_same(second["encoder"], old.params["encoder"])
    assert (first["head"]["kernel"] != second["head"]["kernel"]).all()


def test_folds_start_there_and_steps_compile_once_for_all_starts(old, caplog):
    result = sweep([HYPERS], folds=4, **start_of(old))
    assert max(result.replay(i).difference for i in range(4)) < 1e-4
    with counted_compilations(caplog) as names:
        sweep([HYPERS], folds=4)
    assert names.count("init_members") == 1
    assert "train_members" not in names


def test_a_sweep_says_which_weights_do_not_fit_before_it_compiles(old, caplog):
    settings = [HYPERS, HYPERS | {"width": 16}]
    with (
        counted_compilations(caplog) as names,
        pytest.raises(ValueError, match=r"kernel should be float32 of shape \(1, 16\)"),
    ):
        sweep(settings, params=old.params)
    assert not {"init_members", "train_members"} & set(names)


@pytest.mark.parametrize("kind", ["fit", "sweep"])
def test_a_checkpoint_is_of_the_weights_that_it_started_from(old, tmp_path, kind):
    def run(epochs=2, resume=True, **start):
        store = {"checkpoint": tmp_path, "resume": resume}
        if kind == "fit":
            return fit(epochs=epochs, **store, **start)
        return sweep([HYPERS], epochs=epochs, **store, **start)

    first = run(**start_of(old))
    again = run(**start_of(old))
    params = [a.params if kind == "fit" else a.member().params for a in (first, again)]
    assert_same(*params)
    moved = jax.tree.map(jnp.copy, old.params)
    moved["head"]["bias"] += 1
    with pytest.raises(ValueError, match="it starts from other weights") as error:
        run(params=moved, model_state=old.state.model_state)
    assert "params/head/bias: " in str(error.value)
    assert "kernel" not in str(error.value)
    with pytest.raises(ValueError, match=r"params: .* there, nothing here"):
        run()
    assert fingerprint_leaves(AFRESH) == {}  # As it was before weights could be given.
