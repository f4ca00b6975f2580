"""LIF trials in fused numba loops. usage: lif_numba.py RATE TRIALS FACTOR COUNT"""

import json
import sys
import time

import numba
import numpy

import lif_network as lif


@numba.njit(fastmath=True)
def trial(columns, begin, to, w_out, drive, decay, spread, noise, steps):
    n = len(decay)
    dt, dt_over_tau, decay_r = lif.DT_MS / 1000, lif.DT_MS / lif.TAU_M_MS, numpy.exp(-lif.DT_MS / lif.TAU_R_MS)
    refractory = int(lif.REFRACTORY_MS / lif.DT_MS)
    v = lif.V_RESET + (lif.V_INITIAL_MAX - lif.V_RESET) * noise.random(n)
    ipsc, h, r, h_r = numpy.zeros(n), numpy.zeros(n), numpy.zeros(n), numpy.zeros(n)
    last, spiking = numpy.zeros(n, numpy.int64), numpy.zeros(n, numpy.int64)
    out, spikes = numpy.zeros(steps), 0
    for i in range(1, steps + 1):
        row = drive[min((i + 50) // 100, len(drive) - 1)]
        count, y = 0, 0.0
        for k in range(n):
            if i - last[k] > refractory:
                v[k] += dt_over_tau * (ipsc[k] + lif.V_PEAK + row[k] - v[k])
            v[k] += lif.NOISE * noise.standard_normal()
            ipsc[k] = ipsc[k] * decay[k] + h[k] * dt
            h[k] = h[k] * decay_r if h[k] > 1e-200 or h[k] < -1e-200 else 0.0
            r[k] = r[k] * decay[k] + h_r[k] * dt
            h_r[k] = h_r[k] * decay_r if h_r[k] > 1e-200 else 0.0
            if v[k] >= lif.V_PEAK:
                v[k], last[k], spiking[count] = lif.V_RESET, i, k
                h_r[k] += 1 / spread[k]
                count += 1
            y += w_out[k] * r[k]
        for s in range(count):
            for e in range(begin[spiking[s]], begin[spiking[s] + 1]):
                h[to[e]] += columns[e] / spread[to[e]]
        out[i - 1], spikes = y, spikes + count
    return out, spikes


def main():
    network, count = lif.load(sys.argv[1], sys.argv[2], float(sys.argv[3])), int(sys.argv[4])
    w, n = network["w"], len(network["tau"])
    begin = numpy.concatenate([[0], numpy.cumsum((w != 0).sum(0))])
    to = numpy.concatenate([numpy.flatnonzero(w[:, j]) for j in range(n)])
    columns = numpy.concatenate([w[w[:, j] != 0, j] for j in range(n)])
    decay, spread = numpy.exp(-lif.DT_MS / network["tau"]), lif.TAU_R_MS * network["tau"] * 1e-6
    steps, noise = lif.STEPS_PER_SAMPLE * network["u"].shape[1], numpy.random.default_rng(1)
    seconds, right, spikes = [], 0, 0
    for b in range(-1, count):
        drive = network["u"][max(b, 0)] @ network["w_in"].T
        start = time.perf_counter()
        out, spiked = trial(columns, begin, to, network["w_out"], drive, decay, spread, noise, steps)
        if b >= 0:  # the first call compiles
            seconds.append(time.perf_counter() - start)
            right += bool(lif.correct(network["task"], network["condition"][b], out))
            spikes += spiked
    rate_hz = spikes / (count * n * steps * lif.DT_MS / 1000)
    print(json.dumps({"median_s": float(numpy.median(seconds)), "performance": right / count, "rate_hz": rate_hz}))


if __name__ == "__main__":
    main()
