"""When dead instances are replaced, on numbers alone."""

from local_sagemaker.endpoints.back_off import CALM, PAUSES, BackOff


def replaced(times: int, back_off: BackOff, now: float) -> list[float]:
    """The pauses, to a quarter of a second, that an instance which dies at once waits before each replacement."""
    pauses = []
    for _ in range(times):
        began = now
        while not back_off.allows(now):
            now += 0.25
        pauses.append(now - began)
    return pauses


def test_instances_that_keep_dying_are_replaced_later_and_later() -> None:
    assert replaced(8, BackOff(), 100.0) == [*PAUSES, PAUSES[-1], PAUSES[-1]]


def test_after_a_calm_time_the_next_death_is_the_first_again() -> None:
    for calm, first in ((CALM, PAUSES[-1]), (CALM + 0.25, PAUSES[1])):
        back_off = BackOff()
        now = 100.0 + sum(replaced(8, back_off, 100.0))
        now += PAUSES[-1] + calm
        assert back_off.allows(now) and not back_off.allows(now)
        assert replaced(1, back_off, now) == [first]
