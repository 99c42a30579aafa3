"""A sweep and a run on one process or many: what `test_processes` starts.

    python processes.py COUNT INDEX PORT OUT [CHECKPOINT]

Process 0 writes what came out to OUT.
"""

import os
import signal
import sys

import jax

count, index, port, out = (
    int(sys.argv[1]),
    int(sys.argv[2]),
    sys.argv[3],
    sys.argv[4],
)
folder = sys.argv[5] if len(sys.argv) > 5 else None
dies = os.environ.get("DIES") == str(index)

jax.config.update("jax_num_cpu_devices", 4 // count)
if count > 1:
    from experiments.common.long_runs import LongRun, join_processes

    join_processes(
        LongRun(
            coordinator=f"127.0.0.1:{port}", processes=str(count), process=str(index)
        )
    )

# After the processes have joined, as JAX wants it.
import numpy as np  # noqa: E402

import jaxnet  # noqa: E402
from jaxnet.search import running  # noqa: E402

EPOCHS = 12


def build(h):
    return jaxnet.Task(
        jaxnet.sequential(
            jaxnet.dense(h["width"]),
            jaxnet.tanh,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(1),
        ),
        jaxnet.mean_squared_error,
        jaxnet.optimizer("adam", h["learning_rate"]),
        batch_size=16,
    )


def data(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 3)).astype(np.float32)
    return x, x.sum(axis=1, keepdims=True)


if dies:
    # In the middle of the sweep, and without a word to the others.
    look = running.Running._look

    def die(self):
        look(self)
        if self.first >= EPOCHS // 2:
            os.kill(os.getpid(), signal.SIGKILL)

    running.Running._look = die
running.SEGMENT = 2

saving = {}
if folder is not None:
    rule = jaxnet.Checkpoints(folder, seconds=0.0)
    saving = {"checkpoint": rule, "resume": True}
start = {"dense_2": {"bias": np.full(1, 0.5, np.float32)}}
space = {
    "width": jaxnet.choice(4, 8),
    "dropout": jaxnet.uniform(0.0, 0.3),
    "learning_rate": jaxnet.log_uniform(1e-3, 0.1),
}
result = jaxnet.sweep(
    build,
    space,
    data(0),
    data(1),
    key=jax.random.key(0),
    trials=5,
    seeds=2,
    epochs=EPOCHS,
    params=start,
    halving=jaxnet.Halving(factor=2, min_epochs=3),
    progress=False,
    **saving,
)
alone = jaxnet.fit(
    build,
    {"width": 8, "dropout": 0.1, "learning_rate": 0.01},
    data(0),
    data(1),
    key=jax.random.key(1),
    epochs=4,
    params=start,
    progress=False,
    devices=None if count > 1 else 1,
)
if index == 0:
    arrays = {f"curve_{name}": curve for name, curve in result.runs.curves.items()}
    arrays |= {"trials": result.trials, "status": np.array(result.status)}
    for name, fit in (("best", result.member(0)), ("fit", alone)):
        for i, leaf in enumerate(jax.tree.leaves(fit.params)):
            arrays[f"{name}_{i}"] = np.asarray(leaf)
    arrays |= {f"loss_{k}": v for k, v in alone.history.items() if "loss" in k}
    np.savez(out, **arrays)
print(f"process {index} ends well", flush=True)
