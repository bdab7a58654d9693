"""What launchers read from the environment, and where the project lies. The only file of scripts/ that sees os.environ."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from scripts.errors import RunError

PROJECT = Path(__file__).resolve().parents[1]
"""The folder of contract/, train/, serve/ and the other rooms: a checkout, or the place of installed packages."""
WITHOUT_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
"""For a program that must not read the person's ~/.aws, whose settings are for AWS."""
UPSTREAM_PROXY = "KENNEL_UPSTREAM_PROXY"
"""What the server is given: the proxy that leads on."""
ENV_BEFORE = "KENNEL_ENV_BEFORE"
"""What the variables that `kennel env` sets were before the first time: a JSON object, null for one that was not there."""
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")


def target_of_environment() -> str:
    """TARGET, as the Makefile passes it on; the local server without it, so nothing is billed by accident."""
    return os.environ.get("TARGET") or "local"


def region_of_environment() -> str | None:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None


def inherited_environment() -> dict[str, str]:
    """What a started program inherits: enough to run, nothing of the person's credentials."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def engine_environment() -> dict[str, str]:
    """What the docker client inherits: enough to find its engine."""
    return inherited_environment() | {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}


def pip_settings() -> dict[str, str]:
    """What has pip, run with another home folder, use the person's own index and trust their certificate authorities.

    Paths only: what a variable would hold of a password stays out of command lines.
    """
    names = ("PIP_CONFIG_FILE", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    found = {name: os.environ[name] for name in names if name in os.environ}
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pip" / "pip.conf"
    return ({"PIP_CONFIG_FILE": str(own)} if own.is_file() else {}) | found


def env_before() -> dict[str, str | None]:
    """The variables that `kennel env` has set in this shell, with what they were before; empty where it has set none.

    Raises RunError.
    """
    written = os.environ.get(ENV_BEFORE, "{}")
    try:
        before = json.loads(written)
        if all(name.isascii() and name.isidentifier() and isinstance(value, str | None) for name, value in before.items()):
            return before
    except (ValueError, AttributeError):
        pass
    raise RunError(f"{ENV_BEFORE} is not what `kennel env` wrote; unset it, or open a new shell")


def _persons_own(*names: str) -> str | None:
    """The first of these variables that the person has set, whatever `kennel env` has set in its place."""
    known = os.environ | env_before()
    return next((value for name in names if (value := known.get(name)) is not None), None)


def leads_here(proxy: str) -> bool:
    """Whether the URL of a proxy is that of a local SageMaker, of this root or of another one."""
    try:
        place = urlsplit(proxy)
        return place.hostname == "127.0.0.1" and place.username == "kennel"
    except ValueError:
        return False


def upstream_proxy() -> str:
    """The proxy through which the person's own programs reach HTTPS hosts, empty for none. Raises RunError."""
    proxy = _persons_own("HTTPS_PROXY", "https_proxy") or ""
    return "" if leads_here(proxy) else proxy


def no_proxy() -> str:
    """The hosts that the person reaches without the proxy, separated by commas. Raises RunError."""
    return _persons_own("NO_PROXY") or _persons_own("no_proxy") or ""


def trusted_file() -> Path | None:
    """The certificate authorities that the person's own programs trust, where a variable names them. Raises RunError."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
    return next((Path(value) for name in names if (value := _persons_own(name))), None)


def ca_of_environment() -> Path | None:
    """PIP_CERT: whom the person's own pip trusts."""
    return Path(found) if (found := os.environ.get("PIP_CERT")) else None


def backend_of_environment() -> str | None:
    """BACKEND, as the Makefile passes it on."""
    return os.environ.get("BACKEND") or None


def whole_environment() -> dict[str, str]:
    """For a program that talks to AWS as the person does."""
    return dict(os.environ)


def endpoint_url() -> str | None:
    """Where the environment sends every AWS client, if it does."""
    return os.environ.get("AWS_ENDPOINT_URL") or None
