"""How long one picture takes: a keyframe painted as the run will paint it, and dropped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .donations import Donated, DonorFrames, lenders
from .donors import Lenders
from .engines import SEES_DONORS, InpaintJob, paint
from .items import KeyCrops, KeyframeCrop, WhiteCrop

if TYPE_CHECKING:
    from .pipeline import Run


def seconds_per_image(run: Run, key: int) -> float:
    """Seconds that a candidate of this keyframe takes.

    An engine that looks at donors compares them once for all candidates of a keyframe, which is most of its work: it paints
    them all, with the donors that the run will give it. Any other one paints a single picture.
    """
    settings, looks = run.settings.inpaint, run.engine_name in SEES_DONORS
    run.stage = "inpaint"  # whose donors these are: the run finds them made
    plans = lenders(run) if looks else {}
    crop = KeyCrops(run.project, run.clip.info, settings, run.multiple)[key]
    picture, white = KeyframeCrop(key, crop).load(run), WhiteCrop(key, crop).load(run)
    seeds = tuple((settings.seed + number) % 2**32 for number in range(settings.candidates if looks else 1))
    begun = time.perf_counter()
    donors = Donated(DonorFrames(tuple(plans.values())), plans.get(key, Lenders(key)), crop).load(run)
    job = InpaintJob(picture, white, seeds, denoise=settings.denoise, donors=donors, sampling=settings.sampling)
    paint(run.engine, job)
    return (time.perf_counter() - begun) / len(seeds)
