"""The WebUI engine against a fake host that has the real one's traps; tests/real_host runs the real one."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hosts
import numpy as np
import pytest
from fakes import Recorder, Steps
from projects import edit

from lib_vidpaint.crops import working_size
from lib_vidpaint.engines import Engine, EngineSpec, InpaintJob, Sampling, open_engine, paint
from lib_vidpaint.engines.checkpoints import for_inpainting, native_size
from lib_vidpaint.errors import Cancelled, EngineError, Skipped, WaitingForPerson

PLAIN = Sampling(resize=1, sampler="Euler a", steps=8)


@pytest.fixture
def host() -> Iterator[Any]:
    with hosts.running() as found:
        yield found


@pytest.fixture
def forge() -> Iterator[Any]:
    with hosts.running(forge=True) as found:
        yield found


def opened() -> Engine:
    return open_engine(EngineSpec("webui"))


def job(seeds: tuple[int, ...] = (3, 4), sampling: Sampling = PLAIN, side: int = 64, **changed: Any) -> InpaintJob:
    crop = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    mask = np.zeros((side, side), np.uint8)
    mask[16:48, 16:48] = 255
    return replace(InpaintJob(crop, mask, seeds, "a hat", "a scarf", 0.75, sampling=sampling), **changed)


def add_checkpoints(host: Any, *files: Path) -> None:
    host.sd_models.files.extend(files)
    host.sd_models.list_models()


def test_outside_a_host_it_is_a_sentence() -> None:
    with pytest.raises(EngineError, match=r"inside a running Stable Diffusion WebUI: .* set inpaint.engine to builtin"):
        opened()


def test_the_host_gets_what_the_settings_say(host: Any) -> None:
    sampling = replace(
        PLAIN, scheduler="Karras", cfg_scale=4.5, mask_blur=2, refiner="plain.ckpt", refiner_switch_at=0.6
    )
    painted = paint(opened(), job(sampling=sampling))
    (p,) = host.processing.calls
    assert (p.prompt, p.negative_prompt, p.seed, p.batch_size, p.n_iter) == ("a hat", "a scarf", [3, 4], 2, 1)
    assert (p.sampler_name, p.scheduler, p.steps, p.cfg_scale) == ("Euler a", "Karras", 8, 4.5)
    assert (p.denoising_strength, p.mask_blur, p.inpaint_full_res, p.inpainting_mask_invert) == (0.75, 2, False, 0)
    assert (p.refiner_checkpoint, p.refiner_switch_at) == ("plain.ckpt", 0.6)
    assert (p.width, p.height, p.init_images[0].size, p.image_mask.size) == (64, 64, (64, 64), (64, 64))
    assert [one.seed for one in painted] == [3, 4]
    assert painted[1].infotext == "a hat\nSteps: 8, Sampler: Euler a, Seed: 4, Size: 64x64"


@pytest.mark.parametrize(
    ("content", "number"),
    [("fill", 0), ("original", 1), ("latent noise", 2), ("latent nothing", 3)],
    ids=lambda x: str(x),
)
def test_masked_content(host: Any, content: Any, number: int) -> None:
    opened().inpaint(job(content=content))
    assert host.processing.calls[0].inpainting_fill == number


def test_the_raw_picture_comes_back_not_the_hosts_overlay(host: Any) -> None:
    asked = job()
    for one in opened().inpaint(asked):
        outside = one.picture[asked.mask == 0].astype(int) - asked.crop[asked.mask == 0]
        assert 0 < np.abs(outside).max() <= 1, "the decoded picture differs everywhere by the VAE's noise"


def test_a_seed_gives_the_same_picture_again(host: Any) -> None:
    engine = opened()
    first, second = engine.inpaint(job()), engine.inpaint(job())
    assert all(np.array_equal(one.picture, other.picture) for one, other in zip(first, second))
    assert not np.array_equal(first[0].picture, first[1].picture)


def test_nothing_of_the_user_is_touched(host: Any) -> None:
    host.shared.opts.data.update(save_init_img=True, return_mask=True)
    data, commands = copy.deepcopy(host.shared.opts.data), copy.deepcopy(host.shared.cmd_opts)
    opened().inpaint(job())
    assert (host.shared.opts.data, host.shared.cmd_opts, host.processing.outputs) == (data, commands, [])
    assert not host.sd_models.SkipWritingToConfig.skip


def test_a_blank_mask_costs_no_call(host: Any) -> None:
    asked = job(mask=np.full((64, 64), 100, np.uint8))
    assert np.array_equal(opened().inpaint(asked)[1].picture, asked.crop)
    assert host.processing.calls == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sampler": "DPM++ 2M Karras"}, r"no sampler 'DPM\+\+ 2M Karras': near it are DPM\+\+ 2M"),
        ({"scheduler": "karras"}, "no schedule type 'karras': near it are Karras"),
        ({"checkpoint": "plain"}, "no checkpoint 'plain': near it are plain.ckpt"),
        ({"vae": "none"}, "no VAE 'none': near it are None"),
        ({"refiner": "sd_xl_refiner"}, r"no checkpoint \(for the refiner\) 'sd_xl_refiner': there are plain.ckpt"),
        ({"scripts": '{"ADetailer": {"args": []}}'}, "no always-on script 'adetailer': there are brighter"),
        ({"scripts": "soft inpainting"}, "is not as the API takes it"),
        ({"scripts": "[1]"}, "is not as the API takes it"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_an_unknown_name_is_an_error_before_anything_is_painted(host: Any, changed: dict[str, str], words: str) -> None:
    with pytest.raises(EngineError, match=words), opened().prepared(replace(PLAIN, **changed)):
        pass
    assert host.processing.calls == []


def test_a_checkpoint_that_came_since_is_found(host: Any, tmp_path: Path) -> None:
    host.sd_models.files.append(hosts.checkpoint(tmp_path, "new.safetensors"))
    opened().inpaint(job(sampling=replace(PLAIN, checkpoint="new.safetensors")))
    assert host.sd_models.loads == ["new.safetensors"]


def test_the_checkpoint_is_loaded_once_and_the_users_comes_back(host: Any, tmp_path: Path) -> None:
    add_checkpoints(host, hosts.checkpoint(tmp_path, "ours.safetensors"))
    host.shared.opts.data["sd_model_checkpoint"] = "plain.ckpt"
    asked, engine = job(sampling=replace(PLAIN, checkpoint="ours.safetensors")), opened()
    with engine.prepared(asked.sampling):
        for _ in range(3):
            engine.inpaint(asked)
            assert host.shared.opts.data == {"sd_model_checkpoint": "plain.ckpt"}
    host.sd_models.reload_model_weights()  # what the user's next picture begins with
    assert host.sd_models.loads == ["ours.safetensors", "plain.ckpt"]


def test_a_fresh_install_keeps_no_override(host: Any, tmp_path: Path) -> None:
    add_checkpoints(host, hosts.checkpoint(tmp_path, "ours.safetensors"))
    vae = "soft.vae.safetensors"
    opened().inpaint(job(sampling=replace(PLAIN, checkpoint="ours.safetensors", vae=vae)))
    assert host.shared.opts.data == {}
    assert host.sd_vae.loads == [vae, "Automatic"]


INPAINTING = {"Inpaint.safetensors": 9, "objectiveReality_v10-inpainting.safetensors": 9, "other.safetensors": 4}


@pytest.mark.parametrize(
    ("there", "current", "chosen", "warns"),
    [
        (INPAINTING, "Inpaint.safetensors", "objectiveReality_v10-inpainting.safetensors", False),
        ({"mine.safetensors": 9, "z.safetensors": 9}, "z.safetensors", "z.safetensors", False),
        ({"mine.safetensors": 9, "other.safetensors": 4}, "other.safetensors", "mine.safetensors", False),
        ({"other.safetensors": 4}, "other.safetensors", "other.safetensors", True),
    ],
    ids=["the favourite", "the current one", "any for inpainting", "the current one with a warning"],
)
def test_auto(host: Any, tmp_path: Path, there: dict[str, int], current: str, chosen: str, warns: bool) -> None:
    add_checkpoints(host, *(hosts.checkpoint(tmp_path, name, channels) for name, channels in there.items()))
    host.shared.opts.data["sd_model_checkpoint"] = current
    engine = opened()
    with engine.prepared(PLAIN) as warnings:
        engine.inpaint(job())
    assert host.sd_models.loaded[0].name == chosen
    assert [current in text and "civitai" in text for text in warnings] == [True] * warns


def test_no_checkpoint_at_all_is_a_sentence(host: Any) -> None:
    host.sd_models.files.clear()
    host.sd_models.list_models()
    with pytest.raises(EngineError, match="has no checkpoint: put one into"):
        opened().inpaint(job())


def test_reading_a_checkpoints_header(tmp_path: Path) -> None:
    sdxl = hosts.checkpoint(tmp_path, "xl.safetensors", 9, "conditioner.embedders.0")
    assert (for_inpainting(sdxl), for_inpainting(sdxl, only_sd1=True), native_size(sdxl)) == (True, False, 1024)
    sd1 = hosts.checkpoint(tmp_path, "inpaint-in-name-only.safetensors", 4)
    assert (for_inpainting(sd1), native_size(sd1)) == (False, 512)
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"\xff" * 12)
    assert not for_inpainting(torn)
    assert for_inpainting(Path("sd-v1-5-inpainting.ckpt"), only_sd1=True)


@pytest.mark.parametrize(
    ("size", "resize", "native", "expected"),
    [
        ((512, 512), 0, 512, (512, 512)),
        ((1024, 768), 0, 512, (1024, 768)),
        ((256, 256), 0, 512, (512, 512)),
        ((64, 64), 0, 1024, (256, 256)),
        ((320, 192), 1, 512, (320, 192)),
        ((320, 192), 2, 512, (640, 384)),
        ((33, 47), 1, 512, (64, 64)),
        ((2048, 1024), 0.5, 512, (1024, 512)),
    ],
    ids=str,
)
def test_working_size(size: tuple[int, int], resize: float, native: int, expected: tuple[int, int]) -> None:
    assert working_size(*size, resize, native, 64) == expected


def test_resized_crops_come_back_in_their_size(host: Any) -> None:
    painted = opened().inpaint(job(sampling=replace(PLAIN, resize=0)))
    assert (host.processing.calls[0].width, painted[0].picture.shape) == (256, (64, 64, 3))


def press(host: Any, button: str, step: int = 3) -> None:
    def look(now: int) -> None:
        if now == step:
            getattr(host.shared.state, button)()

    host.processing.at_step.append(look)


def idle(host: Any) -> bool:
    state = host.shared.state
    return not (
        state.interrupted or state.skipped or state.stopping_generation or state.job or host.call_queue.queue_lock.owner
    )


@pytest.mark.parametrize(("button", "error"), [("interrupt", Cancelled), ("skip", Skipped)], ids=["interrupt", "skip"])
def test_a_half_done_picture_is_dropped_and_never_decoded(
    host: Any, monkeypatch: pytest.MonkeyPatch, button: str, error: type[Exception]
) -> None:
    press(host, button)
    monkeypatch.setattr(host.processing, "_decode", lambda *_: pytest.fail("decoding takes longer than a step"))
    with pytest.raises(Cancelled) as raised:
        opened().inpaint(job())
    assert raised.type is error
    assert idle(host)


def test_stopping_keeps_the_finished_batch(host: Any) -> None:
    press(host, "stop_generating")
    engine = opened()
    with engine.prepared(PLAIN):
        assert len(engine.inpaint(job())) == 2
        assert idle(host)
        with pytest.raises(Cancelled):
            engine.inpaint(job())
    host.processing.at_step.clear()
    with engine.prepared(PLAIN):
        assert len(engine.inpaint(job())) == 2


def test_an_interrupt_before_the_first_step_gives_nothing(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = host.processing._encode
    monkeypatch.setattr(host.processing, "_encode", lambda p: (host.shared.state.interrupt(), encode(p))[1])
    with pytest.raises(Cancelled):
        opened().inpaint(job())


class NansException(Exception):
    """What the host raises after decoding, unless it runs with --disable-nan-check."""


@pytest.mark.parametrize(
    ("part", "error", "words"),
    [
        ("_encode", MemoryError(), "MemoryError"),
        ("_decode", NansException("A tensor with all NaNs was produced in VAE.\nUse --no-half-vae."), "NaNs .* in VAE"),
    ],
    ids=["memory", "NaN"],
)
def test_a_failure_of_the_host_is_a_sentence_and_frees_the_queue(
    part: str, error: Exception, words: str, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(host.processing, part, fails)
    with pytest.raises(EngineError, match=f"could not paint: .*{words}"):
        opened().inpaint(job())
    assert idle(host)
    assert host.shared.opts.data == {}
    assert not host.shared.cmd_opts.no_prompt_history


def test_another_job_gets_its_turn_between_batches(host: Any) -> None:
    engine, order = opened(), list[str]()
    lock = host.call_queue.queue_lock

    def another() -> None:
        with lock:
            order.append("another")

    with engine.prepared(PLAIN):
        engine.inpaint(job())
        thread = threading.Thread(target=another)
        thread.start()
        thread.join(5)
        engine.inpaint(job())
    assert (order, lock.turns) == (["another"], 3)


def test_no_script_runs_unless_asked(host: Any) -> None:
    opened().inpaint(job())
    (p,) = host.processing.calls
    assert (p.scripts.alwayson_scripts, p.steps, p.seed) == ([], 8, [3, 4])


@pytest.mark.parametrize(
    ("args", "amount"), [("[true]", 10), ("[true, 40]", 40), ("[]", 0)], ids=["default", "own", "off"]
)
def test_an_asked_script_runs_with_its_values(host: Any, args: str, amount: int) -> None:
    plain = opened().inpaint(job())[0].picture
    with_script = (
        opened().inpaint(job(sampling=replace(PLAIN, scripts=f'{{"Brighter": {{"args": {args}}}}}')))[0].picture
    )
    assert np.array_equal(with_script, np.minimum(plain.astype(int) + amount, 255))
    assert opened().names("script") == ["brighter"]


def test_what_a_script_paints_on_its_own_is_not_taken_for_ours(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """ADetailer paints a face with a copy of the request, whose runner is a copy of ours without ADetailer itself."""

    def detail(p: Any, pp: Any, *_: Any) -> None:
        inner = copy.copy(p)
        inner._scripts = copy.copy(p.scripts)
        inner._scripts.alwayson_scripts = []
        inner.seed, inner.batch_size = [99], 1
        pp.image = host.processing.process_images(inner).images[0]

    (script,) = [one for one in host.scripts.scripts_img2img.alwayson_scripts if one.title() == "Brighter"]
    monkeypatch.setattr(script, "postprocess_image", detail)
    painted = opened().inpaint(job(sampling=replace(PLAIN, scripts='{"Brighter": {"args": []}}')))
    assert [one.seed for one in painted] == [3, 4]
    assert not np.array_equal(painted[0].picture, opened().inpaint(job())[0].picture)


def test_a_script_that_drops_pictures_is_found_out(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = host.processing._encode
    monkeypatch.setattr(host.processing, "_encode", lambda p: encode(p)[:1])
    with pytest.raises(EngineError, match="gave 1 pictures where 2 were asked for"):
        opened().inpaint(job())


def test_names(host: Any) -> None:
    engine = opened()
    assert engine.names("checkpoint") == ["plain.ckpt"]
    assert engine.names("sampler") == ["DPM++ 2M", "Euler a", "Euler"]
    assert engine.names("scheduler") == ["Automatic", "Karras", "Uniform"]
    assert engine.names("vae") == ["Automatic", "None", "soft.vae.safetensors"]
    assert engine.names("upscaler") == ["Lanczos", "Twice", "Same"]
    assert engine.names("nonsense") == []


FRAME = np.random.default_rng(2).integers(0, 256, (21, 35, 3), np.uint8)


@pytest.mark.parametrize(
    ("model", "scale", "reads"),
    [("Lanczos", 2, 0), ("Twice", 2, 1), ("Twice", 3.5, 1), ("Twice", 1, 1), ("Same", 2, 1)],
    ids=str,
)
def test_upscaling_is_exact_and_reads_weights_once(host: Any, model: str, scale: float, reads: int) -> None:
    engine = opened()
    with engine.prepared():
        for _ in range(3):
            assert engine.upscale(FRAME, model, scale).shape == (round(21 * scale), round(35 * scale), 3)
    assert len(host.modelloader.reads) == reads
    engine.upscale(FRAME, "Twice", 2)
    assert len(host.modelloader.reads) == reads + 1, "outside `prepared` nothing is kept"


def test_an_upscaler_that_fails_in_silence_is_an_error(host: Any) -> None:
    upscaler = host.upscaler
    host.shared.sd_upscalers.append(upscaler.UpscalerData("Missing", "missing.pth", upscaler.UpscalerESRGAN()))
    with pytest.raises(EngineError, match="upscaler Missing could not be loaded"):
        opened().upscale(FRAME, "Missing", 2)
    with pytest.raises(EngineError, match="no upscaler 'Thrice': near it are Twice"):
        opened().upscale(FRAME, "Thrice", 2)
    assert idle(host)


def test_forge_changes_its_models_once_and_puts_the_users_back(forge: Any, tmp_path: Path) -> None:
    add_checkpoints(forge, hosts.checkpoint(tmp_path, "ours.safetensors"))
    users = {
        "sd_model_checkpoint": "plain.ckpt",
        "forge_additional_modules": ["/models/VAE/x.vae", "/models/text_encoder/t5.safetensors"],
    }
    forge.shared.opts.data.update(copy.deepcopy(users))
    asked, engine = job(sampling=replace(PLAIN, checkpoint="ours.safetensors", vae="soft.vae.safetensors")), opened()
    with engine.prepared(asked.sampling):
        for _ in range(3):
            engine.inpaint(asked)
    ours = ("ours.safetensors", "/models/text_encoder/t5.safetensors", "/models/VAE/soft.vae.safetensors")
    assert forge.main_entry.refreshed == [ours, ("plain.ckpt", *users["forge_additional_modules"])]
    assert forge.shared.opts.data == users
    assert [p.override_settings for p in forge.processing.calls] == [{}] * 3


def test_forge_keeps_what_the_user_chose_meanwhile(forge: Any, tmp_path: Path) -> None:
    add_checkpoints(
        forge, hosts.checkpoint(tmp_path, "ours.safetensors"), hosts.checkpoint(tmp_path, "later.safetensors")
    )
    asked, engine = job(sampling=replace(PLAIN, checkpoint="ours.safetensors")), opened()
    with engine.prepared(asked.sampling):
        engine.inpaint(asked)
        forge.shared.opts.data["sd_model_checkpoint"] = "later.safetensors"
        engine.inpaint(asked)
        assert forge.shared.opts.data["sd_model_checkpoint"] == "ours.safetensors"
    assert forge.shared.opts.data["sd_model_checkpoint"] == "later.safetensors"


def test_forge_paints_in_its_main_thread(forge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_a_thread(work: Callable[[], Any]) -> list[Any]:
        done = list[Any]()
        thread = threading.Thread(target=lambda: done.append(work()))
        thread.start()
        thread.join(10)
        return done

    engine = opened()
    assert len(in_a_thread(lambda: engine.inpaint(job()))[0]) == 2
    assert forge.main_thread.ran == ["process_images"]
    engine.inpaint(job())
    assert forge.main_thread.ran == ["process_images"], "already there"

    def fails(p: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(forge.processing, "_encode", fails)

    def caught() -> str:
        with pytest.raises(EngineError) as raised:
            engine.inpaint(job())
        return str(raised.value)

    assert in_a_thread(caught) == ["The WebUI could not paint: out of memory"]


def test_a_relative_of_forge_without_its_functions_is_treated_like_automatic1111(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hosts.running(forge=True) as host:
        monkeypatch.delattr(host.main_entry, "modules_change")
        add_checkpoints(host, hosts.checkpoint(tmp_path, "ours.safetensors"))
        opened().inpaint(job(sampling=replace(PLAIN, checkpoint="ours.safetensors")))
        assert host.processing.calls[0].override_settings == {"sd_model_checkpoint": "ours.safetensors"}
        assert host.shared.opts.data == {}


def test_other_settings_in_between_keep_what_was_prepared(host: Any) -> None:
    engine = opened()
    with engine.prepared(PLAIN):
        engine.upscale(FRAME, "Twice", 2)
        engine.inpaint(job(sampling=replace(PLAIN, steps=2)))
        engine.inpaint(job())
        engine.upscale(FRAME, "Twice", 2)
    assert [p.steps for p in host.processing.calls] == [2, 8]
    assert len(host.modelloader.reads) == 1


class Skipping(Recorder):
    """Skips the n-th call once, warns, and counts how often it was prepared."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def inpaint(self, job: InpaintJob) -> list[Any]:
        painted = super().inpaint(job)
        if len(self.jobs) == self.at:
            raise Skipped
        return painted


