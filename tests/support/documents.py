"""The documents of the project, their fenced blocks, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INNER = re.compile(r"\$\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, empty for what a program prints, and the line of its document on which it begins."""

    document: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """The blocks of every document; with languages, only theirs."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        for fence in _FENCE.finditer(text):
            found.append(Block(document, text.count("\n", 0, fence.start()) + 1, fence[2], fence[3]))
    return [block for block in found if not languages or block.language in languages]


def commands(script: str) -> Iterator[list[str]]:
    """The words of each command in a shell script: of a pipe, of a list, and in a substitution. Assignments are left out."""
    for line in script.replace("\\\n", " ").splitlines():
        for inner in _INNER.findall(line):
            yield from commands(inner)
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        lexer.wordchars += "$(){}:@,"
        for word in [*lexer, ";"]:
            if not set(word) <= set("|&;"):
                words.append(word)
            elif words:
                while words and re.match(r"\w+=", words[0]):
                    words.pop(0)
                if words:
                    yield words
                words = []


def mentioned() -> Iterator[tuple[str, str]]:
    """The commands in the running text, each `between backticks`, with their places."""
    for document in DOCUMENTS:
        text = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), document.read_text("utf-8"))
        for code in re.finditer(r"`((?:kennel|\.venv/bin/kennel|make)\s[^`]+)`", text):
            yield (
                f"{document.name}:{text.count(chr(10), 0, code.start()) + 1}",
                " ".join(code[1].replace("\\|", "|").split()),
            )  # as a table has it
