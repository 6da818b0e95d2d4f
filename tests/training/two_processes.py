"""Trains `Net` under torchrun; the first process saves what came out."""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from test_loop import Net, trained

from benchmark.core.params import load_params
from benchmark.data.cases import load_cases

root, out = Path(sys.argv[1]), Path(sys.argv[2])
cases = load_cases(root / "data" / "prepared" / "tiny", ("train", "val"))
method = trained(Net, cases, load_params(root).mixes["tiny"].recipe)
if os.environ["RANK"] == "0":
    torch.save(method.state_dict(), out)
dist.destroy_process_group()
