"""The engine inside AUTOMATIC1111's WebUI and Forge: their img2img paints our crops, in their process, without HTTP.

With turns.py (queue and buttons), forge.py (models), host_upscalers.py and host_words.py all of the library that imports
the host. What it keeps to:
- The host is ours for one job (a batch of one keyframe) at a time, under its queue lock, so other work gets its turn.
- The user's options, outputs and last prompt are afterwards what they were before.
- The host takes something else in silence for a name it does not know, and only prints that an upscaler failed: both are
  errors here. A picture that was interrupted half-way is dropped: Interrupt ends the run, Skip gives up one batch (the
  next run paints it), and a stop after the current image keeps that batch and ends the run before the next.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from modules import modelloader, processing, scripts, sd_models, sd_samplers, sd_vae, shared
from modules.call_queue import queue_lock
from PIL import Image

from ..crops import resized, working_size
from ..errors import Cancelled, EngineError, Skipped
from ..model import Frame
from . import MULTIPLES, InpaintJob, Painted, Sampling, fitted, references
from .checkpoints import Checkpoint, choose, native_size, one_of
from .host_upscalers import face_restorers, said, upscaled, upscalers
from .host_words import words_for
from .turns import turn

try:
    from modules import sd_schedulers
except ImportError:  # Forge-Classic has the schedule in the sampler's name
    sd_schedulers = None
try:
    from .forge import Forge
except ImportError:  # no Forge, or a relative of it whose checkpoint is an override as in AUTOMATIC1111's
    Forge = None

# The UNet halves the latent, an 8th of the picture, three times: 64 keeps its two halves of one size on every model.
MULTIPLE = MULTIPLES["webui"]
FORGE = Forge(shared.opts) if Forge else None
LOADED = ("sd_checkpoint_hash",)  # options that a load of a checkpoint writes even where it is told to write none
FILLS = ("fill", "original", "latent noise", "latent nothing")


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked `Sampling`: its names exist in this host."""

    sampling: Sampling
    checkpoint: Checkpoint
    native: int
    scripts: Mapping[str, Sequence[Any]]
    warnings: tuple[str, ...]
    reference: references.Shown | None = None


class Capture(scripts.ScriptRunner):
    """A private runner: it runs the scripts that were asked for and keeps each picture before the host pastes it back.

    Only those of its `request`: a script may paint others meanwhile, as ADetailer does, with a copy of this runner.
    """

    def __init__(self, include: Sequence[Any]) -> None:
        super().__init__()
        self.scripts, self.alwayson_scripts = list(include), list(include)
        self.request: Any = None
        self.pictures: list[Frame] = []

    def process(self, p: Any) -> None:
        import torch

        super().process(p)
        torch.manual_seed(p.all_seeds[0])  # the VAE encoder draws from the global generator, which the host never seeds

    def post_sample(self, p: Any, ps: Any) -> None:
        """Has the host decode no half-done picture: it is dropped, and two of 512² took 3.5 s on a CPU after Interrupt."""
        super().post_sample(p, ps)
        if shared.state.interrupted or shared.state.skipped:
            import torch

            ps.samples = processing.DecodedSamples(torch.zeros(3, p.height, p.width) for _ in p.all_seeds)

    def postprocess_image(self, p: Any, pp: Any, *rest: Any) -> None:
        super().postprocess_image(p, pp, *rest)
        if p is self.request:
            self.pictures.append(np.asarray(pp.image.convert("RGB"), np.uint8))

    def given_up(self, p: Any) -> None:
        """Has the scripts tidy up after a call that failed, which the host forgets: ControlNet's reference stayed in the
        model and changed the pictures after it."""
        with suppress(Exception):  # each of theirs is only printed by the host; this is for the host's own
            self.postprocess(p, processing.Processed(p, []))


