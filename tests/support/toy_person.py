"""A person's folder whose docker program is toy_docker.py; what it was asked is written down."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.support.person import Kennel

TOY = Path(__file__).resolve().parent / "toy_docker.py"


class ToyDocker:
    """`run` and `plan` are Kennel's, with that docker alone on PATH beside git."""

    def __init__(self, kennel: Kennel) -> None:
        self.kennel, self.home = kennel, kennel.folder / "docker"
        programs = self.home / "bin"
        programs.mkdir(parents=True)
        self.program = programs / "docker"
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} {TOY} "$@"\n')
        self.program.chmod(0o755)
        self.environment = {"PATH": str(programs), "DOCKER_TOY": str(self.home), "PIP_CERT": ""}

    def settings(self, **values: Any) -> None:
        (self.home / "settings.json").write_text(json.dumps(values))

    def run(self, *words: str, status: int | None = 0, **environment: str) -> Any:
        return self.kennel.run(*words, status=status, **self.environment | environment)

    def plan(self, *words: str, **environment: str) -> list[dict[str, Any]]:
        return json.loads(self.run(*words, "--dry-run", **environment).stdout)

    def calls(self, verb: str) -> list[dict[str, Any]]:
        """Command lines and environments of what docker was asked with this verb."""
        lines = (self.home / "calls.jsonl").read_text().splitlines()
        return [call for call in map(json.loads, lines) if call["words"][0] == verb]

    def record(self, name: str) -> dict[str, Any]:
        path = self.kennel.folder / ".kennel" / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}
