"""Two jobs side by side, as plain data made from the two reports: what differs in their settings, their numbers, their time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Body = Mapping[str, Any]


def compare(one: Body, other: Body) -> dict[str, Any]:
    """`settings` that differ, `metrics`, `curves`, `steps` and `rules` of both, in the order they were given."""
    names = [one["name"], other["name"]]
    if names[0] == names[1]:
        names = [f"{names[0]} (1)", f"{names[1]} (2)"]
    return {
        "report": 1,
        "kind": "comparison",
        "names": names,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": differences(one["settings"], other["settings"]),
        "known_settings": "absent" not in one["settings"] and "absent" not in other["settings"],
        "metrics": side_by_side(one["metrics"], other["metrics"]),
        "curves": {kind: [_curves(body, kind) for body in (one, other)] for kind in ("loss", "accuracy", "rate")},
        "steps": [[_steps(group) for group in body["time"]["groups"]] for body in (one, other)],
        "rules": statuses(one["findings"], other["findings"]),
    }


def differences(one: Body, other: Body) -> list[list[str]]:
    """[group, name, value, value] of each setting that is not the same; a dash where one of the jobs has it not."""
    rows = []
    for group in ("hyperparameters", "data", "job", "machine", "versions"):
        first, second = one.get(group) or {}, other.get(group) or {}
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name) and name not in ("began", "ended"):
                rows.append([group, name, first.get(name, "–"), second.get(name, "–")])
    return rows


def side_by_side(one: Mapping[str, float], other: Mapping[str, float]) -> list[list[Any]]:
    """[metric, value, value, difference] of each metric; None where one of the jobs has it not."""
    rows = []
    for name in sorted({*one, *other}):
        first, second = one.get(name), other.get(name)
        rows.append([name, first, second, second - first if first is not None and second is not None else None])
    return rows


def statuses(one: Body, other: Body) -> list[list[str]]:
    """[rule, status, status] of each rule that either job has."""
    found = [{row["rule"]: row["status"] for row in part.get("rules", ())} for part in (one, other)]
    return [[name, found[0].get(name, "–"), found[1].get(name, "–")] for name in sorted({*found[0], *found[1]})]


def _curves(body: Body, kind: str) -> dict[str, Any]:
    return dict(body["learning"].get(kind) or {})


def _steps(group: Body) -> dict[str, Any]:
    return {key: group[key] for key in ("node", "mode", "steps", "median", "p95", "outlier_count", "percent")}
