"""What a repository of this server is called from outside, and the password that opens it.

The port may be another at each start, so no name that holds it is kept: it is made when it is asked for. A password is
proved by itself: its time of expiry, and an HMAC of it with the root's own secret.
"""

import hashlib
import hmac
import re

from ..context import Context
from ..errors import AwsError

USERNAME = "AWS"
LIFETIME = 12 * 3600  # seconds, as on ECR
_IMAGE = re.compile(
    r"(?:127\.0\.0\.1|localhost):[0-9]{1,5}/(?P<name>[a-z0-9/._-]+)"
    r"(?P<tag>:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_PASSWORD = re.compile(r"([0-9]{10,11})\.([0-9a-f]{64})")


def address(context: Context) -> str:
    """HOST:PORT of the registry now."""
    return context.endpoint_url.removeprefix("http://")


def repository_uri(context: Context, name: str) -> str:
    """HOST:PORT/NAME: what to push to and pull from now."""
    return f"{address(context)}/{name}"


def pull_reference(context: Context, image: str) -> tuple[str, dict[str, str]] | None:
    """What to pull for an image that was named under any port of this machine, and the auth for it (username, password).

    The digest alone counts where tag and digest are given. None when the image is not in a repository of this server.
    """
    found = _IMAGE.fullmatch(image)
    if found is None or context.registry.find(found["name"]) is None:
        return None
    suffix = found["digest"] or found["tag"] or ":latest"
    return repository_uri(context, found["name"]) + suffix, {"username": USERNAME, "password": new_password(context)[0]}


def new_password(context: Context) -> tuple[str, float]:
    """A password for `docker login`, and when it expires (epoch seconds)."""
    expires = int(context.clock()) + LIFETIME
    return f"{expires}.{_proof(context, str(expires))}", float(expires)


def check_password(context: Context, username: str, password: str) -> None:
    """Raises UNAUTHORIZED for a login that is not ours, DENIED for one that has expired."""
    found = _PASSWORD.fullmatch(password)
    expires, proof = found.groups() if found else ("0", "")
    if not hmac.compare_digest(proof.encode(), _proof(context, expires).encode()) or username != USERNAME:
        raise unauthorized()
    if context.clock() >= int(expires):
        raise AwsError("DENIED", "Your authorization token has expired. Reauthenticate and try again.", 403)


def unauthorized() -> AwsError:
    """No login, or a wrong one."""
    message = f"Log in with the user name {USERNAME} and the password of `aws ecr get-login-password`."
    return AwsError("UNAUTHORIZED", message, 401)


def _proof(context: Context, expires: str) -> str:
    return hmac.new(context.secret_key.encode(), f"registry-login.{expires}".encode(), hashlib.sha256).hexdigest()
