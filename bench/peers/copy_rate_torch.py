"""How fast PyTorch copies a GiB from one place of a device's memory to another: the limit of what moves no less than it must.

usage: copy_rate_torch.py DEVICE -> one JSON line with the bytes read and written for each second, the median of 20 copies
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
