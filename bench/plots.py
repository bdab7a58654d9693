"""The README's plots: horizontal bars as SVG files that need no font, no script and no page behind them. Measures nothing."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WIDTH, _ROW, _TOP = 760, 26, 44
_LETTER = 7.5
"""As wide as one of a name is taken to be, in a font that nobody chose."""
_OURS, _THEIRS = "#2f6f4f", "#9aa5a0"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `value` in the plot's unit, `said` as it is written beside it; `ours` gives it the darker colour."""

    name: str
    value: float
    said: str
    ours: bool


def draw(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[Path]:
    """Write bench-NAME.svg into `folder` for each result there is; yields the files."""
    for name, (title, bars_of) in _PLOTS.items():
        if name in results and (bars := bars_of(results[name])):
            file = folder / f"bench-{name.replace('_', '-')}.svg"
            file.write_text(svg(title, bars), "utf-8")
            yield file


def svg(title: str, bars: Sequence[Bar]) -> str:
    """The plot as a whole SVG document."""
    height, longest = _TOP + _ROW * len(bars) + 12, max(bar.value for bar in bars) or 1.0
    names = round(24 + _LETTER * max(len(bar.name) for bar in bars))
    room = _WIDTH - names - 150
    rows = []
    for number, bar in enumerate(bars):
        top, width = _TOP + _ROW * number, max(2.0, room * bar.value / longest)
        rows.append(
            f'<text x="{names - 10}" y="{top + 15}" text-anchor="end">{html.escape(bar.name)}</text>'
            f'<rect x="{names}" y="{top + 2}" width="{width:.1f}" height="18" rx="2" fill="{_OURS if bar.ours else _THEIRS}"/>'
            f'<text x="{names + width + 8:.1f}" y="{top + 15}">{html.escape(bar.said)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{html.escape(title)}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="#1d2420">'
        f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="#fbfbf8"/>'
        f'<text x="14" y="26" font-size="15" font-weight="600">{html.escape(title)}</text>{"".join(rows)}</svg>\n'
    )


def _serving(found: Mapping[str, Any]) -> list[Bar]:
    rows = [row for row in found["rows"] if row["connections"] == 4 and row["pictures"] == "photographs"]
    rows.sort(key=lambda row: -row["rate"])
    return [
        Bar(row["peer"], row["rate"], f"{row['rate']:.0f}/s, p99 {row['p99']:.0f} ms", row["peer"].startswith("serve,"))
        for row in rows
    ]


def _tuning(found: Mapping[str, Any]) -> list[Bar]:
    row = next(row for row in found["by_trials"] if row["trials"] == 20)
    return [
        Bar("on kept features", row["features_cpu"], f"{row['features_cpu']:,.0f} s", True),
        Bar("on the pictures", row["plain_cpu"], f"{row['plain_cpu']:,.0f} s", False),
    ]


def _profile(found: Mapping[str, Any]) -> list[Bar]:
    return [Bar(name, one["ratio"], f"{one['ratio']:.3f}", name != "off") for name, one in found["settings"].items()]


def _local_server(found: Mapping[str, Any]) -> list[Bar]:
    row = next(row for row in found["rows"] if row["measure"].startswith("DescribeTrainingJob"))
    return [
        Bar("local_sagemaker", row["local_sagemaker"], f"{row['local_sagemaker']:.1f} ms", True),
        Bar("moto's server", row["moto"], f"{row['moto']:.1f} ms", False),
    ]


_PLOTS = {
    "serving": ("Requests a second at 4 connections, photographs, one machine", _serving),
    "tuning": ("CPU seconds of twenty trials of a new head", _tuning),
    "profile": ("CPU time of a training step, beside one without hooks and profile", _profile),
    "local_server": ("DescribeTrainingJob, median", _local_server),
}
