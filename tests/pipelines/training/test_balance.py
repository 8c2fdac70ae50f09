"""The warning where the losses show that the weights of the terms are off."""

import numpy as np
import pytest
from support.training_cases import make_inputs, small_settings

from pipelines.training.callbacks import balance
from pipelines.training.callbacks.history import recorded_losses
from pipelines.training.callbacks.means import RunningMeans
from pipelines.training.files import read_styles
from pipelines.training.plan import plan_training
from pipelines.training.train import train_generator


@pytest.mark.parametrize(
    ("style", "content", "words"),
    [(0.05, 0.9, []), (0.8, 0.1, ["higher `style_weight`"]), (0.05, 1.7, ["lower `style_weight`"]), (0.05, None, [])],
)
def test_losses_near_those_without_training_are_told(style, content, words):
    means = {"style": style} | ({} if content is None else {"content": content})
    found = balance.warnings(means, {"style": 1.0, "content": 1.0})
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


def test_losses_without_training(tmp_path):
    """A photo has its own content; in place of another one it has not; the style picture has its own style."""
    make_inputs(tmp_path)
    settings = small_settings(tmp_path, tmp_path / "out")
    (style,) = read_styles(settings).values()
    objective = plan_training(settings).objective.build([style])
    photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    losses = balance.losses_without_training(objective, photos)
    assert losses["style"] == pytest.approx(float(objective.terms(photos, photos)["style"]))
    assert losses["content"] == pytest.approx(float(objective.terms(np.roll(photos, 1, 0), photos)["content"]))
    assert losses["content"] > 0.01
    own = balance.losses_without_training(objective, np.stack([style[:40, :40]] * 2))
    assert own["content"] == pytest.approx(0, abs=1e-6)
    assert own["style"] < 0.5 * losses["style"]


def test_means_are_those_of_the_first_hundred_and_then_follow():
    means = RunningMeans({"loss": float(value)} for value in range(100))
    assert means.values["loss"] == pytest.approx(49.5)
    means.add({"loss": 149.5})
    assert means.values["loss"] == pytest.approx(50.5)


def test_recorded_losses_are_those_up_to_an_iteration_that_can_be_read(tmp_path):
    path = tmp_path / "history.csv"
    assert list(recorded_losses(path, 9)) == []
    path.write_bytes(
        b"iteration,learning_rate,loss,style\n1,0.1,3,2\n2,0.1,nan,2\n3,0.1\n\xff\0\n4,0.1,5,4\n5,0.1,9,9\n"
    )
    assert list(recorded_losses(path, 4)) == [{"loss": 3, "style": 2}, {"loss": 5, "style": 4}]


def test_a_training_warns_once(tmp_path, monkeypatch):
    make_inputs(tmp_path)
    monkeypatch.setattr(balance, "CHECKED_AFTER", 2)
    notes = []
    train_generator(small_settings(tmp_path, tmp_path / "out", learning_rate=1e-9), note=notes.append)
    assert sum("higher `style_weight`" in note for note in notes) == 1
