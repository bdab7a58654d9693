"""Runs one notebook from the first cell to the last and tells what becomes of each; the program of `kennel run`.

The Python of the notebook's environment runs it, which has nbclient and papermill; it imports nothing of this project. Its one
argument is JSON: `notebook`, `output`, `parameters`, `keep_going`, and `events`, a file descriptor for a JSON line an event:
`cell` begins, `printed` a line, `done` with its seconds and its error or none, `end` with what stopped the run or none,
`unwritten` where the executed copy cannot be written, and `refused` where the file is no notebook.
"""

import contextlib
import itertools
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

_SKIPPED = "skip-execution"
"""The tag of cells that nbclient leaves out."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Runner:
    """Executes the cells in a kernel of this Python, whatever kernel the notebook names."""

    def __init__(self, notebook: Path, parameters: dict[str, Any], keep_going: bool, events: Any) -> None:
        self.notebook = load_notebook_node(str(notebook))
        about = self.notebook.metadata
        language = about.get("kernelspec", {}).get("language") or about.get("language_info", {}).get("name") or "python"
        if language.lower() not in ("python", "python3", "ipython"):
            raise ValueError(f"its cells are {language}, and only Python runs here")
        if parameters:
            self.notebook = parameterize_notebook(self.notebook, parameters, kernel_name="python3", language="python")
            if not any("parameters" in cell.metadata.get("tags", []) for cell in self.notebook.cells):
                text = 'no cell has the tag "parameters": the values are set before the first cell; one that sets them wins'
                print(json.dumps({"event": "note", "text": text}), file=events, flush=True)
        self._events = events
        self._began = 0.0
        self._numbers: dict[int, int] = {}
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type == "code" and cell.source.strip() and _SKIPPED not in cell.metadata.get("tags", []):
                self._numbers[index] = len(self._numbers) + 1
        runner = self

        class Client(NotebookClient):
            def output(self, outs: Any, message: Any, display_id: Any, cell_index: int) -> Any:
                if message["msg_type"] == "stream":
                    runner.tell(event="printed", text=_last_line(message["content"]["text"]))
                return super().output(outs, message, display_id, cell_index)

        self.client = Client(
            self.notebook,
            timeout=None,
            kernel_name="python3",
            allow_errors=keep_going,
            skip_cells_with_tag=_SKIPPED,
            resources={"metadata": {"path": str(notebook.absolute().parent)}},
            on_cell_execute=self._begins,
            on_cell_executed=self._ends,
        )

    def tell(self, **event: Any) -> None:
        print(json.dumps(event), file=self._events, flush=True)

    def run(self) -> str | None:
        """Executes all cells; returns what stopped the run: None, "error" for a cell's, or what else it was."""
        self.tell(event="begin", cells=len(self._numbers))
        try:
            self.client.execute()
        except CellExecutionError:
            return "error"
        except DeadKernelError:
            return "the kernel died: the cell ended its process, or there was no memory left"
        return None

    def _begins(self, cell: Any, cell_index: int) -> None:
        self._began = time.monotonic()
        self.tell(event="cell", number=self._numbers[cell_index], code=_first_line(cell.source))

    def _ends(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        content = execute_reply["content"]
        failed = content["status"] == "error" and "raises-exception" not in cell.metadata.get("tags", [])
        error = f"{content['ename']}: {_COLOURS.sub('', content['evalue'])}" if failed else None
        seconds = round(time.monotonic() - self._began, 3)
        cell.outputs = _merged(cell.outputs)
        self.tell(event="done", number=self._numbers[cell_index], seconds=seconds, error=error)


def _first_line(code: str) -> str:
    """The first line that does something."""
    lines = [line.strip() for line in code.strip().splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), lines[0])


def _last_line(text: str) -> str:
    lines = re.split(r"[\r\n]+", _COLOURS.sub("", text).strip())
    return lines[-1][:500]


def _merged(outputs: list[Any]) -> list[Any]:
    """Neighbouring pieces of one stream as one, each line as a terminal would leave it.

    In time that grows with their length: nbclient's own way takes its square, a minute for a line of 200,000 letters.
    """
    merged: list[Any] = []
    for name, group in itertools.groupby(outputs, lambda output: output.get("name")):
        pieces = list(group)
        if name is not None:
            lines = "".join(piece.text for piece in pieces).split("\n")
            pieces[0].text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
        merged += pieces[:1] if name is not None else pieces
    return merged


def _write(notebook: Any, output: Path) -> None:
    """Puts the executed copy in its place, whole. Raises OSError, and then nothing has changed."""
    output.parent.mkdir(parents=True, exist_ok=True)
    aside = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        nbformat.write(notebook, aside)
        aside.replace(output)
    finally:
        aside.unlink(missing_ok=True)


def main() -> int:
    """0 when every cell did what it should, 1 when one failed, 2 for a file that is no notebook."""
    request = json.loads(sys.argv[1])
    with os.fdopen(request["events"], "w", encoding="utf-8") as events:
        os.set_inheritable(events.fileno(), False)
        try:
            runner = Runner(Path(request["notebook"]), request["parameters"], request["keep_going"], events)
        except Exception as error:  # whatever is in a file that is no notebook
            print(json.dumps({"event": "refused", "why": f"{type(error).__name__}: {error}"}), file=events, flush=True)
            return 2
        try:
            stopped = runner.run()
        finally:
            try:
                _write(runner.notebook, Path(request["output"]))
            except OSError as error:
                with contextlib.suppress(BrokenPipeError):
                    runner.tell(event="unwritten", why=error.strerror or str(error))
        with contextlib.suppress(BrokenPipeError):
            runner.tell(event="end", stopped=stopped)
    return int(stopped is not None)


if __name__ == "__main__":
    sys.exit(main())
