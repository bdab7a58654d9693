"""The twenty defects of AWS's profiler report, each looked for in ours: with the numbers that AWS's report got wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from rules.checks.bottlenecks import CPUBottleneck, IOBottleneck
from rules.checks.catalog import make
from rules.checks.evaluation import Evaluation, Result, Status
from rules.checks.gpus import distance
from rules.reading.job_files import JobFiles
from rules.reading.profile import Profile
from rules.reading.source import Folder
from rules.reading.timeline import TimedStep
from rules.report.job_page import machine as machine_section
from rules.report.job_report import gather
from rules.report.operators import rows
from rules.report.time_breakdown import group_steps, part_shares, program_time
from rules.report.time_section import timing
from rules.report.utilization import utilization
from tests.support import saved_profile


def evaluate(rule: str, folder: Path, **parameters: object) -> Result:
    return Evaluation(rule=make(rule, {name: str(value) for name, value in parameters.items()}), place=str(folder)).run()


def read(folder: Path) -> Profile:
    profile = Profile(Folder(folder))
    profile.poll(final=True)
    return profile


def timed(seconds: list[float], **parts: list[float]) -> list[TimedStep]:
    found, at = [], 0.0
    for number, whole in enumerate(seconds):
        found.append(TimedStep("algo-1", "TRAIN", number, at, whole, {name: values[number] for name, values in parts.items()}))
        at += whole
    return found


def test_01_samples_above_98_percent_are_in_the_balance_histogram() -> None:
    """One GPU always at 99.5 %, one always at 3 %: as far from each other as can be."""
    assert distance(np.full(2000, 99.5), np.full(2000, 3.0)) == pytest.approx(np.log(2) ** 0.5)
    assert distance(np.full(500, 100.0), np.full(500, 99.0)) == 0.0


def test_02_one_busy_core_of_eight_is_no_cpu_bottleneck(tmp_path: Path) -> None:
    cores = {f"cpu{core}": [100.0 if core == 0 else 5.0] * 200 for core in range(8)}
    saved_profile.sample(tmp_path, {"CPUUtilization": cores, "GPUUtilization": {"gpu0": [2.0] * 200}})
    assert evaluate("CPUBottleneck", tmp_path, patience=100).status is Status.NO_ISSUES


def test_03_the_footprint_of_gpu_memory_is_not_its_activity(tmp_path: Path) -> None:
    saved_profile.sample(
        tmp_path,
        {
            "GPUUtilization": {"gpu0": [0.0] * 50},
            "GPUMemoryUtilization": {"gpu0": [0.0] * 50},
            "GPUMemoryUsedPercent": {"gpu0": [77.0] * 50},
        },
    )
    node = utilization(read(tmp_path))["nodes"]["algo-1"]
    assert node["spread"]["GPU memory controller"]["p50"] == 0 and node["spread"]["GPU memory taken"]["p50"] == 77
    assert set(node["footprint"]) == {"GPU memory taken"} and "GPU memory controller" in node["activity"]
    page = machine_section({"nodes": {"algo-1": node}})
    assert "Activity: share of the time in use" in page and "Footprint: share of the memory taken" in page


def test_04_a_step_is_whole_from_start_to_start(tmp_path: Path) -> None:
    """The events that smdebug writes last a quarter of the steps."""
    saved_profile.events(tmp_path, saved_profile.steps([0.05] * 20))
    profile = read(tmp_path)
    found = group_steps("n", "TRAIN", profile.timeline.steps())
    assert found["median"] == pytest.approx(0.05, rel=1e-3)
    event = next(event for event in profile.timeline.events if event.phase.startswith("Step"))
    assert event.seconds == pytest.approx(0.0125, rel=1e-3)


def test_05_what_no_part_covers_is_the_true_remainder() -> None:
    """With 30 % of each step outside its parts; AWS's recurrence settled near half of that."""
    found = part_shares(timed([1.0] * 50, Forward=[0.4] * 50, Backward=[0.3] * 50))
    assert found == {"Forward": pytest.approx(40), "Backward": pytest.approx(30), "Other": pytest.approx(30)}


def test_06_cpu_and_gpu_are_not_swapped(tmp_path: Path) -> None:
    cores = {f"cpu{core}": [97.0] * 200 for core in range(2)}
    saved_profile.sample(tmp_path, {"CPUUtilization": cores, "GPUUtilization": {"gpu0": [4.0] * 200}})
    message = evaluate("CPUBottleneck", tmp_path, patience=100).evidence[0].message
    assert "the GPUs are below 10 % and the CPUs are above 90 %" in message
    node = utilization(read(tmp_path))["nodes"]["algo-1"]
    assert node["spread"]["CPU"]["p50"] == 97 and node["spread"]["GPU"]["p50"] == 4


