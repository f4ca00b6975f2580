"""LIF trials in NEST. usage: lif_nest.py RATE TRIALS FACTOR COUNT

A double-exponential current is the difference of two exponential ones, one a receptor; NEST draws no noise while a unit is
refractory.
"""

import json
import sys
import time

import nest
import numpy

import lif_network as lif


def main():
    network, count = lif.load(sys.argv[1], sys.argv[2], float(sys.argv[3])), int(sys.argv[4])
    n, samples, tau = len(network["tau"]), network["u"].shape[1], network["tau"]
    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.set(resolution=lif.DT_MS, local_num_threads=1, print_time=False)
    # 10 pF and 10 ms: a current of 1 pA is a drive of 1 mV.
    constants = dict(C_m=10.0, tau_m=10.0, E_L=lif.V_PEAK, V_th=lif.V_PEAK, V_reset=lif.V_RESET, t_ref=2.0)
    units = nest.Create("iaf_psc_exp_multisynapse", n, params=constants)
    for unit, decay in zip(units, tau):
        unit.tau_syn = [float(decay), lif.TAU_R_MS]
    noise = nest.Create("noise_generator", params=dict(std=lif.NOISE * 10.0 / lif.DT_MS, dt=lif.DT_MS))
    nest.Connect(noise, units)
    to, source = numpy.nonzero(network["w"])
    peak = 1000.0 / (tau[to] - lif.TAU_R_MS) * network["w"][to, source]
    ids, delay = numpy.array(units.global_id), numpy.full(len(to), lif.DT_MS)
    for receptor, weight in ((1, peak), (2, -peak)):
        synapse = dict(weight=weight, delay=delay, receptor_type=numpy.full(len(to), receptor))
        nest.Connect(ids[source], ids[to], "one_to_one", synapse)
    spikes = nest.Create("spike_recorder")
    nest.Connect(units, spikes)
    random, seconds = numpy.random.default_rng(1), []
    # A generator for each channel of the input; a weight of w_in makes its current a drive.
    inputs = nest.Create("step_current_generator", network["w_in"].shape[1])
    for channel, weights in zip(inputs, network["w_in"].T):
        nest.Connect(channel, units, syn_spec=dict(weight=weights[:, None].copy(), delay=lif.DT_MS))
    nest.Prepare()
    for b in range(count):
        units.V_m = random.uniform(lif.V_RESET, lif.V_INITIAL_MAX, n)
        times = nest.biological_time + 5.0 * numpy.arange(samples) + lif.DT_MS
        for channel, values in zip(inputs, network["u"][b].T):
            firsts = [first for first, _ in lif.stretches(values[:, None])]
            channel.set(amplitude_times=times[firsts], amplitude_values=values[firsts])
        start = time.perf_counter()
        nest.Run(5.0 * samples)
        seconds.append(time.perf_counter() - start)
    nest.Cleanup()
    rate_hz = spikes.n_events / (count * n * samples * 0.005)
    print(json.dumps({"median_s": float(numpy.median(seconds)), "performance": None, "rate_hz": rate_hz}))


if __name__ == "__main__":
    main()
