"""The findings are the results of the job's own rules, and of every other rule, which is evaluated for the report.

A rule that could not look is never shown as one that found nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypedDict, final

from rules.checks.catalog import DEBUGGER, PROFILER, make
from rules.checks.evaluation import Evaluation
from rules.checks.overall import ProfilerReport
from rules.checks.profiler_rule import ProfilerRule
from rules.checks.rule import Evidence, EvidenceRow, evidence_row
from rules.checks.thinning import Point, thin
from rules.errors import ParameterError, RuleError
from rules.reading.job_files import JobFiles
from rules.reading.profile import Profile
from rules.reading.source import Source, json_object
from rules.report.curve import finite_points

LARGE = 500_000_000
"""Bytes of saved tensors above which only the rules over losses are evaluated here: the others read all of them."""
OVER_LOSSES = ("LossNotDecreasing", "Overfit", "Overtraining")
FOR_THIS_REPORT = "for this report"
ONLY_REPORT = ("OverallSystemUsage", "OverallFrameworkMetrics")
NOT_AFTER_THE_END = ("StalledTrainingRule",)
SHOWN, POINTS = 12, 400
"""Pieces of evidence, and series with their points, that are kept of a rule."""

PROFILERS = frozenset(rule.__name__ for rule in PROFILER)

Say = Callable[[str], None]


class RuleRow(TypedDict):
    """A rule as the report shows it. `over`: what `series` is plotted over; `subjects`: how many series the rule kept;
    `evaluated`: by whom, such as "by the job"."""

    name: str
    rule: str
    status: str
    over: Literal["steps", "time"]
    details: str
    found: int
    evidence: list[EvidenceRow]
    advice: str
    parameters: dict[str, Any]
    series: dict[str, list[Point]]
    subjects: int
    evaluated: str


@final
class Findings(TypedDict):
    """`rules`: those with issues first. `warnings`: what could not be read."""

    rules: list[RuleRow]
    warnings: list[str]


@final
class NoFindings(TypedDict):
    """`absent`: why no rule could look at the job. `warnings`: what could not be read."""

    absent: str
    warnings: list[str]


def findings(
    job: JobFiles, profile: Profile | None = None, say: Say = lambda line: None, *, everything: bool = False
) -> Findings | NoFindings:
    """Collects the results of the job's own rules and evaluates those it had not; `everything`: however much was saved."""
    warnings: list[str] = []
    own = [row for source in job.rule_outputs for row in _left(source, warnings)]
    own += _statuses(job.description, {row["rule"] for row in own} | {row["name"] for row in own})
    known = {row["rule"] for row in own}
    if profile:
        own = [row for row in own if row["rule"] != "ProfilerReport"] + _profiled(profile, own, known)
    rows = own + (list(_tensors(job.tensors, known, say, everything, warnings)) if job.tensors else [])
    if not rows:
        return {
            "absent": "No rule could look at this job: it saved no tensors and no profile. Give it a DebugHookConfig and a "
            "ProfilerConfig, each with an S3OutputPath.",
            "warnings": warnings,
        }
    order = {"IssuesFound": 0, "Error": 2, "NotJudged": 2}
    return {"rules": sorted(rows, key=lambda row: (order.get(row["status"], 1), row["rule"])), "warnings": warnings}


def rule_row(name: str, result: Mapping[str, Any], by: str) -> RuleRow:
    """One rule as the report keeps it. A status NoIssuesFound of a rule that had nothing to judge becomes NotJudged."""
    status, details = str(result.get("status")), str(result.get("details") or "")
    if status == "NoIssuesFound" and details:
        status = "NotJudged"
    evidence = list(result.get("evidence") or ())[:SHOWN]
    series = result.get("series") or {}
    subjects = [one["subject"] for one in evidence if one["subject"] in series]
    chosen = list(dict.fromkeys(subjects)) or sorted(series)
    return {
        "name": name,
        "rule": str(result.get("rule") or name),
        "status": status,
        "over": "time" if result.get("rule") in PROFILERS else "steps",
        "details": details,
        "found": int(result.get("found") or 0),
        "evidence": evidence,
        "advice": str(result.get("advice") or ""),
        "parameters": dict(result.get("parameters") or {}),
        "series": {subject: thin(finite_points(series[subject]), POINTS) for subject in chosen[:6]},
        "subjects": len(series),
        "evaluated": by,
    }


