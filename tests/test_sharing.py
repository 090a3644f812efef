"""The share copy: speed, sound, constant rate, filters, codecs; the master has none of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import media
import numpy as np
import pytest
from conftest import FRAMES
from media import Recipe, make, picture
from projects import copied, decoded, edit, remade, stamps

from lib_vidpaint import session, sharing
from lib_vidpaint.chains import Chain
from lib_vidpaint.clip import open_clip
from lib_vidpaint.errors import SettingsError, VideoError
from lib_vidpaint.progress import Progress
from lib_vidpaint.render import Edited, render
from lib_vidpaint.sharing import Finish
from lib_vidpaint.timing import Denser, Pace, Row, Shown, Steady

Footage = dict[str, Path]


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


def times(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(frame.time or 0) for frame in file.decode(video=0)]


def sound(path: Path) -> tuple[float, float]:
    """(seconds, pitch in Hz) of the first audio track."""
    with av.open(str(path)) as file:
        packed = [1 if f.format.is_planar else f.layout.nb_channels for f in file.decode(audio=0)][:1]
        file.seek(0)
        parts = [frame.to_ndarray()[0, :: packed[0]] for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
    wave = np.concatenate(parts)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return len(wave) / rate, float(np.argmax(spectrum) * rate / len(wave))


def shared(source: Path, folder: Path, finish: Finish) -> Path:
    clip, made = open_clip(source), folder / "share.mp4"
    frames = (
        Edited(i, pts, planes, planes, np.zeros((planes.height, planes.width), np.uint8))
        for i, (pts, planes) in enumerate(clip.scan())
    )
    render(clip, frames, None, made, Progress(), 0, finish)
    return made


@pytest.mark.parametrize("speed", ["0.95", "0.25", "2", "4"])
def test_speed_changes_time_and_not_pitch(speed: str, tmp_path: Path) -> None:
    source = make(Recipe(frames=50, audio=("aac",)), tmp_path)
    made = shared(source, tmp_path, Finish(speed=Fraction(speed)))
    assert times(made) == pytest.approx([t / float(speed) for t in times(source)], abs=1e-4)
    before, after = sound(source), sound(made)
    assert after[0] == pytest.approx(before[0] / float(speed), rel=0.04, abs=0.06)
    assert after[1] == pytest.approx(before[1], rel=0.03)


def test_sound_that_begins_late_stays_in_step(tmp_path: Path) -> None:
    source = make(Recipe(frames=50, audio=("aac",), audio_start=Fraction(1, 2)), tmp_path)
    made = shared(source, tmp_path, Finish(speed=Fraction(1, 2)))
    starts = []
    for path in (source, made):
        with av.open(str(path)) as file:
            starts.append(next(file.decode(audio=0)).time or 0)
    assert starts[0] > 0.4
    assert starts[1] == pytest.approx(2 * starts[0], abs=0.06)


@pytest.mark.parametrize("speed", ["1", "0.5"])
@pytest.mark.parametrize(
    ("rate", "layout"), [(37800, "mono"), (96000, "5.1"), (192000, "7.1"), (8000, "3.0"), (22050, "2.1")], ids=str
)
def test_strange_sound(rate: int, layout: str, speed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_sound", lambda file, codec: file.add_stream(codec, rate=rate, layout=layout))
    source = make(Recipe(file="clip.mov", frames=50, audio=("pcm_s16le",)), tmp_path)
    assert (open_clip(source).info.audio[0].rate, sound(source)[0]) == (rate, pytest.approx(2.1, abs=0.2))
    made = shared(source, tmp_path, Finish(speed=Fraction(speed)))
    seconds, pitch = sound(made)
    assert seconds == pytest.approx(sound(source)[0] / float(speed), rel=0.04, abs=0.06)
    assert pitch == pytest.approx(330, rel=0.03)


def test_without_sound(tmp_path: Path) -> None:
    made = shared(make(Recipe(audio=("aac",)), tmp_path), tmp_path, Finish(sound=False))
    with av.open(str(made)) as file:
        assert not file.streams.audio


@pytest.mark.parametrize("between", ["blend", "flow"])
@pytest.mark.parametrize("recipe", [Recipe(frames=1), Recipe(frames=2)], ids=["1 frame", "2 frames"])
def test_very_short_clips(recipe: Recipe, between: Any, tmp_path: Path) -> None:
    finish = Finish(speed=Fraction("0.95"), rate=Fraction(30), between=between, steps=(("unsharp", ""),), size=(64, 48))
    made = times(shared(make(recipe, tmp_path), tmp_path, finish))
    assert len(made) == {1: 2, 2: 3}[recipe.frames]


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(12), Fraction(24000, 1001)], ids=str)
def test_a_constant_rate_lasts_as_long(rate: Fraction, tmp_path: Path) -> None:
    source = make(Recipe(frames=26, times=lambda i: Fraction(i * 40 + (i * i * 7) % 23, 1000), ticks=1000), tmp_path)
    made = times(shared(source, tmp_path, Finish(rate=rate)))
    assert np.diff(made) == pytest.approx(1 / float(rate), abs=1e-3)
    assert made[-1] == pytest.approx(times(source)[-1], abs=1.1 / float(rate) + 0.04)


def flat(level: int) -> Any:
    planes = picture("yuv420p", (16, 16), 0)
    return type(planes)(planes.format, tuple(np.full_like(array, level) for array in planes.arrays))


def shown(pace: Pace, between: Any, cuts: tuple[Fraction, ...] = ()) -> list[tuple[int, int]]:
    """(number, level) of what is shown of four pictures of levels 0, 40, 80, 120, a tenth of a second each."""
    row, found = Row(pace, between, Fraction(1, 10), cuts), []
    for index in range(4):
        found += row.add(Shown(flat(40 * index), Fraction(index, 10)))()
    found += row.rest()
    return [(number, int(planes.arrays[0][0, 0])) for number, planes in found]


def test_nearest_takes_the_nearer_picture() -> None:
    twice = [(0, 0), (1, 40), (2, 40), (3, 80), (4, 80), (5, 120), (6, 120), (7, 120)]
    assert shown(Steady(Fraction(20)), "nearest") == twice
    assert shown(Steady(Fraction(5)), "nearest") == [(0, 0), (1, 80)]


@pytest.mark.parametrize("how", ["blend", "flow"])
def test_between_two_pictures_is_a_mixture(how: str) -> None:
    levels = [level for _, level in shown(Steady(Fraction(20)), how)]
    assert levels == pytest.approx([0, 20, 40, 60, 80, 100, 120, 120], abs=1)


@pytest.mark.parametrize("how", ["blend", "flow"])
def test_nothing_is_mixed_across_a_cut(how: str) -> None:
    levels = [level for _, level in shown(Steady(Fraction(30)), how, (Fraction(1, 5),))]
    assert levels == pytest.approx([0, 13, 27, 40, 40, 80, 80, 93, 107, 120, 120, 120], abs=1)


def test_more_pictures_keep_the_times_of_the_old_ones() -> None:
    pace = Denser(3, Fraction(1, 100))
    assert pace.moments(Fraction(1, 10), Fraction(1, 5)) == [
        (30, Fraction(1, 10)),
        (40, Fraction(2, 15)),
        (50, Fraction(1, 6)),
    ]
    assert [number for number, _ in shown(pace, "blend")] == [10 * n for n in range(12)]


@pytest.mark.parametrize("speed", ["1", "0.5"])
def test_three_times_as_many_frames(speed: str, tmp_path: Path) -> None:
    source = make(Recipe(frames=5, times=lambda i: Fraction(i * i * 40, 1000), ticks=1000), tmp_path)
    made = times(shared(source, tmp_path, Finish(speed=Fraction(speed), factor=3, between="flow")))
    old = [time / float(speed) for time in times(source)]
    assert made[::3] == pytest.approx(old, abs=1e-4)
    assert len(made) == 15
    assert made[4] == pytest.approx(old[1] + (old[2] - old[1]) / 3, abs=1e-3)


OPTIONS: dict[str, dict[str, Any]] = {
    "speed": {"assemble.speed": 0.95},
    "constant rate": {"assemble.fps": "30"},
    "filters": {"assemble.filters": "hflip"},
    "unchecked filters": {"assemble.raw": "curves=preset=vintage"},
}


@pytest.mark.parametrize("values", OPTIONS.values(), ids=OPTIONS)
def test_what_touches_every_pixel_is_in_the_share_copy_alone(
    values: dict[str, Any], project: Path, footage: Footage
) -> None:
    before, master = decoded(project / "share.mp4"), decoded(project / "master.mp4")
    session.run(project, values)
    assert decoded(project / "share.mp4") != before
    assert decoded(project / "master.mp4") == master
    found = session.verify(project, footage["source"])
    assert found.exact
    assert [phrase.split(" = ")[0] for phrase in found.ended_by] == [*values]
    assert next(iter(values)) in (project / "package/report.html").read_text()
    session.run(project, {path: 1.0 if path == "assemble.speed" else "" for path in values})
    assert decoded(project / "share.mp4") == before
    assert not session.verify(project, footage["source"]).ended_by


def test_h265_plays_from_mp4(project: Path) -> None:
    session.run(project, {"assemble.codec": "h265"})
    with av.open(str(project / "share.mp4")) as file:
        video = file.streams.video[0]
        assert (video.codec_context.name, video.codec_context.codec_tag) == ("hevc", "hvc1")
        assert len(list(file.decode(video=0))) == FRAMES


def test_a_missing_encoder_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx265"})
    with pytest.raises(VideoError, match="no encoder libx265"):
        session.run(project, {"assemble.codec": "h265"})


def test_filters_that_do_not_work_stop_before_the_render(project: Path) -> None:
    before = stamps(project)
    with pytest.raises(SettingsError, match=r"assemble\.raw: .*nosuch"):
        session.run(project, {"assemble.raw": "nosuch=1"})
    assert not {name for name in remade(before, project) if name.endswith(".mp4")}


def test_raw_filters_do_not_travel_with_a_project(project: Path, tmp_path: Path) -> None:
    session.run(project, {"assemble.raw": "hflip"})
    assert "hflip" not in (project / "project.toml").read_text()
    text = (project / "project.toml").read_text() + '\n[assemble]\nraw = "movie=x"\n'
    (copied(project, tmp_path / "other") / "project.toml").write_text(text)
    with pytest.raises(SettingsError, match="belongs to one machine"):
        session.run(tmp_path / "other", {})


@pytest.mark.parametrize("number", [1, 9])
def test_a_filter_that_fails_in_the_middle_leaves_no_part(
    number: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, pushed = Chain.push, []

    def push(self: Chain, frame: Any) -> Any:
        pushed.append(frame)
        if len(pushed) == number + 2:  # filters are tried on the first frame before the run, and before the render
            raise VideoError("The filters hflip failed: told to.")
        return whole(self, frame)

    monkeypatch.setattr(sharing.Chain, "push", push)
    (project / "master.mp4").unlink()
    with pytest.raises(VideoError, match="told to"):
        session.run(project, {"assemble.filters": "hflip"})
    assert not list(project.rglob("*.vidpaint-part"))
    assert not (project / "master.mp4").exists()
    monkeypatch.undo()


@pytest.mark.parametrize("fps", ["0", "x", "1000"])
def test_a_rate_is_checked(fps: str, project: Path) -> None:
    with pytest.raises(SettingsError, match="is not a frame rate"):
        session.run(project, {"assemble.fps": fps})
