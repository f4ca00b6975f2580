#!/usr/bin/env python3
"""Prints the contents of an artifact.

usage: load.py ARTIFACT
"""
import json
import sys

from safetensors import safe_open

if len(sys.argv) != 2:
    sys.exit(__doc__)
with safe_open(sys.argv[1], framework="numpy") as artifact:
    about = artifact.metadata()
    tensors = {name: artifact.get_tensor(name) for name in artifact.keys()}

config = json.loads(about["config"])
print(f"{about['kind']} artifact of {config['name']}, seed {config['seed']}")
for name, tensor in sorted(tensors.items()):
    print(f"  {name}: {tensor.dtype} {list(tensor.shape)}")
