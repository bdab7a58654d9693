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

    config: DemoConfig
    output: Terminal
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.config.settings.home / "demo"

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        self.output.line(f"{len(self.seconds) + 1}. {text}", style="bold")
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 2)


def plan(config: DemoConfig) -> list[Call]:
    """The requests that create things; the uploads and the questions are those of the verbs data and invoke."""
    final = _final(config, best={})
    return [
        *tune.plan(_search(config)),
        *train.plan(final),
        *deploy.plan(_fleet(config, final.name)),
        *down.plan(_teardown(config)),
    ]


def run(config: DemoConfig, output: Terminal) -> int:
    """Every step in turn; the endpoint goes at the end whatever happens, and so does a server that this demo started."""
    story, was_asleep = Story(config, output), asleep(config.settings)
    target = connect(config.settings)
    with story.step("data", "Pictures, to S3"):
        folder = _upload(story, target)
    with story.step("tune", f"A tuning job: {config.jobs} training jobs, {config.parallel} at a time"):
        search = _search(config)
        best = tune.wait(target, search, tune.start(target, search, output), output)
    with story.step("train", "The final training, with the best hyperparameters, debugger hooks and rules"):
        final = _final(config, best["hyperparameters"])
        job = train.wait(target, final, train.start(target, final, output), output)
        story.facts["rules"] = rule_status.facts(train.look_inside(target, final, job, output))
    try:
        with story.step("deploy", "An endpoint"):
            deploy.deploy(target, _fleet(config, job["TrainingJobName"]), output)
        with story.step("invoke", "Every test picture asked through InvokeEndpoint"):
            answers = _ask(story, target, pictures_below(folder / "test"))
    finally:
        with story.step("down", "Teardown"):
            if not config.keep:
                down.remove(target, _teardown(config), output)
    story.facts |= demo_summary.facts(target, job, answers, story.folder)
    story.facts |= {"hyperparameters": dict(final.hyperparameters), "best": best} | _jobs(target, best, job)
    with story.step("report", "Reports of the training and of the search"):
        wanted = {"training": _report(config, job["TrainingJobName"]), "tuning": _report(config, best["tuning_job"], tuning=True)}
        story.facts["reports"] = {kind: str(report.write(one, output, target)) for kind, one in wanted.items()}
    _finish(story, answers)
    if was_asleep and not config.keep:
        local_server.stop(config.settings)
    return 0


def _upload(story: Story, target: Target) -> Path:
    config, output = story.config, story.output
    source = DataConfig(settings=config.settings, name=_set_name(config), folder=config.data, seed=config.seed)
    folder = data.gather(source, output)
    data.send(target, source, folder, output)
    classes, counts = data.count(folder)
    story.facts |= {"data": str(folder), "pictures": dict(counts), "classes": classes}
    if config.weights:
        weights.send(target, WeightsConfig(settings=config.settings, file=config.weights), config.weights, output)
    else:
        with state.changing(config.settings.state) as remembered:
            remembered.pop("weights", None)
    return folder


def _set_name(config: DemoConfig) -> str:
    return set_name(config.data) if config.data else "drawn"


def _job(config: DemoConfig) -> dict[str, Any]:
    slug = weights.slug(config.weights) if config.weights else None
    found = {"settings": config.settings, "channels": channels(config.settings, _set_name(config), slug), "max_runtime": 7200}
    return found | {"name": f"{ENDPOINT}-{config.moment}"}


def _search(config: DemoConfig) -> TuneConfig:
    start = PRETRAINED | FEATURES_TRIAL if config.weights else SCRATCH | SCRATCH_TRIAL
    job = _job(config)
    return TuneConfig(
        by_features=heads_only(start),
        features_job=config.previous.get("features_job"),
        hyperparameters=start | {"seed": str(config.seed)},
        previous=config.previous.get("tuning_job"),
        jobs=config.jobs,
        parallel=config.parallel,
        seed=config.seed,
        **job | {"channels": without_test(job["channels"])},
    )


def _final(config: DemoConfig, best: dict[str, str]) -> TrainConfig:
    start = PRETRAINED if config.weights else SCRATCH
    return TrainConfig(
        hyperparameters=start | {"seed": str(config.seed)} | best | dict(config.chosen),
        previous=config.previous.get("training_job"),
        rules=config.rules,
        **_job(config),
    )


def _fleet(config: DemoConfig, job: str) -> DeployConfig:
    model = config.settings.uri("jobs", job, "output") + "model.tar.gz"
    name, image = f"{ENDPOINT}-{config.moment}", config.settings.serve_image
    return DeployConfig(settings=config.settings, endpoint=ENDPOINT, name=name, image=image, model_data=model, job=job)


def _teardown(config: DemoConfig) -> DownConfig:
    name = f"{ENDPOINT}-{config.moment}"
    return DownConfig(settings=config.settings, endpoint=ENDPOINT, config=name, model=name)


def _report(config: DemoConfig, job: str, *, tuning: bool = False) -> ReportConfig:
    folder = config.settings.home / "reports" / (f"{job}-tuning" if tuning else job)
    return ReportConfig(settings=config.settings, place=job, output=folder, tuning=tuning)


def _ask(story: Story, target: Target, pictures: list[Path]) -> list[invocation.Answer]:
    answers = []
    with story.output.progress("asking", "pictures") as show:
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
    facts, output, settings = story.facts, story.output, story.config.settings
    machine = {"cpus": len(os.sched_getaffinity(0)), "python": platform.python_version(), "system": platform.platform()}
    facts |= {"seconds": story.seconds, "machine": machine}
    summary = story.folder / "summary.json"
    state.write(state.StateFile(summary), facts)
    output.table(demo_summary.table(answers))
    right = facts["accuracy"]
    output.line(
        f"test accuracy {right['test_by_http']:.3f} through InvokeEndpoint, {right['test_by_training']:.3f} said training; "
        f"{facts['same_answer_as_training']['same']} of {len(answers)} answers the same"
    )
    output.line(
        f"{facts['answer_milliseconds']['p50']:.1f} ms an answer at {invocation.CONNECTIONS} connections (median), "
        f"{facts['seconds_per_step']:.3f} s a training step, {sum(story.seconds.values()):.0f} s in all"
    )
    output.line(f"\nwritten  {summary}")
    output.line(f"report   {facts['reports']['training']}")
    output.line(f"report   {facts['reports']['tuning']}")
    output.next(settings, ("deploy", "the same model again, to stay"), ("invoke PICTURE", "one picture, one answer"))
    if story.config.data is None:
        output.line("      make demo DATA=folder WEIGHTS=resnet18.pth   the same on photographs")
