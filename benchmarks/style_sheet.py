"""All styles that ship on twelve photos, in one picture to choose from by looking.

`python -m benchmarks.style_sheet docs/pictures/styles.jpg` writes it. Each row is a style: a piece of its painting and
what the network makes of all photos; with `--transfers` also what `style_transfer.py` makes of the first one.
Pieces are shown pixel by pixel; photos have 512 pixels at their longer side, paintings 384, as the networks saw them.
Photos are those of pics/ and of Kodak's set, on which nothing was trained.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from benchmarks.paths import ROOT, find_shared
from benchmarks.styles import STYLE_SIZE, VGG, References, shipped_pictures
from images.reading import read_image
from images.resizing import resize_long_side
from images.writing import to_bytes, write_image
from pipelines.command_line import run_script
from pipelines.model_library import styles_within
from pipelines.startup import quiet_startup

NAME = "benchmarks.style_sheet"
SIZE = 512
SIDE = 144  # of a piece
QUALITY = 70
# Files, and where the middle of the piece is, as shares of height and width: faces, animals, houses, a street, sky and
# water, an evening, a table.
PHOTOS = (
    ("pics/astronaut.jpg", 0.24, 0.44),
    ("kodim15.jpg", 0.33, 0.60),
    ("kodim04.jpg", 0.46, 0.48),
    ("pics/chelsea.jpg", 0.42, 0.40),
    ("kodim23.jpg", 0.47, 0.24),
    ("kodim01.jpg", 0.72, 0.36),
    ("kodim08.jpg", 0.50, 0.42),
    ("kodim05.jpg", 0.62, 0.62),
    ("kodim19.jpg", 0.36, 0.60),
    ("kodim16.jpg", 0.42, 0.50),
    ("kodim22.jpg", 0.40, 0.45),
    ("pics/coffee.jpg", 0.36, 0.55),
)
TRANSFER_SIZE = 176  # of the part of the first photo that is optimised, at three scales
ITERATIONS = 200  # at each


def piece(picture: np.ndarray, place: tuple[float, float] = (0.5, 0.5), side: int = SIDE) -> np.ndarray:
    """Return the `side` x `side` pixels of `picture` (height, width, 3) around a place, or next to it at the edge.

    Args:
        picture: at least that large.
        place: shares of height and width.
        side: pixels.
    """
    top, left = (
        min(max(round(share * length - side / 2), 0), length - side)
        for share, length in zip(place, picture.shape[:2], strict=True)
    )
    return picture[top : top + side, left : left + side]


def assemble(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return one picture of rows of pieces of the same size."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def styles_that_ship() -> dict[str, tuple[Path, dict[str, float] | None]]:
    """Return, for each style, its own file, or that of the network of many styles and how it is chosen there."""
    pictures = shipped_pictures()
    within = {style: path for path in pictures.values() for style in styles_within(path)}
    single = {name: (path, None) for name, path in pictures.items() if not styles_within(path)}
    return single | {style: (path, {style: 1.0}) for style, path in within.items() if style not in single}


def transferred(references: References, name: str, content: np.ndarray, folder: Path, iterations: int) -> np.ndarray:
    """Return `content` repainted by style_transfer.py: what is in `folder`, or is put there now."""
    from pipelines.transfer.settings import TransferSettings
    from pipelines.transfer.transfer import transfer

    output = folder / f"{name}.png"
    if not output.exists():
        write_image(folder / "content.png", content)
        transfer(TransferSettings(
            content=folder / "content.png", styles=(references.painting(name),), output=output, style_size=STYLE_SIZE,
            min_scale=TRANSFER_SIZE // 2, end_scale=TRANSFER_SIZE, initial_iterations=iterations,
            iterations=iterations, weights=references.shared / VGG,
        ))  # fmt: skip
    return read_image(output).pixels


def make_sheet(references: References, transfers: Path | None, iterations: int) -> np.ndarray:
    """Return the sheet (height, width, 3).

    Args:
        references: where paintings and photos are.
        transfers: folder of what style_transfer.py made, with the file STYLE.png for each; those missing are made. None
            for a sheet without them.
        iterations: of a transfer that is made, at each scale.
    """
    from pipelines.stylization.styles import load_styles

    places = [(row, column) for _, row, column in PHOTOS]
    photos = [resize_long_side(read_image(_photo(references, name)), SIZE).pixels for name, *_ in PHOTOS]
    content = piece(photos[0], places[0], TRANSFER_SIZE)
    blank = np.ones((SIDE, SIDE, 3), np.float32)
    rows = [[blank] * (1 if transfers is None else 2) + list(map(piece, photos, places))]
    for name, (path, style) in track(styles_that_ship().items(), "styles", transient=True):
        stylize = load_styles(path, style=style)
        row = [resize_long_side(read_image(references.painting(name)), STYLE_SIZE).pixels]
        if transfers is not None:
            row.append(transferred(references, name, content, transfers, iterations))
        results = [piece(stylize(photo), place) for photo, place in zip(photos, places, strict=True)]
        rows.append([*map(piece, row), *results])
    return assemble(rows)


def _photo(references: References, name: str) -> Path:
    return ROOT / name if "/" in name else references.shared / "photos_heldout" / name


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("output", type=Path, metavar="FILE.jpg")
    parser.add_argument("--shared", type=Path, help="folder of photos, paintings and weights (default: ../shared)")
    parser.add_argument(
        "--transfers",
        type=Path,
        metavar="FOLDER",
        help="show what style_transfer.py makes of the first photo too: STYLE.png in this folder, made where missing "
        "(about six minutes of one processor core each)",
    )
    parser.add_argument(
        "--iterations", type=int, default=ITERATIONS, help="of a transfer at each of its three scales (%(default)s)"
    )
    arguments = parser.parse_args(argv)
    shared = find_shared(arguments.shared)
    with quiet_startup():
        import keras  # noqa: F401
    if arguments.transfers is not None:
        arguments.transfers.mkdir(parents=True, exist_ok=True)
    sheet = make_sheet(References(shared), arguments.transfers, arguments.iterations)
    Image.fromarray(to_bytes(sheet)).save(arguments.output, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Make the sheet with the given arguments (default: the command line's) and return the exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
