"""The pages of the reference show the options, whose descriptions join the docstrings when the classes are made."""

import importlib
import re
from pathlib import Path

import griffe
import pytest
from conftest import ROOT

from options import options_of
from pipelines.materials.surface import DIRECTX_NORMALS, ROLES

PAGES = {"synthesize": "SynthesisSettings", "transfer": "TransferSettings", "train": "TrainingSettings"}


@pytest.mark.parametrize("page", PAGES)
def test_every_option_stands_on_the_page(page):
    text = (ROOT / "docs" / "reference" / f"{page}.md").read_text()
    entry = re.search(rf"::: (\S+)\.{PAGES[page]}\n    options:\n((?:      .*\n)+)", text)
    assert "force_inspection: true" in entry[2]  # else the source is read, where they are not
    module = importlib.import_module(entry[1])
    found = griffe.inspect(entry[1], filepath=Path(module.__file__))[PAGES[page]].docstring.value
    options = list(options_of(getattr(module, PAGES[page])))
    assert len(options) > 10
    for name, _, option in options:
        assert " ".join(f"{name}: {option.help}".split()) in " ".join(found.split())


def test_the_page_on_materials_names_all_keys_of_maps():
    text = (ROOT / "docs" / "materials.md").read_text().partition("## Formats")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", text, re.MULTILINE)
    shown = {key: {key.lower(), *names.lower().split(", ")} for key, names in rows}
    known = {name: {name.lower(), *role.synonyms} - set(DIRECTX_NORMALS) for name, role in ROLES.items()}
    assert shown == known | {"normalDX": set(DIRECTX_NORMALS)}