def test_a_skipped_batch_is_painted_by_the_next_run(footage: dict[str, Path], tmp_path: Path) -> None:
    skipping, folder = Skipping(2), tmp_path / "p"
    with pytest.raises(WaitingForPerson, match=r"1 of \d+ batches were skipped"):
        edit(folder, footage, {"inpaint.batch_count": 2}, engine=skipping, until="inpaint")
    before = {path.name for path in folder.glob("candidates/*/*.png")}
    again = Recorder()
    edit(folder, footage, {"inpaint.batch_count": 2}, engine=again, until="inpaint")
    assert [one.seeds for one in again.jobs] == [skipping.jobs[1].seeds]
    assert before


def test_a_whole_project_in_the_host(host: Any, footage: dict[str, Path], tmp_path: Path) -> None:
    steps, folder = Steps(), tmp_path / "p"
    values = {"inpaint.engine": "webui", "inpaint.steps": 6, "inpaint.resize": 1}
    edit(folder, footage, values, progress=steps)
    assert (folder / "master.mp4").exists()
    assert any("plain.ckpt is not made for inpainting" in note for note in steps.notes)
    calls = len(host.processing.calls)
    edit(folder, footage, {**values, "inpaint.steps": 7})
    assert len(host.processing.calls) == 2 * calls, "every candidate depends on the steps"
    assert host.shared.opts.data == {}


