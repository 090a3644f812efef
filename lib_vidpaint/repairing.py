"""What to do about groups that look wrong: which repair comes next, what it costs, and whether it helped.

Cheap means come first, and each is kept only where the measures say that it helped: other colours for a keyframe's edit,
one more keyframe at the worst frame, the next-ranked candidate, new candidates with less denoise, and at last no edit
of its own, so that the neighbours' is carried over it. What a person decided is left alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from .groups import Overrides
from .judging import OF_KEYS, Limits, times_limit
from .model import Choice, Group, Repaint, Verdict

Action = Literal["blend", "keyframe", "candidate", "repaint", "drop"]
ORDER: tuple[Action, ...] = ("blend", "keyframe", "candidate", "repaint", "drop")
TRIES: dict[Action, int] = {"candidate": 3}
"""How often a means is tried on one group; all others once."""
HELPS = 0.9
"""What is left of the badness at most where a repair counts as a help."""
GENTLER, GENTLEST = 0.7, 0.1
"""What new candidates have of the denoise, and below which denoise they get no less."""
FAINT, GARISH = 2.0, 14.0
"""Levels below which a keyframe's colours are not worth correcting, and which a correction must reach; and beyond which they
are too far off: clipped colours do not come back, and another picture is 2 dB nearer to the truth."""


@dataclass(frozen=True)
class Repair:
    """One thing done, or to be done, about the group of `key`. Its effect is measured over frames [start, stop): `before` and
    `after` say how many times its limit the worst measure was there, as a mean over the frames (0: nothing is wrong).

    images: how many it paints. frame: the new keyframe. choice: what is decided for `key`. tone: levels added to its
    colours. `suggested`: not done; `trying`: done, but not measured yet; `kept`: it helped; `undone`: it did not.
    """

    key: int
    action: Action
    start: int
    stop: int
    outcome: Literal["suggested", "trying", "kept", "undone"] = "trying"
    images: int = 0
    frame: int | None = None
    choice: Choice | None = None
    tone: tuple[float, float, float] | None = None
    before: float = 0.0
    after: float | None = None

    @property
    def text(self) -> str:
        """The repair in words."""
        what = {
            "blend": "match its colours to its neighbours'",
            "keyframe": f"one more keyframe at frame {self.frame}",
            "candidate": f"take candidate {self.choice.candidate if self.choice else ''}",
            "repaint": "paint it again" + self._gentler,
            "drop": "drop it: its neighbours' edit is carried over it",
        }[self.action]
        return f"keyframe {self.key}: {what}"

    @property
    def _gentler(self) -> str:
        denoise = self.choice.paint.denoise if self.choice else None
        return "" if denoise is None else f" with denoise {denoise:g}"


@dataclass(frozen=True)
class History:
    """All repairs so far, in order, and a digest of what they were tried on."""

    basis: str = ""
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True)
class Clip:
    """What repairs are chosen by. ranked: every keyframe's faultless candidates, those first that suit the neighbours in
    force. used: the candidate in force.
    free: the first number that no candidate has. casts: how far a keyframe's colours are off its neighbours', in levels.
    outvoted: those that are farther from what is right than what their neighbours make of them (`likeness.outvoted`).
    worst: a group's worst frame. decided: keys that are a person's affair. removed: frames a person took as keyframes away.
    images, most: how many a repair paints at least and at most, left: how many all may still paint. denoise: None where less of it makes no
    sense. repaints: whether painting again gives something else.
    """

    groups: Sequence[Group]
    verdicts: Mapping[int, Verdict]
    limits: Limits = Limits()
    ranked: Mapping[int, Sequence[int]] = field(default_factory=dict)
    used: Mapping[int, int] = field(default_factory=dict)
    free: Mapping[int, int] = field(default_factory=dict)
    casts: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)
    outvoted: Collection[int] = ()
    worst: Mapping[int, int] = field(default_factory=dict)
    decided: Collection[int] = ()
    removed: Collection[int] = ()
    images: int = 2
    most: int = 8
    left: int = 0
    denoise: float | None = None
    repaints: bool = True

    def badness(self, start: int, stop: int) -> float:
        """How many times its limit the worst measure of the groups in frames [start, stop) is, as a mean over the frames."""
        total = 0.0
        for group in self.groups:
            shared = min(group.stop, stop) - max(group.start, start)
            total += max(shared, 0) * score(self.verdicts.get(group.key), self.limits)
        return round(total / max(stop - start, 1), 4)


def score(verdict: Verdict | None, limits: Limits) -> float:
    """How many times its limit the worst broken measure of a group is; 0 for a group that passed."""
    broken = verdict.broken if verdict else ()
    return max((times_limit(name, verdict.measures[name], limits) for name in broken if verdict), default=0.0)


def settled(repairs: Sequence[Repair], clip: Clip) -> tuple[Repair, ...]:
    """The repairs with those that were being tried kept or undone, by what the clip shows now."""
    return tuple(_settled(repair, clip) if repair.outcome == "trying" else repair for repair in repairs)


def _settled(repair: Repair, clip: Clip) -> Repair:
    after = clip.badness(repair.start, repair.stop)
    helped = after <= HELPS * repair.before
    if repair.action == "blend":
        helped = helped and max(map(abs, clip.casts.get(repair.key, (0.0,)))) < FAINT
    return replace(repair, after=after, outcome="kept" if helped else "undone")


def proposed(repairs: Sequence[Repair], clip: Clip, shown: Sequence[Repair] = ()) -> tuple[Repair, ...]:
    """The next repair of every group that fails, the worst group first, and then of those that were mended by a picture which
    their neighbours outvote: it is the best of few. Those of one round lie apart, so that the effect of each can be told.
    Nothing for groups about which nothing can be done any more, nor where the clip still shows a repair that is undone: what
    is measured there tells nothing of how it will be without."""
    failing = [g for g in clip.groups if (v := clip.verdicts.get(g.key)) and v.decision == "drop" and v.broken]
    failing.sort(key=lambda g: -score(clip.verdicts[g.key], clip.limits))
    # Half of all is left for what comes to light only when the worst is mended.
    whole = clip.left + sum(repair.images for repair in repairs if repair.outcome != "suggested")
    share = min(clip.most, whole // max(len(failing), 2))
    found: list[Repair] = []
    for group in failing:
        left = clip.left - sum(repair.images for repair in found)
        repair = _next(group, repairs, replace(clip, images=max(clip.images, min(share, left)), left=left))
        if repair and _alone(repair, [*found, *shown]):
            found.append(repair)
    for group in clip.groups:
        if (repair := _mended(group, repairs, clip)) and _alone(repair, [*found, *shown]):
            found.append(repair)
    return tuple(found)


def _alone(repair: Repair, others: Sequence[Repair]) -> bool:
    return all(repair.stop <= other.start or other.stop <= repair.start for other in others)


def _mended(group: Group, repairs: Sequence[Repair], clip: Clip) -> Repair | None:
    """Dropping a group that a repair mended, where its neighbours between them are nearer to what is right."""
    own = [repair for repair in repairs if repair.key == group.key and repair.outcome != "suggested"]
    kept = own and own[-1].outcome == "kept" and own[-1].action in ("candidate", "repaint")
    empty = _empty(group, "drop", clip)
    if not kept or empty.before or group.key not in clip.outvoted:
        return None
    return _drop(empty, group, own, clip)


def _next(group: Group, repairs: Sequence[Repair], clip: Clip) -> Repair | None:
    own = [repair for repair in repairs if repair.key == group.key and repair.outcome != "suggested"]
    for action in ORDER:
        if sum(repair.action == action for repair in own) < TRIES.get(action, 1):
            repair = _WAYS[action](_empty(group, action, clip), group, own, clip)
            if repair and repair.images <= max(clip.left, 0):
                return repair
    return None


def _empty(group: Group, action: Action, clip: Clip) -> Repair:
    """A repair that does nothing yet, over a group and those beside it."""
    at = next(n for n, other in enumerate(clip.groups) if other.key == group.key)
    beside = [g for g in clip.groups[max(0, at - 1) : at + 2] if g.shot == group.shot]
    start, stop = beside[0].start, beside[-1].stop
    return Repair(group.key, action, start, stop, before=clip.badness(start, stop))


def _blend(empty: Repair, group: Group, own: Sequence[Repair], clip: Clip) -> Repair | None:
    """The keyframe's colours moved to where its neighbours' are, where these are what is wrong."""
    cast = clip.casts.get(group.key)
    if group.key in clip.decided or "tone" not in clip.verdicts[group.key].broken or cast is None:
        return None
    red, green, blue = (round(-levels, 2) for levels in cast)
    return replace(empty, tone=(red, green, blue)) if FAINT <= max(map(abs, cast)) <= GARISH else None


def _keyframe(empty: Repair, group: Group, own: Sequence[Repair], clip: Clip) -> Repair | None:
    """A keyframe at the worst frame, where what is wrong is not the picture of the group's own."""
    frame = clip.worst.get(group.key, group.key)
    of_key = set(clip.verdicts[group.key].broken) & set(OF_KEYS)
    if of_key or frame in clip.removed or frame == group.key or not group.start <= frame < group.stop:
        return None
    return replace(empty, frame=frame, images=clip.images)


