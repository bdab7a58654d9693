"""`kennel run NOTEBOOK.ipynb`: a notebook from its first cell to its last, without a browser, on the local SageMaker or AWS."""

from datetime import UTC, datetime

from scripts.aws.api import asleep, connect
from scripts.aws.calls import Call
from scripts.aws.error_messages import explain
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import RunConfig
from scripts.errors import LaunchError
from scripts.notebooks import environment, executed, failed_work


def plan(config: RunConfig) -> list[Call]:
    """What is sent is the notebook's own affair."""
    return []


def run(config: RunConfig, output: Terminal) -> int:
    """Execute the notebook, show each cell, say where the executed copy is. 1 when a cell failed."""
    python = environment.interpreter(config.python, ["nbclient", "papermill", "ipykernel"])
    variables = environment.variables(config.settings, python)
    began = datetime.now(UTC)
    outcome = executed.run(python, config.notebook, config.copy, config.parameters, config.keep_going, variables, output)
    for number, error in outcome.failed:
        first, _, rest = error.partition("\n")
        output.line(f"cell {number}  {first}", style="red")
        for line in rest.strip().splitlines()[:6]:
            output.line(f"        {line.strip()}")
    if outcome.failed:
        _tell_failed_work(config, began, " ".join(error for _, error in outcome.failed), output)
    if outcome.stopped and not outcome.failed:
        output.line(outcome.stopped, style="red")
    left = f", {outcome.cells - outcome.ran} not run" if outcome.ran < outcome.cells else ""
    output.line(f"{outcome.ran - len(outcome.failed)} of {outcome.cells} cells done, {len(outcome.failed)} failed{left}")
    if outcome.unwritten:
        output.line(f"the executed copy cannot be written to {config.copy}: {outcome.unwritten}", style="red")
    else:
        output.line(f"executed copy  {config.copy}")
    return int(bool(outcome.failed or outcome.stopped or outcome.unwritten))


def _tell_failed_work(config: RunConfig, began: datetime, told: str, output: Terminal) -> None:
    """Says why jobs and endpoints failed since a moment, unless what is `told` says so."""
    try:
        if asleep(config.settings):
            raise LaunchError("the local SageMaker that the notebook began with has ended")
        for reason in failed_work.reasons(connect(config.settings), began):
            if reason.rpartition(": ")[2][:60] not in told:
                output.line(f"        {reason}")
    except Exception as error:  # the notebook may have failed for the same reason, or never have called AWS
        if (why := error if isinstance(error, LaunchError) else explain(error)) is None:
            raise
        output.line(f"        whether a job failed is not known: {why}")
