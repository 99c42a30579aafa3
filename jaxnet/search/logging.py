"""The runs of a sweep for TensorBoard: their curves, and a table of hyperparameters.

Its HPARAMS tab sorts and filters the runs by their settings, and its SCALARS tab shows
their curves. Each run has a folder of its own: ``trial_3/seed_0``.
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxnet.search.tables import cell


def write_tensorboard(result: Any, directory: str | Path) -> Path:
    """Writes all members of a `Sweep`; see `Sweep.tensorboard`."""
    try:
        from tensorboardX import SummaryWriter, summary
    except ModuleNotFoundError as error:
        error.add_note("Install it with: pip install tensorboardX")
        raise
    directory, plan = Path(directory), result.plan
    tags = {name: "/".join(name.split("_", 1)) for name in result.runs.curves}
    settings = [
        {name: cell(value) for name, value in setting.items()}
        for setting in result.settings
        for _ in range(plan.seeds * plan.folds)
    ]
    for member, setting in zip(result.members, settings, strict=True):
        trial, rest = divmod(int(member), plan.seeds * plan.folds)
        seed, fold = divmod(rest, plan.folds)
        parts = [f"trial_{trial}", f"seed_{seed}", f"fold_{fold}"]
        folder = directory.joinpath(*parts[: 2 if plan.folds == 1 else 3])
        last = dict.fromkeys(tags.values(), np.nan)
        writer: Any = SummaryWriter(str(folder))
        with writer:
            for part in summary.hparams(setting, last):
                writer.file_writer.add_summary(part)
            for name, tag in tags.items():
                curve = result.runs.curves[name][member]
                for block in np.flatnonzero(np.isfinite(curve)):
                    epoch = (int(block) + 1) * plan.every
                    writer.add_scalar(tag, float(curve[block]), epoch)
    return directory
