"""The page: shapes where they are asked for, outlines that melt, marks that stay inside, light that keeps the size."""

import numpy as np
from PIL import Image

from scripts.drawing.scene import SUPERSAMPLE, Brush, Pose, background, develop, fringe, limb, oval

BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)


def area(shape: np.ndarray) -> float:
    x, y = shape.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def test_a_limb_is_as_long_and_wide_as_asked() -> None:
    span = np.ptp(limb([(0, 0), (5, 0), (10, 0)], [2, 2, 2]), axis=0)
    np.testing.assert_allclose(span, (12, 2), atol=0.1)


def test_fur_only_adds() -> None:
    rng = np.random.default_rng(0)
    for kind in ("tufts", "curls"):
        assert area(oval(0, 0, 1)) < area(fringe(oval(0, 0, 1), kind, 0.1, rng)) < 1.4 * area(oval(0, 0, 1))


def test_a_pose_turns_anticlockwise_flips_and_points_y_down() -> None:
    point = np.array([[1.0, 0.0]])
    np.testing.assert_allclose(Pose((0, 0), (10, 10), 5)(point + (0, 1)), [[15, 5]])
    np.testing.assert_allclose(Pose((0, 0), (10, 10), 5, np.pi / 2)(point), [[10, 5]], atol=1e-9)
    np.testing.assert_allclose(Pose((0, 0), (10, 10), 5, 0, True)(point), [[5, 10]])


def test_shapes_filled_together_have_no_outline_between_them() -> None:
    page = Image.new("RGB", (60, 40), WHITE)
    Brush(page, 2.0).fill([oval(22, 20, 12), oval(38, 20, 12)], RED, BLACK)
    row = np.asarray(page)[20]
    assert (row[12:48] == RED).all()
    assert (row[9] == BLACK).all() and (row[51] == BLACK).all()


def test_marks_stay_inside() -> None:
    page = Image.new("RGB", (40, 40), WHITE)
    Brush(page, 1.0).fill_inside([oval(20, 20, 5)], [(oval(20, 20, 15), RED)])
    red = (np.asarray(page) == RED).all(axis=-1)
    down, across = np.nonzero(red)
    assert red[20, 20] and np.hypot(down - 20, across - 20).max() < 6


def test_backgrounds_and_light_come_from_the_generator_alone() -> None:
    def picture(seed: int) -> Image.Image:
        rng = np.random.default_rng(seed)
        return develop(background(48 * SUPERSAMPLE, 100, rng), 48, rng)

    assert picture(1).size == (48, 48)
    assert picture(1).tobytes() == picture(1).tobytes() != picture(2).tobytes()
