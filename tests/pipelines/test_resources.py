"""What an optimisation is said to take before it begins."""

import re
from dataclasses import replace

import numpy as np
import pytest

from errors import ArgumentError
from model.random_filters import random_filters
from model.vgg19 import vgg19
from pipelines import resources
from pipelines.memory_bound import parse_memory
from pipelines.resources import Work, descriptor_operations, map_bytes, map_values, plan_resources
from pipelines.synthesis.plan import plan_synthesis
from pipelines.synthesis.settings import SynthesisSettings
from pipelines.transfer.inputs import make_inputs
from pipelines.transfer.plan import plan_transfer
from pipelines.transfer.settings import TransferSettings

WORK = Work(
    size=(512, 512), pixels=512**2, pixel_iterations=500 * 512**2, layers=("pool1", "relu3_2"), octaves=4,
    optimizer="l-bfgs-b", max_pixels=270_000, bytes_at_once=1200,
)  # fmt: skip


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of 64 GB that does 100 GFLOP/s."""
    monkeypatch.setattr(resources, "matrix_speed", lambda: 1e11)
    monkeypatch.setattr(resources, "memory_bound", lambda memory: memory or 32 * 10**9)
    monkeypatch.setattr("runs.machine.memory_of_machine", lambda: 64 * 10**9)


def test_operations_are_those_of_vgg19():
    assert descriptor_operations(["relu5_4"]) * 224**2 == pytest.approx(2 * 19.5e9, rel=0.01)
    assert descriptor_operations(["conv1_1"]) == 2 * 9 * 3 * 64 + 2 * 9 * 64 * 64
    assert map_bytes(["relu1_2"]) == 0
    assert map_bytes(["relu3_2", "pool1"]) == 4 * 64 / 4 + 4 * 128 / 16


@pytest.mark.parametrize("layer", ["relu1_1", "pool1", "conv3_2", "relu3_4", "pool3", "random"])
def test_values_of_maps_are_those_of_the_descriptor(layer):
    descriptor = random_filters() if layer == "random" else vgg19([layer])
    features = descriptor(np.zeros((1, 64, 64, 3), np.float32))[layer]
    assert map_values(layer) == np.prod(features.shape) / 64**2


def test_correlations_of_larger_maps_take_more_memory():
    def needed(*layers):
        plan = plan_synthesis(SynthesisSettings(layers=layers, statistics="stochastic"), [(512, 512)])
        return plan.objective.features.bytes_needed(plan.geometry.layers)

    assert needed("pool1", "relu3_2") == needed("relu3_2", "pool1") == pytest.approx(300, rel=0.02)
    assert needed("relu1_1", "relu3_2") == 4 * needed("pool1", "relu3_2")


def test_small_work_is_in_memory():
    found = plan_resources(WORK, None, "`output_width`")
    assert found.folder is None
    assert re.fullmatch(r"512 x 512 pixels need about 1\.\d GB of memory, and roughly \d+ minutes", found.note)


def test_large_work_goes_into_files():
    large = replace(WORK, size=(4096, 4096), pixels=4096**2, pixel_iterations=500 * 4096**2)
    found = plan_resources(large, 6 * 10**9, "`output_width`")
    assert found.folder is not None
    assert re.search(
        r"about [45]\.\d GB of memory and \d+\.\d GB of files, computing in strips, and .* hours", found.note
    )
    assert plan_resources(large, None, "`output_width`").folder is None
    with pytest.raises(ArgumentError, match=r"`output_width` is too large: 4096 x 4096 .* but `memory` is 2\.0 GB"):
        plan_resources(large, 2 * 10**9, "`output_width`")


def test_terms_of_pictures_and_sources_count():
    def gigabytes(source=(512, 512), **changes):
        notes = plan_synthesis(SynthesisSettings(**changes), [source]).notes
        (found,) = [found[1] for note in notes if (found := re.search(r"need about ([\d.]+) GB", note))]
        return float(found)

    alone, stochastic = (gigabytes(statistics=kind, output_width=4096) for kind in ("gram", "stochastic"))
    assert alone < stochastic
    files = {"output_width": 4096, "memory": "8GB"}
    assert gigabytes(statistics="stochastic", **files) - gigabytes(statistics="gram", **files) == pytest.approx(
        0.077 * 4.144**2, abs=0.2
    )
    assert gigabytes(statistics="gram") + 0.15 < gigabytes(statistics="stochastic") < gigabytes((3000, 4000))


def test_large_sources_fit_with_all_statistics_unless_they_have_regions():
    settings = SynthesisSettings(memory="6GB")
    for statistics in ("gram", "stochastic", "regular"):
        assert plan_synthesis(replace(settings, statistics=statistics), [(3000, 4000)])
    with pytest.raises(ArgumentError, match="`source` is too large"):
        plan_synthesis(settings, [(3000, 4000)], has_regions=True)


def test_who_gives_what_a_message_asks_for_is_not_refused():
    pattern = r"need about ([\d.]+) GB of memory, but `memory` is ([\d.]+) GB"
    for width in range(256, 512, 16):
        settings = SynthesisSettings(output_width=width, octaves=2, memory="0.9GB")
        with pytest.raises(ArgumentError, match=pattern) as refused:
            plan_synthesis(settings, [(384, 384)])
        needed, limit = re.search(pattern, str(refused.value)).groups()
        assert float(needed) > float(limit)
        assert plan_synthesis(replace(settings, memory=f"{needed}GB"), [(384, 384)])


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_sizes_of_the_issue_fit_six_gigabytes(optimizer):
    settings = SynthesisSettings(output_width=4096, octaves=6, memory="6GB")
    assert plan_synthesis(settings, [(1024, 1024)]).objective.folder is not None
    with pytest.raises(ArgumentError, match=r"need about 6\.0 GB of memory, but `memory` is 5\.5 GB"):
        plan_synthesis(replace(settings, memory="5.5GB"), [(1024, 1024)])
    picture = plan_inputs()
    settings = TransferSettings(end_scale="4096", optimizer=optimizer, memory="6GB")
    plan = plan_transfer(settings, picture)
    assert plan.scales[-1].size == (4096, 4096)
    assert plan.objective.folder is not None


def plan_inputs():
    import numpy as np

    return make_inputs(np.zeros((64, 64, 3), np.float32), [np.zeros((64, 64, 3), np.float32)])


@pytest.mark.parametrize("kind", [SynthesisSettings, TransferSettings])
def test_wrong_sizes_of_memory_are_refused(kind):
    with pytest.raises(ArgumentError, match="`memory` must be"):
        kind(memory="plenty")
    with pytest.raises(ArgumentError, match="`memory` must be"):
        kind(memory=True)
    with pytest.raises(ArgumentError, match="`memory` must be at least 100MB"):
        kind(memory=10**7)


@pytest.mark.parametrize("kind", [SynthesisSettings, TransferSettings])
@pytest.mark.parametrize("memory", [4 * 10**9, 4e9])
def test_memory_may_be_a_number_of_bytes(kind, memory):
    assert parse_memory(kind(memory=memory).memory) == parse_memory("4GB")
