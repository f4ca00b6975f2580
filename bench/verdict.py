"""Numbers of this project against published ones: estimates, intervals and verdicts, for reproduce.py.

A mean over n networks has Student's interval, a share of networks Wilson's. The difference of two means has Welch's interval, that
of two shares Newcombe's. The network is the unit of observation.
"""

import math
import statistics
from collections import namedtuple

from networks import wilson

REPRODUCED, DIFFERS, NOT_COMPARABLE, NOTHING_PRINTED = "reproduced", "differs", "not comparable", "–"
NOT_RUN = "not run yet"
# Networks below which there is no verdict.
LEAST_FOR_A_MEAN, LEAST_FOR_A_SHARE = 3, 5

# An estimate: value, its 95 % interval (none of a single network), number of networks, their SD, and whether it is a share.
Estimate = namedtuple("Estimate", "value low high networks sd share")


def student(df):
    """The 0.975 quantile of Student's t distribution."""
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)

    def central(t, steps=2000):
        """Probability between 0 and t, by Simpson's rule in θ = atan(x), in which the integrand is bounded."""
        top = math.atan(t)

        def at(theta):
            x = math.tan(theta)
            return (1 + x * x / df) ** (-(df + 1) / 2) * (1 + x * x)

        inner = sum((4 if k % 2 else 2) * at(top * k / steps) for k in range(1, steps))
        return scale * top / steps / 3 * (at(0.0) + inner + at(top))

    low, high = 1.9, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if central(middle) < 0.475 else (low, middle)
    return (low + high) / 2


def mean(values, least=-math.inf, most=math.inf):
    """Mean over networks, of values that have bounds."""
    n, value = len(values), statistics.fmean(values)
    if n < 2:
        return Estimate(value, None, None, n, None, False)
    sd = statistics.stdev(values)
    half = student(n - 1) * sd / math.sqrt(n)
    return Estimate(value, max(value - half, least), min(value + half, most), n, sd, False)


def share(flags):
    """Share of networks for which something holds."""
    return counted(sum(flags), len(flags))


def counted(count, n):
    low, high = wilson(count, n)
    return Estimate(count / n, low, high, n, None, True)


def published(given):
    """Estimate of a published number: {value, sd, networks}, {values: […]}, or {count, of}."""
    if "count" in given:
        return counted(given["count"], given["of"])
    if "values" in given:
        return mean(given["values"])
    return Estimate(given["value"], None, None, given.get("networks", 1), given.get("sd"), False)


def difference(ours, theirs):
    """Difference of two estimates, of which ours has two networks or more, with its interval."""
    gap = ours.value - theirs.value
    if ours.share and theirs.share:
        below = math.hypot(ours.value - ours.low, theirs.high - theirs.value)
        above = math.hypot(ours.high - ours.value, theirs.value - theirs.low)
        return gap, gap - below, gap + above
    if ours.share:
        return gap, ours.low - theirs.value, ours.high - theirs.value
    # A published number without a standard deviation is taken to spread as ours do.
    parts = [(ours.sd ** 2 / ours.networks, ours.networks - 1)]
    spread = ours.sd if theirs.sd is None else theirs.sd
    parts.append((spread ** 2 / theirs.networks, ours.networks - 1 if theirs.sd is None else max(theirs.networks - 1, 1)))
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return gap, gap, gap
    half = student(variance ** 2 / sum(part ** 2 / df for part, df in parts)) * math.sqrt(variance)
    return gap, gap - half, gap + half


def judge(ours, given, tolerance):
    """Verdict on an estimate and its reason. `given` is what is published; `tolerance` the largest difference that is none."""
    if given is None:
        return NOTHING_PRINTED, ""
    if ours is None:
        return NOT_COMPARABLE, NOT_RUN
    least = LEAST_FOR_A_SHARE if ours.share else LEAST_FOR_A_MEAN
    if ours.networks < least:
        return NOT_COMPARABLE, f"fewer than {least} networks"
    for key, sign in (("at_least", 1), ("at_most", -1)):
        if key in given:
            return bounded(ours, given[key], sign)
    gap, low, high = difference(ours, published(given))
    if abs(gap) <= tolerance * (1 + 1e-9):
        return REPRODUCED, f"within ±{tolerance:g}"
    about = f"{gap:+.3g} ({low:+.3g} to {high:+.3g})".replace("-", "−")
    if low <= 0 <= high:
        return NOT_COMPARABLE, f"too few networks for ±{tolerance:g}: {about}"
    return DIFFERS, about


def bounded(ours, bound, sign):
    """Verdict on a claim that a number is at least (sign 1) or at most (sign −1) a bound."""
    if sign * (ours.value - bound) >= 0:
        return REPRODUCED, ""
    best = ours.high if sign > 0 else ours.low
    if best is not None and sign * (best - bound) < 0:
        return DIFFERS, f"by {ours.value - bound:+.3g}".replace("-", "−")
    return NOT_COMPARABLE, "too few networks to tell"
