"""Upscalers: the models' own factor is in their file's name. One that cannot be loaded gives the picture back as it was."""

from __future__ import annotations

from typing import Any

from PIL import Image

from modules import modelloader, shared


class Upscaler:
    scale = 1.0

    def do_upscale(self, img: Image.Image, selected_model: str) -> Image.Image:
        return img

    def upscale(self, img: Image.Image, scale: float, selected_model: str = "") -> Image.Image:
        """Floors the sides to multiples of 8."""
        self.scale = scale
        size = int(img.width * scale // 8 * 8), int(img.height * scale // 8 * 8)
        return self.do_upscale(img, selected_model).resize(size)


class UpscalerLanczos(Upscaler):
    def do_upscale(self, img: Image.Image, selected_model: str) -> Image.Image:
        return img.resize((int(img.width * self.scale), int(img.height * self.scale)), Image.Resampling.LANCZOS)


class UpscalerESRGAN(Upscaler):
    def do_upscale(self, img: Image.Image, selected_model: str) -> Image.Image:
        try:
            factor = modelloader.load_spandrel_model(selected_model, device=None, expected_architecture="ESRGAN")
        except Exception:
            return img
        return img.resize((img.width * factor, img.height * factor), Image.Resampling.NEAREST)


class UpscalerData:
    def __init__(self, name: str, path: str, upscaler: Upscaler, scale: int = 4, model: Any = None) -> None:
        self.name, self.data_path, self.scaler, self.scale = name, path, upscaler, scale


shared.sd_upscalers[:] = [
    UpscalerData("None", "", Upscaler()),
    UpscalerData("Lanczos", "", UpscalerLanczos()),
    UpscalerData("Twice", "x2.pth", UpscalerESRGAN()),
    UpscalerData("Same", "x1.pth", UpscalerESRGAN()),
]
