"""HEIC pictures, which Pillow reads with the package pillow-heif alone."""

from __future__ import annotations

# Of the brand in the first box of a file, as HEIC files have it; AVIF files may begin with the last two of them, and
# tell what they are among the further brands of that box.
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")


def is_heif(head: bytes) -> bool:
    """Tell from the first bytes of a file whether it is a HEIC picture, as phones write them."""
    further = head[16 : int.from_bytes(head[:4])]
    is_avif = any(brand in further for brand in AVIF_BRANDS)
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS and not is_avif


def register_heif() -> None:
    """Let Pillow open HEIC pictures.

    Raises:
        ImportError: the package is missing.
    """
    import pillow_heif

    pillow_heif.register_heif_opener()
