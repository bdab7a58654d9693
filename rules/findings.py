"""What was found: the results that the job's own rules left, and, evaluated here, the rules that nobody asked the job for.

A rule that could not look is never shown as one that found nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rules.catalog import DEBUGGER, PROFILER, make
from rules.errors import ParameterError, RuleError
from rules.evaluation import Evaluation
from rules.overall_rules import PARTS, ProfilerReport
from rules.places import Places, parsed
from rules.rule import plain
from rules.scale import finite, thin
from rules.source import Source

LARGE = 500_000_000
"""Bytes of saved tensors above which only the rules over losses are evaluated here: the others read all of them."""
OVER_LOSSES = ("LossNotDecreasing", "Overfit", "Overtraining")
NOT_AFTER_THE_END = ("StalledTrainingRule",)
SHOWN, POINTS = 12, 400
"""Pieces of evidence, and series with their points, that are kept of a rule."""

PROFILERS = frozenset(rule.__name__ for rule in PROFILER)

Say = Callable[[str], None]


def findings(places: Places, say: Say = lambda line: None, *, everything: bool = False) -> dict[str, Any]:
    """`rules`: a row each, those with issues first. `odd`: what could not be read. Or `absent`, the reason."""
    odd: list[str] = []
    own = [row for source in places.rules for row in _left(source, odd)]
    own += _statuses(places.job, {row["rule"] for row in own} | {row["name"] for row in own})
    known = {row["rule"] for row in own}
    rows = own + [row for row in _evaluated(places, say, everything, odd) if row["rule"] not in known]
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


def of_parts(rule: ProfilerReport) -> list[dict[str, Any]]:
    """The rules inside ProfilerReport, as the report keeps them."""
    rows = []
    for part in rule.parts:
        found = rule.found.get(part.name, [])
        silent = None if found else part.lacks() or part.note()
        told = {"rule": part.name, "status": "IssuesFound" if found else "NotJudged" if silent else "NoIssuesFound"}
        told |= {
            "details": silent,
            "found": len(found),
            "evidence": [plain(one) for one in found],
            "parameters": part.parameters(),
        }
        if not part.name.startswith("Overall"):
            rows.append(row(part.name, told | {"advice": part.advice}, "by the job"))
    return rows


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
        if name not in known and (rules.get(name) or name) not in known:
            told = {
                "rule": rules.get(name) or name,
                "status": one.get("RuleEvaluationStatus"),
                "details": one.get("StatusDetails"),
            }
            if told["status"] != "NoIssuesFound":
                rows.append(row(name, told, "by the job"))
            else:
                rows.append(row(name, told | {"details": ""}, "by the job"))
    return rows


def _evaluated(places: Places, say: Say, everything: bool, odd: list[str]) -> Iterator[dict[str, Any]]:
    if places.tensors:
        large = not everything and _size(places.tensors) > LARGE
        for rule in DEBUGGER:
            name = rule.__name__
            if name in NOT_AFTER_THE_END or (large and name not in OVER_LOSSES):
                continue
            try:
                made = make(name, {})
            except ParameterError:  # it needs to be told what to look at
                continue
            yield _evaluate(Evaluation(rule=made, place="", source=places.tensors, exhaustive=True), say)
        if large:
            odd.append(
                f"The saved tensors are over {LARGE / 1e6:.0f} MB, so of the rules that the job had not, only those over losses "
                "were evaluated here; --all evaluates every one."
            )
    for part in PARTS if places.profile else ():
        if not part.__name__.startswith("Overall"):
            yield _evaluate(Evaluation(rule=make(part.__name__, {}), place="", source=places.profile), say)


def _evaluate(evaluation: Evaluation, say: Say) -> dict[str, Any]:
    say(f"  {evaluation.rule.name}")
    result = json.loads(json.dumps(evaluation.run().as_json()))
    return row(evaluation.rule.name, result, "for this report")


def _size(source: Source) -> int:
    return sum(file.size for file in source.files("events/"))
