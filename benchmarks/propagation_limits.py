"""What `benchmarks.propagation` must reach on its stored clips, and what it aims at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Figures = Mapping[str, float]
Cases = Mapping[tuple[str, str], Mapping[str, Figures]]
"""Figures by clip and edit, then by method."""

METHOD = {"E1": "ours", "E2": "ours", "E3": "ours", "E2j": "ours, harmonised"}
PEER = "EbSynth"


@dataclass(frozen=True)
class Range:
    """Figures from `low` to `high` reach it."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f">= {self.low:g}"
        return f"<= {self.high:g}" if math.isinf(self.low) else f"{self.low:g} to {self.high:g}"

    def verdict(self, value: float) -> str:
        return "ok" if self.low <= value <= self.high else "MISSED"


@dataclass(frozen=True)
class Limit:
    """One figure of the means over the stored clips, or one over single cases, with what it must reach and its aim."""

    what: str
    edit: str
    value: Callable[[Figures], float]
    must: Range
    aim: Range


LIMITS = (
    Limit("PSNR", "E1", lambda mean: mean["PSNR"], Range(36.3), Range(37.5)),
    Limit("PSNR", "E2", lambda mean: mean["PSNR"], Range(36.3), Range(37.5)),
    Limit("SSIM", "E2", lambda mean: mean["SSIM"], Range(0.977), Range(0.982)),
    Limit("PSNR", "E3", lambda mean: mean["PSNR"], Range(28.5), Range(30.5)),
    Limit("PSNR", "E2j", lambda mean: mean["PSNR"], Range(25.7), Range(26.7)),
    Limit("sharpness", "E2", lambda mean: mean["sharp"], Range(0.95, 1.05), Range(0.98, 1.02)),
    Limit("sharpness", "E2j", lambda mean: mean["sharp"], Range(0.95, 1.05), Range(0.98, 1.02)),
    Limit(
        "flicker border / inside", "E2j", lambda mean: mean["border"] / mean["inside"], Range(high=1), Range(high=0.9)
    ),
)
CLEAN, JITTERED = (Range(1), Range(2)), (Range(-0.3), Range(0))
FAST = Range(3), Range(8)


def judged(means: Mapping[tuple[str, str], Figures], cases: Cases) -> Iterator[str]:
    """One line for every limit that there are figures for; `means` by edit and method."""
    for limit in LIMITS:
        if (limit.edit, METHOD[limit.edit]) in means:
            value = limit.value(means[limit.edit, METHOD[limit.edit]])
            yield line(f"{limit.edit:5}{limit.what}", value, limit.must, limit.aim)
    changed = [
        figures["outside"] for case in cases.values() for name, figures in case.items() if name in METHOD.values()
    ]
    if changed:
        yield line("samples changed outside the mask", max(changed), Range(high=0), Range(high=0))
    for what, jittered, (must, aim) in (("clean", False, CLEAN), ("jittered", True, JITTERED)):
        leads = {
            clip: lead(case, METHOD[edit]) for (clip, edit), case in cases.items() if edit.endswith("j") == jittered
        }
        found = {clip: value for clip, value in leads.items() if value is not None}
        if found:
            worst = min(found, key=lambda clip: found[clip])
            yield line(f"dB above {PEER}, {what}, least", found[worst], must, aim) + f"  ({worst})"


def lead(case: Mapping[str, Figures], method: str) -> float | None:
    """How far the method is above the best of the peer's stored results, in dB; None where there are none."""
    peers = [figures["PSNR"] for name, figures in case.items() if name.startswith(PEER)]
    return case[method]["PSNR"] - max(peers) if peers and method in case else None


def line(what: str, value: float, must: Range, aim: Range) -> str:
    return f"{what:40}{value:7.3f}  must {must!s:13}{must.verdict(value):6}  aim {aim!s:13}{aim.verdict(value)}"