def _candidate(empty: Repair, group: Group, own: Sequence[Repair], clip: Clip) -> Repair | None:
    """The best candidate by rank that was not used for this group yet."""
    tried = {clip.used.get(group.key), *(r.choice.candidate for r in own if r.choice and r.action == "candidate")}
    left = [number for number in clip.ranked.get(group.key, ()) if number not in tried]
    if group.key in clip.decided or not left:
        return None
    return replace(empty, choice=Choice(group.key, left[0], by="repair"))


def _repaint(empty: Repair, group: Group, own: Sequence[Repair], clip: Clip) -> Repair | None:
    """New candidates with new seeds, gentler ones where that makes sense."""
    if group.key in clip.decided or not clip.repaints:
        return None
    gentler = None if clip.denoise is None else max(GENTLEST, round(clip.denoise * GENTLER, 2))
    first, paint = clip.free.get(group.key, 0), Repaint(denoise=gentler)
    choice = Choice(group.key, redo=1, first=first, paint=paint, count=clip.images, by="repair")
    return replace(empty, choice=choice, images=clip.images)


def _drop(empty: Repair, group: Group, own: Sequence[Repair], clip: Clip) -> Repair | None:
    """No edit of its own, where a good neighbour in its shot has one. The candidate stays named, and alone: others are chosen
    beside it. Chosen beside its whole round, most of it bad, they came out up to 1.5 dB farther from the truth."""
    good = [
        g for g in clip.groups
        if g.shot == group.shot and g.key != group.key and score(clip.verdicts.get(g.key), clip.limits) == 0
    ]  # fmt: skip
    if group.key in clip.decided or not good:
        return None
    return replace(empty, choice=Choice(group.key, clip.used.get(group.key), drop=True, by="repair"))


