"""LIF trials in ANNarchy. usage: lif_annarchy.py RATE TRIALS FACTOR COUNT"""

import json
import sys
import tempfile
import time

import ANNarchy as ann
import numpy
import scipy.sparse

import lif_network as lif

NEURON = dict(
    parameters="""
        td = 50.0
        drive = 0.0
    """,
    equations="""
        dipsc/dt = -ipsc/td + 500.0*g_exc/td : init = 0.0
        dg_exc/dt = -g_exc/2.0
        v += ite(ref > 0.0, 0.0, 0.005*(ipsc - 40.0 + drive - v)) + 0.1*Normal(0.0, 1.0)
        ref = ref - 0.05
        dfiltered/dt = -filtered/td + hr
        dhr/dt = -hr/2.0
    """,
    spike="v >= -40.0",
    reset="""
        v = -65.0
        ref = 2.0
        hr += 500.0/td
    """,
)


def main():
    network, count = lif.load(sys.argv[1], sys.argv[2], float(sys.argv[3])), int(sys.argv[4])
    ann.setup(dt=lif.DT_MS, num_threads=1)
    n, samples = len(network["tau"]), network["u"].shape[1]
    units = ann.Population(geometry=n, neuron=ann.Neuron(**NEURON))
    units.td = network["tau"]
    synapses = ann.Projection(units, units, "exc")
    synapses.connect_from_sparse(scipy.sparse.lil_matrix(network["w"].T))
    spikes = ann.Monitor(units, ["spike"])
    build = tempfile.TemporaryDirectory()
    ann.compile(directory=build.name)
    random, seconds, total = numpy.random.default_rng(1), [], 0
    for b in range(count):
        drive = network["u"][b] @ network["w_in"].T
        for name in ("ipsc", "g_exc", "filtered", "hr"):
            setattr(units, name, 0.0)
        units.v, units.ref = random.uniform(lif.V_RESET, lif.V_INITIAL_MAX, n), 2.0
        start = time.perf_counter()
        for first, end in lif.stretches(drive):
            units.drive = drive[first]
            ann.simulate(5.0 * (end - first))
        seconds.append(time.perf_counter() - start)
        total += sum(map(len, spikes.get("spike").values()))
    rate_hz = total / (count * n * samples * 0.005)
    print(json.dumps({"median_s": float(numpy.median(seconds)), "performance": None, "rate_hz": rate_hz}))


if __name__ == "__main__":
    main()