def profiler_row(rule: ProfilerRule, found: list[Evidence], by: str) -> RuleRow:
    """A Profiler rule after its last scan, as the report keeps it."""
    silent = None if found else rule.missing_input() or rule.not_judged()
    return rule_row(
        rule.name,
        {
            "rule": rule.name,
            "status": "IssuesFound" if found else "NotJudged" if silent else "NoIssuesFound",
            "details": silent,
            "found": len(found),
            "evidence": [evidence_row(one) for one in found],
            "advice": rule.advice,
            "parameters": rule.parameters(),
        },
        by,
    )


def profiler_rows(rule: ProfilerReport, by: str = "by the job") -> list[RuleRow]:
    """The rules inside ProfilerReport, as the report keeps them."""
    return [profiler_row(part, rule.found.get(part.name, []), by) for part in rule.parts if part.name not in ONLY_REPORT]


def _profiled(profile: Profile, own: list[RuleRow], known: set[str]) -> list[RuleRow]:
    """The Profiler rules that the job had not by themselves, with the parameters of its ProfilerReport where it had that."""
    told: dict[str, Any] = next((row["parameters"] for row in own if row["rule"] == "ProfilerReport"), {})
    rule = ProfilerReport.build({name: str(value) for name, value in told.items() if name[:1].isupper()})
    rule.scan(profile)
    by = "as the job's ProfilerReport" if told else FOR_THIS_REPORT
    return [row for row in profiler_rows(rule, by) if row["rule"] not in known]


def _left(source: Source, warnings: list[str]) -> Iterator[RuleRow]:
    """The results below rule-output: <configuration>/<Rule>.json."""
    for file in source.files(""):
        folder, _, name = file.name.rpartition("/")
        if not name.endswith(".json") or folder.endswith("profiler-reports"):
            continue
        try:
            body = json_object(file.name, source.read(file.name))
            if {"rule", "status", "evidence"} <= set(body):
                yield rule_row(folder.partition("/")[0] or name.removesuffix(".json"), body, "by the job")
        except (RuleError, KeyError, TypeError, ValueError) as error:
            warnings.append(f"rule-output: {error}")


def _statuses(job: Mapping[str, Any], known: set[str]) -> list[RuleRow]:
    """Of rules that left no result: what DescribeTrainingJob says."""
    found = [*(job.get("DebugRuleEvaluationStatuses") or ()), *(job.get("ProfilerRuleEvaluationStatuses") or ())]
    configured = [*(job.get("DebugRuleConfigurations") or ()), *(job.get("ProfilerRuleConfigurations") or ())]
    rules = {one["RuleConfigurationName"]: (one.get("RuleParameters") or {}).get("rule_to_invoke") for one in configured}
    rows = []
    for one in found:
        name = one["RuleConfigurationName"]
        rule = rules.get(name) or name
        if name not in known and rule not in known:
            told = {"rule": rule, "status": one.get("RuleEvaluationStatus"), "details": one.get("StatusDetails")}
            rows.append(rule_row(name, told, "by the job"))
    return rows


def _tensors(source: Source, known: set[str], say: Say, everything: bool, warnings: list[str]) -> Iterator[RuleRow]:
    """The Debugger rules that the job had not."""
    large = not everything and sum(file.size for file in source.files("events/")) > LARGE
    for name in (rule.__name__ for rule in DEBUGGER):
        if name in known or name in NOT_AFTER_THE_END or (large and name not in OVER_LOSSES):
            continue
        try:
            rule = make(name, {})
        except ParameterError:  # it needs to be told what to look at
            continue
        say(f"  {name}")
        result = Evaluation(rule=rule, place="", source=source, exhaustive=True).run()
        yield rule_row(name, result.as_json(), FOR_THIS_REPORT)
    if large:
        warnings.append(
            f"The saved tensors are over {LARGE / 1e6:.0f} MB, so of the rules that the job had not, only those over losses "
            "were evaluated here; --all evaluates every one."
        )
