"""Reads the event files of a training run (--tensorboard DIR) with TensorBoard itself.

usage: events.py DIR      prints TensorBoard's listing, as JSON, and the values; status 1 if one kind of value is missing
"""
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

everything = {"scalars": 0, "histograms": 0, "images": 0, "compressedHistograms": 1, "tensors": 0}
if len(sys.argv) != 2:
    sys.exit(__doc__)
events = EventAccumulator(sys.argv[1], size_guidance=everything).Reload()
listed = {kind: events.Tags()[kind] for kind in ("scalars", "histograms", "images")}
print(json.dumps(listed))
for tag in listed["scalars"]:
    print(tag, [(event.step, event.value) for event in events.Scalars(tag)])
for tag in listed["histograms"]:
    print(tag, [(event.step, event.histogram_value.num) for event in events.Histograms(tag)])
for tag in listed["images"]:
    print(tag, [(event.step, event.width, event.height) for event in events.Images(tag)])
sys.exit(0 if all(listed.values()) else 1)
