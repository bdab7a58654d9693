"""The folder with the sitecustomize.py that each Python of a person's script or command runs before anything else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.layout import Layout
from contract.script import old_names
from contract.script.script_mode import PACKAGES
from train.profiling import profile_settings

_PROJECT = Path(__file__).resolve().parents[2]
COMPAT, STEPS = (Path(__file__).with_name(name) for name in ("compat.py", "step_timeline.py"))


def write(folder: Path, layout: Layout, environ: Mapping[str, str], host: str) -> Path:
    """Makes it below `folder` and returns it; it is empty with KENNEL_COMPAT=off. A sitecustomize.py that is the script's own or
    a package's runs after it."""
    startup = folder / "startup"
    startup.mkdir()
    if environ.get("KENNEL_COMPAT") != "off":
        given = {
            "startup": str(startup),
            "ours": (str(_PROJECT), PACKAGES),
            "old_names": old_names.__file__,
            "debug_hook": layout.debug_hook_config.is_file(),
            "steps": _steps(layout, host),
        }
        call = f'runpy.run_path({str(COMPAT)!r})["main"](**{given!r})'
        (startup / "sitecustomize.py").write_text(f"import runpy\n\n{call}\n", encoding="utf-8")
    return startup


def _steps(layout: Layout, host: str) -> dict[str, Any] | None:
    """How the script's steps are to be measured; None for a job that asks for no profile."""
    profile = profile_settings.read(layout)
    if not profile.asked:
        return None
    return {
        "program": str(STEPS),
        "folder": str(profile.timeline),
        "host": host,
        "rotate_seconds": profile.rotate_seconds,
        "rotate_bytes": profile.rotate_bytes,
    }
