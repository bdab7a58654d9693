"""`rules report PLACE` writes the report of a job, of a tuning job, or of two jobs side by side, as HTML and JSON."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from contract.visible import visible
from rules.errors import RuleError, SourceError
from rules.reading.job_files import JobFiles, find, read_description
from rules.report import comparison, comparison_page, tuning, tuning_page
from rules.report.job_page import page
from rules.report.job_report import JobReport, gather, pictures_of, save
from rules.report.tuning import KEYS


def main(arguments: Sequence[str]) -> int:
    """Writes the report; 0, or 2 where it could not be made."""
    given = _parser().parse_args(arguments)
    try:
        print(_write(given), flush=True)
    except (RuleError, OSError) as error:
        print(visible(f"error: {error}"), flush=True)
        return 2
    return 0


def _write(given: argparse.Namespace) -> Path:
    told = read_description(given.place)
    if told is not None and set(told) >= KEYS:
        if given.compare:
            raise SourceError("--compare: a tuning job cannot be compared; give two training jobs.")
        search = tuning.gather(told)
        return save(given.output, tuning_page.page(search), search)
    job, body = _gather(given, given.place)
    if given.compare:
        both = comparison.compare(body, _gather(given, given.compare)[1])
        return save(given.output, comparison_page.page(both), both)
    return save(given.output, page(body, pictures_of(job, body)), body)


def _gather(given: argparse.Namespace, place: str) -> tuple[JobFiles, JobReport]:
    job = find(place, given.pictures, given.rules)
    return job, gather(job, lambda line: print(visible(line), flush=True), everything=given.all)


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