def test_a_project_painted_in_a_host_is_finished_without_one(footage: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "p"
    with hosts.running():
        edit(folder, footage, {"inpaint.engine": "webui"}, until="inpaint")
    edit(folder, footage, {"inpaint.engine": "webui", "composite.carry": "paste"})
    assert (folder / "master.mp4").exists()
    with pytest.raises(EngineError, match="inside a running Stable Diffusion WebUI"):
        edit(folder, footage, {"inpaint.engine": "webui", "inpaint.prompt": "a hat"})


class Restorer:
    """As the host's: gives the very picture back when its weights cannot be loaded."""

    def __init__(self, name: str, does: str) -> None:
        self._name, self._does = name, does

    def name(self) -> str:
        return self._name

    def restore(self, np_image: np.ndarray) -> np.ndarray:
        if self._does == "fails":
            raise RuntimeError("no detector\nmore")
        return np_image if self._does == "not loaded" else 255 - np_image


def test_faces_are_restored_by_the_hosts_own(host: Any) -> None:
    host.shared.face_restorers[:] = [
        Restorer("GFPGAN", "inverts"),
        Restorer("CodeFormer", "not loaded"),
        Restorer("X", "fails"),
    ]
    engine = opened()
    assert engine.names("face restorer") == ["GFPGAN", "CodeFormer", "X"]
    assert (engine.upscale(FRAME, "GFPGAN", 1) == 255 - FRAME).all()
    with pytest.raises(EngineError, match="face restorer CodeFormer could not be loaded"):
        engine.upscale(FRAME, "CodeFormer", 1)
    with pytest.raises(EngineError, match=r"face restorer X failed: no detector$"):
        engine.upscale(FRAME, "X", 1)
    assert idle(host)