def test_07_operators_have_their_own_time_and_add_up_to_all_of_it() -> None:
    """A convolution inside a convolution inside a third: what each did itself."""
    given = [
        {"name": "conv2d", "self_cpu_us": 1.0, "calls": 1},
        {"name": "convolution", "self_cpu_us": 2.0, "calls": 1},
        {"name": "mkldnn_convolution", "self_cpu_us": 97.0, "calls": 1},
    ]
    found = rows(given, "self_cpu_us", 1)
    assert [row[3] for row in found] == [97.0, 2.0, 1.0]
    many = [{"name": f"op{index}", "self_cpu_us": float(index), "calls": 1} for index in range(60)]
    assert sum(row[3] for row in rows(many, "self_cpu_us", 1)) == pytest.approx(100)


def test_08_what_the_host_does_is_no_gpu_time() -> None:
    body = {
        "phases": [],
        "groups": [],
        "operators": [["enumerate(DataLoader)", 0.9, 1, 90.0], ["aten::mm", 0.1, 1, 10.0]],
        "kernels": [["sgemm", 0.3, 1, 100.0]],
    }
    host, _, gpu = timing(body).partition("Kernels, time on the GPU")
    assert "enumerate(DataLoader)" in host and "enumerate(DataLoader)" not in gpu and "sgemm" in gpu


def test_09_outliers_do_not_hide_themselves() -> None:
    """186 steps with a median of 19 ms, of which ten took 2.6 to 3.2 s: AWS's report named one."""
    seconds = [0.019 + 0.0001 * (index % 7) for index in range(176)] + [2.6 + 0.06 * index for index in range(10)]
    found = group_steps("algo-1", "TRAIN", timed(seconds))
    assert found["outlier_count"] == 10 and {step for step, *_ in found["outliers"]} == set(range(176, 186))


def test_10_every_mode_is_told(tmp_path: Path) -> None:
    train = saved_profile.steps([0.1] * 120 + [1.0] * 12)
    evaluation = [
        (phase, start + 100, length, step + 1000) for phase, start, length, step in saved_profile.steps([0.03] * 30, mode="EVAL")
    ]
    saved_profile.events(tmp_path, [*train, *evaluation])
    found = {one["mode"]: one for one in gather(JobFiles(name="j", location="", profile=Folder(tmp_path)))["time"]["groups"]}
    assert found["TRAIN"]["outlier_count"] == 12 and found["EVAL"]["outlier_count"] == 0
    assert found["TRAIN"]["median"] == pytest.approx(0.1, rel=1e-3) and found["EVAL"]["median"] == pytest.approx(0.03, rel=1e-3)


def test_11_scanning_again_counts_nothing_twice(tmp_path: Path) -> None:
    saved_profile.events(tmp_path, saved_profile.steps([0.1] * 120 + [1.0] * 12))
    rule, profile = make("StepOutlier", {}), read(tmp_path)
    counts = [(len(rule.scan(profile)), rule.details["values"]) for _ in range(5)]
    assert counts == [(1, {f"{saved_profile.HOST} TRAIN": 12.0})] * 5


def test_12_a_percentile_is_one(tmp_path: Path) -> None:
    """No box with whiskers that are something else: the numbers are the percentiles they are called."""
    values = [float(value) for value in range(101)]
    saved_profile.sample(tmp_path, {"CPUUtilization": {"cpu0": values}})
    assert utilization(read(tmp_path))["nodes"]["algo-1"]["spread"]["CPU"] == {
        "max": 100,
        "p99": 99,
        "p95": 95,
        "p50": 50,
        "min": 0,
    }


def test_13_the_window_of_a_rule_is_said_and_apart_from_the_whole_run(tmp_path: Path) -> None:
    """Idle for 1,500 samples, then busy for 600: over the last 500 the GPU is busy, over the whole run it is not."""
    saved_profile.sample(tmp_path, {"GPUUtilization": {"gpu0": [5.0] * 1500 + [5.0, 90.0] * 300}})
    found = evaluate("LowGPUUtilization", tmp_path)
    assert "over the last 500 samples" in found.evidence[0].message
    assert utilization(read(tmp_path))["nodes"]["algo-1"]["spread"]["GPU"]["p50"] == 5


