"""The receipt: what was checked about a master, what it does not hold of the source, and what ended the guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import ProjectError
from .groups import read_render, read_smoothed
from .preparing import ended_by as prepared
from .progress import Progress
from .project import Folder
from .regions import REGION, read_regions
from .verify import Check, Span, verify

LARGE_SHARE = 0.6


@dataclass(frozen=True)
class Receipt:
    """`exact` is the promise: 0 samples changed outside the region, every timestamp and audio packet as in the source."""

    master: str
    source: str
    encoding: str
    check: Check
    warnings: tuple[str, ...] = ()
    not_kept: tuple[str, ...] = ()
    ended_by: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        return self.check.exact

    @property
    def verdict(self) -> str:
        """The promise in one sentence."""
        return "Nothing outside the region changed." if self.exact else "THE PROMISE IS BROKEN."

    def text(self) -> str:
        """The receipt for people, a few lines."""
        check = self.check
        audio = {True: "equal", False: "DIFFERENT", None: "none"}[check.audio_equal]
        lines = [
            f"{self.master} against {self.source}: {self.verdict}",
            f"  frames compared               {check.frames}",
            f"  samples changed outside       {check.changed_outside}",
            f"  samples changed inside        {check.changed_inside}",
            f"  region's share of the picture {check.region_share:.1%}",
            f"  timestamps                    {'equal' if check.timestamps_equal else 'DIFFERENT'}",
            f"  audio packets                 {audio}",
            f"  encoded as                    {self.encoding}",
            f"  decoded by                    {check.decoder}",
        ]
        if check.changed_outside:
            lines.append(f"  worst frame                   {check.changed_outside_worst_frame}")
        for title, phrases in (
            ("problem", check.problems),
            ("warning", self.warnings),
            ("not kept in the master", self.not_kept),
            ("ends the guarantee", self.ended_by),
        ):
            lines += [f"  {title}: {phrase}" for phrase in phrases]
        return "\n".join(lines)


def receipt(folder: Folder, source: Path, span: Span | None, progress: Progress) -> Receipt:
    """Check the master in a project's or a package's folder against the source. Raises ProjectError without a master."""
    made = read_render(folder)
    names = [made.master] if made.master else ["master.mp4", "master.mkv"]
    master = next((path for name in names if (path := folder.path(name)).exists()), None)
    if master is None:
        raise ProjectError(
            f"{folder.folder} holds no master: run the project with --assemble.master on, or let `vidpaint render` write "
            f"{names[0]} into it."
        )
    check = verify(source, master, folder.path(REGION), span, progress)
    regions = read_regions(folder)
    warnings = list(regions.warnings)
    if regions.share > LARGE_SHARE:
        warnings.append(f"the region is {regions.share:.0%} of the picture: little is left that is protected")
    ended = (*prepared(source), *made.ended_by, *read_smoothed(folder).ended_by)
    return Receipt(master.name, source.name, made.encoding, check, tuple(warnings), made.not_kept, ended)
