"""A serve program on this machine for as long as a launcher needs it, and two commands on top: ask, and serve on a port.

`python -m scripts.serving ask PICTURE ...` answers about pictures; `python -m scripts.serving up` keeps the endpoint.
"""

import argparse
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from contract.layout import Layout
from scripts.client import Client
from scripts.config import HOME
from scripts.errors import LaunchError, RunError
from scripts.programs import Program

SERVED = HOME / "demo" / "serve" / "opt" / "ml"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def endpoint(layout: Layout, *, log: Path | None = None, port: int | None = None) -> Iterator[Client]:
    """A serve program on loopback that has said it is ready. It is stopped, drained, when the context ends."""
    port = port or free_port()
    environment = {"SAGEMAKER_BIND_TO_PORT": str(port), "KENNEL_BIND_HOST": "127.0.0.1"}
    with Program("serve", layout, environment=environment, log=log) as program:
        client = Client(port)
        try:
            client.wait_until_ready(program.running)
        except RunError as error:
            raise RunError(f"{error}: {program.last_line()}") from None
        yield client


def _ask(layout: Layout, pictures: Sequence[Path], say: Console) -> None:
    for picture in pictures:
        if not picture.is_file():
            raise LaunchError(f"{picture}: no such picture; make ask PICTURE=path/to/a.jpg")
    with endpoint(layout, log=layout.base / "serve.log") as client:
        for answer in client.ask_all(pictures):
            guesses = ", ".join(f"{guess['label']} {guess['probability']:.2f}" for guess in answer.predictions[:3])
            say.print(f"{answer.picture}: {guesses}   ({1000 * answer.seconds:.0f} ms)", highlight=False, markup=False)


def _up(layout: Layout, port: int, say: Console) -> None:
    environment = {"SAGEMAKER_BIND_TO_PORT": str(port), "KENNEL_BIND_HOST": "127.0.0.1"}
    with Program("serve", layout, environment=environment) as program:
        Client(port).wait_until_ready(program.running)
        say.print(f"ask    curl --data-binary @dog.jpg -H 'Content-Type: image/jpeg' http://127.0.0.1:{port}/invocations")
        say.print("stop   Ctrl-C")
        with suppress(KeyboardInterrupt):
            program.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.serving", description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("ask", "up"))
    parser.add_argument("pictures", nargs="*", type=Path, help="pictures to ask about")
    parser.add_argument("--base", type=Path, default=SERVED, help="the /opt/ml whose model is served (default: the demo's)")
    parser.add_argument("--port", type=int, default=8080, help="of `up`, on 127.0.0.1 (default: %(default)s)")
    given = parser.parse_args(arguments)
    layout, say = Layout(given.base.absolute()), Console(soft_wrap=True)
    try:
        if not layout.model.is_dir():
            raise LaunchError(f"{layout.model}: no model there; `make demo` trains one")
        if given.verb == "up":
            _up(layout, given.port, say)
        elif not given.pictures:
            raise LaunchError("no picture given; make ask PICTURE=path/to/a.jpg")
        else:
            _ask(layout, given.pictures, say)
    except LaunchError as error:
        Console(stderr=True, soft_wrap=True).print(f"{given.verb}: {error}", markup=False, highlight=False)
        return error.status
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
