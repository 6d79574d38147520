"""The networks that render together, as one value."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields, replace

import torch
from torch import nn

from pipelines.networks.appearance import AppearanceConfig, AppearanceExtractor
from pipelines.networks.motion_extractor import MotionExtractor, MotionExtractorConfig
from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig
from pipelines.networks.seeded import seed_weights
from pipelines.networks.spade import SpadeConfig, SpadeDecoder
from pipelines.networks.stitching import EyeRetargeting, LipRetargeting, PerceptronConfig, Stitching
from pipelines.networks.warping import WarpingConfig, WarpingModule


@dataclass(frozen=True)
class Networks:
    """LivePortrait's networks, in eval mode, all on one device. The two retargeting networks may be missing:
    Ditto's release has none. Ditto's motion transformer comes along only where it was asked for: no picture needs
    it."""

    appearance: AppearanceExtractor
    motion: MotionExtractor
    warping: WarpingModule
    decoder: SpadeDecoder
    stitching: Stitching
    eye: EyeRetargeting | None = None
    lip: LipRetargeting | None = None
    transformer: MotionTransformer | None = None

    @classmethod
    def empty(cls, *, debug: bool = False, transformer: bool = False) -> Networks:
        """All seven networks with weights still to be loaded, and the transformer if asked; `debug` gives the toy
        sizes."""
        return cls(
            appearance=AppearanceExtractor(AppearanceConfig.debug() if debug else None).eval(),
            motion=MotionExtractor(MotionExtractorConfig.debug() if debug else None).eval(),
            warping=WarpingModule(WarpingConfig.debug() if debug else None).eval(),
            decoder=SpadeDecoder(SpadeConfig.debug() if debug else None).eval(),
            stitching=Stitching(PerceptronConfig.stitching(debug=debug)).eval(),
            eye=EyeRetargeting(PerceptronConfig.eye(debug=debug)).eval(),
            lip=LipRetargeting(PerceptronConfig.lip(debug=debug)).eval(),
            transformer=(
                MotionTransformer(TransformerConfig.debug() if debug else None).eval() if transformer else None
            ),
        )

    @classmethod
    def seeded(cls, seed: int = 0, *, debug: bool = False, transformer: bool = False) -> Networks:
        """As `empty`, with reproducible random weights: for tests and for measuring."""
        networks = cls.empty(debug=debug, transformer=transformer)
        for net in networks.present().values():
            seed_weights(net, seed)
        return networks

    def present(self) -> dict[str, nn.Module]:
        """The networks that are there, by field name."""
        nets = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: net for name, net in nets.items() if net is not None}

    def prepared(self, device: torch.device, *, half: bool = False) -> Networks:
        """The networks ready to render: spectral norms folded, on `device`, heavy parts in half precision if wanted.

        These stay as they are; on a CPU the copy shares every network but the decoder. Apple's GPU has no 5-D grid
        sample, so it gets the rewritten look-ups.
        """
        apart = (
            copy.deepcopy(self) if device.type != "cpu" or half else replace(self, decoder=copy.deepcopy(self.decoder))
        )
        apart.decoder.fold()
        for net in apart.present().values():
            net.to(device).requires_grad_(False)
        if device.type == "mps":
            apart.warping.use_sampler("rewritten")
        if half:
            apart.warping.to_mixed()
            apart.decoder.half()
        return apart