class WebUI:
    """Paints with the checkpoint, samplers and always-on scripts of the WebUI it runs in. One object serves one run."""

    name = "webui"
    multiple = MULTIPLE

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._load: Callable[..., Any] | None = None
        self._stopping = False

    def names(self, kind: str) -> list[str]:
        found = {
            "checkpoint": lambda: [one.name for one in known_checkpoints()],
            "vae": vae_names,
            "sampler": sd_samplers.visible_sampler_names,
            "scheduler": lambda: [one.label for one in sd_schedulers.schedulers] if sd_schedulers else [],
            "style": lambda: list(shared.prompt_styles.styles),
            "script": lambda: list(alwayson_scripts()),
            "upscaler": lambda: list(upscalers()),
            "face restorer": lambda: list(face_restorers()),
            "reference": lambda: references.available(alwayson_scripts()),
        }
        return list(found[kind]()) if kind in found else []

    def refresh(self) -> None:
        """Look for checkpoints, VAEs and styles that came since the host looked."""
        shared.prompt_styles.reload()
        if FORGE:
            FORGE.refresh()
        else:
            sd_models.list_models()
            sd_vae.refresh_vae_list()

    @contextmanager
    def prepared(self, sampling: Sampling | None = None) -> Iterator[tuple[str, ...]]:
        plan, around = checked(sampling) if sampling else None, (self._plan, self._load)
        self._plan, self._load = plan, self._load or functools.cache(modelloader.load_spandrel_model)
        self._stopping = self._stopping and around != (None, None)
        try:
            yield plan.warnings if plan else ()
        finally:
            self._plan, self._load = around
            if FORGE:
                with queue_lock:
                    FORGE.put_back()

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        if not (job.mask >= 128).any():  # the host rounds the mask: nothing would change, at the price of a whole pass
            return [Painted(job.crop.copy(), seed, f"nothing to paint, Seed: {seed}") for seed in job.seeds]
        if self._plan is None or self._plan.sampling != job.sampling:
            with self.prepared(job.sampling):
                return self.inpaint(job)
        if self._stopping:
            raise Cancelled
        with turn("Video Inpaint"):
            pictures, infotexts = self._paint(job, self._plan)
        height, width = job.mask.shape
        pictures = [fitted(self, picture, (width, height), job.sampling.upscaler) for picture in pictures]
        return [Painted(*one) for one in zip(pictures, job.seeds, infotexts)]

    def _paint(self, job: InpaintJob, plan: Plan) -> tuple[list[Frame], list[str]]:
        if FORGE:
            FORGE.switch(plan.checkpoint.name, plan.sampling.vae)
        overrides = {} if FORGE else changed_models(plan)
        if shared.opts.save_init_img:
            overrides["save_init_img"] = False  # it would put every crop among the user's outputs
        size = working_size(job.mask.shape[1], job.mask.shape[0], plan.sampling.resize, plan.native, MULTIPLE)
        with kept(overrides), closing(request(job, plan, size, overrides)) as p:
            capture, args = asked_scripts(shown_scripts(plan, job))
            p.is_api = True  # before the scripts: else the page's own sampler, seed and refiner scripts overwrite p
            p.scripts, capture.request = capture, p
            p.script_args = args
            try:
                processed = FORGE.process(processing.process_images, p) if FORGE else processing.process_images(p)
            except Exception as error:
                capture.given_up(p)
                self._heed_buttons(0)
                raise EngineError(f"The WebUI could not paint: {said(error)}") from error
            self._heed_buttons(len(capture.pictures))
        if len(capture.pictures) != len(job.seeds) or len(processed.infotexts) < len(job.seeds):
            raise EngineError(
                f"The WebUI gave {len(capture.pictures)} pictures where {len(job.seeds)} were asked for: one of the "
                "scripts in inpaint.scripts changes their number, leave it out."
            )
        first = len(processed.infotexts) - len(job.seeds)
        return capture.pictures, processed.infotexts[first:]

    def _heed_buttons(self, pictures: int) -> None:
        state = shared.state
        self._stopping = state.stopping_generation
        if state.interrupted or (self._stopping and not pictures):
            raise Cancelled
        if state.skipped:
            raise Skipped

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        with turn("Video Inpaint: upscaling"), self._weights_kept():
            return upscaled(frame, model, scale)

    def describe(self, picture: Frame, how: Literal["clip", "deepbooru"]) -> str:
        with turn("Video Inpaint: describing"):
            return words_for(picture, how)

    @contextmanager
    def _weights_kept(self) -> Iterator[None]:
        """While `prepared`, weights are read once: most upscalers read theirs from the disk for every picture."""
        original = modelloader.load_spandrel_model
        modelloader.load_spandrel_model = self._load or original
        try:
            yield
        finally:
            modelloader.load_spandrel_model = original


@contextmanager
def kept(overrides: Mapping[str, Any]) -> Iterator[None]:
    """Keeps the user's options and last prompt through a call with these overrides.

    The host puts back only options that are in `opts.data`, which on a fresh install is almost none of them.
    """
    data, commands = shared.opts.data, shared.cmd_opts
    loaded = {key: data[key] for key in LOADED if key in data}
    absent = [key for key in overrides if key not in data]
    history, commands.no_prompt_history = getattr(commands, "no_prompt_history", False), True
    for key in absent:
        data[key] = shared.opts.get_default(key)
    try:
        with sd_models.SkipWritingToConfig():
            yield
    finally:
        commands.no_prompt_history = history
        for key in (*absent, *LOADED):
            data.pop(key, None)
        data.update(loaded)


def request(job: InpaintJob, plan: Plan, size: tuple[int, int], overrides: Mapping[str, Any]) -> Any:
    """The host's own img2img request: the crop is the whole picture, nothing is saved, one seed for each picture."""
    sampling = plan.sampling
    schedule = {"scheduler": sampling.scheduler} if sd_schedulers else {}
    refiner = (
        {"refiner_checkpoint": sampling.refiner, "refiner_switch_at": sampling.refiner_switch_at}
        if sampling.refiner
        else {}
    )
    return processing.StableDiffusionProcessingImg2Img(
        prompt=job.prompt, negative_prompt=job.negative_prompt, styles=style_names(sampling.styles),
        seed=list(job.seeds), batch_size=len(job.seeds), n_iter=1,
        sampler_name=sampling.sampler, **schedule, **refiner, steps=sampling.steps, cfg_scale=sampling.cfg_scale,
        width=size[0], height=size[1], init_images=[Image.fromarray(resized(job.crop, size))],
        mask=Image.fromarray(resized(job.mask, size)), mask_blur=sampling.mask_blur, inpainting_fill=FILLS.index(job.content),
        inpaint_full_res=False, inpainting_mask_invert=0, resize_mode=0, denoising_strength=job.denoise,
        restore_faces=False, tiling=False, do_not_save_samples=True, do_not_save_grid=True,
        override_settings=dict(overrides), override_settings_restore_afterwards=True,
    )  # fmt: skip


