"""The exit message of a rule's evaluator: how that program, SageMaker and the launchers agree that a rule found something.

SageMaker takes the message from /opt/ml/output/message; it is at most `layout.FAILURE_LIMIT` long. AWS's evaluators write these
words; docs/7 has the whole convention.
"""

CONDITION_MET = "RuleEvaluationConditionMet"
CLIENT_ERROR = "ClientError"
"""A rule that could not be evaluated, through what it was asked."""


def condition_met(details: str) -> str:
    """The message of a rule that found something."""
    return f"{CONDITION_MET}: {details}"


def client_error(details: str) -> str:
    """The message of a rule that could not be evaluated as it was asked."""
    return f"{CLIENT_ERROR}: {details}"


def is_condition_met(message: str) -> bool:
    """Whether the rule found something."""
    return message.startswith(CONDITION_MET)


def details(message: str) -> str:
    """The message without its first word."""
    return message.removeprefix(f"{CLIENT_ERROR}: ").removeprefix(f"{CONDITION_MET}: ")
