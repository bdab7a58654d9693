"""`kennel notebook`: JupyterLab on this machine alone, with a token, its notebooks pointed at the local SageMaker or at AWS."""

import os
import secrets
import subprocess
import time
import urllib.error
import urllib.request
import webbrowser
from urllib.parse import quote

from contract.machine.process import end_with_parent
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import NotebookConfig
from scripts.errors import RunError
from scripts.foreground import check_port, end
from scripts.notebooks import environment

_START, _STOP = 90.0, 20.0
QUIET = (
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=None",
    "--LabApp.extension_manager=readonly",
    "--log-level=WARN",
)
"""JupyterLab asks nobody for news, updates and extensions, and tells what is wrong alone."""


def plan(config: NotebookConfig) -> list[Call]:
    """What is sent is the notebooks' own affair."""
    return []


def run(config: NotebookConfig, output: Terminal) -> int:
    """Serve until Ctrl-C. Raises LaunchError where the port is taken or JupyterLab is missing."""
    python = environment.interpreter(config.python, ["jupyterlab", "ipykernel"])
    check_port(config.port)
    token = secrets.token_urlsafe(24)
    # Everybody on the machine may read a command line, and nobody else a variable.
    variables = environment.variables(config.settings, python) | {"JUPYTER_TOKEN": token}
    root = ["--allow-root"] * (os.geteuid() == 0)  # on loopback, for who has the token: no more than that user's own shell
    place = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={config.port}", "--ServerApp.port_retries=0", "--no-browser"]
    process = subprocess.Popen(
        [str(python), "-m", "jupyterlab", *root, *place, *QUIET, f"--ServerApp.root_dir={config.folder.absolute()}"],
        env=variables,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for this program, which ends that one
        preexec_fn=end_with_parent,
    )
    try:
        _wait(process, config.port)
        link = f"http://127.0.0.1:{config.port}/lab{f'/tree/{quote(config.notebook)}' if config.notebook else ''}?token={token}"
        output.line(f"notebooks of {config.folder}: {link}")
        output.line("Ctrl-C ends it")
        if config.show:
            webbrowser.open(link)
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        end(process, _STOP)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Until it answers. Raises RunError."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RunError(f"JupyterLab ended with status {process.returncode}; the lines above say why")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/api", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RunError(f"JupyterLab did not answer on port {port} within {_START:.0f} s")
