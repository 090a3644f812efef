"""Stable Diffusion models of a few thousand random weights, in diffusers' layout, and files that only look like models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE = 64
"""Pixels along a side of the pictures that the tiny models say they were trained on."""


def save_model(folder: Path, channels: int = 9, sdxl: bool = False) -> Path:
    """A random model, in `folder`: one that takes `channels` (9: made for inpainting)."""
    import torch
    from diffusers import (
        AutoencoderKL,
        EulerDiscreteScheduler,
        StableDiffusionInpaintPipeline,
        StableDiffusionXLInpaintPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    torch.manual_seed(0)
    words = _vocabulary(folder.parent / f"{folder.name}-words")
    text = CLIPTextConfig(
        vocab_size=514, hidden_size=32, intermediate_size=37, num_attention_heads=4, num_hidden_layers=2,
        projection_dim=32, bos_token_id=512, eos_token_id=513, pad_token_id=513,
    )  # fmt: skip
    more: dict[str, Any] = {}
    if sdxl:  # two text encoders side by side, and the sizes of the picture, 6 numbers of 8 waves each
        more = {
            "addition_embed_type": "text_time", "addition_time_embed_dim": 8, "cross_attention_dim": 64,
            "projection_class_embeddings_input_dim": 6 * 8 + 32,
        }  # fmt: skip
    unet = UNet2DConditionModel(**{
        "block_out_channels": (32, 64), "layers_per_block": 1, "sample_size": SIDE // 8, "in_channels": channels, "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 32, "attention_head_dim": 4, "norm_num_groups": 8, **more,
    })  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, norm_num_groups=4, sample_size=SIDE,
    )  # fmt: skip
    parts = {
        "scheduler": EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1),
        "unet": unet, "vae": vae, "text_encoder": CLIPTextModel(text), "tokenizer": CLIPTokenizer.from_pretrained(words),
    }  # fmt: skip
    if sdxl:
        second = {"text_encoder_2": CLIPTextModelWithProjection(text), "tokenizer_2": parts["tokenizer"]}
        pipe = StableDiffusionXLInpaintPipeline(**parts, **second)
    else:
        pipe = StableDiffusionInpaintPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipe.save_pretrained(folder)
    return folder


def _vocabulary(folder: Path) -> Path:
    """Files of a CLIP tokenizer that knows single letters only."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(code) for code in plain] + [chr(256 + n) for n in range(256 - len(plain))]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": "<|endoftext|>"}),
        encoding="utf-8",
    )
    return folder


def save_lora(file: Path, model: Path, scale: float = 1.0) -> None:
    """A random LoRA of rank 2 for the attention of the model's UNet."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    torch.manual_seed(1)
    layers = UNet2DConditionModel.from_pretrained(model, subfolder="unet").named_modules()
    table = {}
    for name, layer in layers:
        if name.endswith(("to_q", "to_v")):
            table[f"unet.{name}.lora_A.weight"] = torch.randn(2, layer.in_features)
            table[f"unet.{name}.lora_B.weight"] = scale * torch.randn(layer.out_features, 2)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(table, file)


def save_header(file: Path, table: dict[str, Any], data: int = 0) -> Path:
    """A .safetensors file of this table and `data` bytes."""
    text = json.dumps(table).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(data))
    return file


def sd(channels: int = 9, kind: str = "cond_stage_model.transformer.x", size: int = 0) -> dict[str, Any]:
    """The table of a checkpoint in one file, as far as anybody looks at it."""
    return {
        "model.diffusion_model.input_blocks.0.0.weight": {"dtype": "F16", "shape": [320, channels, 3, 3], "data_offsets": [0, size]},
        kind: {"dtype": "F16", "shape": [1], "data_offsets": [0, 0]},
    }  # fmt: skip
