"""What one prediction costs: multiply-accumulates, time and memory of one image.

**Conventions**

1. One image (batch 1) of the mix's size, with a prompt drawn from a centre square where the card
   asks for one; evaluation mode, weights as they come, the precision of `predict.py`. What is
   measured is `embed` (where the method has one) and `predict` together, for one prompt draw: a
   network in use pays for both.
2. MACs are half the FLOPs of `torch.utils.flop_counter`: convolutions, matrix products and
   attention, the latter by its matrix products on every device. Biases are not in them.
3. An operation that calculates and has no formula is named with its number of calls, in place or
   not. What only moves, makes or selects values is left out (`MOVES` and views). What never goes
   through torch's dispatcher (a kernel called by itself) is seen by nobody.
4. Latency is wall-clock time per image in ms after a warm-up: median and quartiles.
5. Memory in MiB is the weights (with buffers) and what one prediction adds to them at its peak:
   on a GPU what torch has allocated, on a CPU the growth of the process's resident memory.

**Sources** torch.utils.flop_counter; proc(5), «clear_refs» and «VmHWM».
"""

import ctypes
import gc
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmark.core.progress import Progress
from benchmark.data.prompting import prompts_of
from benchmark.evaluation.predict import check_logits
from benchmark.methods.layers import to_device
from benchmark.methods.method import Inputs, Method

PRECISION = "float32, no autocast, no TF32 in convolutions"
WARM_UP_RUNS, WARM_UP_S = 2, 1.0
LEAST_RUNS, MOST_RUNS, MOST_S = 5, 100, 5.0
MIB = 2**20
KERNEL = Path("/proc/self")  # what Linux tells a process of itself
# Operations of ATen that move, make or select values, and calculate none.
MOVES = {
    "_assert_async", "_assert_scalar", "_assert_tensor_metadata", "_local_scalar_dense",
    "_pin_memory", "_to_copy", "_unsafe_index", "_unsafe_view", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "arange", "cat", "channel_shuffle", "clone", "constant_pad_nd",
    "copy", "embedding", "empty", "empty_like", "empty_permuted", "empty_strided", "eye", "fill",
    "flip", "full", "full_like", "gather", "im2col", "index", "index_put", "index_select", "lift",
    "lift_fresh", "linspace", "masked_fill", "masked_scatter", "masked_select", "new_empty",
    "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones", "ones_like", "pixel_shuffle",
    "pixel_unshuffle", "reflection_pad1d", "reflection_pad2d", "repeat", "repeat_interleave",
    "replication_pad1d", "replication_pad2d", "resize", "roll", "rot90", "scalar_tensor", "scatter",
    "select_scatter", "slice_scatter", "split_with_sizes_copy", "stack", "tril", "triu", "unfold",
    "upsample_nearest1d", "upsample_nearest2d", "where", "zero", "zeros", "zeros_like",
}  # fmt: skip
# Products that the counter has no formula for; arguments are shapes, results FLOPs.
PRODUCTS = {
    torch.ops.aten.addmv: lambda bias, matrix, vector, **rest: 2 * math.prod(matrix),
    torch.ops.aten.dot: lambda a, b, **rest: 2 * math.prod(a),
    torch.ops.aten.mv: lambda matrix, vector, **rest: 2 * math.prod(matrix),
}

Forward = Callable[[], object]


@dataclass(frozen=True)
class Memory:
    """Peak memory of one prediction.

    Attributes:
        weights_mib: of parameters and buffers.
        forward_mib: what one prediction adds at its peak; None where it cannot be measured.
        how: how it was measured, or why not.
    """

    weights_mib: float
    forward_mib: float | None
    how: str

    def record(self) -> dict[str, Any]:
        """The same as JSON, with the sum."""
        known = self.forward_mib is not None
        peak = self.weights_mib + (self.forward_mib or 0.0)
        return {
            "peak": round(peak, 1) if known else None,
            "weights": round(self.weights_mib, 1),
            "forward": round(self.forward_mib or 0.0, 1) if known else None,
            "how": self.how,
        }


def measure(method: Method, size: int, device: str, progress: Progress) -> dict[str, Any]:
    """All that is measured of one prediction, as JSON.

    Args:
        size: side of the image in pixels.
        device: "cpu" or "cuda".

    Raises: MethodError if predict() gives another shape than the image's.
    """
    to_device(method, device).eval()
    image, prompts = made_image(method, size, device)

    def forward() -> Tensor:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features = method.embed(image)
            return method.predict(Inputs(image, features=features, **prompts))

    with torch.inference_mode():
        check_logits(forward(), (1, 1, size, size), method.card.name)
    with progress.task(f"measuring {method.card.name}", 3, "quantities") as task:
        macs, unseen = count_macs(forward)
        task.advance()
        times = latencies_ms(forward, device)
        task.advance()
        memory = peak_memory(forward, method, device)
        task.advance()
    low, middle, high = quantiles(times, n=4, method="inclusive")
    return {
        "size": size,
        "batch": len(image),
        "device": device,
        "precision": PRECISION,
        "prompt": method.card.prompt,
        "embeds": type(method).embed is not Method.embed,
        "macs": macs,
        "not_counted": unseen,
        "latency_ms": {key: round(value, 3) for key, value in
                       (("median", middle), ("q1", low), ("q3", high))},
        "latency_runs": len(times),
        "memory_mib": memory.record(),
    }  # fmt: skip


