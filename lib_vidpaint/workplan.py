"""What the rest of a run will do and cost, told before anything is painted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from .sizes import words

SHARES = (0.35, 0.5, 0.7, 1, 1.4, 2, 3)
"""Of the chosen number of keyframes: the other numbers whose price is shown."""


@dataclass(frozen=True)
class WorkPlan:
    """What the rest of a run will do, before it paints anything."""

    frames: int
    seconds: float
    region_share: float
    keyframes: int
    images: int
    seconds_per_image: float
    master: int
    free: int
    warnings: tuple[str, ...] = ()
    predicted: float = float("nan")
    curve: tuple[tuple[int, float], ...] = ()
    candidates: int = 0

    def choices(self) -> list[tuple[int, float, int, timedelta]]:
        """(keyframes, predicted error in %, images, painting time) for some numbers of keyframes, the chosen one among."""
        rows = []
        for count in sorted({round(self.keyframes * share) for share in SHARES}):
            error = dict(self.curve).get(count)
            if error is not None:
                images = count * self.candidates
                rows.append((count, error, images, timedelta(seconds=round(images * self.seconds_per_image))))
        return rows

    def lines(self) -> list[str]:
        """The plan for people."""
        painting = timedelta(seconds=round(self.images * self.seconds_per_image))
        return [
            f"frames      {self.frames} ({self.seconds:.1f} s)",
            f"region      {self.region_share:.1%} of the picture",
            f"keyframes   {self.keyframes}"
            + (f", predicted error {self.predicted:.1f} %" if self.predicted >= 0 else ""),
            *(
                f"   or       {count} keyframes -> {error:.1f} % -> {images} images -> about {time}"
                for count, error, images, time in self.choices()
            ),
            f"painting    {self.images} images, about {painting} ({self.seconds_per_image:.2f} s each, measured); "
            "carrying, checking and rendering come on top",
            f"disk        about {words(self.master)} for the exact master alone, {words(self.free)} free",
            *(f"warning     {warning}" for warning in self.warnings),
        ]
