"""The `rules` program evaluates one rule over a job's files: in a container as a Processing job, or as `rules RULE PLACE`.

Exit code 0: no issues found. 1: issues found. 2: it could not be evaluated. 143: it was told to stop.
"""

import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from contract import exit_message
from contract.files import write_whole
from contract.reason import shortened
from contract.visible import visible
from rules.checks.actions import StopTraining, read_actions, stalled_action
from rules.checks.evaluation import Evaluation, Result, Status, finite_or_null
from rules.checks.overall import ProfilerReport
from rules.checks.rule import Evidence
from rules.config import Config, message_file, read_config
from rules.errors import RuleError

CODES = {Status.NO_ISSUES: 0, Status.ISSUES: 1, Status.ERROR: 2, Status.STOPPED: 143}


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluates; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["report"]:
        from rules.report import command  # Jinja2 and all that draws, which a rule in its container does not pay for

        return command.main(words[1:])
    message = message_file(words)
    try:
        config = read_config(words)
        actions = read_actions(config.actions, config.job)
        actions += stalled_action(config.rule, config.job)
    except RuleError as error:
        _leave(message, exit_message.client_error(str(error)))
        _say(f"error: {error}")
        return CODES[Status.ERROR]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    _say(f"{config.rule.name}: InProgress, looking at {config.place}")
    evaluation = Evaluation(
        rule=config.rule,
        place=config.place,
        follow=config.follow,
        exhaustive=config.exhaustive,
        start_step=config.start_step,
        end_step=config.end_step,
        stop=stop,
        on_fire=lambda evidence: _fired(config, evidence, actions),
    )
    result = evaluation.run()
    for one in result.evidence[1:20]:
        _say(f"  step {one.step}, {one.subject}: {one.message}")
    if result.found > 20:
        _say(f"  and {result.found - 20} more")
    _say(f"{result.rule}: {result.status}{': ' + result.details if result.details else ''}")
    if result.advice:
        _say(f"  {result.advice}")
    _write(config, result)
    _leave(message, result.details)
    return CODES[result.status]


def _fired(config: Config, evidence: Evidence, actions: list[StopTraining]) -> None:
    _say(f"{config.rule.name}: IssuesFound at step {evidence.step}, {evidence.subject}: {evidence.message}")
    if actions:
        import boto3

        for action in actions:
            _say(action(boto3.client("sagemaker")))


def _write(config: Config, result: Result) -> None:
    """The result as JSON; ProfilerReport's parts, its page and its notebook in AWS's layout."""
    if config.output is None:
        return
    files = {f"{result.rule}.json": json.dumps(result.as_json(), indent=1, allow_nan=False)}
    if isinstance(config.rule, ProfilerReport):
        from rules.report.profiler_notebook import profiler_notebook
        from rules.report.profiler_report import profiler_page

        for name, body in config.rule.files().items():
            files[f"profiler-output/profiler-reports/{name}.json"] = json.dumps(finite_or_null(body), indent=1, allow_nan=False)
        job = config.job or config.place
        files["profiler-output/profiler-report.html"] = profiler_page(config.rule, job)
        files["profiler-output/profiler-report.ipynb"] = profiler_notebook(job)
    for name, content in files.items():
        path = config.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)


def _leave(file: Path | None, details: str) -> None:
    """What SageMaker takes from a Processing container as its ExitMessage."""
    if file and details:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, shortened(details))


def _say(line: str) -> None:
    print(visible(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
