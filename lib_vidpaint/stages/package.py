"""Stage 13, package: what people take away, in package/.

Reads what was rendered. Writes the videos, patches and region (hard links where the disk allows), comparison.mp4
(original, mask, result, difference x8), the settings, the log, receipt.json and receipt.txt, and hashes.txt in the form
that `sha256sum -c` reads. The package without its master is the small exact delivery: `vidpaint render package SOURCE`
gives the master back sample for sample.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..comparison import write_comparison
from ..groups import DELIVERY, FILLED, PATCHES, RENDER, SHARE, Delivery, read_render
from ..items import File, Item
from ..model import to_json
from ..patching import patches_in_force
from ..receipt import receipt
from ..regions import REGION, REGION_FACTS
from ..render import edited_frames
from ..settings import knob, to_toml

if TYPE_CHECKING:
    from ..pipeline import Run

FOLDER = "package"
HASHES = f"{FOLDER}/hashes.txt"
COMPARISON = f"{FOLDER}/comparison.mp4"
RECEIPT = f"{FOLDER}/receipt.json", f"{FOLDER}/receipt.txt"


@dataclass(frozen=True)
class PackageSettings:
    master: bool = knob(True, "Put the master into the package; it can be made again from the rest and the source.")
    comparison: bool = knob(True, "Make the comparison video: original, mask, result, difference x8.")


def package(run: Run) -> None:
    """Lay everything out, checked."""
    settings, project = run.settings.package, run.project
    made = read_render(project)
    patches = patches_in_force(project)
    files = [PATCHES, FILLED, REGION, REGION_FACTS, RENDER, *(patch.file for patch in patches)]
    files += [SHARE] if run.settings.assemble.share else []
    files += [made.master] if made.master and settings.master else []
    for file in files:
        run.link(file, f"{FOLDER}/{file}")
    inside = [f"{FOLDER}/{file}" for file in files]

    render_inputs = (File(REGION), File(PATCHES), *(File(patch.file) for patch in patches))
    if settings.comparison:
        run.build(Item((COMPARISON,), render_inputs, (run.source_digest,)), lambda path: _compare(run, path))
        inside.append(COMPARISON)
    if made.master:
        takes = (File(made.master), File(RENDER), File(REGION), File(REGION_FACTS))
        run.build(Item(RECEIPT, takes, (run.source_digest,)), lambda *paths: _certify(run, *paths))
        inside += RECEIPT

    source = run.settings.source
    delivery = Delivery(run.clip.path.name, run.ledger.inputs["source"].content, source.span, source.fps)
    texts = {
        f"{FOLDER}/{DELIVERY}": json.dumps(to_json(delivery), indent=1),
        f"{FOLDER}/settings.toml": to_toml(run.settings),
    }
    for file, text in texts.items():
        run.build(Item((file,), (), (text,)), lambda path, text=text: path.write_text(text, encoding="utf-8"))
    inside += [*texts, _log(run)]
    run.build(Item((HASHES,), tuple(File(file) for file in inside)), lambda path: path.write_text(_hashes(run, inside)))
    for folder in (FOLDER, f"{FOLDER}/patches", f"{FOLDER}/filled"):
        run.sweep(folder, [*inside, HASHES])


def _log(run: Run) -> str:
    """The log so far, taken anew only when something else in the package is."""
    file = f"{FOLDER}/run.log"
    run.build(Item((file,), (File(PATCHES), File(RENDER), File(REGION))), lambda path: _copy_log(run, path))
    return file


def _copy_log(run: Run, path: Path) -> None:
    path.write_bytes(run.project.path("run.log").read_bytes())


def _compare(run: Run, path: Path) -> None:
    frames = edited_frames(run.clip, patches_in_force(run.project), run.project.folder, run.project.path(REGION))
    write_comparison(path, run.clip, frames, run.progress, len(run.clip))


def _certify(run: Run, data: Path, text: Path) -> None:
    found = receipt(run.project, run.clip.path, run.settings.source.times, run.progress)
    data.write_text(json.dumps(to_json(found), indent=1), encoding="utf-8")
    text.write_text(found.text() + "\n", encoding="utf-8")
    if not found.exact:
        run.note(found.text())


def _hashes(run: Run, files: list[str]) -> str:
    lines = []
    for file in sorted(files):
        state = hashlib.sha256()
        with run.project.path(file).open("rb") as data:
            while piece := data.read(1 << 20):
                state.update(piece)
        lines.append(f"{state.hexdigest()}  {Path(file).relative_to(FOLDER).as_posix()}\n")
    return "".join(lines)
