"""Writes MNIST-1D, made by its generator (pip install mnist1d), to mnist1d.npz and mnist1d-test.npz."""
import numpy as np
from mnist1d.data import get_dataset_args, make_dataset

ANSWER = 10  # steps after the sequence, in which the class is read
data = make_dataset(get_dataset_args())
for path, x, y in [("mnist1d.npz", data["x"], data["y"]), ("mnist1d-test.npz", data["x_test"], data["y_test"])]:
    inputs = np.pad(x, [(0, 0), (0, ANSWER)])
    weight = np.zeros_like(inputs)
    weight[:, -ANSWER:] = 1
    np.savez(path, input=inputs, label=y, weight=weight)
