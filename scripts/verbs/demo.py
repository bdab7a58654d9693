"""`kennel demo`: the whole story through the SageMaker API. Data, S3, tuning, training, endpoint, questions, teardown.

Each step is the verb of that name; nothing here knows how they train or predict, or where the requests go.
"""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.aws import invocation, local_server, rule_status
from scripts.aws.api import Target, asleep, connect
from scripts.aws.calls import Call
from scripts.aws.features import heads_only
from scripts.aws.job_config import DeployConfig, TrainConfig, TuneConfig
from scripts.cli import demo_summary
from scripts.cli.configure_jobs import without_test
from scripts.cli.presets import FEATURES_TRIAL, PRETRAINED, SCRATCH, SCRATCH_TRIAL
from scripts.cli.terminal import Terminal
from scripts.cli.validation import channels, set_name
from scripts.cli.verb_config import DataConfig, DemoConfig, DownConfig, ReportConfig, WeightsConfig
from scripts.errors import RunError
from scripts.files import state
from scripts.files.pictures import pictures_below
from scripts.verbs import data, deploy, down, report, train, tune, weights

ENDPOINT = "kennel-demo"


@dataclass(slots=True)
class Story:
    """What is known so far; becomes summary.json."""

    given: DemoConfig
    say: Terminal
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.given.settings.home / "demo"

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        self.say.line(f"{len(self.seconds) + 1}. {text}", style="bold")
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 2)


def plan(given: DemoConfig) -> list[Call]:
    """The requests that create things; the uploads and the questions are those of the verbs data and invoke."""
    final = _final(given, best={})
    return [*tune.plan(_search(given)), *train.plan(final), *deploy.plan(_fleet(given, final.name)), *down.plan(_teardown(given))]


def run(given: DemoConfig, say: Terminal) -> int:
    """Every step in turn; the endpoint goes at the end whatever happens, and so does a server that this demo started."""
    story, was_asleep = Story(given, say), asleep(given.settings)
    target = connect(given.settings)
    with story.step("data", "Pictures, to S3"):
        folder = _upload(story, target)
    with story.step("tune", f"A tuning job: {given.jobs} training jobs, {given.parallel} at a time"):
        search = _search(given)
        best = tune.wait(target, search, tune.start(target, search, say), say)
    with story.step("train", "The final training, with the best hyperparameters, debugger hooks and rules"):
        final = _final(given, best["hyperparameters"])
        job = train.wait(target, final, train.start(target, final, say), say)
        story.facts["rules"] = rule_status.facts(train.look_inside(target, final, job, say))
    try:
        with story.step("deploy", "An endpoint"):
            deploy.deploy(target, _fleet(given, job["TrainingJobName"]), say)
        with story.step("invoke", "Every test picture asked through InvokeEndpoint"):
            answers = _ask(story, target, pictures_below(folder / "test"))
    finally:
        with story.step("down", "Teardown"):
            if not given.keep:
                down.remove(target, _teardown(given), say)
    story.facts |= demo_summary.facts(target, job, answers, story.folder)
    story.facts |= {"hyperparameters": dict(final.hyperparameters), "best": best} | _jobs(target, best, job)
    with story.step("report", "Reports of the training and of the search"):
        wanted = {"training": _report(given, job["TrainingJobName"]), "tuning": _report(given, best["tuning_job"], tuning=True)}
        story.facts["reports"] = {kind: str(report.write(one, say, target)) for kind, one in wanted.items()}
    _finish(story, answers)
    if was_asleep and not given.keep:
        local_server.stop(given.settings)
    return 0


def _upload(story: Story, target: Target) -> Path:
    given, say = story.given, story.say
    source = DataConfig(settings=given.settings, name=_set_name(given), folder=given.data, seed=given.seed)
    folder = data.gather(source, say)
    data.send(target, source, folder, say)
    classes, counts = data.count(folder)
    story.facts |= {"data": str(folder), "pictures": dict(counts), "classes": classes}
    if given.weights:
        weights.send(target, WeightsConfig(settings=given.settings, file=given.weights), given.weights, say)
    else:
        state.remember(given.settings.state, weights=None)
    return folder


def _set_name(given: DemoConfig) -> str:
    return set_name(given.data) if given.data else "drawn"


