"""The requests that create things, as plain dictionaries made from what was configured. Pure: no clock, no client, no file.

Every job and endpoint is encrypted with the person's key, put into their VPC and cut off from the network as configured
here, in one place each; the golden files of the tests hold all of it.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from scripts.aws import builtin_rules
from scripts.aws.builtin_rules import Rule
from scripts.aws.calls import Call
from scripts.aws.job_config import DeployConfig, JobConfig, RulesConfig, TrainConfig, TuneConfig
from scripts.aws.settings import Settings

RANGES: Mapping[str, Any] = {
    "ContinuousParameterRanges": [
        {"Name": "lr", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        {"Name": "weight-decay", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Auto"},
        {"Name": "eps", "MinValue": "1e-09", "MaxValue": "1e-07", "ScalingType": "Auto"},
    ],
    "CategoricalParameterRanges": [{"Name": "batch-size", "Values": ["32", "64"]}],
}
"""What tuning searches: the ranges of the project that inspired this one."""
GRID: Mapping[str, Any] = {
    "CategoricalParameterRanges": [
        {"Name": "lr", "Values": ["0.0003", "0.001", "0.003", "0.01", "0.03"]},
        {"Name": "weight-decay", "Values": ["0.01", "0.1"]},
        {"Name": "batch-size", "Values": ["32", "64"]},
    ]
}
"""What strategy Grid tries, every combination once: it takes no continuous ranges."""

PROFILING_MILLISECONDS = 500
RULE_SECONDS = 3600
"""A rule over a training that has ended takes seconds."""
VARIANT = "AllTraffic"


def ranges(strategy: str) -> Mapping[str, Any]:
    """What a strategy searches."""
    return GRID if strategy == "Grid" else RANGES


def names_of(searched: Mapping[str, Any]) -> set[str]:
    """The hyperparameters that tuning over these ranges chooses."""
    return {item["Name"] for kind in searched.values() for item in kind}


def combinations(searched: Mapping[str, Any]) -> int:
    """How many jobs a grid over these ranges has."""
    return math.prod(len(item["Values"]) for item in searched["CategoricalParameterRanges"])


def create_training_job(config: TrainConfig) -> Call:
    """CreateTrainingJob, with hooks, profiler and rules unless they are off."""
    request = {"TrainingJobName": config.name, "HyperParameters": dict(config.hyperparameters)} | _job(config)
    request["ResourceConfig"] |= {"InstanceCount": config.instances}
    if config.instances > 1:
        request["EnableInterContainerTrafficEncryption"] = True
    if config.hooks:
        request["DebugHookConfig"] = _hooks(config)
    if config.hooks or config.rules:
        profiles = config.settings.uri("profiles")
        request["ProfilerConfig"] = {"S3OutputPath": profiles, "ProfilingIntervalInMilliseconds": PROFILING_MILLISECONDS}
    if config.settings.debugger:
        for member, is_profiler in (("DebugRuleConfigurations", False), ("ProfilerRuleConfigurations", True)):
            if rules := [_rule(config, rule) for rule in config.rules if rule.is_profiler == is_profiler]:
                request[member] = rules
    return Call("sagemaker", "CreateTrainingJob", request | {"Tags": tags(config.settings)})


def features_job(config: JobConfig, folder: str) -> Call:
    """CreateTrainingJob of the task `features`: what it keeps goes to `folder` in S3 as a job's checkpoints do.

    So it lies there as plain files under a name of our choosing, and a job of the same folder starts from what is there.
    """
    request = {"TrainingJobName": config.name, "HyperParameters": dict(config.hyperparameters)} | _job(config)
    return Call(
        "sagemaker", "CreateTrainingJob", request | {"CheckpointConfig": {"S3Uri": folder}, "Tags": tags(config.settings)}
    )


def create_tuning_job(config: TuneConfig) -> Call:
    """CreateHyperParameterTuningJob: what varies, what does not, and when it is enough."""
    searched = config.ranges or ranges(config.strategy)
    fixed = {name: value for name, value in config.hyperparameters.items() if name not in names_of(searched)}
    definition = {"StaticHyperParameters": fixed} | _job(config)
    better = {"low": "Minimize", "high": "Maximize"}[config.better]
    search = {
        "Strategy": config.strategy,
        "HyperParameterTuningJobObjective": {"Type": better, "MetricName": config.objective},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": config.jobs, "MaxParallelTrainingJobs": config.parallel},
        "ParameterRanges": dict(searched),
        "TrainingJobEarlyStoppingType": config.early_stopping,
        "RandomSeed": config.seed,
    }
    if config.strategy == "Hyperband":
        # A resource is a report of the objective, and there is one an epoch.
        most = int(config.hyperparameters["epochs"])
        search["StrategyConfig"] = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": most}}
    request = {
        "HyperParameterTuningJobName": config.name,
        "HyperParameterTuningJobConfig": search,
        "TrainingJobDefinition": definition,
        "Tags": tags(config.settings),
    }
    return Call("sagemaker", "CreateHyperParameterTuningJob", request)


def create_endpoint(config: DeployConfig) -> list[Call]:
    """CreateModel, CreateEndpointConfig and CreateEndpoint, in that order."""
    settings, marks = config.settings, tags(config.settings)
    container: dict[str, Any] = {"Image": config.image, "ModelDataUrl": config.model_data}
    model: dict[str, Any] = {"ModelName": config.name, "PrimaryContainer": container, "ExecutionRoleArn": settings.role_arn}
    model |= {"EnableNetworkIsolation": settings.network_isolation, "Tags": marks} | _vpc(settings)
    variant = {
        "VariantName": VARIANT,
        "ModelName": config.name,
        "InstanceType": settings.serve_instance,
        "InitialInstanceCount": config.instances,
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": config.startup_timeout,
    }
    fleet: dict[str, Any] = {"EndpointConfigName": config.name, "ProductionVariants": [variant], "Tags": marks}
    if settings.volume_kms_key:
        fleet["KmsKeyId"] = settings.volume_kms_key
    endpoint = {"EndpointName": config.endpoint, "EndpointConfigName": config.name, "Tags": marks}
    return [
        Call("sagemaker", "CreateModel", model),
        Call("sagemaker", "CreateEndpointConfig", fleet),
        Call("sagemaker", "CreateEndpoint", endpoint),
    ]


def update_endpoint(config: DeployConfig) -> Call:
    """UpdateEndpoint: the endpoint that is there goes over to the new config without a pause."""
    return Call("sagemaker", "UpdateEndpoint", {"EndpointName": config.endpoint, "EndpointConfigName": config.name})


def tags(settings: Settings) -> list[dict[str, str]]:
    """Our own tag, then the person's."""
    own = dict(pair.partition("=")[::2] for pair in settings.tags)
    return [{"Key": key, "Value": value} for key, value in ({"project": "kennel"} | own).items()]


