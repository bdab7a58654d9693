"""What launchers read from the environment, and where the project lies. The only file of scripts/ that sees os.environ."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
"""The folder of contract/, train/, serve/ and the other rooms: a checkout, or the place of installed packages."""
WITHOUT_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
"""For a program that must not read the person's ~/.aws, whose settings are for AWS."""
UPSTREAM_PROXY = "KENNEL_UPSTREAM_PROXY"
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


def upstream_proxy() -> str:
    """The proxy through which the person's programs reach HTTPS hosts, empty for none. Where HTTPS_PROXY is the local
    SageMaker's, which `kennel env` has set, KENNEL_UPSTREAM_PROXY is what it was before."""
    names = (UPSTREAM_PROXY, "HTTPS_PROXY", "https_proxy")
    return next((os.environ[name] for name in names if name in os.environ), "")


def no_proxy() -> str:
    """The hosts that are reached without the proxy, separated by commas."""
    return os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""


def trusted_file() -> Path | None:
    """The certificate authorities that the person's programs trust, where a variable names them."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
    return next((Path(os.environ[name]) for name in names if os.environ.get(name)), None)


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
