"""Where the folder of reference files is looked for."""

import pytest

from benchmarks import generators, synthesize, textures
from benchmarks.paths import find_shared
from errors import UserError


def test_the_folder_that_is_given_comes_before_the_variable_s(tmp_path, monkeypatch):
    monkeypatch.setenv("TEXTURE_NETS_SHARED", str(tmp_path))
    (tmp_path / "given").mkdir()
    assert find_shared() == tmp_path
    assert find_shared(tmp_path / "given") == tmp_path / "given"


@pytest.mark.parametrize("benchmark", [generators, textures, synthesize], ids=lambda module: module.__name__)
def test_a_missing_folder_is_told(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("TEXTURE_NETS_SHARED", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere: no such folder"):
        benchmark.run([])
