"""What rules and launchers share is imported at every start, and loads no picture library to know a name."""

import subprocess
import sys
from pathlib import Path

import contract

HEAVY = ("picture", "preprocess", "manifest")
"""Those that need Pillow, and what needs them."""


def test_only_what_handles_pictures_loads_pillow() -> None:
    light = sorted(path.stem for path in Path(contract.__file__).parent.glob("*.py") if path.stem not in HEAVY)
    code = f"import sys, {', '.join(f'contract.{name}' for name in light)}; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n" and len(light) > 10
