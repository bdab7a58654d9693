"""The evaluation status of rules is read from the descriptions of training jobs, and of Processing jobs that evaluate one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.exit_message import is_condition_met
from scripts.aws.secrets import hide

LIVE = ("InProgress", "Stopping")
STYLES = {"IssuesFound": "red", "Error": "yellow", "Stopped": "yellow", "NoIssuesFound": "green"}
_PROCESSING = {"InProgress": "InProgress", "Stopping": "Stopping", "Stopped": "Stopped", "Completed": "NoIssuesFound"}


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One rule. `status` is AWS's RuleEvaluationStatus, `details` its StatusDetails."""

    rule: str
    status: str
    details: str = ""

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def line(self) -> str:
        return f"   rule   {self.rule:<26} {self.status}{f': {hide(self.details)}' if self.details else ''}"

    @property
    def style(self) -> str:
        return STYLES.get(self.status, "")


def of_training_job(found: Mapping[str, Any]) -> list[RuleStatus]:
    """From DescribeTrainingJob."""
    rows = [*found.get("DebugRuleEvaluationStatuses", []), *found.get("ProfilerRuleEvaluationStatuses", [])]
    return [RuleStatus(row["RuleConfigurationName"], row["RuleEvaluationStatus"], row.get("StatusDetails", "")) for row in rows]


def of_processing_job(rule: str, found: Mapping[str, Any]) -> RuleStatus:
    """From DescribeProcessingJob of a job that evaluates a rule."""
    message = found.get("ExitMessage", "")
    status = _PROCESSING.get(found["ProcessingJobStatus"], "Error")
    return RuleStatus(rule, "IssuesFound" if is_condition_met(message) else status, message or found.get("FailureReason", ""))


def facts(statuses: list[RuleStatus]) -> dict[str, dict[str, str]]:
    """As summary.json has them."""
    return {one.rule: {"status": one.status, "details": one.details} for one in statuses}
