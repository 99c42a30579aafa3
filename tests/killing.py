"""Kills a run again and again, and compares what is left with the run without.

    python tests/killing.py --kills 50

A `fit` and a `sweep` are each killed by SIGKILL at random moments, while a checkpoint
is written too, and resumed every time. Parameters, curves and tables have to be the
same to the bit in the end. `test_killing` does it with a few kills.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
KINDS = ("fit", "sweep")

LONGEST = 1.5
"""Seconds after its first checkpoint that a run lives at most."""


def kill_and_compare(kind: str, kills: int, folder: Path, seed: int) -> dict[str, int]:
    """Kills a run so many times, then lets it end.

    Returns:
      How many kills came before the run had ended, and how many left a checkpoint
      that was being written.

    Raises:
      AssertionError: if anything is not the same to the bit.
    """
    whole = run(kind, folder / "whole.npz", folder / "cache")
    assert whole is not None, f"the {kind} without kills failed"
    rng, found = random.Random(seed), {"killed": 0, "while_writing": 0}
    checkpoints = folder / "checkpoints"
    for _ in range(kills):
        delay = rng.uniform(0.0, LONGEST)
        out = folder / "resumed.npz"
        if run(kind, out, folder / "cache", checkpoints, delay) is None:
            found["killed"] += 1
            found["while_writing"] += bool(list(checkpoints.glob(".writing_*")))
    resumed = run(kind, folder / "resumed.npz", folder / "cache", checkpoints)
    assert resumed is not None, f"the {kind} could not be resumed"
    assert whole.keys() == resumed.keys()
    for name, array in whole.items():
        other = resumed[name]
        assert array.dtype == other.dtype, name
        assert array.shape == other.shape, name
        assert array.tobytes() == other.tobytes(), f"{kind}: {name} is not the same"
    return found


def run(
    kind: str,
    out: Path,
    cache: Path,
    checkpoints: Path | None = None,
    delay: float | None = None,
) -> dict[str, np.ndarray] | None:
    """Runs a child to its end, or kills it so long after its start of training."""
    out.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--child", kind, "--out", str(out)]
    command += ["--cache", str(cache)]
    if checkpoints is not None:
        command += ["--checkpoints", str(checkpoints)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None, "it was asked for"
    child.stdout.readline()  # It says when training begins.
    timer = None
    if delay is not None:
        timer = threading.Timer(delay, child.send_signal, [signal.SIGKILL])
        timer.start()
    _, errors = child.communicate(timeout=300)
    if timer is not None:
        timer.cancel()
    if child.returncode == -signal.SIGKILL:
        return None
    assert child.returncode == 0, errors.decode()
    with np.load(out, allow_pickle=False) as file:
        return dict(file)


def train(kind: str, out: Path, cache: Path, checkpoints: Path | None) -> None:
    """What a child does."""
    import jax

    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

    import jaxnet
    from jaxnet.checkpoint import keeping
    from jaxnet.search import running

    # As many checkpoints, and calls to have them after, as there can be.
    keeping.SHARE, running.SEGMENT = 1.0, 1

    def build(h):
        return jaxnet.Task(
            jaxnet.sequential(
                jaxnet.dense(h["width"], bias=False),
                jaxnet.batch_norm(),
                jaxnet.tanh,
                jaxnet.dropout(h["dropout"]),
                jaxnet.dense(1),
            ),
            jaxnet.mean_squared_error,
            jaxnet.optimizer("adam", h["learning_rate"]),
            batch_size=16,
        )

    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 3)).astype(np.float32)
    train, validation = (x[:64], x[:64].sum(1)[:, None]), (x[64:], x[64:, :1])
    saving = {}
    if checkpoints is not None:
        rule = jaxnet.Checkpoints(checkpoints, seconds=0.0)
        saving = {"checkpoint": rule, "resume": True}
    key, rule = jax.random.key(0), jaxnet.EarlyStopping(patience=60)
    announce()
    if kind == "fit":
        hypers = {"width": 8, "dropout": 0.1, "learning_rate": 0.003}
        fit = jaxnet.fit(
            build,
            hypers,
            train,
            validation,
            key=key,
            epochs=240,
            early_stopping=rule,
            **saving,
        )
        arrays = {k: v for k, v in fit.history.items() if k != "seconds"}
        leaves = jax.tree.leaves(fit.state)
        arrays |= {"status": np.array(fit.status)}
    else:
        space = {
            "width": jaxnet.choice(4, 8),
            "dropout": jaxnet.uniform(0.0, 0.3),
            "learning_rate": jaxnet.log_uniform(1e-3, 1e3),
        }
        sweep = jaxnet.sweep(
            build,
            space,
            train,
            validation,
            key=key,
            trials=7,
            seeds=2,
            epochs=90,
            early_stopping=rule,
            halving=jaxnet.Halving(factor=2, min_epochs=15),
            **saving,
        )
        arrays = {f"curve_{k}": v for k, v in sweep.runs.curves.items()}
        arrays |= {"trials": sweep.trials, "status": np.array(sweep.status)}
        table = sweep.to_frame()
        arrays |= {f"table_{k}": np.array(table[k].astype(str).tolist()) for k in table}
        members = [sweep.member(i).state for i in range(len(sweep.members))]
        leaves = jax.tree.leaves(members)
    arrays |= {f"leaf_{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
    np.savez(out, **arrays)


def announce() -> None:
    print("training begins", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="of each kind of run")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    for name in ("--out", "--cache", "--checkpoints"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        train(given.child, given.out, given.cache, given.checkpoints)
        return
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            found = kill_and_compare(kind, given.kills, Path(folder), given.seed)
        print(
            f"{kind}: {given.kills} kills, {found['killed']} of a run that was not at "
            f"its end, {found['while_writing']} while a checkpoint was written; the "
            "same to the bit"
        )


if __name__ == "__main__":
    main()