def _job(config: JobConfig) -> dict[str, Any]:
    """What a training job and the definition inside a tuning job share."""
    settings = config.settings
    output = {"S3OutputPath": settings.uri("jobs")}
    resources: dict[str, Any] = {
        "InstanceType": settings.train_instance,
        "InstanceCount": 1,
        "VolumeSizeInGB": settings.volume_size,
    }
    if settings.kms_key:
        output["KmsKeyId"] = settings.kms_key
    if settings.volume_kms_key:
        resources["VolumeKmsKeyId"] = settings.volume_kms_key
    stopping = {"MaxRuntimeInSeconds": config.max_runtime}
    body: dict[str, Any] = {
        "AlgorithmSpecification": {"TrainingImage": settings.train_image, "TrainingInputMode": "File"},
        "RoleArn": settings.role_arn,
        "OutputDataConfig": output,
        "ResourceConfig": resources,
        "StoppingCondition": stopping,
        "EnableNetworkIsolation": settings.network_isolation,
    }
    if config.channels:
        body["InputDataConfig"] = [_channel(name, uri) for name, uri in config.channels.items()]
    if config.metrics:
        definitions = [{"Name": name, "Regex": regex} for name, regex in config.metrics.items()]
        body["AlgorithmSpecification"]["MetricDefinitions"] = definitions
    if config.spot:
        stopping["MaxWaitTimeInSeconds"] = 2 * config.max_runtime
        body |= {"EnableManagedSpotTraining": True}
        body |= {"CheckpointConfig": {"S3Uri": settings.uri("checkpoints", config.name)}}
    return body | _vpc(settings)