def test_14_the_parts_of_a_whole_are_counts_of_samples_and_add_up() -> None:
    """AWS's pie subtracted the number of keys of a JSON object, two, from the count of samples."""
    for seconds in ([1.0] * 7, [0.5, 2.0, 0.1], [0.3] * 100):
        parts = part_shares(timed(seconds, Forward=[one / 3 for one in seconds], DataWait=[one / 7 for one in seconds]))
        assert sum(parts.values()) == pytest.approx(100)


@pytest.mark.parametrize("rule", [CPUBottleneck, IOBottleneck])
def test_15_a_share_says_of_what_it_is_one(rule: type, tmp_path: Path) -> None:
    """60 of 200 samples: 30 % of all, said to be of all."""
    other = "CPUUtilization" if rule is CPUBottleneck else "I/OWaitPercentage"
    saved_profile.sample(
        tmp_path, {other: {"cpu0": [99.0] * 60 + [1.0] * 140}, "GPUUtilization": {"gpu0": [1.0] * 120 + [90.0] * 80}}
    )
    found = evaluate(rule.__name__, tmp_path, patience=100, threshold=20)
    assert found.evidence[0].value == pytest.approx(30) and found.evidence[0].message.startswith("in 30 % of 200 samples")


@pytest.mark.parametrize(("percent", "words"), [(95.0, "are the limit"), (50.0, "used in part"), (5.0, "little used")])
def test_16_a_node_without_a_gpu_gets_a_verdict(percent: float, words: str, tmp_path: Path) -> None:
    saved_profile.sample(tmp_path, {"CPUUtilization": {"cpu0": [percent] * 50}})
    message = utilization(read(tmp_path))["nodes"]["algo-1"]["message"]
    assert message.startswith("This node has no GPU") and words in message


def test_17_it_is_said_when_the_start_took_longest(tmp_path: Path) -> None:
    saved_profile.sample(tmp_path, {"CPUUtilization": {"cpu0": [50.0] * 240}})
    saved_profile.events(
        tmp_path, [(phase, start + 100, length, step) for phase, start, length, step in saved_profile.steps([0.5] * 20)]
    )
    found = program_time(read(tmp_path))
    assert found["message"].startswith("Most of ") and "before the first step: 1 min 40 s" in found["message"]


def test_18_a_long_job_without_step_events_is_not_blamed_for_its_start(tmp_path: Path) -> None:
    saved_profile.sample(tmp_path, {"CPUUtilization": {"cpu0": [50.0] * (2 * 60 * 25)}})
    found = evaluate("MaxInitializationTime", tmp_path)
    assert found.status is Status.ERROR and "wrote no step events" in found.details


def test_19_the_memory_of_a_small_batch_is_its_own(tmp_path: Path) -> None:
    """Each number of BatchSize comes from the metric that it is said to be of."""
    saved_profile.sample(
        tmp_path,
        {
            "CPUUtilization": {"cpu0": [11.0] * 600},
            "GPUUtilization": {"gpu0": [22.0] * 600},
            "GPUMemoryUsedPercent": {"gpu0": [33.0] * 600},
        },
    )
    message = evaluate("BatchSize", tmp_path, patience=500).evidence[0].message
    assert message == "p95 of CPU 11 %, of the GPU 22 %, of its memory 33 %"


def test_20_every_pair_of_gpus_of_two_nodes_is_compared(tmp_path: Path) -> None:
    """Only gpu1 of the first node and gpu0 of the second differ: AWS compared i only with j > i."""
    saved_profile.sample(tmp_path, {"GPUUtilization": {"gpu0": [50.0] * 1100, "gpu1": [90.0] * 1100}})
    saved_profile.sample(tmp_path, {"GPUUtilization": {"gpu0": [50.0] * 1100, "gpu1": [50.0] * 1100}}, node="algo-2")
    rule = make("LoadBalancing", {})
    found = rule.scan(read(tmp_path))
    assert "algo-1 gpu1 and algo-2 gpu0" in {one.subject for one in found} and len(rule.details["values"]) == 6


def test_what_the_report_says_is_what_its_json_says(tmp_path: Path) -> None:
    """The page is made from the JSON alone."""
    saved_profile.sample(tmp_path, {"CPUUtilization": {"cpu0": [50.0] * 50}})
    body = gather(JobFiles(name="j", location="", profile=Folder(tmp_path)))
    assert json.loads(json.dumps(body, allow_nan=False)) == json.loads(json.dumps(body))
    assert "p95 50 %" in machine_section(body["machine"])
