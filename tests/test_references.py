"""What the WebUI engine does beside painting: shows a reference through ControlNet, says what a picture shows."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import hosts
import numpy as np
import pytest

from lib_vidpaint.engines import Describer, EngineSpec, InpaintJob, Sampling, open_engine, references
from lib_vidpaint.errors import EngineError
from lib_vidpaint.pictures import decode_picture

CROP = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
PLAIN = Sampling(resize=1, sampler="Euler a", steps=8)
JOB = InpaintJob(CROP, np.full((64, 64), 255, np.uint8), (3, 4), sampling=PLAIN)
LIKE = np.ascontiguousarray(CROP[::-1])


@pytest.fixture
def host() -> Iterator[Any]:
    with hosts.running() as found:
        yield found


def with_controlnet(host: Any, monkeypatch: pytest.MonkeyPatch, forge: bool, models: list[str]) -> Any:
    """ControlNet as the extension has it, or as Forge does; gives its script."""
    script = host.scripts.Script("ControlNet")
    script.args_from, script.args_to = 3, 6
    script.controls = [SimpleNamespace(value=None)] * 3
    script.seen = []
    script.process = lambda p, *args: script.seen.append(args)
    script.postprocess_image = lambda p, pp, *args: None
    host.scripts.scripts_img2img.alwayson_scripts.append(script)
    name, modules, known = references.OFFERED[0 if forge else 1]
    part = ModuleType(name)
    own = ["None", "CLIP-ViT-H (IPAdapter)"] if forge else ["none", "ip-adapter-auto"]
    ways = ["reference_only", "t2ia_color_grid"]
    inner = [
        "reference_only",
        "recolor_luminance",
        "color",
    ]  # as the extension names them unless it is asked for labels
    setattr(
        part,
        modules,
        (lambda: own + ways) if forge else (lambda alias_names=False: own + (ways if alias_names else inner)),
    )
    setattr(part, known, lambda: ["None", *models])
    monkeypatch.setitem(sys.modules, name, part)
    return script


@pytest.mark.parametrize("forge", [False, True], ids=["extension", "forge"])
def test_a_reference_is_a_unit_of_controlnet(host: Any, monkeypatch: pytest.MonkeyPatch, forge: bool) -> None:
    script = with_controlnet(
        host, monkeypatch, forge, ["t2iadapter_color_sd14v1 [8522029d]", "ip-adapter_sd15 [6a3f6166]"]
    )
    engine = open_engine(EngineSpec("webui"))
    assert engine.names("reference") == ["reference", "ip-adapter", "colour"]
    for kind, module, model in (
        ("reference", "reference_only", "None"),
        ("ip-adapter", "CLIP-ViT-H (IPAdapter)" if forge else "ip-adapter-auto", "ip-adapter_sd15 [6a3f6166]"),
        ("colour", "t2ia_color_grid", "t2iadapter_color_sd14v1 [8522029d]"),
    ):
        engine.inpaint(replace(JOB, sampling=replace(PLAIN, reference=kind, reference_weight=0.7), reference=LIKE))
        unit = script.seen[-1][0]
        assert (unit["module"], unit["model"], unit["weight"], unit["enabled"]) == (module, model, 0.7, True)
        assert np.array_equal(decode_picture(base64.b64decode(unit["image"]), "unit"), LIKE)
    count = len(script.seen)
    engine.inpaint(replace(JOB, sampling=replace(PLAIN, reference="reference")))
    assert len(script.seen) == count, "the first keyframe has none, so ControlNet does not run"


def test_a_call_that_fails_leaves_no_reference_behind(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """ControlNet hooks the model in `process` and lets go of it in `postprocess`."""
    script = with_controlnet(host, monkeypatch, False, [])
    hooked = []
    script.process = lambda p, *args: hooked.append(p)
    script.postprocess = lambda p, processed, *args: hooked.clear()
    engine = open_engine(EngineSpec("webui"))
    asked = replace(JOB, sampling=replace(PLAIN, reference="reference"), reference=LIKE)
    engine.inpaint(asked)
    assert not hooked
    sampling = host.processing._sample
    monkeypatch.setattr(host.processing, "_sample", lambda p: hooked[0].out_of_memory)
    with pytest.raises(EngineError, match="could not paint"):
        engine.inpaint(asked)
    assert not hooked
    monkeypatch.setattr(host.processing, "_sample", sampling)
    engine.inpaint(asked)


def test_units_of_the_users_own_stay(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = with_controlnet(host, monkeypatch, False, [])
    given = replace(PLAIN, reference="reference", scripts='{"controlnet": {"args": [{"module": "depth"}]}}')
    open_engine(EngineSpec("webui")).inpaint(replace(JOB, sampling=given, reference=LIKE))
    assert [unit and unit["module"] for unit in script.seen[0]] == ["depth", "reference_only", None]


def test_what_is_missing_is_said_before_anything_is_painted(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(EngineSpec("webui"))
    said = {
        "no ControlNet": "needs the WebUI's ControlNet extension, and there is none",
        "unknown": "of a version that is not known here",
        "no model": "needs a ControlNet model with ip-adapter in its name",
    }
    asked = replace(PLAIN, reference="ip-adapter")
    with pytest.raises(EngineError, match=said["no ControlNet"]), engine.prepared(asked):
        pass
    assert engine.names("reference") == []
    with_controlnet(host, monkeypatch, False, [])
    with pytest.raises(EngineError, match=said["no model"]), engine.prepared(asked):
        pass
    monkeypatch.delitem(sys.modules, references.OFFERED[1][0])
    with pytest.raises(EngineError, match=said["unknown"]), engine.prepared(asked):
        pass


def test_what_a_picture_shows(host: Any) -> None:
    engine = open_engine(EngineSpec("webui"))
    assert isinstance(engine, Describer)
    assert engine.describe(CROP, "clip") == "a man in a hat, by nobody"
    host.deepbooru.model.words = "1boy, hat"
    assert engine.describe(CROP, "deepbooru") == "1boy, hat"
    assert not host.shared.state.job


@pytest.mark.parametrize(("how", "title"), [("clip", "CLIP"), ("deepbooru", "DeepBooru")])
def test_without_its_model_an_interrogator_is_one_sentence(host: Any, how: Any, title: str) -> None:
    host.shared.interrogator.words = "<error>"
    engine = open_engine(EngineSpec("webui"))
    assert isinstance(engine, Describer)
    with pytest.raises(EngineError, match=f"could not say what the keyframe shows .*: {title} needs its model"):
        engine.describe(CROP, how)


def test_what_was_painted_small_is_enlarged_by_the_hosts_upscaler(host: Any) -> None:
    names = open_engine(EngineSpec("webui")).names("upscaler")
    with pytest.raises(EngineError, match="no upscaler 'nothing'"):
        open_engine(EngineSpec("webui")).inpaint(replace(JOB, sampling=replace(PLAIN, upscaler="nothing")))
    assert names
