"""What rules and launchers share is imported at every start, and loads no picture library to know a name."""

import subprocess
import sys
from pathlib import Path

import contract

HEAVY = ("contract.pictures.picture", "contract.pictures.preprocess", "contract.manifest")
"""Those that need Pillow, and what needs them."""


def test_only_what_handles_pictures_loads_pillow() -> None:
    room = Path(contract.__file__).parent
    names = [".".join(path.relative_to(room.parent).with_suffix("").parts) for path in room.rglob("*.py")]
    light = sorted(set(names) - set(HEAVY) - {name for name in names if name.endswith("__init__")})
    code = f"import sys, {', '.join(light)}; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n" and len(light) > 20
