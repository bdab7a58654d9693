"""What a script's standard error tells, and in which words."""

import signal

import pytest

from contract.layout import FAILURE_LIMIT
from train import failure
from train.script import script_failure
from train.supervisor import Ended

TRACEBACK = """Traceback (most recent call last):
  File "/opt/ml/code/train.py", line 9, in <module>
    main()
  File "/opt/ml/code/train.py", line 5, in main
    torch.load(path)
  File "/opt/venv/lib/python3.11/site-packages/torch/serialization.py", line 99, in load
    raise FileNotFoundError(path)
FileNotFoundError: /opt/ml/input/data/x
"""


def ended(status: int, tail: str = "", *, memory_kills: int = 0, overdue: bool = False) -> Ended:
    return Ended(status=status, tail=tail.encode(), memory_kills=memory_kills, overdue=overdue)


@pytest.mark.parametrize(
    ("tail", "first"),
    [
        (TRACEBACK, "FileNotFoundError: /opt/ml/input/data/x (train.py:5 in main)"),
        (f"a warning\n{TRACEBACK}", "FileNotFoundError: /opt/ml/input/data/x (train.py:5 in main)"),
        (
            "  File \"train.py\", line 3\n    x = (\n        ^\nSyntaxError: '(' was never closed\n",
            "SyntaxError: '(' was never closed",
        ),
        (
            "usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --lr 1\n",
            "train.py: error: unrecognized arguments: --lr 1",
        ),
        ("10%|#\r20%|##\r30%|###\nmy.module.OwnError: no\n", "my.module.OwnError: no"),
        ("", "it printed nothing to standard error"),
        ("+ python3 train.py\n++ handle_error\n", "it printed nothing to standard error"),
        ("oh no\n+ exit 3\n", "oh no"),
        (
            "train.py: error: no such option\nCommand failed with exit code 2. Traceback: Traceback (most recent call last):\n"
            '  File "/opt/ml/input/data/sm_drivers/distributed_drivers/../common/utils.py", line 173, in execute_commands\n'
            "    raise subprocess.CalledProcessError(exitcode, commands)\nsubprocess.CalledProcessError: Command '[]'\n",
            "train.py: error: no such option",
        ),
        ("\x00\xff\n", "\x00\xff"),
    ],
)
def test_the_cause_comes_first(tail: str, first: str) -> None:
    assert script_failure.told(tail).startswith(first)


def test_the_marks_that_newer_pythons_put_below_a_line_take_no_room() -> None:
    marked = TRACEBACK.replace(
        "    raise FileNotFoundError(path)\n", "    raise FileNotFoundError(\n    ~~~~~^^^\n        path\n    ^\n"
    )
    lines = script_failure.told(marked).splitlines()
    assert lines[0].startswith("FileNotFoundError: ") and not any(set(line) <= set(" ~^") for line in lines)


def test_of_two_errors_the_last_is_told_and_with_torchrun_the_scripts_own() -> None:
    second = TRACEBACK.replace("FileNotFoundError: /", "RuntimeError: /")
    between = "\nDuring handling of the above exception, another exception occurred:\n\n"
    assert script_failure.told(TRACEBACK + between + second).startswith("RuntimeError")
    torchrun = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n====\ntrain.py FAILED\n"
    assert script_failure.told(
        TRACEBACK + 'Traceback (most recent call last):\n  File "run.py", line 1, in x\n' + torchrun
    ).startswith("FileNotFoundError")


@pytest.mark.parametrize("rank", ["[rank0]: ", "[rank11]: ", "[default0]:"])
def test_the_error_of_a_rank_is_the_scripts_own(rank: str) -> None:
    """As PyTorch prints it where init_process_group was called, with a line of no words before it."""
    own = "".join(f"{rank}{line}\n" for line in TRACEBACK.splitlines()) + f"{rank}\n"
    frozen = '  File "<frozen runpy>", line 88, in _run_code\n'
    torchrun = f"torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n====\ntrain.py FAILED\n{'-' * 60}\n"
    whole = f"{own}Traceback (most recent call last):\n{frozen}{torchrun}"
    assert script_failure.told(whole).startswith("FileNotFoundError: /opt/ml/input/data/x (train.py:5 in main)")


@pytest.mark.parametrize(
    ("end", "status", "word"),
    [
        (ended(3), 3, "ExitCode 3\n"),
        (ended(-signal.SIGSEGV), 139, "killed by SIGSEGV"),
        (ended(-40), 168, "killed by signal 40"),
        (ended(-signal.SIGKILL, memory_kills=1), 137, "OutOfMemory"),
        (ended(-signal.SIGKILL, overdue=True), 137, "did not end within"),
    ],
)
def test_an_end_is_told_by_its_status(end: Ended, status: int, word: str) -> None:
    found = script_failure.of("ExecuteUserScriptError", end, ["python", "train.py"], {})
    assert found is not None and found.status == status
    assert word in found.message and 'Command "python train.py"' in found.message


def test_a_good_end_is_no_failure() -> None:
    assert script_failure.of("ExecuteUserScriptError", ended(0, TRACEBACK), [], {}) is None


@pytest.mark.parametrize("size", [10, 599, 600, 601, 20_000])
def test_error_and_command_both_fit(size: int) -> None:
    found = script_failure.of("ExecuteUserScriptError", ended(1, f"ValueError: {'ü' * size}\n"), ["python", "x" * size], {})
    assert found is not None
    text = failure.render(found, {})
    assert len(text.encode()) <= FAILURE_LIMIT
    assert text.startswith('ExecuteUserScriptError: ExitCode 1\nErrorMessage "ValueError: ü') and '\nCommand "python ' in text


@pytest.mark.parametrize("place", [560, 580, 587, 588, 600])
def test_no_piece_of_a_secret_is_told_where_a_message_is_cut(place: int) -> None:
    environ = {"TOKEN": "0123456789abcdef"}
    command = ["python", "y" * (place - 360) + environ["TOKEN"]]
    found = script_failure.of("Error", ended(1, f"ValueError: {'x' * place}{environ['TOKEN']}\n"), command, environ)
    assert found is not None
    assert "01" not in found.message
