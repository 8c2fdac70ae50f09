"""Adam's steps, the averages of the weights, and the learning rate by iteration."""

import keras
import numpy as np
import pytest
from keras import ops
from support.training_cases import make_inputs, small_settings

from model.saving import load_model
from options import MAX_ITERATIONS
from pipelines.training import optimizer as optimizer_module
from pipelines.training.optimizer import AveragedAdam, LearningRate, RateTable
from pipelines.training.train import train_generator


def test_the_rate_rises_stays_and_falls():
    rate = LearningRate(2.0, "cosine", iterations=100, warmup_steps=9, decay_start=0.5)
    assert [rate.at(i) for i in (0, 4, 9, 30, 50)] == pytest.approx([0.2, 1.0, 2.0, 2.0, 2.0])
    keras_cosine = keras.optimizers.schedules.CosineDecay(2.0, 50)
    falling = [float(ops.convert_to_numpy(keras_cosine(i))) for i in (0, 13, 49)]
    assert [rate.at(50 + i) for i in (0, 13, 49)] == pytest.approx(falling, rel=1e-5)


def test_the_rate_of_the_torch7_trainer_falls_by_steps():
    rate = LearningRate(1.0, "step", iterations=5000, warmup_steps=0, decay_start=0.5)
    assert [rate.at(i) for i in (0, 1999, 2000, 4000)] == pytest.approx([1, 1, 0.8, 0.64])


@pytest.mark.backends
def test_the_rates_of_the_longest_run_fit_into_memory(monkeypatch):
    monkeypatch.setattr(optimizer_module, "MAX_RATES", 1000)
    rate = LearningRate(0.1, "cosine", iterations=MAX_ITERATIONS, warmup_steps=0, decay_start=0.5)
    table = RateTable(rate)
    assert table.rates.nbytes == 4000
    for iteration in (0, 5 * 10**8, 7 * 10**8, MAX_ITERATIONS - 1):
        found = float(ops.convert_to_numpy(table(ops.convert_to_tensor(iteration, "int32"))))
        assert found == pytest.approx(rate.at(iteration), abs=1e-4)


@pytest.mark.backends
def test_steps_are_those_of_keras_and_averages_those_of_numpy():
    """Beside Keras' own Adam with its clipping, and an average written out."""
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(3, 4)), 40 * random.normal(size=(30, 3, 4))
    rate = LearningRate(0.1, "cosine", iterations=30, warmup_steps=3, decay_start=0.5)
    ours, theirs = (keras.Variable(start) for _ in range(2))
    optimizer = AveragedAdam(RateTable(rate), ema_momentum=0.6)
    reference = keras.optimizers.Adam(0.1, 0.9, 0.99, 1e-7, global_clipnorm=10.0)
    average = start
    optimizer.build([ours])
    for i, gradient in enumerate(gradients):
        optimizer.apply([ops.convert_to_tensor(gradient, "float32")], [ours])
        reference.learning_rate = rate.at(i)
        reference.apply([ops.convert_to_tensor(gradient, "float32")], [theirs])
        value = ops.convert_to_numpy(theirs)
        momentum = min(0.6, (1 + i) / (10 + i))
        average = momentum * average + (1 - momentum) * value
    np.testing.assert_allclose(ops.convert_to_numpy(ours), value, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(optimizer.averages[0]), average, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def test_the_result_is_the_average_and_a_resumed_run_ends_with_it(inputs, tmp_path):
    options = {"learning_rate": 1e-2, "num_iterations": 4, "ema_momentum": 0.999}

    def result(name, **changes):
        report = train_generator(small_settings(inputs, tmp_path / name, **(options | changes)))
        return report.resumed_from, load_model(report.generator).get_weights()

    _, last = result("last", ema_momentum=0.0)
    _, whole = result("whole")
    assert max(np.abs(one - other).max() for one, other in zip(last, whole, strict=True)) > 1e-3
    result("parts", num_iterations=2)
    resumed_from, parts = result("parts")
    assert resumed_from == 2
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
