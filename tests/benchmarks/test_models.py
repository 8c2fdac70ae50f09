"""The page of proof, on a folder of one small network."""

import shutil

from support.torch7_cases import SHIPPED_CASES

from benchmarks.models.networks import Network, found_networks
from benchmarks.models.page import Group, write_page
from benchmarks.models.trial import Export, Trial, try_network

CASE = {case.name: case for case in SHIPPED_CASES}["tn_johnson_small"]


def folder_with_a_network(folder):
    for path in (CASE.path, CASE.reference):
        shutil.copy(path, folder / path.name)
    (folder / "README.md").write_text("| folder | from |\n| --- | --- |\n| made | somebody/somewhere |\n")
    (folder / "made").mkdir()
    shutil.copy(CASE.path, folder / "made" / "other.t7")
    return folder


def test_networks_of_a_folder_are_found_with_what_lies_beside_them(tmp_path):
    made, beside = found_networks(folder_with_a_network(tmp_path))
    assert (made.name, made.kind, made.reference) == ("made/other.t7", "Torch7", None)
    assert beside.reference == tmp_path / CASE.reference.name


def test_a_network_is_compared_and_what_is_none_is_told(tmp_path):
    folder_with_a_network(tmp_path)
    trial = try_network(list(found_networks(tmp_path))[1], ())
    assert (trial.truth, trial.agrees) == ("Torch7, recorded", True)
    assert trial.difference[1] < 1e-5
    bad = tmp_path / "bad.t7"
    bad.write_bytes(b"nothing")
    refused = try_network(Network("bad.t7", "Torch7", bad), ())
    assert refused.reason
    assert str(tmp_path) not in refused.reason


def test_page_tells_origin_differences_and_reasons(tmp_path):
    networks = list(found_networks(folder_with_a_network(tmp_path)))
    exports = {"onnx": Export(201_000, 1e-6), "litert": Export(reason="no operator for Foo")}
    trials = [Trial("made/other.t7", "", "Torch7, recorded", (1e-4, 2e-6), True, exports)]
    write_page(tmp_path / "page.md", "the command", [(Group("Some", tmp_path, networks, True), trials)])
    page = (tmp_path / "page.md").read_text()
    for text in ("somebody/somewhere", "| 201 (1e-06) |", "2.0e-06", "LiteRT: no operator for Foo: made/other.t7"):
        assert text in page
    assert "1 of 1 networks can be converted; 1 more were not tested in this run." in page
    assert "python import_torch_weights.py --input <other.t7> --output other.onnx" in page
