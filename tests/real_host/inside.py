"""Runs inside a real WebUI's Python, in its folder: starts its modules without the page, tries the engine, prints one JSON."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FORGE = Path("modules_forge").is_dir()
FLAGS = "--skip-torch-cuda-test --no-download-sd-model --skip-version-check --skip-python-version-check"
ON_CPU = "--always-cpu --all-in-fp32" if FORGE else "--no-half --precision full --use-cpu all --do-not-download-clip"


def boot() -> None:
    sys.path.insert(0, os.getcwd())
    sys.argv = ["webui.py", *FLAGS.split(), *ON_CPU.split()]
    if FORGE:
        from modules_forge.initialization import initialize_forge

        initialize_forge()
    from modules import initialize

    initialize.imports()
    initialize.initialize()
    from modules import script_callbacks, shared, ui

    script_callbacks.before_ui_callback()
    if not FORGE:
        _ = (
            shared.sd_model
        )  # the host loads it in a thread of its own, and notes the checkpoint among the options when it has
    shared.demo = ui.create_ui()  # gives the always-on scripts their values; nothing is served
    sys.path.insert(0, str(ROOT))


def files() -> dict[str, int]:
    """Everything that a generation could write for the user, by its time."""
    watched = ("outputs", "output", "log", "params.txt", "config.json", "ui-config.json")
    found = [path for name in watched for path in (Path(name), *Path(name).rglob("*")) if path.is_file()]
    return {str(path): path.stat().st_mtime_ns for path in found}


def signature(dotted: str) -> list[str] | None:
    """The parameters of a function or class of the host, each as `name` or `name=default`; None when it is not there."""
    module, _, names = dotted.partition(":")
    thing: Any = importlib.import_module(f"modules.{module}")
    for name in names.split("."):
        if not hasattr(thing, name):
            return None
        thing = getattr(thing, name)
    parameters = inspect.signature(thing).parameters.values() if callable(thing) else []
    return [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]


def seconds(work: Callable[[], Any]) -> float:
    """Of this process's own time, so that other work on the machine does not count."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def outcome(work: Callable[[], Any]) -> str:
    try:
        return f"{len(work())} pictures"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def pressed(button: str, work: Callable[[], Any]) -> tuple[str, float]:
    """What becomes of `work` when somebody presses a button at its third step, and the seconds from then on."""
    from modules import shared

    at = list[float]()

    def wait() -> None:
        while shared.state.sampling_step < 3:
            time.sleep(0.002)
        getattr(shared.state, button)()
        at.append(time.perf_counter())

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    said = outcome(work)
    thread.join(10)
    return said, time.perf_counter() - at[0]


def nested(job: Any) -> list[int]:
    """The seeds that come back where an always-on script paints on its own in between, as ADetailer does."""
    from modules import processing, scripts

    from lib_vidpaint.engines import EngineSpec, open_engine

    class Detailer(scripts.Script):
        args_from = args_to = 1

        def title(self) -> str:
            return "detailer"

        def show(self, is_img2img: bool) -> Any:
            return scripts.AlwaysVisible

        def postprocess_image(self, p: Any, pp: Any, *args: Any) -> None:
            inner = copy.copy(p)
            inner.scripts = copy.copy(p.scripts)
            inner.scripts.scripts, inner.scripts.alwayson_scripts = [], []
            inner.init_images, inner.seed, inner.batch_size = [pp.image], [1], 1
            inner.image_mask, inner.cached_c, inner.cached_uc = p.init_mask, [None, None], [None, None]
            pp.image = processing.process_images(inner).images[0]

    runner = scripts.scripts_img2img
    runner.alwayson_scripts.append(Detailer())
    try:
        asked = replace(job, sampling=replace(job.sampling, scripts='{"detailer": {"args": []}}'))
        return [one.seed for one in open_engine(EngineSpec("webui")).inpaint(asked)]
    finally:
        runner.alwayson_scripts.pop()