def made_image(method: Method, size: int, device: str) -> tuple[Tensor, dict[str, Tensor]]:
    """An image of noise, float (1, 3, H, W) in [0, 1], and the prompts of a centre square."""
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 1, size, size)
    mask[..., size // 4 : size - size // 4, size // 4 : size - size // 4] = 1
    prompts = prompts_of(method.card.prompt, mask.to(device), np.zeros(1, np.uint64), 0)
    return image.to(device), prompts


def count_macs(forward: Forward) -> tuple[int, list[list[str | int]]]:
    """MACs of one pass, and the operations that they leave out, by name, with their calls."""
    counter = FlopCounterMode(display=False, custom_mapping=PRODUCTS)
    seen = _Operations()
    # Not inference mode: there, operations come to the modes before torch takes them apart.
    with torch.no_grad(), _attention_in_parts(), counter, seen:
        forward()
    calls = Counter[str]()
    for operation, count in seen.calls.items():
        if operation.overloadpacket not in counter.flop_registry and _calculates(operation):
            calls[_name(operation)] += count
    return counter.get_total_flops() // 2, [[name, calls[name]] for name in sorted(calls)]


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the calls of every operation that is not made of others."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls = Counter[Any]()

    def __torch_dispatch__(
        self, func: Any, types: Iterable[Any], args: Any = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"):
            with self:
                return func.decompose(*args, **given)
        self.calls[func] += 1
        return func(*args, **given)


@contextmanager
def _attention_in_parts() -> Iterator[None]:
    """Attention as matrix products: the counter has no formula for the fused ones of a CPU."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _calculates(operation: Any) -> bool:
    """Whether an operation makes new values: no view, and not one of `MOVES`."""
    schema = operation._schema
    if schema.name.startswith("prim") or torch.Tag.inplace_view in operation.tags:
        return False  # prim::device, squeeze_ and the like
    aliases = [value.alias_info for value in schema.returns]
    view = any(alias is not None and not alias.is_write for alias in aliases)
    return not view and _name(operation) not in MOVES


def _name(operation: Any) -> str:
    """Without "aten::" and without the underscore of what is done in place."""
    space, _, name = operation._schema.name.partition("::")
    if name.endswith("_") and not name.endswith("__"):
        name = name[:-1]
    return name if space == "aten" else f"{space}::{name}"


@torch.inference_mode()
def latencies_ms(forward: Forward, device: str) -> list[float]:
    """Times of single passes in ms, after a warm-up of two passes and a second at least."""
    _times(forward, device, (WARM_UP_RUNS, None, WARM_UP_S))
    return [1000 * seconds for seconds in _times(forward, device, (LEAST_RUNS, MOST_RUNS, MOST_S))]


def _times(forward: Forward, device: str, bounds: tuple[int, int | None, float]) -> list[float]:
    """Seconds of passes: at least `bounds[0]`, then until `bounds[1]` or `bounds[2]` seconds."""
    least, most, seconds = bounds
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < least or (len(times) != most and time.perf_counter() < until):
        _wait(device)
        start = time.perf_counter()
        forward()
        _wait(device)
        times.append(time.perf_counter() - start)
    return times


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


@torch.inference_mode()
def peak_memory(forward: Forward, method: nn.Module, device: str) -> Memory:
    """Memory of the weights, and what one pass adds at its peak; a pass must have run before."""
    tensors = [*method.parameters(), *method.buffers()]
    weights = sum(tensor.nbytes for tensor in tensors) / MIB
    gc.collect()
    if device == "cuda":
        _wait(device)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        forward()
        _wait(device)
        grown = (torch.cuda.max_memory_allocated() - before) / MIB
        return Memory(weights, grown, "allocated by torch on the device")
    try:
        return Memory(weights, _resident_growth(forward), "growth of the resident memory")
    except OSError as error:
        return Memory(weights, None, f"not measured: {error}")


def _resident_growth(forward: Forward) -> float:
    """MiB by which one pass raises the peak of the resident memory.

    Raises: OSError where the kernel does not let a process reset its peak.
    """
    _trim()
    (KERNEL / "clear_refs").write_text("5")
    before = _status_mib("VmRSS")
    forward()
    return max(0.0, _status_mib("VmHWM") - before)


def _trim() -> None:
    """Gives back what earlier passes have freed; the next one then has to ask for it again."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
    if trim is not None:
        trim(0)


def _status_mib(key: str) -> float:
    for line in (KERNEL / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024  # kB
    raise OSError(f"{KERNEL}/status holds no {key}")
