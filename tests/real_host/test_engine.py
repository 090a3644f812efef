"""The WebUI engine in a real WebUI, and the fake host held against it. Needs WEBUI_DIR (and WEBUI_PYTHON, its Python)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import hosts  # noqa: E402
import serving  # noqa: E402

WEBUI = os.environ.get("WEBUI_DIR", "")
pytestmark = pytest.mark.skipif(not WEBUI, reason="WEBUI_DIR names no WebUI to try this in")
USED = [
    "processing:process_images",
    "processing:StableDiffusionProcessingImg2Img",
    "processing:StableDiffusionProcessingImg2Img.close",
    "scripts:ScriptRunner",
    "scripts:ScriptRunner.process",
    "scripts:ScriptRunner.postprocess_image",
    "scripts:ScriptRunner.postprocess",
    "processing:Processed",
    "scripts:ScriptRunner.post_sample",
    "scripts:PostSampleArgs",
    "processing:DecodedSamples",
    "scripts:ScriptRunner.setup_scrips",
    "scripts:Script.title",
    "scripts:PostprocessImageArgs",
    "scripts:scripts_img2img",
    "sd_models:list_models",
    "sd_models:select_checkpoint",
    "sd_models:reload_model_weights",
    "sd_models:checkpoints_list",
    "sd_models:checkpoint_aliases",
    "sd_models:CheckpointInfo",
    "sd_models:SkipWritingToConfig",
    "sd_vae:vae_dict",
    "sd_samplers:all_samplers",
    "sd_samplers:visible_sampler_names",
    "sd_samplers:fix_p_invalid_sampler_and_scheduler",
    "sd_schedulers:schedulers",
    "modelloader:load_spandrel_model",
    "upscaler:Upscaler.do_upscale",
    "upscaler:Upscaler.upscale",
    "upscaler:UpscalerData",
    "shared:opts.data",
    "shared:opts.set",
    "shared:opts.get_default",
    "shared:opts.save_init_img",
    "shared:opts.sd_vae",
    "shared:cmd_opts.no_prompt_history",
    "shared:sd_upscalers",
    "shared:total_tqdm.clear",
    "shared:state.begin",
    "shared:state.end",
    "shared:state.interrupt",
    "shared:state.skip",
    "shared:state.stop_generating",
    "shared:state.sampling_step",
    "shared:state.set_current_image",
    "shared:prompt_styles.styles",
    "shared:prompt_styles.reload",
    "shared:interrogator.interrogate",
    "deepbooru:model.tag",
    "sd_vae:refresh_vae_list",
    "progress:add_task_to_queue",
    "progress:start_task",
    "progress:finish_task",
    "call_queue:queue_lock.acquire",
    "call_queue:queue_lock.release",
]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return serving.tried(USED)


def test_it_paints(found: dict[str, Any]) -> None:
    assert (found["shapes"], found["seeds"]) == ([[256, 256, 3]] * 2, [5, 6])
    assert found["repeated"] == [True, True]
    assert found["painted"] > 5, "other seeds, other pictures"
    assert found["odd size"] == [187, 250, 3]
    assert [f"Seed: {seed}" in text for seed, text in zip((5, 6), found["infotexts"])] == [True, True]
    assert all(
        text.startswith("a face\nSteps: 4, Sampler: Euler a, Schedule type: Automatic") for text in found["infotexts"]
    )


def test_the_infotext_says_what_was_asked(found: dict[str, Any]) -> None:
    contents = found["contents"]
    assert {name for name, text in contents.items() if f"Masked content: {name}" in text} == set(contents) - {
        "original"
    }
    assert "Size: 704x384" in found["enlarged"] or "Size: 512x256" in found["enlarged"]


def test_an_always_on_script_runs_along(found: dict[str, Any]) -> None:
    assert "soft inpainting" in found["names"]["script"]
    assert "Soft inpainting enabled: True, Soft inpainting schedule bias: 2," in found["soft"]


def test_without_their_models_the_interrogators_are_errors(found: dict[str, Any]) -> None:
    for how, said in found["described"].items():
        assert said == "1 pictures" or said.startswith(
            "EngineError: The WebUI could not say what the keyframe shows"
        ), how


def test_a_reference_is_shown_or_its_absence_is_said(found: dict[str, Any]) -> None:
    for kind, said in found["references"].items():
        assert said == "2 pictures" or said.startswith(
            ("EngineError: inpaint.reference", "EngineError: This WebUI's")
        ), kind


def test_the_values_of_a_script_reach_the_picture(found: dict[str, Any]) -> None:
    on, stronger, off, between = found["softened"]
    assert (off, min(on, stronger, between) > 0.5) == (0, True), found["softened"]


def test_a_script_may_paint_on_its_own_in_between(found: dict[str, Any]) -> None:
    assert found["nested"] == [5, 6]


def test_a_button_ends_it_within_a_step_and_drops_the_picture(found: dict[str, Any]) -> None:
    assert {button: said for button, (said, _) in found["pressed"].items()} == {
        "interrupt": "Cancelled: ",
        "skip": "Skipped: ",
    }
    assert max(seconds for _, seconds in found["pressed"].values()) < 1.5
    assert found["stopped"] == ["1 pictures", "Cancelled: "]
    assert found["idle"]


def test_nothing_of_the_user_is_changed(found: dict[str, Any]) -> None:
    assert found["options"]["after"] == found["options"]["before"]
    assert found["written"] == {}


def test_upscaling_has_the_exact_size(found: dict[str, Any]) -> None:
    assert found["upscaled"]
    assert set(map(tuple, found["upscaled"].values())) == {(152, 232, 3)}


def test_its_face_restorers_see_and_give_colours_in_order(found: dict[str, Any]) -> None:
    faces = found["restored"]
    assert (faces["type"], faces["shape"]) == ("uint8", [61, 93, 3])
    assert {"CodeFormer", "GFPGAN"} <= set(faces["names"])
    assert faces["sees"] < 4
    assert faces["adds"] == [pytest.approx(51, abs=3), pytest.approx(0, abs=3), pytest.approx(0, abs=3)]


def test_names(found: dict[str, Any]) -> None:
    assert all(found["names"][kind] for kind in ("checkpoint", "sampler", "scheduler", "upscaler"))
    assert "None" not in found["names"]["upscaler"]


def test_the_engine_costs_little(found: dict[str, Any]) -> None:
    seconds = found["seconds"]
    assert seconds["engine"] < 1.2 * seconds["bare"], seconds  # 1.00 to 1.05 where nothing else runs


def test_the_fake_host_has_the_real_ones_signatures(found: dict[str, Any]) -> None:
    from inside import signature

    with hosts.running():
        fake = {name: signature(name) for name in USED}
    missing = [name for name in USED if found["signatures"][name] is None or fake[name] is None]
    assert missing == []
    for name, parameters in fake.items():
        real = [one.partition("=")[0] for one in found["signatures"][name] or []]
        asked = [one.partition("=")[0] for one in parameters or [] if not one.startswith(("t", "v", "exc_"))]
        assert set(asked) <= set(real), name
        if "Img2Img" not in name:
            assert [one for one in real if one in asked] == asked, name
