"""The flags of runs that take long."""

import pytest

from experiments.common.long_runs import LongRun, _is_cluster
from experiments.sweep import main


def test_each_part_of_a_run_has_a_folder_of_its_own(tmp_path):
    long = LongRun(str(tmp_path), resume=True)
    one, two = long.saving("round_1"), long.saving("round_2")
    assert one == {"checkpoint": tmp_path / "round_1", "resume": True}
    assert two["checkpoint"] != one["checkpoint"]
    assert LongRun().saving("round_1") == {}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--resume"], "add --checkpoint FOLDER"),
        (["--processes", "2"], "go together"),
        (["--coordinator", "a:1", "--processes", "0", "--process", "0"], "at least 1"),
        (["--coordinator", "a:1", "--processes", "2", "--process", "2"], "from 0 to 1"),
        (["--coordinator", "a", "--processes", "2", "--process", "1"], "HOST:PORT"),
        (["--coordinator", ":1", "--processes", "2", "--process", "1"], "HOST:PORT"),
        (["--coordinator", "a:b", "--processes", "2", "--process", "1"], "HOST:PORT"),
        (["--process", "-1", "--processes", "2", "--coordinator", "a:1"], "process"),
    ],
)
def test_flags_that_cannot_be_end_with_2(capsys, flags, words):
    with pytest.raises(SystemExit) as caught:
        main(flags)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_checkpoints_with_optuna_end_with_2(tmp_path, capsys):
    arguments = ["--quick", "--problem", "regression", "--search", "optuna"]
    folders = ["--checkpoint", str(tmp_path / "a"), "--out", str(tmp_path / "b")]
    assert main([*arguments, *folders]) == 2
    assert "a storage of their own" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "due"),
    [
        ({}, False),
        ({"SLURM_NTASKS": "4"}, False),  # An allocation, outside of srun.
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "1"}, True),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, False),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, True),
        ({"OMPI_COMM_WORLD_SIZE": "x"}, False),
        ({"KUBERNETES_SERVICE_HOST": "a"}, False),
        ({"KUBERNETES_SERVICE_HOST": "a", "JOB_COMPLETION_INDEX": "0"}, True),
    ],
)
def test_a_scheduler_that_has_started_several_processes_is_seen(environment, due):
    assert _is_cluster(environment) == due
