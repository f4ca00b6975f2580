"""Rate at which PyTorch copies a GiB within a device's memory: the upper limit for code that moves only the necessary bytes.

usage: copy_rate_torch.py DEVICE -> one JSON line with the bytes read and written per second, the median of 20 copies
"""
import json
import statistics
import sys
import time

import torch

device = sys.argv[1]
wait = torch.cuda.synchronize if device == "cuda" else lambda: None
source = torch.ones(1 << 28, device=device)
target = torch.empty_like(source)
seconds = []
for _ in range(22):
    wait()
    begin = time.perf_counter()
    target.copy_(source)
    wait()
    seconds.append(time.perf_counter() - begin)
print(json.dumps({"bytes_per_s": 2 * source.nbytes / statistics.median(seconds[2:])}))
