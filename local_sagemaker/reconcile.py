"""The first look of a new server at what the last one left on disk: containers that no record asks for are ended.

Jobs and endpoints take up their own containers themselves (jobs/training_jobs.py, endpoints/running_endpoints.py). What is
left over are containers of a server that was killed while it retired them: of the old fleet of an updated endpoint, of a
deleted endpoint, of a job just ended."""

import logging
from collections.abc import Iterator
from pathlib import Path

from .containers.backend import CannotStart
from .containers.backends import Backends
from .containers.folder_removal import remove_tree
from .containers.untrusted_folder import Refused, UntrustedFolder
from .context import Context
from .endpoints import endpoint_state
from .endpoints.instance import owner_of_endpoint
from .jobs import processing_state, training_state
from .jobs.running_jobs import Job
from .storage.store import Kind
from .transform import transform_state
from .transform.transform_run import PLACE as TRANSFORM
from .transform.transform_run import owner_of

PLACES = {
    "jobs": Kind[Job](training_state.KIND),
    "processing": Kind[Job](processing_state.KIND),
    TRANSFORM: Kind[Job](transform_state.KIND),
}
"""The folders of jobs below the root, and whose they are."""

log = logging.getLogger(__name__)


class Reconcile:
    """Runs once, before anything else does."""

    def __init__(self, context: Context, backends: Backends) -> None:
        self._context = context
        self._backends = backends

    def start(self) -> None:
        """Ends what nobody asks for, and removes its folders; those of failed jobs stay until the job is deleted, but a transform
        job cannot be.

        A folder with which something is wrong is left as it is, with a warning: it stops neither the rest nor the server.
        """
        for place, kind in PLACES.items():
            for folder in self._stray_jobs(place, kind):
                if not self._end(_folders(folder, 1)):
                    continue
                record = self._context.store.get(kind, folder.name)
                if record is None or record["status"] != "Failed" or place == TRANSFORM:
                    remove_tree(folder)
        for folder in self._stray_instances():
            if self._end([folder]):
                remove_tree(folder)
        for folder in _folders(self._context.root / "endpoints", 1):
            if self._context.store.get(endpoint_state.KIND, folder.name) is None:
                remove_tree(folder)
        self._context.keys.keep(set(self._holders()))

    def stop(self) -> None:
        """Nothing runs on."""

    def _end(self, folders: list[Path]) -> bool:
        """Ends the containers of folders; False where the engine that has one does not answer: the folder is to stay."""
        for folder in folders:
            try:
                container = self._backends.find(folder)
            except CannotStart as error:
                log.warning("a container may be left over in %s: %s", folder, error)
                return False
            if container is not None and container.exit_code() is None:
                log.warning("ending a container left over: %s", folder)
                container.kill()
        return True

    def _stray_jobs(self, place: str, kind: Kind[Job]) -> Iterator[Path]:
        for folder in _folders(self._context.root / place, 1):
            record = self._context.store.get(kind, folder.name)
            if record is None or record["status"] in training_state.ENDED:
                yield folder

    def _holders(self) -> Iterator[str]:
        """Whose keys are to hold: those of live jobs, and of the instances that a transform job's or endpoint's record names."""
        for kind in PLACES.values():
            for record in self._context.store.list(kind):
                if record["status"] not in training_state.ENDED:
                    yield f"{kind}/{record['arn'].rpartition('/')[2]}"
        for job in self._context.store.list(transform_state.KIND):
            if job["status"] in transform_state.LIVE:
                yield from (owner_of(job["request"]["TransformJobName"]).holder(state["id"]) for state in job["instances"])
        for record in self._context.store.list(endpoint_state.KIND):
            for plan in filter(None, (record["blue"], record["green"])):
                for variant in plan["variants"]:
                    yield from (owner_of_endpoint(record["name"]).holder(state["id"]) for state in variant["instances"])

    def _stray_instances(self) -> Iterator[Path]:
        """Instances below endpoints/<name>/<fleet>/<variant>/<id> that no endpoint's record names."""
        wanted = set()
        for record in self._context.store.list(endpoint_state.KIND):
            for plan in filter(None, (record["blue"], record["green"])):
                for variant in plan["variants"]:
                    base = self._context.root / "endpoints" / record["name"] / plan["id"] / variant["name"]
                    wanted |= {base / state["id"] for state in variant["instances"]}
        for folder in _folders(self._context.root / "endpoints", 4):
            if folder not in wanted:
                yield folder


def _folders(folder: Path, depth: int) -> list[Path]:
    """The folders `depth` levels below."""
    found = [folder]
    for _ in range(depth):
        found = [parent / name for parent in found for name in _inner(parent)]
    return found


def _inner(folder: Path) -> list[str]:
    try:
        return UntrustedFolder(folder).folders()
    except (OSError, Refused) as error:
        log.warning("%s cannot be listed, and is left as it is: %s", folder, error)
        return []
