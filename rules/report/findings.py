"""What was found: the results that the job's own rules left, and, evaluated here, the rules that nobody asked the job for.

A rule that could not look is never shown as one that found nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rules.checks.catalog import DEBUGGER, PROFILER, make
from rules.checks.evaluation import Evaluation
from rules.checks.overall import ProfilerReport
from rules.checks.profiler_rule import ProfilerRule
from rules.checks.rule import Evidence, plain
from rules.errors import ParameterError, RuleError
from rules.reading.job_files import Places, parsed
from rules.reading.profile import Profile
from rules.reading.source import Source
from rules.report.curve import finite, thin

LARGE = 500_000_000
"""Bytes of saved tensors above which only the rules over losses are evaluated here: the others read all of them."""
OVER_LOSSES = ("LossNotDecreasing", "Overfit", "Overtraining")
HERE = "for this report"
ONLY_REPORT = ("OverallSystemUsage", "OverallFrameworkMetrics")
NOT_AFTER_THE_END = ("StalledTrainingRule",)
SHOWN, POINTS = 12, 400
"""Pieces of evidence, and series with their points, that are kept of a rule."""

PROFILERS = frozenset(rule.__name__ for rule in PROFILER)

Say = Callable[[str], None]


def findings(
    places: Places, profile: Profile | None = None, say: Say = lambda line: None, *, everything: bool = False
) -> dict[str, Any]:
    """`rules`: a row each, those with issues first. `odd`: what could not be read. Or `absent`, the reason."""
    odd: list[str] = []
    own = [row for source in places.rules for row in _left(source, odd)]
    own += _statuses(places.job, {row["rule"] for row in own} | {row["name"] for row in own})
    known = {row["rule"] for row in own}
    if profile:
        own = [row for row in own if row["rule"] != "ProfilerReport"] + _profiled(profile, own, known)
    rows = own + (list(_tensors(places.tensors, known, say, everything, odd)) if places.tensors else [])
    if not rows:
        return {
            "absent": "No rule could look at this job: it saved no tensors and no profile. Give it a DebugHookConfig and a "
            "ProfilerConfig, each with an S3OutputPath.",
            "odd": odd,
        }
    order = {"IssuesFound": 0, "Error": 2, "NotJudged": 2}
    return {"rules": sorted(rows, key=lambda row: (order.get(row["status"], 1), row["rule"])), "odd": odd}


def row(name: str, result: Mapping[str, Any], by: str) -> dict[str, Any]:
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
        "series": {subject: thin(finite(series[subject]), POINTS) for subject in chosen[:6]},
        "subjects": len(series),
        "evaluated": by,
    }


def judged(rule: ProfilerRule, found: list[Evidence], by: str) -> dict[str, Any]:
    """A Profiler rule after its last scan, as the report keeps it."""
    silent = None if found else rule.lacks() or rule.note()
    return row(
        rule.name,
        {
            "rule": rule.name,
            "status": "IssuesFound" if found else "NotJudged" if silent else "NoIssuesFound",
            "details": silent,
            "found": len(found),
            "evidence": [plain(one) for one in found],
            "advice": rule.advice,
            "parameters": rule.parameters(),
        },
        by,
    )


def of_parts(rule: ProfilerReport, by: str = "by the job") -> list[dict[str, Any]]:
    """The rules inside ProfilerReport, as the report keeps them."""
    return [judged(part, rule.found.get(part.name, []), by) for part in rule.parts if part.name not in ONLY_REPORT]


def _profiled(profile: Profile, own: list[dict[str, Any]], known: set[str]) -> list[dict[str, Any]]:
    """The Profiler rules that the job had not by themselves, with the parameters of its ProfilerReport where it had that."""
    told = next((row["parameters"] for row in own if row["rule"] == "ProfilerReport"), {})
    rule = ProfilerReport.build({name: str(value) for name, value in told.items() if name[:1].isupper()})
    rule.scan(profile)
    by = "as the job's ProfilerReport" if told else HERE
    return [row for row in of_parts(rule, by) if row["rule"] not in known]


def _left(source: Source, odd: list[str]) -> Iterator[dict[str, Any]]:
    """The results below rule-output: <configuration>/<Rule>.json."""
    for file in source.files(""):
        folder, _, name = file.name.rpartition("/")
        if not name.endswith(".json") or folder.endswith("profiler-reports"):
            continue
        try:
            body = parsed(file.name, source.read(file.name))
            if {"rule", "status", "evidence"} <= set(body):
                yield row(folder.partition("/")[0] or name.removesuffix(".json"), body, "by the job")
        except (RuleError, KeyError, TypeError, ValueError) as error:
            odd.append(f"rule-output: {error}")


def _statuses(job: Mapping[str, Any], known: set[str]) -> list[dict[str, Any]]:
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
            rows.append(row(name, told, "by the job"))
    return rows


def _tensors(source: Source, known: set[str], say: Say, everything: bool, odd: list[str]) -> Iterator[dict[str, Any]]:
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
        yield row(name, json.loads(json.dumps(result.as_json())), HERE)
    if large:
        odd.append(
            f"The saved tensors are over {LARGE / 1e6:.0f} MB, so of the rules that the job had not, only those over losses "
            "were evaluated here; --all evaluates every one."
        )
