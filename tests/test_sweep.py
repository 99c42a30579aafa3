"""jaxnet.search: a sweep is nothing but its runs, and what happens to each of them."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import counted_compilations

import jaxnet
from jaxnet.search import Halving, choice, log_uniform, plan, sweep, uniform
from jaxnet.search.engine import train_members
from jaxnet.search.running import Running

KEY = 3
EPOCHS = 4


def build(h):
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(h["width"]),
            jaxnet.tanh,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(1),
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=optax.adam(h["learning_rate"]),
        batch_size=16,
    )


def build_sgd(h):
    """Diverges at a large learning rate, which Adam hardly does."""
    return build({"width": 8, "dropout": 0.0, **h})._replace(
        optimizer=optax.sgd(h["learning_rate"])
    )


def curve(examples=70, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (examples, 1)).astype(np.float32)
    return x, np.sin(3 * x).astype(np.float32)


SPACE = {
    "width": choice(4, 8),
    "dropout": uniform(0.0, 0.4),
    "learning_rate": log_uniform(1e-3, 3e-2),
}


def run(build=build, space=SPACE, train=None, validation=None, **changes):
    arguments = {"key": jax.random.key(KEY), "epochs": EPOCHS, "progress": False}
    if isinstance(space, dict):
        arguments["trials"] = 7
    train = curve() if train is None else train
    return sweep(build, space, train, validation, **(arguments | changes))


def assert_is_its_runs(result, rtol=1e-4):
    for i in range(len(result.members)):
        member, alone = result.member(i), result.replay(i)
        assert alone.difference < rtol
        if not result.runs.halved.any():
            assert alone.fit.status == member.status
        for a, b in zip(
            jax.tree.leaves(member.params),
            jax.tree.leaves(alone.fit.params),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5)


@pytest.mark.parametrize(
    ("devices", "chunk"), [(1, 1), (1, 3), (2, 2), (4, "auto"), (8, 1)], ids=str
)
@pytest.mark.bits
@pytest.mark.usefixtures("optimized")
def test_members_are_what_fit_gives_on_any_device_in_any_chunk(devices, chunk):
    # Seven settings, in two programs, with two seeds: no number divides another.
    result = run(validation=curve(30, 1), seeds=2, devices=devices, chunk=chunk)
    assert {group.members for group in result.plan.groups} == {4, 10}
    assert_is_its_runs(result)


def test_all_that_is_static_is_grouped():
    def build_any(h):
        task = build({"dropout": 0.1, **h})
        return task._replace(batch_size=h["batch_size"])

    settings = [
        {"width": width, "batch_size": batch_size, "learning_rate": rate}
        for width, batch_size in [(4, 16), (8, None), (4, None)]
        for rate in (1e-3, 1e-2)
    ]
    result = run(build_any, settings)
    assert len(result.plan.groups) == 3
    assert_is_its_runs(result)


def test_a_setting_that_was_never_seen_compiles_nothing(caplog):
    space = SPACE | {"width": 8}
    run(space=space)
    with counted_compilations(caplog) as compiled:
        run(space=space, key=jax.random.key(99))
    assert compiled == []


def test_one_program_each_is_compiled_and_holds_no_collective(caplog):
    space = SPACE | {"width": 5}
    with counted_compilations(caplog) as names:
        result = run(space=space, devices=4, seeds=2, epochs=40)
    # However many blocks are in a call.
    assert (names.count("train_members"), names.count("init_members")) == (1, 1)

    group = result.plan.groups[0]
    lowered = Running(result.plan, group).lowered({})
    text = "".join(program.compile().as_text() for program in lowered)
    assert "while" in text
    collectives = (
        r"(all-(reduce|gather|to-all)|reduce-scatter|collective-\w+)(-start)?\("
    )
    assert not re.search(collectives, text)


def test_groups_that_start_alike_have_one_program_for_it(caplog):
    # As large as constants that printing would shorten.
    shifts = np.random.default_rng(0).normal(size=(2, 1500)).astype(np.float32)

    def build_shifted(h):
        task = build({"width": 1500, "dropout": 0.1, **h})

        def init(key, x):
            params, state = task.model.init(key, x)
            shift = shifts[h["which"]]
            return jax.tree.map(
                lambda a: a + shift[: a.size].reshape(a.shape), params
            ), state

        model = task.model._replace(init=init)
        return task._replace(model=model, batch_size=h["batch_size"])

    settings = [
        {"batch_size": batch_size, "which": which, "learning_rate": 1e-3}
        for batch_size in (8, 16)
        for which in (0, 1)
    ]
    with counted_compilations(caplog) as names:
        result = run(build_shifted, settings, epochs=1, chunk=1, devices=1)
    assert names.count("train_members") == 4
    assert names.count("init_members") == 2
    assert_is_its_runs(result)


@pytest.mark.bits
@pytest.mark.usefixtures("optimized")
def test_a_member_that_diverges_changes_no_bit_of_its_neighbours():
    rates = [1e-2, 2e-2, 5e-2, 3e-2, 1e-1]
    bad = [*rates[:2], 1e9, *rates[3:]]
    calm, hit = (
        run(build_sgd, [{"learning_rate": rate} for rate in each], chunk=5, devices=1)
        for each in (rates, bad)
    )
    assert [s.split(" at ")[0] for s in sorted(hit.status)] == ["diverged", *4 * "d"][
        :1
    ] + ["done"] * 4
    for rate in (1e-2, 2e-2, 3e-2, 1e-1):
        a, b = (
            result.member(result.settings.index({"learning_rate": rate}))
            for result in (calm, hit)
        )
        for x, y in zip(
            jax.tree.leaves((a.state, a.history)),
            jax.tree.leaves((b.state, b.history)),
            strict=True,
        ):
            np.testing.assert_array_equal(x, y)


def test_the_first_bad_step_is_named_and_the_state_before_it_kept():
    rate = 40.0
    result = run(build_sgd, [{"learning_rate": rate}, {"learning_rate": 0.01}])
    assert list(result.trials) == [1, 0]
    (step,) = (int(s.split()[-1]) for s in result.status if "diverged" in s)

    # By hand, one step after the other.
    recipe = jaxnet.supervised(build_sgd)
    h, train = {"learning_rate": rate}, jax.tree.map(jnp.asarray, curve())
    run_key = jax.random.fold_in(jax.random.split(jax.random.key(KEY))[1], 0)
    init_key, train_key = jax.random.split(run_key)
    state = jax.jit(lambda: recipe.init(h, init_key, train))()
    one_step = jax.jit(lambda *args: recipe.step(h, *args))
    for count in range(1, 100):
        epoch, i = divmod(count - 1, 70 // 16)
        order_key, noise_key = jax.random.split(jax.random.fold_in(train_key, epoch))
        order = jaxnet.data.batching.epoch_order(order_key, 70, 16)
        rows = order[i]
        batch = jax.tree.map(lambda a, rows=rows: a[rows], train)
        new, metrics = one_step(state, batch, jax.random.fold_in(noise_key, i))
        norm = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(new.params))
        if not jnp.isfinite(metrics["loss"].total + norm):
            break
        state = new
    assert step == count > 2
    kept = result.member(1)
    for a, b in zip(
        jax.tree.leaves(kept.params), jax.tree.leaves(state.params), strict=True
    ):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, rtol=1e-3)
    assert kept.state.step == count - 1


def test_each_member_stops_early_by_itself():
    rule = jaxnet.EarlyStopping(patience=2, min_delta=0.01)
    settings = [
        {"width": 8, "dropout": 0.0, "learning_rate": rate}
        for rate in (1e-4, 1e-3, 3e-2, 1e-1, 0.3)
    ]
    result = run(
        space=settings,
        validation=curve(30, 1),
        early_stopping=rule,
        epochs=30,
        devices=2,
        chunk=1,
    )
    assert len({*result.status}) > 2
    assert_is_its_runs(result)
    for i in range(5):
        member = result.member(i)
        assert member.best_epoch == result.replay(i).fit.best_epoch
        # The score is that of the state that is kept.
        evaluated = member.evaluate(curve(30, 1))["loss"]
        assert evaluated == pytest.approx(result.scores[i].mean, rel=1e-4)


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.bits
@pytest.mark.usefixtures("optimized")
def test_halving_trains_the_best_as_if_there_were_no_others(devices):
    space = SPACE | {"width": 8}
    arguments = {"space": space, "validation": curve(30, 1), "trials": 18, "seeds": 2}
    full = run(**arguments, epochs=9)
    result = run(**arguments, epochs=9, halving=Halving(3, 1), devices=devices, chunk=2)
    # 18 settings for one epoch, 6 for 3, 2 for 9.
    epochs = result.runs.epochs[result.members]
    assert list(epochs) == [9] * 4 + [3] * 8 + [1] * 24
    assert list(result.runs.halved[result.trials]) == [0] * 2 + [3] * 4 + [1] * 12
    by_number = full.runs.curves["validation_loss"]
    np.testing.assert_allclose(
        result.runs.curves["validation_loss"][result.members[:4]],
        by_number[result.members[:4]],
        rtol=1e-4,
    )
    first = by_number[:, 0].reshape(18, 2).mean(axis=1)
    assert set(result.trials[:6]) == set(np.argsort(first)[:6])
    assert_is_its_runs(result)


@pytest.mark.parametrize("devices", [1, 3])
def test_members_change_places_by_pairs_and_nobody_else_moves(devices, monkeypatch):
    # Many at a time, so that the last turn is not full.
    monkeypatch.setattr("jaxnet.search.running.SWAPPED", 1)
    settings = [{"learning_rate": 1e-3 * (1 + i)} for i in range(17)]
    planned = plan(
        build_sgd,
        settings,
        curve(),
        key=jax.random.key(0),
        epochs=2,
        devices=devices,
        chunk=1,
    )
    group = Running(planned, planned.groups[0])
    group.init()
    kernels = np.asarray(group.members.state.params["dense_2"]["bias"]).copy()
    rates = np.asarray(group.members.traced["learning_rate"])
    before = {m: (rates[i], kernels[i]) for i, m in enumerate(group.order) if m >= 0}
    # The first are out of it, and those behind them take their places.
    group.stop(np.arange(12))
    after = np.asarray(group.members.traced["learning_rate"])
    active = np.asarray(group.members.active)
    for slot, member in enumerate(group.order):
        if member >= 0:
            assert after[slot] == before[member][0]
            assert active[slot] == (member >= 12)
    assert sorted(group.order[group.order >= 0]) == list(range(17))
    front = len(group.order) // devices
    assert active.reshape(devices, front)[:, -(-5 // devices) :].sum() == 0


def test_every_fold_is_trained_on_the_rest():
    result = run(space=SPACE | {"width": 8}, trials=3, folds=4, seeds=2)
    assert len(result.members) == 24
    held = np.asarray(result.plan.data.held_rows)
    rows = np.asarray(result.plan.data.train_rows)
    # 70 examples: 17 held out in each of 4 folds, 2 never.
    assert held.shape == (4, 17)
    assert len(np.unique(held)) == 68
    for h, r in zip(held, rows, strict=True):
        assert sorted([*h, *r]) == list(range(70))
    assert_is_its_runs(result)


def test_settings_share_their_seeds():
    settings = [
        {"width": 8, "dropout": 0.0, "learning_rate": rate} for rate in (1e-9, 1e-9)
    ]
    result = run(space=settings, seeds=3)
    params = [result.member(i).params["dense_1"]["kernel"] for i in range(6)]
    for seed in range(3):
        np.testing.assert_array_equal(params[seed], params[3 + seed])
    assert (np.asarray(params[0]) != np.asarray(params[1])).any()


def test_a_sweep_learns_and_ranks_what_it_found():
    result = run(validation=curve(50, 1), trials=12, seeds=3, epochs=60, every=5)
    means = [score.mean for score in result.scores]
    assert means == sorted(means)
    assert means[0] < 0.05 < means[-1]  # A constant has 0.46.
    assert result.runs.curves["validation_loss"].shape == (36, 12)
    best = result.best(2)
    assert list(best.trials) == list(result.trials[:2])
    assert best.settings == result.settings[:2]
    x, y = curve(200, 2)
    outputs = best.predict(x)
    assert outputs.shape == (6, 200, 1)
    np.testing.assert_allclose(outputs[4], best.member(4).predict(x), rtol=1e-6)
    error = float(jnp.mean((best.ensemble(x) - y) ** 2))
    each = jnp.mean((outputs - y[None]) ** 2, axis=(1, 2))
    # The squared error of a mean is below the mean of the squared errors.
    assert error < each.mean()


def test_more_can_be_better():
    def build_labels(h):
        return build(h)._replace(metrics={"score": jaxnet.mean_squared_error})

    least = run(build_labels, monitor="train_score")
    most = run(build_labels, monitor="train_score", maximize=True)
    assert list(least.trials) == list(most.trials)[::-1]


def test_the_frames_hold_every_member_and_every_row():
    result = run(validation=curve(30, 1), seeds=2)
    table, curves = result.to_frame(), result.to_curves()
    assert len(table) == 14
    row = table.iloc[5]
    member = result.member(5)
    assert row.status == "done"
    assert row.learning_rate == member.hypers["learning_rate"]
    assert row.validation_loss == member.history["validation_loss"][-1]
    mine = curves[(curves.trial == row.trial) & (curves.seed == row.seed)]
    mine = mine[mine.metric == "train_loss"]
    np.testing.assert_array_equal(mine.value, member.history["train_loss"])
    np.testing.assert_array_equal(mine.epoch, member.history["epoch"])
    assert len(curves) == 14 * EPOCHS * 2


def test_the_table_shows_what_varies_best_first():
    text = str(run(space=SPACE | {"width": 8}, validation=curve(30, 1), seeds=2))
    lines = text.splitlines()
    assert re.match(
        r"rank +trial +dropout +learning_rate +validation_loss +95 %", lines[0]
    )
    assert "width" not in text
    assert re.match(r" +1 .* to .* 2 done$", lines[1])
    assert re.match(r"14 members: 14 done, 0 stopped, 0 diverged; compile", lines[-1])


def test_the_plan_says_what_will_run_and_compiles_nothing(caplog):
    jax.block_until_ready(jax.random.split(jax.random.key(0)))
    with counted_compilations(caplog) as compiled:
        planned = plan(
            build,
            SPACE | {"width": choice(4, 700)},
            curve(),
            key=jax.random.key(KEY),
            epochs=EPOCHS,
            trials=40,
            seeds=5,
            devices=2,
        )
    assert not [name for name in compiled if "members" in name]
    text = str(planned)
    assert "40 settings x 5 seeds = 200 members, 4 epochs each" in text
    assert re.search(r"members with width=700, \d+ at a time on each device", text)
    wide, narrow = sorted(planned.groups, key=lambda g: -g.working_set)
    assert wide.layout.chunk <= narrow.layout.chunk
    # A state is the parameters, Adam's two moments of each, and two counters.
    for group, width in ((wide, 700), (narrow, 4)):
        assert group.slots >= group.members
        state = 4 * (3 * (3 * width + 1) + 2)
        assert group.bytes == pytest.approx(
            group.slots * state * 40 / 32 + 2 * group.layout.chunk * group.working_set,
            rel=1e-3,
        )


REFUSED = {
    "no name": ({"space": {}}, "space"),
    "no setting": ({"space": []}, "no setting"),
    "no trials": ({"trials": None}, "trials: say how many"),
    "0 trials": ({"trials": 0}, "trials should be an int of at least 1, got 0"),
    "trials of a list": (
        {"space": [{"width": 4}], "trials": 3},
        "trials=3 is for a space to draw from",
    ),
    "0 seeds": ({"seeds": 0}, "seeds should be an int of at least 1"),
    "a part of a block": ({"every": 3}, "multiple of every=3, .* got 4"),
    "no such metric": (
        {"monitor": "validation_los", "validation": curve(20, 1)},
        "monitor='validation_los' is not one of .* Did you mean 'validation_loss'",
    ),
    "nothing to validate on": ({"monitor": "validation_loss"}, "is not one of"),
    "a name too many": (
        {"space": SPACE | {"dropuot": 0.1}},
        "build reads no hyperparameter 'dropuot' .* Did you mean 'dropout'",
    ),
    "a width that is a float": (
        {"space": SPACE | {"width": uniform(4, 8)}},
        r"features should be an int .*integers\(low, high\) or choice",
    ),
    "more than there is": (
        {"memory": 10_000},
        r"would take about [\d.]+ KB, and there are 10 KB.*The plan",
    ),
    "too many devices": ({"devices": 9}, "devices=9 are more than the 8"),
    "a chunk of nothing": ({"chunk": 0}, "chunk should be an int of at least 1"),
    "halving too late": (
        {"halving": Halving(3, 10)},
        "min_epochs=10 leaves nothing to decide in 4 epochs",
    ),
    "folds and validation": (
        {"folds": 3, "validation": curve(20, 1)},
        "Leave out one of them",
    ),
    "more folds than examples": ({"folds": 71}, "folds=71 are more than the 70"),
    "a bad rule": (
        {"early_stopping": jaxnet.EarlyStopping(patience=0)},
        "patience should be an int of at least 1",
    ),
    "a stream": (
        {"train": jaxnet.data.stream_arrays(curve())},
        "a sweep needs its data in device memory",
    ),
    "infinite": (
        {"space": SPACE | {"learning_rate": float("1e300")}},
        "learning_rate",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_compiled(
    name, caplog, as_users_have_it
):
    changes, message = REFUSED[name]
    with (
        counted_compilations(caplog) as compiled,
        pytest.raises(ValueError, match=f"(?s){message}"),
    ):
        run(**changes)
    assert not [name for name in compiled if "members" in name]


def test_a_name_that_is_missing_is_named():
    with pytest.raises(KeyError, match="'width', but there are only") as caught:
        run(space={name: SPACE[name] for name in ("dropout", "learning_rate")})
    assert "for trial 0 with the hyperparameters" in caught.value.__notes__[0]


def test_what_build_raises_is_its_own_with_the_setting():
    def broken(h):
        if h["width"] == 8:
            raise RuntimeError("my own words")
        return build(h)

    with pytest.raises(RuntimeError, match="my own words") as caught:
        run(broken)
    assert "'width': 8" in caught.value.__notes__[0]
    assert caught.traceback[-1].name == "broken"


def test_a_name_that_only_some_settings_need_is_allowed():
    def build_either(h):
        rate = h["learning_rate"]
        by_name = {"sgd": lambda: optax.sgd(rate, h["momentum"])}
        optimizer = by_name.get(h["optimizer"], lambda: optax.adam(rate))()
        return build({"width": 4, "dropout": 0.1, **h})._replace(optimizer=optimizer)

    space = {
        "optimizer": choice("sgd", "adam"),
        "momentum": uniform(0.0, 0.9),
        "learning_rate": log_uniform(1e-3, 1e-1),
    }
    result = run(build_either, space, trials=6)
    assert len(result.plan.groups) == 2


def test_ten_thousand_members_take_the_memory_that_was_planned(as_users_have_it):
    model = jaxnet.dense(1)

    def tiny(h):
        return jaxnet.Task(
            model, jaxnet.mean_squared_error, optax.sgd(h["learning_rate"])
        )

    result = run(
        tiny,
        {"learning_rate": log_uniform(1e-3, 1.0)},
        trials=10_000,
        epochs=1,
        devices=2,
    )
    assert len(result.members) == 10_000
    assert result.status.count("done") == 10_000
    group = result.plan.groups[0]
    program = next(Running(result.plan, group).lowered({})).compile()
    used = program.memory_analysis()
    # Its arguments are the members and the data, which are updated in place.
    states = used.alias_size_in_bytes / group.slots
    assert states < 100  # A weight, a bias, a step; key, rate, fold and status.
    assert train_members is not None
    assert used.temp_size_in_bytes < 1e6
