"""What each Python of a script runs first, and what runs after it."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract.script.script_mode import PACKAGES
from tests.support.script_jobs import ScriptContainer
from train.script.startup import COMPAT

SHOW = "import logging, os, sys\nlogging.getLogger('mine').warning('a logger')\nprint('PATH', sys.path)\n"


@pytest.mark.parametrize("compat", ["on", "off"])
def test_a_sitecustomize_of_the_scripts_own_runs_after_ours(tmp_path: Path, compat: str) -> None:
    own = "import sys\nprint('theirs', sys.modules['sitecustomize'] is not None, __name__, __file__)\n"
    job = ScriptContainer(tmp_path / "ml", {"train.py": SHOW, "sitecustomize.py": own})
    run = job.run(KENNEL_COMPAT=compat)
    assert run.code == 0, run.err
    assert run.out.count(f"theirs True sitecustomize {job.base}/code/sitecustomize.py") == 1
    assert ("WARNING:mine:a logger" in run.err) == (compat == "on"), "ours runs too"


def test_an_error_in_it_is_told_and_the_script_runs(tmp_path: Path) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": SHOW, "sitecustomize.py": "raise ValueError('mine')\n"})
    run = job.run()
    assert run.code == 0 and "ValueError: mine" in run.err and "PATH" in run.out, run.err


def test_a_jobs_own_pythonpath_comes_after_the_code(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "helper.py").write_text("WORD = 'from the library'\n")
    (tmp_path / "library" / "other.py").write_text("WORD = 'other'\n")
    files = {"train.py": "import helper, other\nprint(helper.WORD, '|', other.WORD)", "helper.py": "WORD = 'from the code'\n"}
    run = ScriptContainer(tmp_path / "ml", files).run(PYTHONPATH=f"{tmp_path / 'library'}::")
    assert run.code == 0 and "from the code | other" in run.out, run.err


def test_a_scripts_modules_may_have_the_names_of_ours(tmp_path: Path) -> None:
    names = ("contract", "serve", "rules", "scripts", "local_sagemaker", "compat", "old_names", "startup", "step_timeline")
    files = {f"{name}.py": "WHOSE = 'mine'\n" for name in names}
    files["train.py"] = f"import torch, {', '.join(names)}\nprint([one.WHOSE for one in ({', '.join(names)})])\n"
    job = ScriptContainer(tmp_path / "ml", files)
    hook = {"LocalPath": str(tmp_path / "tensors"), "S3OutputPath": "s3://bucket/key", "CollectionConfigurations": []}
    job.put("debughookconfig", hook)
    run = job.run()
    assert run.code == 0 and str(["mine"] * len(names)) in run.out, run.err


def test_a_folder_without_init_goes_before_a_kennel_that_is_installed(tmp_path: Path) -> None:
    """`rules` has one in the script's folder, `scripts` has none, and `train` lies nowhere else."""
    files = {f"site/{name}/__init__.py": "WHOSE = 'ours'\n" for name in PACKAGES}
    files |= {"code/scripts/part.py": "WHOSE = 'mine'\n", "code/rules/__init__.py": "WHOSE = 'mine'\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    site = str(tmp_path / "site")
    program = f"import runpy\nrunpy.run_path({str(COMPAT)!r})['own_folders']({site!r}, {PACKAGES!r})\n"
    program += "import rules, scripts.part, train\nprint(rules.WHOSE, scripts.part.WHOSE, train.WHOSE)\n"
    path = {"PYTHONPATH": f"{tmp_path / 'code'}:{site}"}
    done = subprocess.run([sys.executable, "-c", program], env=path, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "mine mine ours\n", done.stderr