def checked(sampling: Sampling) -> Plan:
    """The plan for these settings. Raises EngineError for every name that the host does not know."""
    one_of("sampler", sampling.sampler, (one.name for one in sd_samplers.all_samplers))
    if sd_schedulers:
        one_of("schedule type", sampling.scheduler, (one.label for one in sd_schedulers.schedulers))
    if sampling.vae:
        one_of("VAE", sampling.vae, vae_names())
    if sampling.upscaler != "Lanczos":
        one_of("upscaler", sampling.upscaler, upscalers())
    for style in style_names(sampling.styles):
        one_of("style", style, shared.prompt_styles.styles)
    known = known_checkpoints()
    wanted = {sampling.checkpoint, sampling.refiner} - {"auto", ""}
    if not wanted <= {one.name for one in known}:
        sd_models.list_models()  # a file may have come since the WebUI looked
        known = known_checkpoints()
    if sampling.refiner:
        one_of("checkpoint (for the refiner)", sampling.refiner, (one.name for one in known))
    current = next((one for one in known if one.name == current_checkpoint()), None)
    checkpoint, warning = choose(sampling.checkpoint, known, current)
    native = native_size(checkpoint.file)
    given, warnings = script_values(sampling.scripts), (warning,) if warning else ()
    reference = None if sampling.reference == "off" else references.way(sampling.reference, alwayson_scripts())
    return Plan(sampling, checkpoint, native, given, warnings, reference)


def style_names(text: str) -> list[str]:
    """What `inpaint.styles` says."""
    return [name.strip() for name in text.split(";") if name.strip()]


def known_checkpoints() -> list[Checkpoint]:
    return [Checkpoint(info.name, Path(info.filename)) for info in sd_models.checkpoints_list.values()]


def current_checkpoint() -> str:
    """The name of the checkpoint that the user has chosen, '' when there is none at all."""
    return sd_models.select_checkpoint().name if sd_models.checkpoints_list else ""


def vae_names() -> list[str]:
    return FORGE.module_names() if FORGE else ["Automatic", "None", *sd_vae.vae_dict]


def changed_models(plan: Plan) -> dict[str, Any]:
    """The overrides that a call needs. The host loads once for a row of calls and, without being asked, the user's own again."""
    vae = plan.sampling.vae
    checkpoint = {"sd_model_checkpoint": plan.checkpoint.name} if plan.checkpoint.name != current_checkpoint() else {}
    return checkpoint | ({"sd_vae": vae} if vae and vae != shared.opts.sd_vae else {})


def alwayson_scripts() -> dict[str, Any]:
    """The always-on scripts by title in small letters, as the API names them; the page's own parts are not among them."""
    runner = scripts.scripts_img2img
    found = runner.alwayson_scripts if runner else []
    return {one.title().lower(): one for one in found if not getattr(one, "setup_for_ui_only", False)}


def script_values(text: str) -> dict[str, list[Any]]:
    """What `inpaint.scripts` says: script title to values. Raises EngineError."""
    try:
        given = json.loads(text or "{}")
        values = {title.lower(): list(entry["args"]) for title, entry in given.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise EngineError(
            f'inpaint.scripts: {text!r} is not as the API takes it: {{"soft inpainting": {{"args": [true]}}}}.'
        ) from None
    for title in values:
        one_of("always-on script", title, alwayson_scripts())
    return values


def shown_scripts(plan: Plan, job: InpaintJob) -> dict[str, Sequence[Any]]:
    """The scripts of a plan, with the job's reference as the last unit that the user's ControlNet arguments leave free."""
    if plan.reference is None or job.reference is None:
        return dict(plan.scripts)
    given = list(plan.scripts.get(references.SCRIPT, ()))
    unit = plan.reference.unit(job.reference, plan.sampling.reference_weight)
    return {**plan.scripts, references.SCRIPT: [*given, unit]}


def asked_scripts(values: Mapping[str, Sequence[Any]]) -> tuple[Capture, tuple[Any, ...]]:
    """A runner with these scripts and the arguments of all: theirs as given, and as the page has them where nothing is."""
    included = [alwayson_scripts()[title] for title in values]
    args: list[Any] = [0] + [None] * max([0, *(script.args_to for script in included)])
    for script, given in zip(included, values.values()):
        room = script.args_to - script.args_from
        defaults = [control.value for control in script.controls or []]
        args[script.args_from : script.args_to] = [*given, *defaults[len(given) :]][:room]
    return Capture(included), tuple(args)
