"""The pages of the reference show the options, whose descriptions join the docstrings when the classes are made."""

import importlib
import re
from pathlib import Path

import griffe
import pytest
from conftest import ROOT

from options import options_of

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
