"""The terms of features beside their Gram matrices."""

import numpy as np
import pytest
from keras import ops

from pipelines.synthesis.feature_terms import COARSE_FACTOR, KINDS, FeatureTermsPlan

ALL = dict.fromkeys(KINDS, 0.5)
WRAPS = (False, False)


def maps(side, seed=0):
    return {"pool1": np.random.default_rng(seed).random((1, side, side + 2, 4)).astype("float32")}


def value(term, features):
    return float(ops.convert_to_numpy(term.comparison(ops.convert_to_tensor(features["pool1"]))))


def test_every_kind_is_least_at_the_source():
    plan, features = FeatureTermsPlan(ALL), maps(20)
    terms = plan.terms([plan.targets(features)], {"pool1": 20}, WRAPS, False)
    assert list(terms) == [f"pool1/{kind}" for kind in KINDS]
    for term in terms.values():
        assert (term.layer, term.weight) == ("pool1", 0.5)
        assert value(term, features) < 1e-4 < 0.01 < value(term, {"pool1": features["pool1"] ** 3})


def test_a_weight_of_0_is_no_term():
    plan = FeatureTermsPlan({**dict.fromkeys(KINDS, 0.0), "moment": 1.0})
    assert list(plan.terms([plan.targets(maps(20))], {"pool1": 20}, WRAPS, False)) == ["pool1/moment"]


@pytest.mark.parametrize(("shifted_gram", "factor"), [(0.0, COARSE_FACTOR), (0.1, 1.0)])
def test_coarse_octaves_have_more_weight_unless_shifted_gram_matrices_arrange_them(shifted_gram, factor):
    weights = {**dict.fromkeys(KINDS, 0.0), "correlation": 0.5, "shifted_gram": shifted_gram}
    plan, features = FeatureTermsPlan(weights), maps(20)
    for is_coarse, expected in ((False, 0.5), (True, 0.5 * factor)):
        terms = plan.terms([plan.targets(features)], {"pool1": 20}, WRAPS, is_coarse)
        assert terms["pool1/correlation"].weight == expected


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_gives_about_the_same(kind):
    plan, features = FeatureTermsPlan({**dict.fromkeys(KINDS, 0.0), kind: 1.0}), maps(20)
    half = {"pool1": ops.cast(ops.convert_to_tensor(features["pool1"]), "bfloat16")}
    (term,) = plan.terms([plan.targets(half)], {"pool1": 20}, WRAPS, False).values()
    assert value(term, features) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_a_picture_of_one_colour_have_a_finite_loss_that_is_least_where_they_do_not_vary(kind):
    plan = FeatureTermsPlan({**dict.fromkeys(KINDS, 0.0), kind: 1.0})
    constant = np.full((1, 20, 22, 4), 30.0, "float32")
    (term,) = plan.terms([plan.targets({"pool1": constant})], {"pool1": 20}, WRAPS, False).values()
    found = [value(term, {"pool1": constant + share * (maps(20)["pool1"] - 0.5)}) for share in (0, 1, 2)]
    assert 0 <= 2 * found[0] < found[1] < found[2] < np.inf


@pytest.mark.parametrize(("source", "output"), [(10, 40), (40, 10)])
def test_maps_that_are_smaller_than_the_shifts_have_no_shifted_terms(source, output):
    plan = FeatureTermsPlan(ALL)
    names = plan.terms([plan.targets(maps(source)), plan.targets(maps(40))], {"pool1": output}, WRAPS, False)
    assert "pool1/shifted_gram" not in names
    assert {"pool1/moment", "pool1/wasserstein", "pool1/correlation"} <= set(names)


def test_several_sources_are_joined():
    plan, features = FeatureTermsPlan(ALL), [maps(20), maps(24, seed=1)]
    terms = plan.terms([plan.targets(values) for values in features], {"pool1": 20}, WRAPS, False)
    both = np.concatenate([values["pool1"].reshape(-1, 4) for values in features])
    mean = np.mean([values["pool1"].mean(axis=(0, 1, 2)) for values in features], axis=0)
    np.testing.assert_allclose(terms["pool1/moment"].comparison.mean, mean, rtol=1e-5)
    # Of two distributions that are nearly alike the mean of their quantiles is about that of both together.
    quantiles = np.quantile(both, [0.25, 0.75], axis=0)
    found = np.quantile(terms["pool1/feature_histogram"].comparison.target, [0.25, 0.75], axis=0)
    np.testing.assert_allclose(found, quantiles, atol=0.02)
