"""The program and its peer in PyTorch compute the same loss, so that their times can be compared."""

import numpy as np
import pytest
import torch
from support import vgg_reference

from benchmarks.synthesize import Task, compiled_loss, noise, torch_texture
from images.writing import write_image


def test_both_compute_the_same_loss_and_gradient(shared, monkeypatch, tmp_path):
    monkeypatch.setenv("TEXTURE_NETS_VGG19", str(shared / vgg_reference.WEIGHTS))
    source = tmp_path / "source.png"
    write_image(source, np.random.default_rng(1).random((64, 64, 3), dtype=np.float32))
    task = Task(source, 64)
    ours = compiled_loss(task, "float32")(noise(64))
    value, gradient = torch_texture(task).value_and_gradient(torch.from_numpy(noise(64)).permute(0, 3, 1, 2))
    assert float(ours.loss) == pytest.approx(value, rel=1e-5)
    expected = gradient.permute(0, 2, 3, 1).numpy()
    difference = np.linalg.norm(np.asarray(ours.gradient) - expected)
    assert difference < 1e-3 * np.linalg.norm(expected)
