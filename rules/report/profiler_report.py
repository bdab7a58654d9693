"""The page that the rule ProfilerReport leaves beside its JSON shows what the profiler's files alone tell of a job."""

from rules.checks.evaluation import finite_or_null
from rules.checks.overall import ProfilerReport
from rules.reading.job_files import JobFiles
from rules.report.findings import profiler_rows
from rules.report.job_page import page
from rules.report.job_report import VERSION, JobReport, now
from rules.report.operators import OperatorTimes
from rules.report.time_breakdown import time_breakdown
from rules.report.utilization import utilization


def profiler_page(rule: ProfilerReport, name: str) -> str:
    """The page of a rule that has been evaluated. `name`: the job's, or the folder that was looked at."""
    files = JobFiles(name=name, location="the job's profile")
    body: JobReport = {
        "report": VERSION,
        "name": name,
        "script": "",
        "location": files.location,
        "written": now(),
        "metrics": {},
        "findings": {"rules": profiler_rows(rule), "warnings": []},
        "time": {**time_breakdown(files, rule.profile, {}), **OperatorTimes()},
        "machine": utilization(rule.profile),
        "warnings": [],
    }
    return page(finite_or_null(body), {})
