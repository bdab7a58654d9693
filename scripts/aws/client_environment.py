"""The environment variables that point any AWS client at the local SageMaker, those too that call AWS by its own name.

AWS_ENDPOINT_URL is enough for most. The SageMaker SDK asks STS by its own name all the same, and people open pictures as
https://BUCKET.s3.amazonaws.com/KEY: these go to the server's HTTPS proxy, and trust what it says for AWS's names.
"""

import http.client
import shlex
import ssl
from collections.abc import Callable, Mapping
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


def variables(settings: Settings, server: Server) -> dict[str, str]:
    """All of them, with two files that they name. Raises RunError."""
    if config.upstream_proxy() not in ("", server.upstream_proxy):
        stop = kennel_command("stop", settings)
        raise RunError(f"local SageMaker: it was started without your HTTPS_PROXY; {stop}, then the same command again")
    folder = local_server.root(settings)
    sdk = folder / "sagemaker-sdk.yaml"
    write_whole(sdk, _SDK)
    here = _HERE if not config.no_proxy() else ",".join(dict.fromkeys([*config.no_proxy().split(","), *_HERE.split(",")]))
    return {
        **plain(settings, server),
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(sdk.absolute()),
        config.UPSTREAM_PROXY: config.upstream_proxy(),
        **dict.fromkeys(_PROXY, server.https_proxy),
        **dict.fromkeys(_NO_PROXY, here),
        **dict.fromkeys(_TRUST, str(_bundle(folder / "certificate-authorities.pem", server).absolute())),
    }


def undone(settings: Settings) -> dict[str, str | None]:
    """The same variables as they were before; None for one that goes. The keys of another account are not known any more."""
    proxy = config.upstream_proxy()
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SAGEMAKER_ADMIN_CONFIG_OVERRIDE")
    return {
        **dict.fromkeys((*names, config.UPSTREAM_PROXY, *_TRUST)),
        **dict.fromkeys(_PROXY, proxy or None),
    }


def _bundle(path: Path, server: Server) -> Path:
    """A file of certificate authorities: those that the person trusts, and the server's."""
    own, trusted = _authority(server), config.trusted_file()
    if trusted is None or trusted.absolute() == path.absolute():
        trusted = Path(ssl.get_default_verify_paths().cafile or certifi.where())
    try:
        known = path.read_text("utf-8") if path.exists() else ""
        if own not in known or trusted.stat().st_mtime > path.stat().st_mtime:
            write_whole(path, f"{trusted.read_text('utf-8').rstrip()}\n{own}")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"the certificate authorities of {trusted} cannot be read: {error}") from None
    return path


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
        raise RunError(f"local SageMaker: {server.https_proxy} does not answer: {error}") from None
    finally:
        connection.close()


def _posix(name: str, value: str | None) -> str:
    return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str | None) -> str:
    quoted = "" if value is None else value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -e {name}" if value is None else f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str | None) -> str:
    quoted = "" if value is None else value.replace("'", "''")
    return f"Remove-Item -ErrorAction Ignore Env:{name}" if value is None else f"$Env:{name} = '{quoted}'"


SHELLS: Mapping[str, Callable[[str, str | None], str]] = {"sh": _posix, "fish": _fish, "powershell": _powershell}
"""How each shell sets a variable, or with None takes it away."""