def _job(given: DemoConfig) -> dict[str, Any]:
    slug = weights.slug(given.weights) if given.weights else None
    found = {"settings": given.settings, "channels": channels(given.settings, _set_name(given), slug), "max_runtime": 7200}
    return found | {"name": f"{ENDPOINT}-{given.moment}"}


def _search(given: DemoConfig) -> TuneConfig:
    start = PRETRAINED | FEATURES_TRIAL if given.weights else SCRATCH | SCRATCH_TRIAL
    return TuneConfig(
        by_features=heads_only(start),
        features_job=given.previous.get("features_job"),
        hyperparameters=start | {"seed": str(given.seed)},
        previous=given.previous.get("tuning_job"),
        jobs=given.jobs,
        parallel=given.parallel,
        seed=given.seed,
        **without_test(_job(given)),
    )


def _final(given: DemoConfig, best: dict[str, str]) -> TrainConfig:
    start = PRETRAINED if given.weights else SCRATCH
    return TrainConfig(
        hyperparameters=start | {"seed": str(given.seed)} | best | dict(given.chosen),
        previous=given.previous.get("training_job"),
        rules=given.rules,
        **_job(given),
    )


def _fleet(given: DemoConfig, job: str) -> DeployConfig:
    model = given.settings.uri("jobs", job, "output") + "model.tar.gz"
    name = f"{ENDPOINT}-{given.moment}"
    return DeployConfig(settings=given.settings, endpoint=ENDPOINT, name=name, model_data=model, job=job)


def _teardown(given: DemoConfig) -> DownConfig:
    name = f"{ENDPOINT}-{given.moment}"
    return DownConfig(settings=given.settings, endpoint=ENDPOINT, config=name, model=name)


def _report(given: DemoConfig, job: str, *, tuning: bool = False) -> ReportConfig:
    folder = given.settings.home / "reports" / (f"{job}-tuning" if tuning else job)
    return ReportConfig(settings=given.settings, place=job, output=folder, tuning=tuning)


def _ask(story: Story, target: Target, pictures: list[Path]) -> list[invocation.Answer]:
    answers = []
    with story.say.progress("asking", "pictures") as show:
        for answer in invocation.ask_all(target, ENDPOINT, pictures):
            if answer.error:
                raise RunError(f"{answer.picture}: the endpoint refused it: {answer.error}")
            answers.append(answer)
            show(len(answers), len(pictures))
    return answers


def _jobs(target: Target, best: state.BestTrial, job: dict[str, Any]) -> dict[str, Any]:
    found = target.ask("sagemaker", "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=best["tuning_job"])
    trials = {name: number for name, number in found["TrainingJobStatusCounters"].items() if number}
    names = {"tuning": best["tuning_job"], "best_trial": best["training_job"], "training": job["TrainingJobName"]}
    return {"jobs": names | {"endpoint": ENDPOINT, "trials": trials}, "tuning_status": found["HyperParameterTuningJobStatus"]}


def _finish(story: Story, answers: list[invocation.Answer]) -> None:
    facts, say, settings = story.facts, story.say, story.given.settings
    machine = {"cpus": len(os.sched_getaffinity(0)), "python": platform.python_version(), "system": platform.platform()}
    facts |= {"seconds": story.seconds, "machine": machine}
    summary = story.folder / "summary.json"
    state.write(summary, facts)
    say.table(demo_summary.table(answers))
    right = facts["accuracy"]
    say.line(
        f"test accuracy {right['test_by_http']:.3f} through InvokeEndpoint, {right['test_by_training']:.3f} said training; "
        f"{facts['same_answer_as_training']['same']} of {len(answers)} answers the same"
    )
    say.line(
        f"{facts['answer_milliseconds']['p50']:.1f} ms an answer at {invocation.CONNECTIONS} connections (median), "
        f"{facts['seconds_per_step']:.3f} s a training step, {sum(story.seconds.values()):.0f} s in all"
    )
    say.line(f"\nwritten  {summary}")
    say.line(f"report   {facts['reports']['training']}")
    say.line(f"report   {facts['reports']['tuning']}")
    say.next(settings, ("deploy", "the same model again, to stay"), ("invoke PICTURE", "one picture, one answer"))
    if story.given.data is None:
        say.line("      make demo DATA=folder WEIGHTS=resnet18.pth   the same on photographs")