def restored(engine: Any, frame: Any) -> dict[str, Any]:
    """What the host's own CodeFormer sees of a frame and gives back, with a network that adds 51 levels of red in the place of
    its weights, and a helper that takes the whole frame for a face."""
    import cv2
    import torch
    from modules import shared

    seen: list[Any] = []

    class Net(torch.nn.Module):
        def forward(self, face: Any, weight: float, adain: bool) -> Any:
            seen.append(((face + 1) * 127.5)[0].permute(1, 2, 0).numpy())
            face[:, 0] += 0.4
            return (face,)

    class Helper:
        face_det = face_parse = torch.nn.Identity()

        def clean_all(self) -> None:
            self.cropped_faces, self.made = [], []

        def read_image(self, picture: Any) -> None:
            self.size = picture.shape[1::-1]
            self.cropped_faces = [cv2.resize(picture, (512, 512))]

        def get_face_landmarks_5(self, **options: Any) -> None: ...

        def align_warp_face(self) -> None: ...

        def get_inverse_affine(self, path: None) -> None: ...

        def add_restored_face(self, face: Any) -> None:
            self.made.append(face)

        def paste_faces_to_input_image(self) -> Any:
            return cv2.resize(self.made[0], self.size)

    (theirs,) = (one for one in shared.face_restorers if one.name() == "CodeFormer")
    theirs.net, theirs.__dict__["face_helper"] = Net(), Helper()
    made = engine.upscale(frame, "CodeFormer", 1.0)
    theirs.net = None
    del theirs.__dict__["face_helper"]
    change = made.astype(int) - frame
    return {
        "names": engine.names("face restorer"), "type": str(made.dtype), "shape": [*made.shape],
        "sees": float(abs(cv2.resize(seen[0], frame.shape[1::-1]) - frame).mean()),
        "adds": change[frame[..., 0] < 200].mean(axis=0).tolist(),
    }  # fmt: skip


