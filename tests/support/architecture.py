"""Imports, circles and lengths of functions of a tree of sources."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

# From top to bottom: a folder imports only from those after it. FOR_ALL are modules at the root.
FOLDERS = (
    "pipelines",
    "runs",
    "web",
    "convert",
    "losses",
    "describe",
    "optimize",
    "strips",
    "model",
    "layers",
    "runtimes",
    "film",
    "images",
)
FOR_ALL = ("options", "compat", "choices", "errors", "version")
LEVELS = (*FOLDERS, *FOR_ALL)
INTERFACE = "texture_nets"
READERS = ("benchmarks", "examples", "docs")  # they import whatever they show or measure, and nobody imports them

# What the folders that can be copied without the rest (film with images) may import beside the standard library and
# themselves.
COPYABLE = {
    "layers": {"keras"},
    "images": {"numpy", "scipy", "PIL", "tifffile", "imagecodecs", "av", "pillow_heif", "OpenEXR"},
    "film": {"images", "numpy", "PIL", "av", "cv2"},
    "runtimes": {"numpy", "tensorflow", "ai_edge_litert", "onnxruntime", "openvino"},
    "web": set(),
}
ALSO_ALLOWED = {"layers.tensorflow_kernels": {"tensorflow"}, "layers.compat": {"tensorflow"}}

Graph = Mapping[str, set[str]]


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever the statement stands, `importlib` with a literal too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (word.value for word in node.args[:1] if isinstance(word, ast.Constant))


def import_graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the modules of `sources` (dotted name -> text) that each imports; other packages by their first name."""
    return {
        name: {resolved(found, sources) for found in imported_names(ast.parse(text))} for name, text in sources.items()
    }


def resolved(name: str, modules: Iterable[str]) -> str:
    """Return the longest beginning of a dotted name that is a module of the tree, or its first part."""
    parts = name.split(".")
    beginnings = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((beginning for beginning in beginnings if beginning in modules), parts[0])


def circle(graph: Graph) -> list[str]:
    """Return the names of one circle of a graph in order, the first repeated at its end, or an empty list."""
    done: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for target in sorted(graph.get(path[-1], ())):
            if target in path:
                return [*path[path.index(target) :], target]
            if target not in done and (found := search([*path, target])):
                return found
        done.add(path[-1])
        return []

    return next((found for name in sorted(graph) if name not in done and (found := search([name]))), [])


def contracted(graph: Graph, folder: str) -> Graph:
    """Return the graph between what stands in a folder ("" is the root): its modules, and each subfolder as one."""
    depth = folder.count(".") + 1 if folder else 0
    children: dict[str, set[str]] = defaultdict(set)
    for name, targets in graph.items():
        for target in targets:
            if inside(name, folder) and inside(target, folder):
                start, end = (".".join(module.split(".")[: depth + 1]) for module in (name, target))
                children[start] |= {end} - {start}
    return children


def inside(name: str, folder: str) -> bool:
    """Return whether a module stands in a folder, the folder's own `__init__` left out."""
    return not folder or name.startswith(folder + ".")


def folder_circles(graph: Graph) -> list[list[str]]:
    """Return the circles between neighbours in each folder of the tree."""
    folders = {".".join(parts[:end]) for name in graph for parts in [name.split(".")] for end in range(len(parts))}
    return [found for folder in sorted(folders) if (found := circle(contracted(graph, folder)))]


def level(name: str) -> int:
    """Return a module's level, 0 at the top: benchmarks and docs, scripts, the interface, each folder, FOR_ALL."""
    folder = name.partition(".")[0]
    if folder in READERS:
        return 0
    if folder in LEVELS:
        return 3 + LEVELS.index(folder)
    return 1 + (folder == INTERFACE)


def arrows_upwards(graph: Graph) -> list[str]:
    """Return the imports between folders that do not run downwards, each as "importing -> imported"."""
    return sorted(
        f"{name} -> {target}"
        for name, targets in graph.items()
        for target in targets & set(graph)
        if name.partition(".")[0] != target.partition(".")[0] and level(name) >= level(target)
    )


def foreign_imports(graph: Graph) -> list[str]:
    """Return the imports that a folder that can be copied alone must not have, each as "importing -> imported"."""
    return sorted(
        f"{name} -> {target}"
        for name, targets in graph.items()
        if (folder := name.partition(".")[0]) in COPYABLE
        for target in targets
        if target.partition(".")[0]
        not in {folder, *COPYABLE[folder], *ALSO_ALLOWED.get(name, ()), *sys.stdlib_module_names}
    )


def function_lengths(sources: Mapping[str, str]) -> dict[str, int]:
    """Return the lines of each function of the sources, its decorators left out."""
    return {
        f"{name}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for name, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
