"""Stage 13, package: what people take away, in package/.

Reads what was rendered. Writes the videos, patches and region (hard links where the disk allows); comparison.mp4
(original, mask, result, difference x8) and, if asked for, side-by-side.mp4 and wipe.mp4; layer.mov or layer/000042.png,
if asked for: the patch alone, for editing programs; grids/000042.jpg, every keyframe with its candidates; the settings,
the log, receipt.json and receipt.txt; report.html, which opens in any browser, and report.json, the same for programs;
path.txt, where source and project lie; artifacts.txt, the hashes of the source and of everything made of it (`b2sum -l
128 -c` in the project), and hashes.txt, those of the package (`sha256sum -c`).
The package without its master is the small exact delivery: `vidpaint render package SOURCE` gives the master back sample
for sample. package.zip beside it, if asked for, holds all of it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..comparison import write_comparisons
from ..contact import before_after_jpeg, candidates_jpeg
from ..groups import (
    CHOICES,
    DELIVERY,
    ENHANCED,
    FILLED,
    LARGE,
    PATCHES,
    REFILLED,
    REFINED,
    RENDER,
    SHARE,
    SMOOTH,
    SMOOTHED,
    VERDICTS,
    Delivery,
    Patch,
    candidate_file,
    read_render,
)
from ..items import Alphas, File, Item, KeyCrops, KeyframePicture
from ..layers import EditedFrame, Layer, layer_png, write_prores
from ..model import to_json
from ..patching import patches_in_force
from ..pixels import pixel_format
from ..planes import seen_color
from ..project import LOG
from ..provenance import artifact_sums, locations, without_folders
from ..receipt import receipt
from ..regions import REGION, REGION_FACTS, read_regions
from ..render import edited_at, edited_frames
from ..report import MEASURES, Report, gathered, read_log
from ..report import RECEIPT as RECEIPT_DATA
from ..report_page import page
from ..selection import gallery
from ..settings import changed, knob, to_toml

if TYPE_CHECKING:
    from ..pipeline import Run

FOLDER = "package"
ZIP = "package.zip"
LAYER = f"{FOLDER}/layer.mov"
HASHES = f"{FOLDER}/hashes.txt"
RECEIPT = RECEIPT_DATA, f"{FOLDER}/receipt.txt"
REPORT = f"{FOLDER}/report.json", f"{FOLDER}/report.html"
MARGIN = 24
"""Pixels around the region in the pictures of the worst frames."""


@dataclass(frozen=True)
class PackageSettings:
    master: bool = knob(True, "Put the master into the package; it can be made again from the rest and the source.")
    comparison: bool = knob(True, "Make the comparison video: original, mask, result, difference x8.")
    side_by_side: bool = knob(False, "Make a video of the original and the result beside each other.")
    wipe: bool = knob(False, "Make a video in which a line sweeps from the original to the result and back.")
    layer: Layer = knob(
        "off",
        "The patch alone for editing programs, transparent elsewhere: ProRes 4444, or PNGs of 8 or 16 bits. "
        "Laid over the original it gives the result.",
    )
    zip: bool = knob(False, "Put the whole package into one file as well, package.zip.")


def package(run: Run) -> None:
    """Lay everything out, checked."""
    patches = patches_in_force(run.project)
    inside = [*_linked(run, patches), *_compared(run, patches), *_certified(run), *_gridded(run)]
    inside += _layered(run, patches)
    inside += _written(run)
    inside += _reported(run, patches, inside)
    run.build(
        Item((HASHES,), tuple(File(file) for file in inside)),
        lambda path: path.write_bytes(_hashes(run, inside).encode()),
    )
    for folder in (
        FOLDER,
        *(f"{FOLDER}/{name}" for name in ("patches", "refined", "filled", "enhanced", "grids", "layer")),
    ):
        run.sweep(folder, [*inside, HASHES])
    if run.settings.package.zip:
        run.build(Item((ZIP,), (File(HASHES),)), lambda path: _zip(run, path, [*inside, HASHES]))
    else:
        run.drop({ZIP})


def _linked(run: Run, patches: list[Patch]) -> list[str]:
    """What the project has already, under its name in the package."""
    made = read_render(run.project)
    files = [PATCHES, FILLED, REGION, REGION_FACTS, RENDER, *(patch.file for patch in patches)]
    files += [file for file in (REFINED, REFILLED, ENHANCED) if run.project.path(file).exists()]
    files += [SHARE] if run.settings.assemble.share else []
    files += [file for file in (SMOOTH, SMOOTHED, LARGE) if run.project.path(file).exists()]
    files += [made.master] if made.master and run.settings.package.master else []
    for file in files:
        run.link(file, f"{FOLDER}/{file}")
    return [f"{FOLDER}/{file}" for file in files]


def _compared(run: Run, patches: list[Patch]) -> list[str]:
    settings, note = run.settings.package, read_render(run.project).note
    asked = {"comparison": settings.comparison, "side-by-side": settings.side_by_side, "wipe": settings.wipe}
    names = [name for name, wanted in asked.items() if wanted]
    items = [Item((f"{FOLDER}/{name}.mp4",), _render_takes(patches), (run.source_digest, note)) for name in names]

    def write(*parts: Path | None) -> None:
        due = {name: part for name, part in zip(names, parts) if part}
        frames = edited_frames(run.clip, patches, run.project.folder, run.project.path(REGION))
        write_comparisons(due, run.clip, frames, note, run.progress, len(run.clip))

    run.build_due(items, write)
    return [item.makes[0] for item in items]


def _layered(run: Run, patches: list[Patch]) -> list[str]:
    """The layer for editing programs: one MOV, or a PNG for every frame."""
    kind, note = run.settings.package.layer, read_render(run.project).note
    if kind == "off":
        return []
    if kind != "prores":
        values = (run.clip.info, 16 if kind == "png16" else 8)
        frames = range(len(run.clip))
        takes = [EditedFrame(index, tuple(patches)) for index in frames]
        items = [Item((f"{FOLDER}/layer/{i:06d}.png",), (take,), values) for i, take in zip(frames, takes)]
        run.each(items, layer_png, "layer")
        return [item.makes[0] for item in items]

    def write(path: Path) -> None:
        frames = edited_frames(run.clip, patches, run.project.folder, run.project.path(REGION))
        write_prores(path, run.clip, frames, note, run.progress, len(run.clip))

    run.build(Item((LAYER,), _render_takes(patches), (run.source_digest, note)), write)
    return [LAYER]


def _render_takes(patches: list[Patch]) -> tuple[File, ...]:
    return File(REGION), File(PATCHES), *(File(patch.file) for patch in patches)


def _certified(run: Run) -> tuple[str, ...]:
    """The receipt, where there is a master to check."""
    made = read_render(run.project)
    if not made.master:
        return ()

    def write(data: Path, text: Path) -> None:
        found = receipt(run.project, run.clip.path, run.settings.source.times, run.progress)
        data.write_text(json.dumps(to_json(found), indent=1), encoding="utf-8")
        text.write_text(found.text() + "\n", encoding="utf-8")
        if not found.exact:
            run.note(found.text())

    takes = (File(made.master), File(RENDER), File(SMOOTHED), File(REGION), File(REGION_FACTS))
    run.build(Item(RECEIPT, takes, (run.source_digest,)), write)
    return RECEIPT


def _gridded(run: Run) -> list[str]:
    """A picture of every keyframe that has candidates, with them."""
    info, settings, items = run.clip.info, run.settings.inpaint, []
    crops = KeyCrops(run.project, info, settings, run.multiple)
    for pick in gallery(run.project, settings.candidates):
        key, crop = pick.group.key, crops[pick.group.key]
        used = () if pick.candidate is None else (pick.candidate,)
        numbers = tuple(sorted({*pick.candidates, *used}))
        files = (File(candidate_file(key, number)) for number in numbers)
        takes = (KeyframePicture(key, crop.box), Alphas(key, key + 1, crop.box), *files)
        if numbers:
            values = (key, numbers, pick.candidate, crop, info)
            items.append(Item((f"{FOLDER}/grids/{key:06d}.jpg",), takes, values))
    run.each(items, candidates_jpeg, "grids")
    return [item.makes[0] for item in items]


def _written(run: Run) -> list[str]:
    """The small texts. The log is taken anew only when something else is: it grows with every run."""
    source, project = run.settings.source, run.project
    delivery = Delivery(run.clip.path.name, run.ledger.inputs["source"].content, source.span, source.fps)
    folder = project.path(FOLDER)
    texts = {
        f"{FOLDER}/{DELIVERY}": json.dumps(to_json(delivery), indent=1),
        f"{FOLDER}/settings.toml": to_toml(run.settings),
        f"{FOLDER}/path.txt": locations(folder, run.clip.path.absolute(), project.folder),
        f"{FOLDER}/artifacts.txt": artifact_sums(run.ledger),
    }
    for file, text in texts.items():
        run.build(Item((file,), (), (text,)), lambda path, text=text: path.write_text(text, encoding="utf-8"))

    def copy(path: Path) -> None:
        path.write_text(
            without_folders(read_log(project), (project.folder, run.clip.path.absolute().parent)), encoding="utf-8"
        )

    run.build(Item((f"{FOLDER}/{LOG}",), (File(PATCHES), File(RENDER), File(REGION))), copy)
    return [*texts, f"{FOLDER}/{LOG}"]


def _reported(run: Run, patches: list[Patch], inside: list[str]) -> tuple[str, ...]:
    """The report, made anew when something that it tells of is; its times are those of the log then."""

    def write(data: Path, html: Path) -> None:
        found = gathered(run)
        data.write_text(json.dumps(to_json(found), indent=1, allow_nan=False), encoding="utf-8")
        grids = {g.key: file.read_bytes() for g in found.groups if (file := _grid(run, g.key)).exists()}
        html.write_text(page(found, grids, _worst(run, found, patches)), encoding="utf-8")

    told = [file for file in inside if file.endswith((".jpg", "receipt.json"))]
    takes = tuple(File(file) for file in (*told, CHOICES, VERDICTS, MEASURES, RENDER, REGION_FACTS))
    run.build(Item(REPORT, takes, (run.source_digest, tuple(changed(run.settings).items()))), write)
    return REPORT


def _grid(run: Run, key: int) -> Path:
    return run.project.path(f"{FOLDER}/grids/{key:06d}.jpg")


def _worst(run: Run, found: Report, patches: list[Patch]) -> dict[int, bytes]:
    """The pictures of the frames that stand out, before and after."""
    info, regions, pictures = run.clip.info, read_regions(run.project), {}
    steps = pixel_format(info.pixel_format).steps
    wanted = sorted({bad.frame for bad in found.worst})
    if not wanted:
        return {}
    for frame in edited_at(run.clip, patches, run.project.folder, run.project.path(REGION), wanted):
        box = regions.box(range(frame.index, frame.index + 1)).grown(MARGIN, info.width, info.height)
        box = box.aligned(*steps, info.width, info.height)
        pictures[frame.index] = before_after_jpeg(frame.source, frame.result, box, seen_color(info), info.rotation)
    return pictures


def _hashes(run: Run, files: list[str]) -> str:
    lines = []
    for file in sorted(files):
        state = hashlib.sha256()
        with run.project.path(file).open("rb") as data:
            while piece := data.read(1 << 20):
                state.update(piece)
        lines.append(f"{state.hexdigest()}  {Path(file).relative_to(FOLDER).as_posix()}\n")
    return "".join(lines)


def _zip(run: Run, path: Path, files: list[str]) -> None:
    """One file with the same content for the same package; what is compressed already is stored as it is."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(files):
            entry = zipfile.ZipInfo(file)
            packed = file.endswith((".mp4", ".mkv", ".mov", ".jpg", ".png"))
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            with run.project.path(file).open("rb") as data, archive.open(entry, "w", force_zip64=True) as into:
                while piece := data.read(1 << 20):
                    into.write(piece)
