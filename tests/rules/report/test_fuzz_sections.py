"""Whatever a training program left in output/data, each section of the report is made or says why not, and nothing is raised."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from contract import output_data
from rules.checks.evaluation import finite_or_null
from rules.reading.job_files import JobFiles
from rules.report.absent import Absent
from rules.report.learning_curves import final_metrics, learning_curves
from rules.report.operators import operator_times
from rules.report.predictions import predictions
from tests.support.fuzzing import bounded, fuzzed, json_values, mutated

NUMBERS = st.one_of(st.integers(-5, 5), st.floats(), st.sampled_from([10**400, True, None, "1", [1], {}]))
MEASURED = st.dictionaries(st.sampled_from(["epoch", "train:loss", "validation:accuracy", "x"]), NUMBERS, max_size=3)
EPOCHS = st.lists(MEASURED, max_size=3)
STEPS = b"epoch,step,lr,loss,digest\n1,1,0.1,2.0,a\n1,2,0.1,1.0,b\n"
TIMED = {"name": json_values(2), "self_cpu_us": NUMBERS, "device_us": NUMBERS, "calls": NUMBERS}
OPERATOR = st.fixed_dictionaries({}, optional=TIMED)
OPERATORS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "steps": st.one_of(st.lists(NUMBERS, max_size=2), NUMBERS),
            "operators": st.one_of(st.lists(OPERATOR, max_size=3), NUMBERS),
            "kernels": st.one_of(st.lists(OPERATOR, max_size=3), NUMBERS),
            "flops_per_step": NUMBERS,
            "flops": json_values(3),
        },
    ),
    json_values(),
)
PEAKS = st.one_of(st.dictionaries(st.sampled_from(["float32", "x"]), NUMBERS), json_values(3))
MACHINES = st.one_of(st.fixed_dictionaries({"peak_flops": PEAKS}), json_values())


def made(section: object) -> None:
    """It can be written as report.json."""
    json.dumps(finite_or_null(section), allow_nan=False)


@fuzzed(80)
@given(st.one_of(EPOCHS, json_values()), mutated([STEPS]), json_values(3))
@example([{"epoch": 1e400}], b"", None)
@example([{"epoch": "one"}], b"", None)
@example([{"epoch": 1, "train:loss": 10**400}], b"", None)
@example([{"epoch": 1, "train:loss": "x"}], b"", None)
@example([], STEPS.replace(b"1,2", b"1," + b"9" * 5000), None)
@example([], b'"' + b"x" * 200_000, None)
@example([], b"", {"loss": 10**400})
@example([], b"", ["loss"])
def test_any_history_gives_curves_or_a_reason(epochs: object, steps: bytes, metrics: object) -> None:
    files = {output_data.HISTORY: json.dumps(epochs).encode(), output_data.STEPS: steps}
    job = JobFiles(name="a", location="a", output_files=files, manifest={"metrics": metrics})
    warnings: list[str] = []
    made(bounded(lambda: learning_curves(job, warnings)))
    made(bounded(lambda: final_metrics(job)))


@fuzzed(80)
@given(OPERATORS, MACHINES)
@example({"operators": [{}]}, {})
@example({"operators": [{"name": "x", "self_cpu_us": "1"}]}, {})
@example({"steps": 3}, {})
@example({"flops_per_step": "x"}, {})
@example({"flops_per_step": 1, "flops": [1]}, {"peak_flops": {"float32": "x"}})
@example({"flops_per_step": 10**400}, {"peak_flops": {"float32": 1}})
@example({}, {"peak_flops": 3})
def test_any_operators_give_times_or_a_reason(operators: object, machine: object) -> None:
    files = {output_data.OPERATORS: json.dumps(operators).encode(), output_data.MACHINE: json.dumps(machine).encode()}
    group = {"mode": "TRAIN", "median": 0.5}
    made(bounded(lambda: operator_times(files, [group], "float32", [])))


PREDICTIONS = b"picture,class,predicted,probability\ntest/a/1.jpg,a,a,0.9\ntest/b/2.jpg,b,a,0.6\n"


@fuzzed(80)
@given(mutated([PREDICTIONS]))
@example(PREDICTIONS.replace(b"0.9", b"inf"))
@example(PREDICTIONS.replace(b"0.9", b""))
@example(b"\n" * 10)
def test_any_predictions_give_a_section_or_a_reason(data: bytes) -> None:
    said: Absent | object = bounded(lambda: predictions({output_data.predictions("test"): data}, []))
    made(said)
