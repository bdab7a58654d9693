"""This module writes the least IAM policies that our requests need: the execution role's, its trust, and the launcher's.

Names of jobs, models and endpoints start with `kennel` and the policies stop there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.aws.settings import Settings
from scripts.errors import LaunchError

Policy = dict[str, Any]
_ROLE = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/.+")
_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[a-z0-9._/-]+?)(?:[:@].*)?"
)
_PUSH = [
    *("ecr:CreateRepository", "ecr:DescribeRepositories", "ecr:PutLifecyclePolicy", "ecr:TagResource"),
    *("ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"),
    *("ecr:PutImage", "ecr:BatchGetImage"),
]
"""What `kennel push` asks for, and docker for it; BatchGetImage is what jobs and endpoints check their image with too."""
_JOBS = ("training-job", "hyper-parameter-tuning-job", "processing-job")
_LOGS = ("TrainingJobs:*", "ProcessingJobs:*", "Endpoints/kennel*")
_LISTS = [
    f"sagemaker:List{what}"
    for what in ("Endpoints", "HyperParameterTuningJobs", "NotebookInstances", "ProcessingJobs", "TrainingJobs", "TransformJobs")
]
_SERVING = ("model", "endpoint-config", "endpoint")


def execution_role(settings: Settings, repositories: Sequence[str]) -> Policy:
    """What the role that SageMaker takes on may do: our part of one bucket, its logs and metrics, its images.

    `repositories`: the names of the ECR repositories that `kennel push` fills.
    """
    who = _who(settings)
    bucket = f"arn:{who['partition']}:s3:::{settings.bucket}"
    logs = f"arn:{who['partition']}:logs:{settings.region}:{who['account']}:log-group:/aws/sagemaker/*"
    statements = [
        _allow("Objects", ["s3:GetObject", "s3:PutObject"], f"{bucket}/{settings.prefix}/*"),
        _allow("List", ["s3:ListBucket"], bucket, {"StringLike": {"s3:prefix": [f"{settings.prefix}/*"]}}),
        _allow("Bucket", ["s3:GetBucketLocation"], bucket),
        _allow("Logs", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], logs),
        _allow(
            "Metrics",
            ["cloudwatch:PutMetricData"],
            "*",
            {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]}},
        ),
        *_stopping(settings, who),
        *_images(settings, who, repositories),
        *_keys(settings),
        *_network(settings),
    ]
    if settings.prefix:
        kept = [f"{bucket}/{settings.prefix}/{folder}/*" for folder in ("checkpoints", "features")]
        spot = _allow("Checkpoints", ["s3:DeleteObject"], kept)
        statements.insert(1, spot)
    return {"Version": "2012-10-17", "Statement": statements}


def trust(settings: Settings) -> Policy:
    """Who may take the execution role on: SageMaker, for this account."""
    who = _who(settings)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": who["account"]}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def launcher(settings: Settings, repositories: Sequence[str]) -> Policy:
    """What the person's own identity needs for every verb, and the right to hand SageMaker that one role."""
    who = _who(settings)
    place = f"arn:{who['partition']}:sagemaker:{settings.region}:{who['account']}"
    bucket = f"arn:{who['partition']}:s3:::{settings.bucket}"
    logs = f"arn:{who['partition']}:logs:{settings.region}:{who['account']}:log-group:/aws/sagemaker"
    jobs = [f"{place}:{kind}/kennel*" for kind in _JOBS]
    serving = [f"{place}:{kind}/kennel*" for kind in _SERVING]
    passed = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    statements = [
        _allow("Jobs", _actions("Create Describe Stop", "TrainingJob HyperParameterTuningJob ProcessingJob"), jobs),
        _allow("JobsOfTuning", ["sagemaker:ListTrainingJobsForHyperParameterTuningJob"], jobs),
        _allow("Serving", _actions("Create Describe Delete", "Model EndpointConfig Endpoint"), serving),
        _allow("Endpoint", ["sagemaker:InvokeEndpoint", "sagemaker:UpdateEndpoint"], serving),
        _allow("Tags", ["sagemaker:AddTags"], jobs + serving),
        _allow("Lists", _LISTS, "*"),
        _allow("Role", ["iam:PassRole"], settings.role_arn, passed),
        _allow("SeeRole", ["iam:GetRole"], settings.role_arn),
        _allow("Objects", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], f"{bucket}/{settings.prefix}/*"),
        _allow("List", ["s3:ListBucket"], bucket, {"StringLike": {"s3:prefix": [f"{settings.prefix}/*"]}}),
        _allow("Logs", ["logs:DescribeLogStreams", "logs:GetLogEvents"], [f"{logs}/{group}" for group in _LOGS]),
        _allow("Push", _PUSH, _repositories(settings, who, repositories)),
        _allow("Registry", ["ecr:GetAuthorizationToken"], "*"),
        *_keys(settings),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def lint(policy: Policy, passed_role: str = "") -> list[str]:
    """What is wrong with a policy: wildcards in actions, a PassRole that is not for one role and SageMaker alone."""
    problems = []
    for statement in policy["Statement"]:
        actions, resources = (_list(statement.get(key, [])) for key in ("Action", "Resource"))
        problems += [f"{statement.get('Sid')}: action {action}" for action in actions if "*" in action]
        problems += [f"{statement.get('Sid')}: {key}" for key in ("NotAction", "NotResource", "NotPrincipal") if key in statement]
        open_to_all = resources == ["*"] and "Condition" not in statement
        if open_to_all and not set(actions) <= _WITHOUT_RESOURCE:
            problems.append(f"{statement.get('Sid')}: every resource")
        if "iam:PassRole" in actions:
            service = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
            if resources != [passed_role] or "*" in passed_role or service != "sagemaker.amazonaws.com":
                problems.append(f"{statement.get('Sid')}: PassRole needs one role and PassedToService")
    return problems


_WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    *_LISTS,
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
}
"""Actions that IAM grants for every resource or not at all."""


def _who(settings: Settings) -> Mapping[str, str]:
    found = _ROLE.fullmatch(settings.role_arn)
    if not found:
        raise LaunchError(f"role-arn: {settings.role_arn} is not arn:aws:iam::ACCOUNT:role/NAME")
    return found.groupdict()


def _allow(
    name: str, actions: list[str], resource: str | list[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def _actions(verbs: str, nouns: str) -> list[str]:
    return [f"sagemaker:{verb}{noun}" for verb in verbs.split() for noun in nouns.split()]


def _stopping(settings: Settings, who: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the evaluator of a rule may do beside reading and writing: stop the training that it looks at."""
    jobs = f"arn:{who['partition']}:sagemaker:{settings.region}:{who['account']}:training-job/kennel*"
    stop = _allow("StopTraining", ["sagemaker:StopTrainingJob"], jobs)
    return [stop, _allow("FindTraining", ["sagemaker:ListTrainingJobs"], "*")]


def _images(settings: Settings, who: Mapping[str, str], repositories: Sequence[str]) -> list[dict[str, Any]]:
    ours = (settings.train_image, settings.serve_image, settings.code_image, settings.rules_image)
    named = [hit.groupdict() for image in ours if (hit := _IMAGE.fullmatch(image))]
    others = {f"arn:{who['partition']}:ecr:{hit['region']}:{hit['account']}:repository/{hit['repository']}" for hit in named}
    places = sorted({*_repositories(settings, who, repositories), *others})
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [_allow("Images", pull, places), _allow("Registry", ["ecr:GetAuthorizationToken"], "*")]


def _repositories(settings: Settings, who: Mapping[str, str], names: Sequence[str]) -> list[str]:
    place = f"arn:{who['partition']}:ecr:{settings.region}:{who['account']}:repository"
    return [f"{place}/{name}" for name in names]


def _keys(settings: Settings) -> list[dict[str, Any]]:
    keys = sorted({key for key in (settings.kms_key, settings.volume_kms_key) if key})
    if not keys:
        return []
    use = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    return [_allow("Keys", use, keys)]


def _network(settings: Settings) -> list[dict[str, Any]]:
    if not settings.subnets:
        return []
    look = sorted(action for action in _WITHOUT_RESOURCE if action.startswith("ec2:"))
    change = [f"ec2:{verb}NetworkInterface{what}" for verb in ("Create", "Delete") for what in ("", "Permission")]
    partition, account = _who(settings)["partition"], _who(settings)["account"]
    place = f"arn:{partition}:ec2:{settings.region}:{account}"
    things = [f"{place}:network-interface/*"]
    things += [f"{place}:subnet/{name}" for name in settings.subnets]
    things += [f"{place}:security-group/{name}" for name in settings.security_groups]
    return [_allow("LookAtVpc", look, "*"), _allow("JoinVpc", change, things)]


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
