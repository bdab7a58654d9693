"""What a notebook does with a script of its own under version 2 of the SageMaker Python SDK: train it with rules and a profile.

Run by test_sdk_v2_projects.py. Arguments: the project as JSON, a folder of pictures. Prints what came of it as one line of JSON.
"""

import json
import sys
import time

import sagemaker
from sagemaker.debugger import DebuggerHookConfig, FrameworkProfile, ProfilerConfig, ProfilerRule, Rule, rule_configs
from sagemaker.pytorch import PyTorch

project, pictures = json.loads(sys.argv[1]), sys.argv[2]
ROLE, BUCKET = "arn:aws:iam::000000000000:role/kennel-execution", "kennel-local"
session = sagemaker.Session(default_bucket=BUCKET)
inputs = {
    channel: session.upload_data(f"{pictures}/{part}", bucket=BUCKET, key_prefix=f"{project['name']}/{channel}")
    for channel, part in project["channels"].items()
}
rules = [
    Rule.sagemaker(rule_configs.vanishing_gradient()),
    Rule.sagemaker(rule_configs.overfit()),
    Rule.sagemaker(rule_configs.poor_weight_initialization()),
    Rule.sagemaker(rule_configs.loss_not_decreasing()),
    ProfilerRule.sagemaker(rule_configs.LowGPUUtilization()),
    ProfilerRule.sagemaker(rule_configs.ProfilerReport()),
]
devices = {"framework_version": "1.8", "py_version": "py36", "instance_type": "ml.m5.xlarge"}
if project["distribution"]:  # the SDK knows it for these alone
    devices = {"framework_version": "1.13.1", "py_version": "py39", "instance_type": "ml.g4dn.xlarge"}
estimator = PyTorch(
    entry_point=project["program"],
    source_dir=project["source"],
    base_job_name=project["name"].replace("_", "-"),
    role=ROLE,
    instance_count=project["instances"],
    hyperparameters=project["hyperparameters"],
    metric_definitions=[project["metric"]],
    distribution=project["distribution"] or None,
    rules=rules,
    debugger_hook_config=DebuggerHookConfig(hook_parameters={"train.save_interval": "1", "eval.save_interval": "1"}),
    profiler_config=ProfilerConfig(
        system_monitor_interval_millis=500, framework_profile_params=FrameworkProfile(start_step=1, num_steps=2)
    ),
    sagemaker_session=session,
    **devices,
)
estimator.fit(inputs, wait=True, logs="All")


def summary() -> list[dict[str, str]]:
    return estimator.latest_training_job.rule_job_summary()


while any(one["RuleEvaluationStatus"] in ("InProgress", "Stopping") for one in summary()):
    time.sleep(0.5)
about = estimator.latest_training_job.describe()
print(
    json.dumps(
        {
            "job": estimator.latest_training_job.name,
            "status": about["TrainingJobStatus"],
            "metrics": [one["MetricName"] for one in about.get("FinalMetricDataList", [])],
            "model": estimator.model_data,
            "tensors": estimator.latest_job_debugger_artifacts_path(),
            "profile": estimator.latest_job_profiler_artifacts_path(),
            "rules": {
                one["RuleConfigurationName"]: [one["RuleEvaluationStatus"], one.get("StatusDetails", "")] for one in summary()
            },
        }
    )
)
