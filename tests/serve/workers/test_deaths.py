"""What a request is told whose worker has ended; a kill for lack of memory takes a container, see tests/faults."""

from serve.workers.deaths import OUT_OF_MEMORY, WorkerDeaths


def test_a_death_that_no_lack_of_memory_explains_is_500() -> None:
    deaths = WorkerDeaths()
    assert (deaths.error().status, deaths.error().code) == (500, "WorkerDied")
    deaths._memory_kills -= 1  # as if the kernel had killed one since
    assert deaths.error() is OUT_OF_MEMORY and deaths.error().status == 500
