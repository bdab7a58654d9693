"""An action is done when a rule fires: StopTraining, with the fields of AWS's `action_json`."""

import json
from dataclasses import dataclass
from typing import Any

from rules.checks.rule import Rule
from rules.errors import ParameterError


@dataclass(frozen=True, slots=True)
class StopTraining:
    """Stops the one running training job whose name begins with `prefix`; none where several do, as AWS has it.

    smdebug's own action lower-cases the prefix, so that it never finds a job with a capital in its name; this one does not.
    """

    prefix: str

    def __call__(self, sagemaker: Any) -> str:
        """What was done, as a sentence. `sagemaker` is a boto3 client."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            pages = sagemaker.get_paginator("list_training_jobs").paginate(NameContains=self.prefix, StatusEquals="InProgress")
            names = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
            found = [name for name in names if name.startswith(self.prefix)]
            if self.prefix in found:
                found = [self.prefix]
            if len(found) != 1:
                return f"StopTraining stopped nothing: {len(found)} jobs in progress begin with {self.prefix!r}."
            sagemaker.stop_training_job(TrainingJobName=found[0])
        except (ClientError, BotoCoreError) as error:
            return f"StopTraining failed: {error}"
        return f"StopTraining: {found[0]} is being stopped."


def read_actions(text: str, job: str | None) -> list[StopTraining]:
    """The actions of an `action_json`: one, or a list. `job` stands for a prefix that is absent. Raises ParameterError."""
    if not text.strip():
        return []
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise ParameterError("action_json is not JSON.") from None
    actions = []
    for one in body if isinstance(body, list) else [body]:
        name = one.get("name") if isinstance(one, dict) else None
        if str(name).lower() != "stoptraining":
            raise ParameterError(f"action_json: {name!r} is not supported; stoptraining is.")
        prefix = one.get("training_job_prefix") or job
        if not prefix:
            raise ParameterError("action_json: stoptraining needs training_job_prefix.")
        actions.append(StopTraining(prefix))
    return actions


def stalled_action(rule: Rule, job: str | None) -> list[StopTraining]:
    """The action that StalledTrainingRule has among its own parameters. Raises ParameterError."""
    if not getattr(rule, "stop_training_on_fire", False):
        return []
    prefix = getattr(rule, "training_job_name_prefix", None) or job
    if not prefix:
        raise ParameterError("StalledTrainingRule.stop_training_on_fire needs training_job_name_prefix.")
    return [StopTraining(prefix)]
