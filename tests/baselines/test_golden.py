"""Networks that were equal to the official ones give what they gave then; needs no oracle."""

import json

import pytest
import torch
from golden_networks import (
    FOLDER,
    NETWORKS,
    TOLERANCE,
    Golden,
    built,
    differences,
    image,
    stored,
    told,
    values_of,
)

AGAIN = "tests/golden/write_networks.py writes the file anew, where the oracles are"


@pytest.mark.parametrize("golden", NETWORKS, ids=lambda golden: golden.method)
def test_it_gives_what_it_gave(golden: Golden) -> None:
    old = stored(golden)
    new = told(golden, old["levels"])
    assert new["structure"] == old["structure"], f"other names or shapes; {AGAIN}"
    assert [o["shape"] for o in new["outputs"]] == [o["shape"] for o in old["outputs"]]
    assert max(differences(new, old)) < TOLERANCE


def test_every_file_belongs_to_a_network_and_is_small() -> None:
    files = {path.stem: path for path in FOLDER.glob("*.json")}
    assert set(files) == {golden.method for golden in NETWORKS}
    assert len(files) > 5
    for path in files.values():
        assert path.stat().st_size < 6000
        values = [v for o in json.loads(path.read_text())["outputs"] for v in o["values"]]
        assert len(set(values)) > 0.9 * len(values) > 100  # an output that is flat tells nothing


def test_another_eps_is_seen() -> None:
    """The comparison can fail: batch normalisation with 1e-3 in place of 1e-5."""
    golden = next(each for each in NETWORKS if each.method == "dcsaunet")
    old = stored(golden)
    method, _ = built(golden, old["levels"])
    for module in method.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
    with torch.no_grad():
        new = {"outputs": [values_of(each) for each in golden.outputs(method, image(golden.side))]}
    assert max(differences(new, old)) > 100 * TOLERANCE
