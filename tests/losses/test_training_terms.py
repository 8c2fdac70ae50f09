"""The terms of the training objective against PyTorch and NumPy."""

import numpy as np
import pytest
import torch
from keras import ops

from losses.content import ContentComparison, RelativeContentComparison
from losses.diversity import diversity_loss
from losses.texture import AbsoluteGramComparison, GramComparison

pytestmark = pytest.mark.backends

RANDOM = np.random.default_rng(5)
FEATURES, TARGET = RANDOM.normal(size=(2, 2, 6, 5, 4)).astype("float32")


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


def torch_gram(features):
    """Torch7's texture networks: the Gram matrix of each picture over its number of activations."""
    batch, height, width, channels = features.shape
    flat = torch.tensor(features).permute(0, 3, 1, 2).reshape(batch, channels, height * width)
    return torch.bmm(flat, flat.transpose(1, 2)) / (channels * height * width)


def test_absolute_style_is_torch_mse_of_gram_matrices_over_activations():
    source = TARGET[:1]
    expected = float(torch.nn.functional.mse_loss(torch_gram(FEATURES), torch_gram(source).expand(2, -1, -1)))
    gram = 4 * torch_gram(source)[0].numpy()  # over positions alone, as gram_matrix gives it
    assert number(AbsoluteGramComparison(gram)(ops.convert_to_tensor(FEATURES))) == pytest.approx(expected, rel=1e-5)


def test_absolute_content_is_torch_mse():
    expected = float(torch.nn.functional.mse_loss(torch.tensor(FEATURES), torch.tensor(TARGET)))
    assert number(ContentComparison()(FEATURES, TARGET)) == pytest.approx(expected, rel=1e-5)


def test_relative_content_is_the_mean_of_each_pictures_own_ratio():
    ratios = [np.sum((f - t) ** 2) / np.sum(t**2) for f, t in zip(FEATURES, TARGET, strict=True)]
    assert number(RelativeContentComparison()(FEATURES, TARGET)) == pytest.approx(np.mean(ratios), rel=1e-5)
    assert number(RelativeContentComparison()(0 * FEATURES, TARGET)) == pytest.approx(1)
    assert np.isfinite(number(RelativeContentComparison()(FEATURES, 0 * TARGET)))


def test_relative_terms_do_not_depend_on_the_size_of_activations():
    gram = 4 * torch_gram(TARGET[:1])[0].numpy()
    losses = [
        (
            number(GramComparison(gram * factor**2)(ops.convert_to_tensor(FEATURES * factor))),
            number(RelativeContentComparison()(FEATURES * factor, TARGET * factor)),
        )
        for factor in (1.0, 50.0)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_diversity_is_the_mean_log_distance_of_nearest_neighbours():
    pictures = RANDOM.random((3, 8, 8, 3), dtype=np.float32)
    distances = np.sqrt(((pictures[:, None] - pictures[None]) ** 2).mean(axis=(2, 3, 4)))
    np.fill_diagonal(distances, np.inf)
    expected = -np.log(distances.min(axis=1)).mean()
    assert number(diversity_loss(ops.convert_to_tensor(pictures))) == pytest.approx(expected, rel=1e-4)
    same = np.repeat(pictures[:1], 3, axis=0)
    assert expected < number(diversity_loss(ops.convert_to_tensor(same))) < 10


def test_parts_of_a_map_add_up_to_the_whole():
    for comparison in (ContentComparison(), RelativeContentComparison()):
        whole = comparison(FEATURES, TARGET)
        parts = [comparison.sums(FEATURES[:, rows], 30, TARGET[:, rows]) for rows in (slice(0, 2), slice(2, 6))]
        sums = [sum(values) for values in zip(*parts, strict=True)]
        assert len(sums) == comparison.signature[0]
        assert number(comparison.distance(sums)) == pytest.approx(number(whole), rel=1e-5)
