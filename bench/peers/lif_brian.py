"""LIF trials in Brian2, compiled C++ (standalone). usage: lif_brian.py RATE TRIALS FACTOR COUNT"""

import json
import sys
import tempfile

import brian2 as b2
import numpy

import lif_network as lif

def main():
    network, count = lif.load(sys.argv[1], sys.argv[2], float(sys.argv[3])), int(sys.argv[4])
    n, samples = len(network["tau"]), network["u"].shape[1]
    build = tempfile.TemporaryDirectory()
    b2.set_device("cpp_standalone", directory=build.name, build_on_run=False)
    b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-ffast-math", "-march=native"]
    b2.defaultclock.dt = lif.DT_MS * b2.ms
    drive = numpy.concatenate([network["u"][b] @ network["w_in"].T for b in range(count)])
    drive = b2.TimedArray(drive, dt=5 * b2.ms)
    # The trials follow one another; each begins with fresh potentials and nothing on the way.
    units = b2.NeuronGroup(n, """
        dv/dt = int(not_refractory)*(ipsc - 40 + drive(t, i) - v)/(10*ms) + xi*noise : 1
        dipsc/dt = -ipsc/td + h : 1
        dh/dt = -h/(2*ms) : Hz
        dr/dt = -r/td + hr : Hz
        dhr/dt = -hr/(2*ms) : Hz**2
        td : second (constant)
    """, threshold="v >= -40", reset="v = -65; hr += 1/(2*ms*td)", refractory=2 * b2.ms, method="euler",
        namespace={"drive": drive, "noise": lif.NOISE / numpy.sqrt(lif.DT_MS * b2.ms)})
    units.td = network["tau"] * b2.ms
    start = "v = -65 + 95*rand(); ipsc = 0; h = 0*Hz; r = 0*Hz; hr = 0*Hz**2"
    units.run_regularly(start, dt=samples * 5 * b2.ms, when="start")
    to, source = numpy.nonzero(network["w"])
    synapses = b2.Synapses(units, units, "w : second (constant)", on_pre="h_post += w/(2*ms*td_post)")
    synapses.connect(i=source, j=to)
    synapses.w = network["w"][to, source] * b2.second
    spikes = b2.SpikeMonitor(units, record=False)
    b2.run(count * samples * 5 * b2.ms)
    b2.device.build(directory=build.name, compile=True, run=False)
    b2.device.run(directory=build.name, with_output=False)
    rate_hz = spikes.num_spikes / (count * n * samples * 0.005)
    print(json.dumps({"median_s": b2.device._last_run_time / count, "performance": None, "rate_hz": float(rate_hz)}))


if __name__ == "__main__":
    main()
