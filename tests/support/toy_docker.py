"""A docker program of the tests: it keeps images as JSON files in a folder and pushes them to a registry for real.

$DOCKER_TOY is the folder. `calls.jsonl` there has every command line; `settings.json` may say `version` of the client, `buildx`,
`says` of a build that is to fail, and `alter`, which pushes another image than the one that is named.
"""

import base64
import hashlib
import json
import os
import sys
from pathlib import Path
from urllib.parse import urljoin

HOME = Path(os.environ.get("DOCKER_TOY", "."))
DOCKER = "application/vnd.docker."
MANIFEST = DOCKER + "distribution.manifest.v2+json"


def main(words: list[str]) -> int:
    settings = json.loads((HOME / "settings.json").read_text()) if (HOME / "settings.json").exists() else {}
    with (HOME / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"words": words, "environment": dict(os.environ)}) + "\n")
    match words:
        case ["version", *_]:
            print(settings.get("version", "20.10.24"))
        case ["buildx", "version"]:
            return 0 if settings.get("buildx") else fail("docker: unknown command: docker buildx")
        case ["context", "inspect", *_]:
            print("unix:///toy.sock")
        case ["image", "inspect", name]:
            if settings.get("engine") == "none":
                return fail("Cannot connect to the Docker daemon at unix:///toy.sock. Is the docker daemon running?")
            image = found(name)
            return fail(f"Error: No such image: {name}") if image is None else print(json.dumps([about(image)])) or 0
        case ["build", *options]:
            print("#5 [train 2/3] COPY --from=code-train /code /", flush=True)
            if "says" in settings:
                return fail(settings["says"])
            write(options[options.index("--tag") + 1], {"layers": ["base", options[options.index("--target") + 1]]})
        case ["login", *_] if "refuses" in settings:
            return fail(f"Error response from daemon: {settings['refuses']}")
        case ["login", "--username", user, "--password-stdin", registry]:
            login = base64.b64encode(f"{user}:{sys.stdin.read()}".encode()).decode()
            config = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
            config.write_text(json.dumps({"auths": {registry: {"auth": login}}}))
        case ["tag", name, other]:
            write(other, found(name))
        case ["push", reference]:
            image = found(reference)
            push(reference, image | {"layers": ["altered"]} if settings.get("alter") else image)
        case _:
            return fail(f"toy docker: {words}")
    return 0


def fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


def path(name: str) -> Path:
    return HOME / f"{name.replace('/', '%')}.image"


def write(name: str, image: dict) -> None:
    path(name).write_text(json.dumps(image))


def found(name: str) -> dict | None:
    images = [json.loads(one.read_text()) for one in ([path(name)] if path(name).exists() else HOME.glob("*.image"))]
    return next((one for one in images if path(name).exists() or about(one)["Id"] == name), None)


def about(image: dict) -> dict:
    layers = [digest(one.encode()) for one in image["layers"]]
    return {"Id": digest(configuration(image)), "Size": 1_000_000, "RootFS": {"Layers": layers}}


def configuration(image: dict) -> bytes:
    return json.dumps({"os": "linux", "architecture": "amd64", "layers": image["layers"]}).encode()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def push(reference: str, image: dict) -> None:
    import requests  # slow to import, and most calls need it not

    registry, _, rest = reference.partition("/")
    name, _, tag = rest.rpartition(":")
    session = requests.Session()
    login = json.loads((Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_text())["auths"][registry]["auth"]
    session.headers["Authorization"] = f"Basic {login}"
    root = f"http://{registry}/v2/{name}"

    def blob(data: bytes) -> dict:
        if session.head(f"{root}/blobs/{digest(data)}").status_code == 200:
            print(f"{digest(data)[7:19]}: Layer already exists")
        else:
            place = session.post(f"{root}/blobs/uploads/").headers["Location"]
            session.put(urljoin(f"http://{registry}", f"{place}?digest={digest(data)}"), data=data).raise_for_status()
            print(f"{digest(data)[7:19]}: Pushed")
        return {"size": len(data), "digest": digest(data)}

    layers = [{"mediaType": DOCKER + "image.rootfs.diff.tar.gzip"} | blob(one.encode()) for one in image["layers"]]
    config = {"mediaType": DOCKER + "container.image.v1+json"} | blob(configuration(image))
    body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})
    session.put(f"{root}/manifests/{tag}", data=body, headers={"Content-Type": MANIFEST}).raise_for_status()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
