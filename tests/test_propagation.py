from __future__ import annotations

import cv2
import numpy as np
import pytest

from lib_vidpaint.propagation import Carry, KeyLayer, carry

TINT = np.array((25, -10, 5))
MODES: list[Carry] = ["surface", "background", "paste"]


def noise(height: int, width: int, seed: int = 0, contrast: float = 5) -> np.ndarray:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    return np.clip((picture - picture.mean()) * contrast + 128, 30, 220).astype(np.uint8)


class Clip:
    """A textured disc that drifts over a textured wall; `pan` moves the wall too."""

    def __init__(self, count: int = 9, speed: float = 2.3, pan: float = 0, height: int = 72, width: int = 110) -> None:
        wall, skin = noise(height, width + 80, 1), noise(height, width + 80, 2)
        self.frames, self.masks, self.walls = [], [], []
        for i in range(count):

            def moved(picture: np.ndarray, by: float) -> np.ndarray:
                return cv2.warpAffine(
                    picture, np.float32([[1, 0, by], [0, 1, 0]]), (width, height), flags=cv2.INTER_CUBIC
                )

            mask = np.zeros((height, width), np.uint8)
            cv2.circle(mask, (round(34 + speed * i), height // 2), 22, 255, -1)
            self.walls.append(moved(wall, pan * i - 40))
            self.frames.append(np.where(mask[..., None] > 0, moved(skin, speed * i - 20), self.walls[-1]))
            self.masks.append(mask)
        self.indices = range(100, 100 + count)

    def key(self, position: int, edited: np.ndarray | None = None) -> KeyLayer:
        frame, mask = self.frames[position], self.masks[position]
        edited = frame if edited is None else np.where(mask[..., None] > 0, edited, frame)
        return KeyLayer(self.indices[position], frame, edited.astype(np.uint8), mask)

    def offset_key(self, position: int) -> KeyLayer:
        return self.key(position, np.clip(self.frames[position].astype(int) + TINT, 0, 255))

    def run(self, keys: list[KeyLayer], how: Carry, **options: object) -> list[np.ndarray]:
        pictures = list(carry(self.frames, self.masks, self.indices, keys, how, **options))
        assert len(pictures) == len(self.frames)
        assert all(np.isfinite(p).all() and p.min() >= 0 and p.max() <= 255 for p in pictures)
        return pictures


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("places", [[0, 8], [4], [0, 3, 8]], ids=["both ends", "middle", "three"])
def test_outside_the_mask_nothing_changes(clip: Clip, mode: Carry, places: list[int]) -> None:
    for picture, frame, mask in zip(clip.run([clip.offset_key(p) for p in places], mode), clip.frames, clip.masks):
        assert np.array_equal(picture[mask == 0], frame[mask == 0])


@pytest.mark.parametrize("mode", MODES)
def test_a_key_gets_exactly_its_picture(clip: Clip, mode: Carry) -> None:
    keys = [clip.offset_key(p) for p in (0, 4, 8)]
    pictures = clip.run(keys, mode)
    for key, at in zip(keys, (0, 4, 8)):
        assert np.array_equal(pictures[at], key.edited)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_twice(clip: Clip, mode: Carry) -> None:
    keys = [clip.offset_key(p) for p in (1, 7)]
    assert all(np.array_equal(a, b) for a, b in zip(clip.run(keys, mode), clip.run(keys, mode)))


@pytest.mark.parametrize("harmonise", [False, True], ids=["as painted", "harmonised"])
def test_no_edit_changes_nothing(clip: Clip, harmonise: bool) -> None:
    for picture, frame in zip(
        clip.run([clip.key(0), clip.key(4), clip.key(8)], "surface", harmonise=harmonise), clip.frames
    ):
        assert np.abs(picture - frame).max() <= 1


@pytest.mark.parametrize("places", [[0, 8], [0], [8], [4]], ids=["both ends", "first", "last", "middle"])
def test_a_tint_rides_on_the_subject(clip: Clip, places: list[int]) -> None:
    for picture, frame, mask in zip(clip.run([clip.offset_key(p) for p in places], "surface"), clip.frames, clip.masks):
        error = (picture - np.clip(frame.astype(int) + TINT, 0, 255))[mask > 0]
        assert np.sqrt((error**2).mean()) < 2.5


def test_a_painted_pattern_rides_on_the_subject() -> None:
    clip = Clip(speed=3)
    pattern = noise(72, 190, 7)

    def painted(at: int) -> np.ndarray:
        return cv2.warpAffine(pattern, np.float32([[1, 0, 3 * at - 20], [0, 1, 0]]), (110, 72))

    pictures = clip.run([clip.key(0, painted(0)), clip.key(8, painted(8))], "surface")
    for at in range(9):
        inside = cv2.erode(clip.masks[at], np.ones((5, 5), np.uint8)) > 0
        assert np.abs(pictures[at] - painted(at))[inside].mean() < 6


def test_a_removed_object_leaves_a_steady_wall_under_a_pan() -> None:
    clip = Clip(speed=2.5, pan=-1.5, width=130)
    keys = [clip.key(at, clip.walls[at]) for at in (0, 8)]
    for picture, wall, mask in zip(clip.run(keys, "background"), clip.walls, clip.masks):
        assert np.abs(picture - wall)[mask > 0].mean() < 2


def test_a_fill_follows_what_is_near_it_and_not_the_crowd_around() -> None:
    clip = Clip(speed=2.5, pan=-1.5, height=160, width=130)
    crowd, far = noise(160, 240, 11), np.r_[0:40, 120:160]
    for at, (frame, wall, mask) in enumerate(zip(clip.frames, clip.walls, clip.masks)):
        for picture in (frame, wall):
            picture[far] = crowd[far, 30 + 6 * at : 160 + 6 * at]
        assert not mask[far].any()
    keys = [clip.key(at, clip.walls[at]) for at in (0, 8)]
    for picture, wall, mask in zip(clip.run(keys, "background"), clip.walls, clip.masks):
        assert np.abs(picture - wall)[mask > 0].mean() < 2


def test_a_fill_takes_the_frames_own_light() -> None:
    clip = Clip(count=3, speed=0)
    clip.frames[2] = np.clip(clip.frames[2].astype(int) + 20, 0, 255).astype(np.uint8)
    picture = clip.run([clip.key(0, clip.walls[0])], "background")[2]
    wanted = np.clip(clip.walls[0].astype(int) + 20, 0, 255)
    assert np.abs(picture - wanted)[clip.masks[2] > 0].mean() < 2


def test_background_uses_a_key_without_the_object() -> None:
    clip = Clip(count=3, speed=0)
    clean = KeyLayer(100, clip.walls[0], clip.walls[0], np.zeros_like(clip.masks[0]))
    clip.frames[0], clip.masks[0] = clean.frame, clean.mask
    assert np.abs(clip.run([clean], "background")[2] - clip.walls[2])[clip.masks[2] > 0].mean() < 2


def test_paste_holds_the_nearest_key_and_switches_at_once(clip: Clip) -> None:
    red, blue = (np.full_like(clip.frames[0], c) for c in ((200, 0, 0), (0, 0, 200)))
    pictures = clip.run([clip.key(0, red), clip.key(8, blue)], "paste")
    for at, (picture, mask) in enumerate(zip(pictures, clip.masks)):
        assert (picture[mask > 0] == ((200, 0, 0) if at <= 4 else (0, 0, 200))).all()


@pytest.mark.parametrize(
    ("crossfade", "changing"), [(0, 7), (1, 1), (3, 3)], ids=["whole way", "one frame", "three frames"]
)
@pytest.mark.parametrize("mode", ["surface", "background"])
def test_crossfade_says_how_long_handing_over_takes(mode: Carry, crossfade: int, changing: int) -> None:
    clip = Clip(speed=0)
    dark, light = (np.clip(clip.frames[0].astype(int) + d, 0, 255) for d in (-20, 20))
    pictures = clip.run([clip.key(0, dark), clip.key(8, light)], mode, crossfade=crossfade)
    middle = [float(p[clip.masks[0] > 0].mean()) for p in pictures]
    between = [m for m in middle if middle[0] + 1 < m < middle[8] - 1]
    assert len(between) == changing
    assert middle == pytest.approx(sorted(middle), abs=0.5)


def test_keys_hand_over_before_and_after_the_middle_but_not_in_it() -> None:
    clip = Clip(count=11, speed=0)
    dark, light = (np.clip(clip.frames[0].astype(int) + d, 0, 255) for d in (-20, 20))
    pictures = clip.run([clip.key(0, dark), clip.key(10, light)], "surface")
    steps = np.diff([float(p[clip.masks[0] > 0].mean()) for p in pictures])
    assert steps == pytest.approx(steps[::-1], abs=0.2)
    assert 0 < max(steps[4:6]) < 0.3 * max(steps)
    assert steps[0] < 1.1 * steps[1]


def test_harmonising_draws_keys_together() -> None:
    clip = Clip()
    keys = [clip.key(at, np.clip(clip.frames[at].astype(int) + d, 0, 255)) for at, d in ((0, 0), (4, 16), (8, 0))]

    def step(pictures: list[np.ndarray]) -> float:
        means = [float((p - f)[m > 0].mean()) for p, f, m in zip(pictures, clip.frames, clip.masks)]
        return max(means) - min(means)

    assert step(clip.run(keys, "surface", harmonise=True)) < 0.6 * step(clip.run(keys, "surface"))


def test_a_place_no_key_shows_gets_the_edits_colour() -> None:
    clip = Clip(count=5)
    clip.frames[3] = noise(72, 110, 99)
    picture = clip.run([clip.key(0, np.clip(clip.frames[0].astype(int) + 30, 0, 255))], "surface")[3]
    change = (picture - clip.frames[3])[clip.masks[3] > 0]
    assert 15 < change.mean() < 45


@pytest.mark.parametrize("mode", MODES)
class TestOddMaterial:
    def test_an_empty_mask_leaves_the_frame(self, mode: Carry) -> None:
        clip = Clip(count=5)
        clip.masks[2] = np.zeros_like(clip.masks[2])
        assert np.array_equal(clip.run([clip.offset_key(0), clip.offset_key(4)], mode)[2], clip.frames[2])

    @pytest.mark.parametrize("keys", ["none", "empty"])
    def test_nothing_to_carry(self, mode: Carry, keys: str) -> None:
        clip = Clip(count=3)
        empty = KeyLayer(101, clip.frames[1], clip.frames[1], np.zeros_like(clip.masks[1]))
        pictures = clip.run([empty] if keys == "empty" else [], mode)
        if keys == "none" or mode != "background":
            assert all(np.array_equal(p, f) for p, f in zip(pictures, clip.frames))

    def test_keys_outside_the_frames_given(self, mode: Carry) -> None:
        clip = Clip(count=7)
        keys = [clip.offset_key(0), clip.offset_key(6)]
        whole = clip.run(keys, mode)
        part = list(carry(clip.frames[1:6], clip.masks[1:6], clip.indices[1:6], keys, mode))
        assert all(np.array_equal(a, b) for a, b in zip(part, whole[1:6]))

    @pytest.mark.parametrize("size", [(8, 8), (9, 61), (40, 8), (31, 33)], ids=str)
    def test_small_crops_under_violent_motion(self, mode: Carry, size: tuple[int, int]) -> None:
        rng = np.random.default_rng(3)
        frames = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for _ in range(6)]
        masks = [np.where(rng.random(size) < share, 255, 0).astype(np.uint8) for share in (0.5, 1, 0.01, 0.9, 0, 0.5)]
        keys = [KeyLayer(i, frames[i], 255 - frames[i], masks[i]) for i in (1, 5)]
        for picture, frame, mask in zip(carry(frames, masks, range(6), keys, mode, harmonise=True), frames, masks):
            assert np.isfinite(picture).all()
            assert np.array_equal(picture[mask == 0], frame[mask == 0])

    def test_plain_pictures(self, mode: Carry) -> None:
        frames = [np.full((40, 50, 3), 90, np.uint8)] * 4
        masks = [np.full((40, 50), 255, np.uint8)] * 4
        key = KeyLayer(0, frames[0], np.full((40, 50, 3), 130, np.uint8), masks[0])
        for picture in carry(frames, masks, range(4), [key], mode):
            assert np.abs(picture - 130).max() < 1


@pytest.mark.parametrize(("mode", "kept"), [("difference", True), ("pixels", False)], ids=["difference", "pixels"])
def test_the_mode_says_whose_detail_shows(mode: str, kept: bool) -> None:
    clip = Clip(count=3, speed=0)
    grain = np.random.default_rng(4).integers(-12, 13, clip.frames[1].shape)
    clip.frames[1] = np.clip(clip.frames[0].astype(int) + grain, 0, 255).astype(np.uint8)
    picture = clip.run([clip.offset_key(0), clip.offset_key(2)], "surface", mode=mode)[1]
    plain = np.clip(clip.frames[0].astype(int) + TINT, 0, 255)
    inside = clip.masks[1] > 0
    detail, wanted = (picture - plain)[inside], grain[inside]
    share = float((detail * wanted).sum() / (wanted**2).sum())
    assert share > 0.9 if kept else share < 0.1


def tinted(frame: np.ndarray) -> np.ndarray:
    return np.clip(frame.astype(int) + TINT, 0, 255)


def off(clip: Clip, picture: np.ndarray, at: int) -> float:
    """How far a carried tint is off, inside the mask."""
    return float(np.abs(picture - tinted(clip.frames[at]))[clip.masks[at] > 0].mean())


@pytest.mark.parametrize("mode", MODES)
def test_what_passes_in_front_is_not_painted_over(mode: Carry) -> None:
    clip = Clip(speed=1)
    bar = noise(72, 12, 5)
    for at, (frame, mask) in enumerate(zip(clip.frames, clip.masks)):
        frame[:, 4 + 9 * at : 16 + 9 * at] = bar
        mask[:, 4 + 9 * at : 16 + 9 * at] = 0
    pictures = clip.run([clip.offset_key(0), clip.offset_key(8)], mode)
    for at, picture in enumerate(pictures):
        assert np.array_equal(picture[:, 4 + 9 * at : 16 + 9 * at], bar)
        if mode == "surface":
            assert off(clip, picture, at) < 3


@pytest.mark.parametrize("key", [4, 8], ids=["half in", "wholly in"])
@pytest.mark.parametrize("leaving", [False, True], ids=["entering", "leaving"])
def test_a_subject_comes_and_goes(key: int, leaving: bool) -> None:
    clip = Clip(speed=5)
    clip.frames, clip.masks = ([x[:, 45:] for x in row] for row in (clip.frames, clip.masks))
    if leaving:
        clip.frames, clip.masks = clip.frames[::-1], clip.masks[::-1]
        key = 8 - key
    seen = [at for at, mask in enumerate(clip.masks) if mask.any()]
    pictures = clip.run([clip.offset_key(key)], "surface")
    for at in seen:
        assert off(clip, pictures[at], at) < 4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("places", [[0], [0, 8], [0, 3, 4]], ids=["one key", "two", "two in a row"])
def test_a_still_clip_does_not_shimmer(mode: Carry, places: list[int]) -> None:
    clip = Clip(speed=0)
    edited = np.clip(clip.frames[0].astype(int) // 2 + noise(72, 110, 9) // 2, 0, 255)
    pictures = [np.rint(p).astype(np.uint8) for p in clip.run([clip.key(at, edited) for at in places], mode)]
    assert all(np.array_equal(p, pictures[0]) for p in pictures)


@pytest.mark.parametrize("mode", MODES)
def test_a_group_of_one_frame(mode: Carry) -> None:
    clip = Clip(count=3)
    clip.frames, clip.masks, clip.indices = clip.frames[1:2], clip.masks[1:2], range(101, 102)
    key = clip.offset_key(0)
    assert np.array_equal(clip.run([key], mode)[0], key.edited)


@pytest.mark.parametrize("places", [[0, 8], [0]], ids=["between keys", "after a key"])
def test_a_flash_spoils_no_other_frame(places: list[int]) -> None:
    clip = Clip()
    clip.frames[4] = np.clip(clip.frames[4].astype(int) // 3 + 150, 0, 255).astype(np.uint8)
    pictures = clip.run([clip.offset_key(at) for at in places], "surface")
    assert max(off(clip, pictures[at], at) for at in (3, 5, 7)) < 3
    change = (pictures[4] - clip.frames[4])[clip.masks[4] > 0].mean(axis=0)
    assert change[0] > 5
    assert change[1] < 0


def test_a_key_without_a_mask_is_passed_over() -> None:
    clip = Clip()
    empty = KeyLayer(104, clip.frames[4], clip.frames[4], np.zeros_like(clip.masks[4]))
    keys = [clip.offset_key(0), clip.offset_key(8)]
    with_it, without = (clip.run(row, "surface") for row in ([keys[0], empty, keys[1]], keys))
    assert all(np.array_equal(a, b) for a, b in zip(with_it, without))


@pytest.mark.parametrize("mode", MODES)
def test_two_keys_in_a_row_that_are_the_same(mode: Carry) -> None:
    clip = Clip(count=4, speed=0)
    keys = [clip.offset_key(at) for at in (1, 2)]
    for at, picture in enumerate(clip.run(keys, mode, harmonise=True)):
        assert np.abs(picture - keys[0].edited).max() <= 1, at
