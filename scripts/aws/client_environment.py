"""The environment variables that point any AWS client at the local SageMaker, those too that call AWS by its own name.

AWS_ENDPOINT_URL is enough for most. The SageMaker SDK asks STS by its own name all the same, and people open pictures as
https://BUCKET.s3.amazonaws.com/KEY: these go to the server's HTTPS proxy, and trust what it says for AWS's names.
"""

import contextlib
import http.client
import json
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from contract.files import write_whole
from scripts import config
from scripts.aws import local_server
from scripts.aws.local_server import Server
from scripts.aws.settings import Settings, kennel_command
from scripts.errors import RunError

_HERE = "localhost,127.0.0.1,::1"
_PROXY, _NO_PROXY = ("HTTPS_PROXY", "https_proxy"), ("NO_PROXY", "no_proxy")
_TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_ELSEWHERE = re.compile("AWS_ENDPOINT_URL_[A-Z0-9_]+")
"""Where the person's programs look for one service, whatever AWS_ENDPOINT_URL says."""
_MADE_FROM = "# local SageMaker: its own authority at the end, before it those of "
_SDK = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
"""The SageMaker SDK's settings below the person's own: it reports nothing to its makers."""


def plain(settings: Settings, server: Server) -> dict[str, str]:
    """What a program needs that goes where AWS_ENDPOINT_URL says."""
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
    }


def variables(settings: Settings, server: Server) -> dict[str, str | None]:
    """All of them, with two files that they name; None for one that would lead elsewhere. The last keeps what the person had
    before, for `undone`, and a second time in the same shell changes nothing of that. Raises RunError."""
    if config.upstream_proxy() not in ("", server.upstream_proxy):
        stop = kennel_command("stop", settings)
        raise RunError(f"local SageMaker: it was started without your HTTPS_PROXY; {stop}, then the same command again")
    folder = local_server.root(settings)
    sdk = folder / "sagemaker-sdk.yaml"
    write_whole(sdk, _SDK)
    here = _HERE if not config.no_proxy() else ",".join(dict.fromkeys([*config.no_proxy().split(","), *_HERE.split(",")]))
    environ = config.whole_environment()
    values: dict[str, str | None] = {
        **dict.fromkeys(filter(_ELSEWHERE.fullmatch, environ)),
        **plain(settings, server),
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(sdk.absolute()),
        **dict.fromkeys(_PROXY, server.https_proxy),
        **dict.fromkeys(_NO_PROXY, here),
        **dict.fromkeys(_TRUST, str(_bundle(folder / "certificate-authorities.pem", server).absolute())),
    }
    before = {name: environ.get(name) for name in values} | config.env_before()
    return {**values, config.ENV_BEFORE: json.dumps(before, sort_keys=True)}


def whole(settings: Settings, server: Server) -> dict[str, str]:
    """The person's own environment as these variables change it, for a program to start; what they were before, the person's
    own keys among it, is not in it. Raises RunError."""
    changed = {**config.whole_environment(), **variables(settings, server), config.ENV_BEFORE: None}
    return {name: value for name, value in changed.items() if value is not None}


def undone() -> dict[str, str | None]:
    """The variables of this shell as they were before `kennel env`, None for one that goes; empty where it has set none.

    Raises RunError.
    """
    before = config.env_before()
    return {**before, config.ENV_BEFORE: None} if before else {}


def _bundle(path: Path, server: Server) -> Path:
    """A file of certificate authorities: those that the person trusts, and the server's."""
    own, trusted = _authority(server), _origin(config.trusted_file())
    begin = f"{_MADE_FROM}{json.dumps(str(trusted))}\n"
    try:
        known = path.read_text("utf-8") if path.exists() else ""
        is_current = known.startswith(begin) and known.endswith(own) and trusted.stat().st_mtime <= path.stat().st_mtime
        if not is_current:
            write_whole(path, f"{begin}{trusted.read_text('utf-8').rstrip()}\n{own}")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"the certificate authorities of {trusted} cannot be read: {error}") from None
    return path


def _origin(trusted: Path | None) -> Path:
    """The person's own file of authorities: the one that a bundle of ours, of this root or another, was made from; the
    machine's where there is none."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        if trusted is not None:
            with trusted.open("rb") as file:
                begin = file.readline(30_000).decode()
            if begin.startswith(_MADE_FROM):
                made_from = Path(json.loads(begin.removeprefix(_MADE_FROM)))
                trusted = made_from if made_from.is_file() else None
    if trusted is not None:
        return trusted.absolute()
    machines = Path(ssl.get_default_verify_paths().openssl_cafile)  # `cafile` is what SSL_CERT_FILE names
    return machines if machines.is_file() else Path(certifi.where())


def _authority(server: Server) -> str:
    """The certificate of the server's own authority, PEM."""
    place = urlsplit(server.https_proxy)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    try:
        connection.request("GET", "/certificate-authority.pem")
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        if answer.status != 200:
            raise RunError(f"local SageMaker: it has no certificate authority: {text.strip()}; mend or remove that file")
        return text
    except (OSError, http.client.HTTPException) as error:
        raise RunError(f"local SageMaker: http://{place.hostname}:{place.port} does not answer: {error}") from None
    finally:
        connection.close()
