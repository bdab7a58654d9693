"""Row 103: a person's handler keeps 100 MiB of each request: when memory ends 507, the program lives and answers others."""

from pathlib import Path

from tests.support import own_model


def test_a_handler_that_leaks_is_told_when_memory_ends(tmp_path: Path) -> None:
    """The limit is of addresses, 8 GiB a process: torch alone takes some of them."""
    with own_model.clumsy(tmp_path / "ml", SAGEMAKER_MODEL_SERVER_WORKERS=1, shell='ulimit -v 8000000; exec "$@"') as server:
        statuses = [server.invoke(b"leak").status for _ in range(90)]
        told = statuses.index(507) if 507 in statuses else -1
        print(f"{told} requests of 100 MiB were answered, then {sorted(set(statuses))}; the front has {server.rss() >> 20} MiB")
        assert 0 < told < 90 and set(statuses) == {200, 507}
        assert server.ping().status == 200 and server.invoke(b"x").status == 200
        assert server.rss() < 100 << 20
