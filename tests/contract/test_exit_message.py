"""What an evaluator leaves is what the launchers and the local SageMaker take for an issue."""

from contract import exit_message
from local_sagemaker.jobs import rule_state


def test_what_is_written_is_what_is_understood() -> None:
    met, wrong = exit_message.condition_met("at step 3"), exit_message.client_error("no such rule")
    assert met == "RuleEvaluationConditionMet: at step 3" and wrong == "ClientError: no such rule"
    assert (
        exit_message.is_condition_met(met) and not exit_message.is_condition_met(wrong) and not exit_message.is_condition_met("")
    )
    assert [exit_message.details(one) for one in (met, wrong, "at once")] == ["at step 3", "no such rule", "at once"]


def test_the_local_servers_own_copy_is_the_same() -> None:
    """It obeys AWS and imports nothing of ours."""
    assert rule_state.CONDITION_MET == exit_message.CONDITION_MET
