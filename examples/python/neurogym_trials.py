"""Writes trials of a NeuroGym task to neurogym.npz."""
import neurogym
import numpy as np

env = neurogym.make("PerceptualDecisionMaking-v0", dt=20, cohs=[25.6, 51.2]).unwrapped
env.seed(1)
trials = []
for _ in range(2000):
    env.new_trial()
    trials.append((env.ob, env.gt))
length = np.array([len(gt) for _, gt in trials])
inputs, labels = np.zeros((len(trials), length.max(), env.ob.shape[1])), np.zeros((len(trials), length.max()), int)
for trial, (ob, gt) in enumerate(trials):
    inputs[trial, : len(ob)], labels[trial, : len(gt)] = ob, gt
np.savez("neurogym.npz", input=inputs, label=labels, length=length)
