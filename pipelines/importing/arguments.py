"""Command-line options that both importers have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from choices import LAYOUTS
from pipelines.command_line import ArgumentParser, parse_size
from pipelines.export.settings import ExportSettings


def add_export_arguments(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    """Add --layout and --size.

    Args:
        parser: of an importer.
        defaults: of the function that it calls, by parameter.
    """
    parser.add_argument(
        "--layout",
        metavar="|".join(LAYOUTS),
        default=defaults["layout"],
        help="position of the channels in inputs and outputs: last, or first as in the original (default: %(default)s)",
    )
    height, width = ExportSettings.size
    parser.add_argument(
        "--size",
        type=parse_size,
        metavar="HxW",
        help=f"height and width of pictures whose size the network leaves free: LiteRT is made for them, and .onnx and "
        f"SavedModel are compared at them without --verify (default: {height}x{width})",
    )