def trial() -> None:
    """Everything that is tried, as the work of one job thread."""
    import numpy as np
    from modules import processing, shared
    from modules.call_queue import queue_lock
    from PIL import Image
    from skimage import data

    if FORGE:
        from modules_forge.main_thread import run_and_wait_result as run_and_wait
    from lib_vidpaint.engines import EngineSpec, InpaintJob, Sampling, open_engine

    engine, found = open_engine(EngineSpec("webui")), dict[str, Any]()
    options, written = copy.deepcopy(shared.opts.data), files()
    crop = np.ascontiguousarray(data.astronaut()[:256, 128:384])
    mask = np.zeros((256, 256), np.uint8)
    mask[90:170, 80:180] = 255
    quick = Sampling(sampler="Euler a", steps=4, resize=1)
    job = InpaintJob(crop, mask, (5, 6), "a face", denoise=0.8, sampling=quick)

    def shown(kind: Any) -> InpaintJob:
        return replace(job, sampling=replace(quick, reference=kind), reference=np.ascontiguousarray(crop[::-1]))

    kinds = ("checkpoint", "vae", "sampler", "scheduler", "script", "upscaler")
    found["forge"], found["names"] = FORGE, {kind: engine.names(kind) for kind in kinds}
    with engine.prepared(quick) as found["warnings"]:
        first, again = engine.inpaint(job), engine.inpaint(job)
    pictures = [one.picture for one in first]
    found["shapes"] = [list(picture.shape) for picture in pictures]
    found["seeds"] = [one.seed for one in first]
    found["infotexts"] = [one.infotext for one in first]
    found["repeated"] = [bool((one.picture == other.picture).all()) for one, other in zip(first, again)]
    found["painted"] = float(np.abs(pictures[0].astype(int) - pictures[1])[mask > 0].mean())
    found["odd size"] = list(
        engine.inpaint(InpaintJob(crop[:187, :250], mask[:187, :250], (5,), sampling=quick))[0].picture.shape
    )
    found["enlarged"] = engine.inpaint(
        InpaintJob(crop[:64, :128], mask[80:144, 70:198], (5,), sampling=Sampling(steps=1))
    )[0].infotext
    found["contents"] = {
        content: engine.inpaint(InpaintJob(crop, mask, (5,), content=content, denoise=1, sampling=quick))[0].infotext
        for content in ("fill", "original", "latent noise", "latent nothing")
    }
    values = ("[true, 2]", "[true, 4, 0.1, 8, 0, 0.9, 6]", "[false]")
    soft = [
        replace(job, sampling=replace(quick, scripts=f'{{"soft inpainting": {{"args": {one}}}}}')) for one in values
    ]
    softened = [engine.inpaint(one)[0] for one in soft]
    found["soft"] = softened[0].infotext
    found["softened"] = [float(np.abs(one.picture.astype(int) - pictures[0])[mask > 0].mean()) for one in softened] + [
        float(np.abs(softened[0].picture.astype(int) - softened[1].picture)[mask > 0].mean())
    ]
    found["nested"] = nested(job)
    found["described"] = {how: outcome(lambda how=how: [engine.describe(crop, how)]) for how in ("clip", "deepbooru")}
    found["references"] = {
        kind: outcome(lambda kind=kind: engine.inpaint(shown(kind))) for kind in ("reference", "ip-adapter", "colour")
    }
    slow = InpaintJob(crop, mask, (5,), denoise=1, sampling=Sampling(sampler="Euler a", steps=100, resize=1))
    found["pressed"] = {button: pressed(button, lambda: engine.inpaint(slow)) for button in ("interrupt", "skip")}
    stopping = InpaintJob(crop, mask, (5,), sampling=Sampling(sampler="Euler a", steps=20, resize=1))
    with engine.prepared(stopping.sampling):
        found["stopped"] = [
            pressed("stop_generating", lambda: engine.inpaint(stopping))[0],
            outcome(lambda: engine.inpaint(stopping)),
        ]
    state = shared.state
    found["idle"] = not (
        state.interrupted or state.skipped or state.stopping_generation or state.job or queue_lock._lock.locked()
    )

    frame = crop[:61, :93]
    local = [one.name for one in shared.sd_upscalers if one.local_data_path and Path(one.local_data_path).exists()]
    local += ["Lanczos", "Nearest"]  # the others would be downloaded
    with engine.prepared():
        found["upscaled"] = {name: list(engine.upscale(frame, name, 2.5).shape) for name in local}
        found["restored"] = restored(engine, np.ascontiguousarray(frame))
    found["options"] = {"before": options, "after": shared.opts.data}
    found["written"] = {name: time for name, time in files().items() if written.get(name) != time}

    def bare() -> None:
        p = processing.StableDiffusionProcessingImg2Img(
            prompt="a face", seed=[5, 6], batch_size=2, steps=4, sampler_name="Euler a", scheduler="Automatic", width=256, height=256,
            init_images=[Image.fromarray(crop)], mask=Image.fromarray(mask), inpaint_full_res=False, denoising_strength=0.8,
            inpainting_fill=1, do_not_save_samples=True, do_not_save_grid=True,
        )  # fmt: skip
        with queue_lock:
            run_and_wait(processing.process_images, p) if FORGE else processing.process_images(p)

    with engine.prepared(quick):
        pairs = [(seconds(lambda: engine.inpaint(job)), seconds(bare)) for _ in range(5)]
    found["seconds"] = {"engine": min(pair[0] for pair in pairs), "bare": min(pair[1] for pair in pairs)}
    found["signatures"] = {name: signature(name) for name in json.loads(sys.stdin.read())}
    print("\nFOUND " + json.dumps(found))


def main() -> None:
    boot()
    if not FORGE:
        trial()
        return
    from modules_forge import main_thread

    def last() -> None:
        try:
            trial()
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(0)  # the main thread's loop has no other end

    threading.Thread(target=last).start()
    main_thread.loop()


if __name__ == "__main__":
    main()
