"""A serve program with many models: their folders below its /opt/ml, and the platform's requests to it."""

import json
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

from tests.support import own_model
from tests.support.server import Answer, Server


class MultiServer(Server):
    """One `serve` with SAGEMAKER_MULTI_MODEL, on an empty /opt/ml of its own."""

    def __init__(self, *, ready: bool = True, **environ: object) -> None:
        self._ml = tempfile.TemporaryDirectory(prefix="ml-")
        self.base = Path(self._ml.name)
        super().__init__(self.base, ready=ready, **{"SAGEMAKER_MULTI_MODEL": "true", **environ})

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._ml.cleanup()

    def put(self, name: str, artefact: Path) -> str:
        """Unpack an artefact's model folder as the platform does; returns its URL."""
        shutil.copytree(artefact / "model", self.base / "models" / name / "model")
        return f"/opt/ml/models/{name}/model"

    def put_own(self, name: str, files: dict[str, str | bytes]) -> str:
        """A model with files of a person's own; returns its URL."""
        own_model.write(self.base / "models" / name, files)
        return f"/opt/ml/models/{name}/model"

    def load(self, name: str, url: str, timeout: float = 120.0) -> Answer:
        body = json.dumps({"model_name": name, "url": url}).encode()
        return self.request("POST", "/models", body, {"Content-Type": "application/json"}, timeout)

    def unload(self, name: str) -> Answer:
        return self.request("DELETE", f"/models/{quote(name, safe='')}", timeout=30)

    def ask(self, name: str, body: bytes, content_type: str = "image/jpeg", timeout: float = 70.0) -> Answer:
        path = f"/models/{quote(name, safe='')}/invoke"
        return self.request("POST", path, body, {"Content-Type": content_type}, timeout)

    def names(self) -> list[str]:
        """Of the models on the first page of the list."""
        return [model["modelName"] for model in self.request("GET", "/models").json()["models"]]
