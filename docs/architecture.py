"""`python -m docs.architecture` draws docs/architecture.svg from the imports: the rooms, their sub-packages, what imports what.

Only the arrows that no longer way implies are drawn. What runs in which process is no import, and is in docs/0-architecture.md.
"""

import ast
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "architecture.svg"
NO_ROOMS = {"tests", "bench", "docs", "docker", "notebooks"}
Graph = Mapping[str, set[str]]
"""What each name imports."""

CHARACTER, ROW, GAP, SMALL, LARGE = 7.4, 26, 46, 16, 34
"""Pixels: of a character's width, a box's height, between two rows, between two boxes, between two rooms."""


@dataclass(frozen=True, slots=True)
class Room:
    """One room as it is drawn: its sub-packages in rows, highest first, and the arrows between them."""

    name: str
    rows: list[list[str]]
    arrows: Graph

    @property
    def width(self) -> float:
        return max([_row_width(row) for row in self.rows] + [len(self.name) * CHARACTER + 60]) + 2 * SMALL

    @property
    def height(self) -> float:
        return 34 + len(self.rows) * ROW + max(0, len(self.rows) - 1) * GAP + SMALL


def modules() -> dict[str, Path]:
    """Every module of every room, by its dotted name."""
    rooms = [path.parent for path in sorted(ROOT.glob("*/__init__.py")) if path.parent.name not in NO_ROOMS]
    return {dotted(path): path for room in rooms for path in sorted(room.rglob("*.py"))}


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: str, path: Path, known: Iterable[str]) -> set[str]:
    """The modules of ours that one imports, also in its functions."""
    package, found = module if path.name == "__init__.py" else module.rpartition(".")[0], set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            found |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return found & set(known)


def graphs() -> tuple[Graph, dict[str, Graph]]:
    """What rooms import of each other, and for each room what its sub-packages import of each other."""
    known = modules()
    packages = {name for name, path in known.items() if path.name == "__init__.py"}
    rooms: dict[str, set[str]] = {name: set() for name in packages if "." not in name}
    inside = {room: {name.partition(".")[2]: set[str]() for name in packages if name.startswith(room + ".")} for room in rooms}
    for module, path in known.items():
        room, _, rest = module.partition(".")
        for other in imports(module, path, known):
            to, _, far = other.partition(".")
            here, there = rest.partition(".")[0], far.partition(".")[0]
            if to != room:
                rooms[room].add(to)
            elif here in inside[room] and there in inside[room] and here != there:
                inside[room][here].add(there)
    return rooms, inside


def floors(graph: Graph) -> list[list[str]]:
    """The names in rows, the importing above the imported and as near as can be. Raises ValueError for a circle."""
    height: dict[str, int] = {}
    while len(height) < len(graph):
        ready = [name for name in graph if name not in height and graph[name] <= set(height)]
        if not ready:
            raise ValueError(f"a circle among {', '.join(sorted(set(graph) - set(height)))}")
        height |= {name: 1 + max((height[other] for other in graph[name]), default=-1) for name in ready}
    for name in sorted(height, key=lambda name: -height[name]):
        above = [height[other] for other in graph if name in graph[other]]
        height[name] = min(above) - 1 if above else height[name]
    top = max(height.values(), default=-1)
    return [sorted(name for name in graph if height[name] == floor) for floor in range(top, -1, -1)]


def reduced(graph: Graph) -> Graph:
    """The graph without the arrows that a longer way implies."""
    below: dict[str, set[str]] = {}
    for name in [name for row in reversed(floors(graph)) for name in row]:
        below[name] = graph[name].union(*(below[other] for other in graph[name]))
    return {name: {other for other in graph[name] if not any(other in below[one] for one in graph[name])} for name in graph}


def draw() -> str:
    """The whole picture as SVG: rows of rooms, the importing above the imported."""
    graph, inside = graphs()
    rooms = {name: Room(name, floors(inside[name]), reduced(inside[name])) for name in graph}
    alone = {name for name in graph if not graph[name] and not any(name in others for others in graph.values())}
    names = floors({name: graph[name] for name in graph if name not in alone}) + [sorted(alone)] * bool(alone)
    rows = [[rooms[name] for name in row] for row in names]
    width = max(sum(room.width + LARGE for room in row) for row in rows) + LARGE
    parts, places, y = [], {}, float(LARGE)
    for row in rows:
        x = (width - sum(room.width + LARGE for room in row) + LARGE) / 2
        bottom = y + max(room.height for room in row)
        for room in row:
            places[room.name] = (x, bottom - room.height, room)
            parts += _room(room, x, bottom - room.height)
            x += room.width + LARGE
        y = bottom + GAP + SMALL
    arrows = []
    for name, others in sorted(reduced(graph).items()):
        x, top, room = places[name]
        for other in sorted(others):
            to, below, target = places[other]
            arrows.append(_arrow(x + room.width / 2, top + room.height, to + target.width / 2, below))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y - SMALL:.0f}" '
    head += 'font-family="sans-serif" font-size="13">'
    marker = '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    marker += '<path d="M0 0 8 4 0 8z" fill="#57606a"/></marker></defs>'
    return "\n".join([head, marker, '<rect width="100%" height="100%" fill="#fff"/>', *arrows, *parts, "</svg>"]) + "\n"


def _row_width(row: list[str]) -> float:
    return sum(_width(name) for name in row) + SMALL * (len(row) - 1)


def _width(name: str) -> float:
    return len(name) * CHARACTER + 20


def _room(room: Room, x: float, y: float) -> list[str]:
    """A room's box with its name, its sub-packages and their arrows."""
    parts = [_box(x, y, room.width, room.height, "#f6f8fa", "#57606a")]
    parts.append(f'<text x="{x + SMALL:.0f}" y="{y + 22:.0f}" font-weight="bold">{room.name}/</text>')
    places: dict[str, tuple[float, float]] = {}
    boxes = []
    for number, row in enumerate(room.rows):
        left, top = x + (room.width - _row_width(row)) / 2, y + 34 + number * (ROW + GAP)
        for name in row:
            places[name] = (left, top)
            boxes.append(_box(left, top, _width(name), ROW, "#ddf4ff", "#0969da"))
            boxes.append(f'<text x="{left + _width(name) / 2:.0f}" y="{top + 17:.0f}" text-anchor="middle">{name}</text>')
            left += _width(name) + SMALL
    for name, others in sorted(room.arrows.items()):
        for other in sorted(others):
            (left, top), (to, below) = places[name], places[other]
            parts.append(_arrow(left + _width(name) / 2, top + ROW, to + _width(other) / 2, below))
    return parts + boxes


def _box(x: float, y: float, width: float, height: float, fill: str, line: str) -> str:
    size = f'x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<rect {size} rx="5" fill="{fill}" stroke="{line}"/>'


def _arrow(x: float, y: float, to: float, below: float) -> str:
    middle = (y + below) / 2
    way = f"M{x:.0f} {y:.0f}C{x:.0f} {middle:.0f} {to:.0f} {middle:.0f} {to:.0f} {below - 2:.0f}"
    return f'<path d="{way}" fill="none" stroke="#57606a" marker-end="url(#to)"/>'


def main() -> int:
    """Write the picture."""
    FILE.write_text(draw(), "utf-8")
    print(FILE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