_WAYS = {"blend": _blend, "keyframe": _keyframe, "candidate": _candidate, "repaint": _repaint, "drop": _drop}


def overrides(repairs: Sequence[Repair], removed: Collection[int] = ()) -> Overrides:
    """What the repairs that are in force ask for; a later one of a group takes the place of an earlier one."""
    force = [r for r in repairs if r.outcome in ("trying", "kept") and r.key not in removed and r.frame not in removed]
    added = {repair.frame: repair.images for repair in force if repair.frame is not None}
    choices = {frame: Choice(frame, count=images, by="repair") for frame, images in added.items()}
    choices |= {repair.key: repair.choice for repair in force if repair.choice}
    tones = {repair.key: repair.tone for repair in force if repair.tone}
    tones = {key: tone for key, tone in tones.items() if key not in choices}
    return Overrides(tuple(sorted(added)), tuple(choice for _, choice in sorted(choices.items())), tones)


def repairs_csv(repairs: Sequence[Repair]) -> str:
    """A table of all repairs in order, a line each, with what they cost and what they changed."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["key", "action", "start", "stop", "images", "before", "after", "outcome", "text"])
    for r in repairs:
        after = "" if r.after is None else f"{r.after:g}"
        table.writerow([r.key, r.action, r.start, r.stop, r.images, f"{r.before:g}", after, r.outcome, r.text])
    return text.getvalue()
