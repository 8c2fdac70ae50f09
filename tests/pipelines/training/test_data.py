"""The input pipeline: random crops that are functions of their number."""

import numpy as np
import pytest
from support.training_cases import smooth_picture

from errors import UserError
from images.writing import write_image
from pipelines.inputs import pictures_in
from pipelines.training.augmentation import (
    LUMA,
    MAX_BRIGHTNESS,
    MAX_CONTRAST,
    MAX_ENLARGEMENT,
    MAX_NOISE,
    MAX_SATURATION,
    random_crop,
    recolored,
)
from pipelines.training.data import PhotoCrops, ShiftedCrops, TrainingBatches, noise_sample


@pytest.fixture
def photos(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for i, place in enumerate(["", "deep", "deep/er"]):
        pixels = smooth_picture(random, 50 + 10 * i, 70)
        pixels[..., 0] = i / 2  # which photo a crop is of, whatever becomes of its colours
        write_image(tmp_path / place / f"{i}.PNG".lower(), pixels)
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def photo_of(crop):
    return round(float(crop[..., 0].mean()) * 2)


def photo_files(folder):
    return pictures_in(folder, "data", recursive=True)


def test_photos_are_found_nested_and_flat(photos):
    assert [path.name for path in photo_files(photos)] == ["0.png", "1.png", "2.png"]


def test_every_pass_takes_each_photo_once(photos):
    crops = PhotoCrops(photo_files(photos), size=16, seed=3)
    passes = [[photo_of(crops(3 * i + j)) for j in range(3)] for i in range(8)]
    assert all(sorted(one) == [0, 1, 2] for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_crop_is_a_function_of_seed_and_number(photos):
    files = photo_files(photos)
    crops, again, other = (PhotoCrops(files, size=16, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(crops(7), again(7))
    assert any(not np.array_equal(crops(i), other(i)) for i in range(3))
    # Photo 7 comes back three numbers later, or nearly so, in another crop.
    assert not any(np.array_equal(crops(7), crops(i)) for i in range(8, 14))


def test_unreadable_files_are_counted_and_the_next_ones_taken(photos):
    (photos / "deep" / "broken.jpg").write_bytes(b"no picture")
    crops = PhotoCrops(photo_files(photos), size=16, seed=0)
    assert {photo_of(crops(i)) for i in range(8)} == {0, 1, 2}
    assert [path.name for path in crops.unreadable] == ["broken.jpg"]


def test_flat_crops_are_passed_over(photos):
    """A picture of one colour makes a generator's gradient overflow in its normalisations."""
    write_image(photos / "deep" / "flat.png", np.full((40, 40, 3), 0.5, np.float32))
    crops = PhotoCrops(photo_files(photos), size=16, seed=0)
    assert {photo_of(crops(i)) for i in range(8)} == {0, 1, 2}
    with pytest.raises(UserError, match="with any detail"):
        PhotoCrops([photos / "deep" / "flat.png"], size=16, seed=0)


@pytest.mark.parametrize(("height", "width"), [(20, 90), (90, 33), (10, 12), (16, 16)])
def test_crops_stay_square_inside_the_photo(height, width):
    """A linear ramp shows which part was taken: the crop's own steps are the photo's times the scale, or minus it."""
    ramp = np.linspace(0, 1, width, dtype=np.float32)
    pixels = np.broadcast_to(ramp[None, :, None], (height, width, 3))
    random = np.random.default_rng(1)
    spans = []
    for _ in range(20):
        crop = random_crop(pixels, 16, random)
        assert crop.shape == (16, 16, 3)
        spans.append((crop[8, 11, 0] - crop[8, 4, 0]) / 7 * 16 * (width - 1))
        assert min(16 / MAX_ENLARGEMENT, height, width) - 1.5 <= abs(spans[-1]) <= min(height, width) + 1.5
    assert min(spans) < 0 < max(spans)  # some are mirrored


def test_batches_hold_consecutive_samples_from_where_the_run_stands():
    batches = TrainingBatches(lambda n: np.full((2, 2, 3), n), batch_size=4, count=2, first_sample=20, threads=1)
    assert len(batches) == 2
    (first,), (second,) = batches[0], batches[1]
    assert first[:, 0, 0, 0].tolist() == [20, 21, 22, 23]
    assert second[:, 0, 0, 0].tolist() == [24, 25, 26, 27]


def test_colours_change_a_little():
    """By no more than the bounds, but up to them; a least-squares fit finds the changes again."""
    random = np.random.default_rng(0)
    pixels = 0.3 + 0.4 * random.random((20, 30, 3), dtype=np.float32)
    changes = [_changes(pixels, recolored(pixels, random)) for _ in range(200)]
    saturation, contrast, brightness = np.abs(changes).max(axis=0)
    assert 0.9 * MAX_SATURATION < saturation < MAX_SATURATION + 1e-4
    assert 0.9 * MAX_CONTRAST < contrast < MAX_CONTRAST + 1e-4
    assert 0.9 * MAX_BRIGHTNESS < brightness < MAX_BRIGHTNESS + 1e-4
    dark = recolored(np.zeros((8, 8, 3), np.float32), random)
    assert dark.min() >= 0


def _changes(before, after):
    """Return by how much saturation, contrast and brightness have changed, by least squares."""
    luma = [pixels @ LUMA for pixels in (before, after)]
    contrast = np.polyfit(luma[0].ravel(), luma[1].ravel(), 1)[0]
    colour = [(pixels - one[..., None]).ravel() for pixels, one in zip((before, after), luma, strict=True)]
    saturation = np.polyfit(*colour, 1)[0] / contrast
    return saturation - 1, contrast - 1, luma[1].mean() - luma[0].mean()


def test_both_views_show_the_same_place(photos):
    pairs = ShiftedCrops(PhotoCrops(photo_files(photos), size=8, seed=0), size=16, seed=5)
    shifts = set()
    for number in range(12):
        photo, other, planes = np.split(pairs(number), [3, 6], axis=-1)
        assert photo.shape == other.shape == (16, 16, 3)
        (down, right), *others = np.unique(planes.reshape(-1, 2), axis=0).astype(int)
        assert not others
        difference = np.abs(other[: 16 - down, : 16 - right] - photo[down:, right:])
        assert 0 < difference.max() <= MAX_NOISE + 1e-6
        shifts.add((int(down), int(right)))
    assert (0, 0) not in shifts
    assert len(shifts) > 8
    np.testing.assert_array_equal(pairs(5), pairs(5))


def test_each_worker_has_its_part_of_a_batch():
    parts = [
        TrainingBatches(
            lambda n: np.full((1, 1, 3), n), batch_size=4, count=1, first_sample=8, threads=1, shard=(worker, 2)
        )
        for worker in range(2)
    ]
    assert [part[0][0][:, 0, 0, 0].tolist() for part in parts] == [[8, 9], [10, 11]]


def test_noise_is_uniform_and_repeatable():
    noise = noise_sample(4, size=64, depth=3, seed=1)
    assert noise.shape == (64, 64, 3)
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert noise.std() == pytest.approx(12**-0.5, abs=0.01)
    np.testing.assert_array_equal(noise, noise_sample(4, size=64, depth=3, seed=1))
    assert not np.array_equal(noise, noise_sample(5, size=64, depth=3, seed=1))
