"""Making neighbouring painted keys agree in light and broad colour, so that handing over between them does not pulse.

An engine paints each key on its own: the same skin comes out a little lighter here, redder there. What differs slowly
over the picture is drawn together; what is drawn differently stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import flow
from .blending import Floats, masked_mean
from .model import Frame
from .transfer import Layer, Link, Setting, grown, shrunk

# How much the next key and the one after count, and how many frames away a key is still heard.
VOICES = {1: 1.0, 2: 0.8}
EARSHOT = 40
# What is drawn together is this broad, in pixels at scale 1. Wider (5) was .17 dB worse on jittered keys and flickered more,
# narrower (2) .2 dB worse: then what is drawn differently is smeared.
BROAD = 3


def correction(edited: Frame | Floats, layer: Layer, links: Sequence[tuple[float, Link]], setting: Setting) -> Floats:
    """What to add to a key's painted picture so that it agrees with other keys, float32 (H, W, 3), 0 where they do.

    `links` lead from this key to the others, each with its voice 0..1; `layer` is this key's own.
    """
    view, scale = layer.view, setting.small
    height, width = edited.shape[:2]
    painted = shrunk(np.asarray(edited, np.float32), setting.step)
    sums, total = np.zeros_like(painted), np.zeros_like(view.mask)
    for voice, link in links:
        moved = flow.warp(shrunk(link.layer.travelling, setting.step), link.flow)
        said = link.ratio[..., None] * moved[..., :3] + moved[..., 3:] * view.colour
        weight = voice * link.trust**2
        sums += weight[..., None] * (said - painted)
        total += weight
    apart = np.clip(sums / (1 + total)[..., None], -40, 40)
    sure = view.mask * total / (1 + total)
    smooth = masked_mean(apart, sure, BROAD * scale)
    if not sure.any():
        return np.zeros((height, width, 3), np.float32)
    size = np.sqrt((sure[..., None] * smooth**2).sum() / (3 * sure.sum()))
    # Below half a code to one code the keys agree already, and a correction would only add its own errors.
    return grown(np.float32(np.clip((size - 1) / 2, 0, 1)) * smooth, height, width)