def _channel(name: str, uri: str) -> dict[str, Any]:
    where = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": where}, "InputMode": "File"}


def _vpc(settings: Settings) -> dict[str, Any]:
    if not settings.subnets:
        return {}
    return {"VpcConfig": {"Subnets": list(settings.subnets), "SecurityGroupIds": list(settings.security_groups)}}


def _hooks(config: TrainConfig) -> dict[str, Any]:
    return {
        "S3OutputPath": config.settings.uri("tensors"),
        "HookParameters": {"save_interval": str(config.save_interval)},
        "CollectionConfigurations": builtin_rules.collections(config.rules, without_modes=config.script is not None),
    }


def _rule(config: TrainConfig, rule: Rule) -> dict[str, Any]:
    settings, parameters = config.settings, {"rule_to_invoke": rule.name, **rule.parameters}
    if config.stop_on_issue and not rule.is_profiler:
        parameters["action_json"] = json.dumps([{"name": "stoptraining", "training_job_prefix": config.name}])
    return {
        "RuleConfigurationName": rule.name,
        "RuleEvaluatorImage": settings.rules_image,
        "InstanceType": settings.rules_instance,
        "VolumeSizeInGB": settings.volume_size,
        "S3OutputPath": settings.uri("rules"),
        "RuleParameters": parameters,
    }


def rule_job_name(config: RulesConfig, rule: Rule) -> str:
    return f"{config.name}-{rule.name.lower()}"


def create_rule_job(config: RulesConfig, rule: Rule) -> Call:
    """CreateProcessingJob: one rule over what a training job left in S3."""
    settings, job = config.settings, config.job
    kind = "profiler" if rule.is_profiler else "tensors"
    source = (
        settings.uri("profiles", job, "profiler-output") if rule.is_profiler else settings.uri("tensors", job, "debug-output")
    )
    where = {"S3Uri": source, "LocalPath": f"/opt/ml/processing/input/{kind}", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    result = {"S3Uri": settings.uri("rules", job, "rule-output", rule.name), "LocalPath": "/opt/ml/processing/output/rule"}
    outputs: dict[str, Any] = {"Outputs": [{"OutputName": "rule", "S3Output": result | {"S3UploadMode": "Continuous"}}]}
    cluster: dict[str, Any] = {
        "InstanceCount": 1,
        "InstanceType": settings.rules_instance,
        "VolumeSizeInGB": settings.volume_size,
    }
    if settings.kms_key:
        outputs["KmsKeyId"] = settings.kms_key
    if settings.volume_kms_key:
        cluster["VolumeKmsKeyId"] = settings.volume_kms_key
    request = {
        "ProcessingJobName": rule_job_name(config, rule),
        "ProcessingInputs": [{"InputName": kind, "S3Input": where}],
        "ProcessingOutputConfig": outputs,
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": RULE_SECONDS},
        "AppSpecification": {"ImageUri": settings.rules_image},
        "Environment": {"rule_to_invoke": rule.name, **rule.parameters},
        "NetworkConfig": {"EnableNetworkIsolation": settings.network_isolation} | _vpc(settings),
        "RoleArn": settings.role_arn,
        "Tags": tags(settings),
    }
    return Call("sagemaker", "CreateProcessingJob", request)
