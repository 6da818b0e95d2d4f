"""MMSNet's ablations: each is the whole network with one thing changed."""

from dataclasses import replace
from typing import Any

from benchmark.methods.method import Card, Recipe
from mmsnet.msfg import Guidance
from mmsnet.network import Design
from mmsnet.plugin import MMSNet


def ablation(name: str, title: str, recipe: Recipe | None = None) -> Card:
    """The card of an ablation; it differs from MMSNet's by what is named here."""
    about = {"name": f"mmsnet-{name}", "title": title, "group": "ablation", "base": "mmsnet"}
    return Card.model_validate(
        {**MMSNet.card.model_dump(), **about, "recipe": recipe or MMSNet.card.recipe}
    )


def guided(**changes: Any) -> Design:
    """MMSNet's design with another guidance."""
    return Design(guidance=replace(Guidance(), **changes))


class R8(MMSNet):
    """r = 8."""

    design = Design(r=8)
    card = ablation("r8", "r = 8")


class R4(MMSNet):
    """r = 4."""

    design = Design(r=4)
    card = ablation("r4", "r = 4")


class R2(MMSNet):
    """r = 2."""

    design = Design(r=2)
    card = ablation("r2", "r = 2")


class K1(MMSNet):
    """K = 1: the mean alone, which is single-frequency guidance."""

    design = guided(frequencies=1)
    card = ablation("k1", "K = 1 (SFG-MSG)")


class K2(MMSNet):
    """K = 2."""

    design = guided(frequencies=2)
    card = ablation("k2", "K = 2")


class K4(MMSNet):
    """K = 4."""

    design = guided(frequencies=4)
    card = ablation("k4", "K = 4")


class K8(MMSNet):
    """K = 8."""

    design = guided(frequencies=8)
    card = ablation("k8", "K = 8")


class K16(MMSNet):
    """K = 16."""

    design = guided(frequencies=16)
    card = ablation("k16", "K = 16")


class SfgSsg(MMSNet):
    """One frequency, one scale (O26)."""

    design = guided(frequencies=1, branches=1)
    card = ablation("sfg-ssg", "SFG-SSG (K = 1, one scale)")


class MfgSsg(MMSNet):
    """All frequencies, one scale (O26)."""

    design = guided(branches=1)
    card = ablation("mfg-ssg", "MFG-SSG (K = 32, one scale)")


class Fourier(MMSNet):
    """The high-pass of the Fourier transform in place of the contourlet."""

    design = Design(transform="fourier")
    card = ablation("fft", "FEP by FFT")


class Wavelet(MMSNet):
    """Haar wavelets in place of the contourlet."""

    design = Design(transform="wavelet")
    card = ablation("wavelet", "FEP by wavelet")


class ContourletNorm(MMSNet):
    """The contourlet without parameters (O9, Option P): 7,508,403 that learn."""

    design = Design(transform="contourlet-norm")
    card = ablation("option-p", "FEP by contourlet, Option P")


class WithoutFep(MMSNet):
    """Prompts from the image's embedding alone (O24)."""

    design = Design(transform="none")
    card = ablation("no-fep", "without FEP")


class WithoutMfa(MMSNet):
    """A frozen encoder whose outputs are merged with the subbands (O24)."""

    design = Design(adaptor=False)
    card = ablation("no-mfa", "without MFA")


class OnlyMsfg(MMSNet):
    """A frozen encoder, and the decoder."""

    design = Design(adaptor=False, transform="none")
    card = ablation("only-msfg", "only MSFG")


class WithoutMsfg(MMSNet):
    """The decoder's blocks without guidance (O24)."""

    design = Design(guidance=None)
    card = ablation("no-msfg", "without MSFG")


class FullTuning(MMSNet):
    """The encoder is trained instead of prompted (O25)."""

    design = Design(adaptor=False, transform="none", frozen=False)
    card = ablation("full-tuning", "full tuning")


class FullTuningSlow(FullTuning):
    """The same at a rate that is usual for a pretrained transformer (O25)."""

    card = ablation(
        "full-tuning-6e-5",
        "full tuning at 6e-5",
        Recipe().but(lr=6e-5, why="SegFormer's own rate; 5e-4 may be too high for a whole encoder"),
    )


class LearnedFrequencies(MMSNet):
    """Beyond the paper, its outlook 2: how much each frequency counts is learnt."""

    design = guided(selection="learned")
    card = ablation("learned-k", "beyond the paper: frequencies weighted by learning")


class SharedResolutions(MMSNet):
    """Beyond the paper, its outlook 1: each scale of MSFG is told what the coarser one found."""

    design = guided(share=True)
    card = ablation("shared-scales", "beyond the paper: scales share what they find")
