"""`rules report PLACE`: the report of a job, of a tuning job, or of two jobs side by side, as an HTML file and JSON."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rules.errors import RuleError, SourceError
from rules.reading.job_files import Places, described, find
from rules.report import comparison, comparison_page, tuning, tuning_page
from rules.report.job_page import page
from rules.report.job_report import gather, pictures_of, save
from rules.report.tuning import KEYS


def main(arguments: Sequence[str]) -> int:
    """Writes the report; 0, or 2 where it could not be made."""
    given = _parser().parse_args(arguments)
    try:
        print(_write(given), flush=True)
    except (RuleError, OSError) as error:
        print(f"error: {error}", flush=True)
        return 2
    return 0


def _write(given: argparse.Namespace) -> Path:
    told = described(given.place)
    if told is not None and set(told) >= KEYS:
        if given.compare:
            raise SourceError("--compare: a tuning job cannot be compared; give two training jobs.")
        found = tuning.gather(told)
        return save(given.output, tuning_page.page(found), found)
    if given.compare:
        body = comparison.compare(*(_gather(given, place)[1] for place in (given.place, given.compare)))
        return save(given.output, comparison_page.page(body), body)
    places, body = _gather(given, given.place)
    return save(given.output, page(body, pictures_of(places, body)), body)


def _gather(given: argparse.Namespace, place: str) -> tuple[Places, dict[str, Any]]:
    places = find(place, given.pictures, given.rules)
    return places, gather(places, lambda line: print(line, flush=True), everything=given.all)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rules report", description="Write the report of a job as HTML and JSON.")
    parser.add_argument(
        "place", help="a job's folder or s3:// prefix, or a .json file with the answer of DescribeTrainingJob, or a tuning job's"
    )
    parser.add_argument("--compare", metavar="PLACE", help="another job: the two side by side instead")
    parser.add_argument("--pictures", metavar="PLACE", help="folder or prefix that holds the channels, for the worst mistakes")
    parser.add_argument("--rules", metavar="PLACE", help="below it, JOB/rule-output may hold results of rules run after a job")
    parser.add_argument("--all", action="store_true", help="evaluate every rule, however much was saved")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for report.html and report.json (default: here)")
    return parser
