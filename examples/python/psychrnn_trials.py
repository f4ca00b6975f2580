"""Writes trials of a PsychRNN task to psychrnn.npz."""
import numpy as np
from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

np.random.seed(1)
task = PerceptualDiscrimination(dt=20, tau=100, T=1000, N_batch=2000, coherence=0.5)
inputs, targets, mask, parameters = task.get_trial_batch()
condition = [f"direction {trial['direction']}" for trial in parameters]
np.savez("psychrnn.npz", input=inputs, target=targets, weight=mask, condition=condition)
