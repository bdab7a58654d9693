"""How MMS is started: what is written where, and the limit that Unix sockets set."""

import json
from pathlib import Path

import pytest

from serve import model_server
from serve.config import Config
from serve.errors import ServeError
from serve.model_server import Places
from tests.server import Server


def test_a_folder_too_deep_for_sockets_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="set TMPDIR"):
        Places(tmp_path / ("x" * 100)).check()
    Places(Path("/tmp/serve-abcdefgh")).check()


def test_mms_listens_on_unix_sockets_only(server: Server) -> None:
    java = next(process for process in server.tree() if process.name() == "java")
    listening = [link.laddr for process in server.tree() for link in process.net_connections("inet") if link.status == "LISTEN"]
    assert [(place.ip, place.port) for place in listening] == [("127.0.0.1", server.port)]
    assert not java.net_connections("inet")


def test_nothing_is_written_but_the_private_folder(server: Server) -> None:
    found = sorted(path.name for path in Path(server.folder.name).iterdir())
    assert len(found) == 2 and found[0] == "log" and found[1].startswith("serve-")
    private = Path(server.folder.name) / found[1]
    assert private.stat().st_mode & 0o077 == 0
    assert not (private / "logs").exists() and not (private / "intel").exists()


def test_mms_is_told_to_give_up_after_the_front_does() -> None:
    config = Config(model=Path("/m"), request_timeout=55, workers=3, body_limit=1 << 20)
    lines = dict(line.split("=", 1) for line in model_server._properties(config, Places(Path("/t"))).splitlines())
    assert int(lines["default_response_timeout_seconds"]) > 55
    assert int(lines["max_request_size"]) > config.body_limit
    assert int(lines["job_queue_size"]) > config.in_flight_limit
    assert lines["inference_address"].startswith("unix:/t/") and lines["management_address"].startswith("unix:/t/")


def test_the_model_folder_for_mms_names_our_entry_and_the_artefact(tmp_path: Path) -> None:
    model_server._write_model(Config(model=Path("/opt/ml/model"), threads=2), Places(tmp_path))
    described = json.loads((tmp_path / "model" / "MAR-INF" / "MANIFEST.json").read_text())
    assert described["model"]["handler"] == "serve.worker:handle"
    settings = json.loads((tmp_path / "model" / "worker.json").read_text())
    assert settings["properties"]["model_dir"] == "/opt/ml/model" and settings["properties"]["threads"] == 2
