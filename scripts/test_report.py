#!/usr/bin/env python3
"""Opens reports and an index in a headless Chromium and tries every control; numbers on the page are compared with those in the
artifacts, which are read here independently.

usage: test_report.py BROWSER PROGRAMS WORK      WORK: an empty folder for networks, reports and screenshots

Speaks the DevTools protocol through a pipe; needs no package.
"""

import array
import base64
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import time
import urllib.parse
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCREENSHOTS = ROOT / "tests/fixtures/report"
UPDATE = os.environ.get("UPDATE_SCREENSHOTS") == "1"
# Mean and largest share of different pixels of a small screenshot; other fonts and versions of the browser differ by less.
MEAN_DIFFERENCE, DIFFERENT, SHARE = 7.0, 70, 0.06


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, program, profile):
        (self.read_here, write_there), (read_there, self.write_here) = os.pipe(), os.pipe()
        command = (
            f'exec 3<&{read_there} 4>&{write_there}; exec "$0" --headless=new --no-sandbox --disable-gpu --hide-scrollbars '
            f'--no-first-run --force-device-scale-factor=1 --font-render-hinting=none --remote-debugging-pipe --user-data-dir="$1" about:blank'
        )
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, profile], pass_fds=(read_there, write_there),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(read_there), os.close(write_there)
        self.number, self.rest, self.problems, self.loaded = 0, b"", [], False
        target = next(t for t in self.call("Target.getTargets", session=None)["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", session=None, targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    session = None

    def call(self, method, session="own", **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session == "own":
            message["sessionId"] = self.session
        os.write(self.write_here, json.dumps(message).encode() + b"\0")
        number, end = self.number, time.time() + 60
        while time.time() < end:
            answer = self.message()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.event(answer)
        raise TimeoutError(method)

    def message(self):
        while b"\0" not in self.rest:
            part = os.read(self.read_here, 1 << 20)
            if not part:
                raise RuntimeError("the browser has gone")
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def event(self, event):
        method, about = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(about["exceptionDetails"].get("exception", {}).get("description", str(about)))
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.problems.append(about["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.problems.append(str(about["args"]))
        elif method == "Page.loadEventFired":
            self.loaded = True

    def open(self, path, width=1400, height=1000, scheme="light", scripts=True):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.loaded = False
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not self.loaded:
            self.event(self.message())

    def js(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def texts(self, selector):
        return self.js(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)")

    def attribute(self, selector, name):
        return self.js(f"document.querySelector({json.dumps(selector)}).getAttribute({json.dumps(name)})")

    def choose(self, identifier, value):
        """Sets a select or an input and tells the page, as a user does."""
        kind = "input" if self.js(f"document.getElementById('{identifier}').tagName") == "INPUT" else "change"
        self.js(
            f"(() => {{ const e = document.getElementById('{identifier}'); e.value = {json.dumps(str(value))}; "
            f"e.dispatchEvent(new Event('{kind}', {{bubbles: true}})); }})()"
        )

    def click(self, identifier):
        self.js(f"document.getElementById('{identifier}').click()")

    def box(self, selector):
        self.js(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        return self.js(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; }})()"
        )

    def mouse(self, kind, x, y, pressed=False):
        button = "left" if kind != "mouseMoved" or pressed else "none"
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=int(pressed), clickCount=int(kind != "mouseMoved"))

    def drag(self, selector, start, end):
        x, y, width, height = self.box(selector)
        at = lambda part: (x + part[0] * width, y + part[1] * height)
        self.mouse("mouseMoved", *at(start))
        self.mouse("mousePressed", *at(start), pressed=True)
        for step in range(1, 6):
            self.mouse("mouseMoved", *(a + (b - a) * step / 5 for a, b in zip(at(start), at(end))), pressed=True)
        self.mouse("mouseReleased", *at(end))

    def key(self, name, text=None):
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, "Home": 36, "End": 35}
        more = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=codes.get(name, ord(name[0])), **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=codes.get(name, ord(name[0])))

    def screenshot(self, scale=1.0, height=None):
        size = self.js("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], height or size[1]), "scale": scale}
        return base64.b64decode(self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"])

    def close(self):
        self.call("Browser.close", session=None)
        self.process.wait(20)


def artifact(path):
    """Tensors of an artifact: shape and values."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    kinds = {"F32": "f", "F64": "d", "U32": "I", "U8": "B", "I64": "q"}
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__" and about["dtype"] in kinds:
            values = array.array(kinds[about["dtype"]])
            values.frombytes(body[slice(*about["data_offsets"])])
            tensors[name] = (about["shape"], values)
    return tensors


def png(data):
    """Width, height and rows of grey levels of a PNG with 8 bits and 3 or 4 channels."""
    at, body = 8, b""
    while at < len(data):
        (size,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", data[at + 8 : at + 18])
        elif kind == b"IDAT":
            body += data[at + 8 : at + 8 + size]
        at += size + 12
    channels = {2: 3, 6: 4}[colour]
    raw, stride, before, rows = zlib.decompress(body), width * channels, bytearray(width * channels), []
    assert depth == 8
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        method = raw[y * (stride + 1)]
        for i in range(stride):
            left = line[i - channels] if i >= channels else 0
            corner = before[i - channels] if i >= channels else 0
            up = before[i]
            if method == 4:
                p = left + up - corner
                nearest = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
            line[i] = (line[i] + (0, left, up, (left + up) // 2, nearest if method == 4 else 0)[method]) & 255
        rows.append([sum(line[x * channels : x * channels + 3]) // 3 for x in range(width)])
        before = line
    return width, height, rows


def shown(x):
    """A number as the page shows it."""
    size = abs(x)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    # As toFixed: halves away from zero.
    text = f"{math.copysign(math.floor(size * 10**digits + 0.5) / 10**digits, x):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return ("0" if text in ("-0", "") else text).replace("-", "−")


passed = 0


def check(holds, what):
    global passed
    if not holds:
        print(f"failed: {what}", file=sys.stderr)
        sys.exit(1)
    passed += 1


def close(found, expected, what, tolerance=0.011):
    check(abs(found - expected) <= tolerance * max(1.0, abs(expected)), f"{what}: found {found}, expected {expected}")


def number(text):
    return float(text.replace("−", "-"))


def told(page):
    return page.js("document.getElementById('readout').textContent")


def after(text, words):
    """The number after some words of the readout."""
    check(words in text, f"{words!r} in the readout {text!r}")
    return number(text.split(words, 1)[1].lstrip().split(" ")[0].rstrip(",·;"))


def explore_lif(page, report, evaluation):
    page.open(report)
    tensors = artifact(evaluation)
    (trials, times, _), output = tensors["output"]
    target, time_ms = tensors["target"][1], tensors["time_ms"][1]
    rate = tensors["rate_output"][1]
    spike = {name: tensors[f"spike_{name}"][1] for name in ("trial", "unit", "step")}
    condition, correct = tensors["condition"][1], tensors["correct"][1]
    recorded = tensors["input"][0][0]
    shown_trials = min(recorded, 8)
    check(page.js("!document.getElementById('explore').hidden"), "the part to explore is there")
    check(len(page.texts("#trial option")) == shown_trials, "a choice per recorded trial")
    names = page.texts(".condition")
    check(len(names) == len(set(condition)), "a box per condition")

    def index(t):
        return max(i for i in range(times) if time_ms[i] <= t + 1e-9)

    # Trials: spikes and values are those of the artifact.
    for trial in range(shown_trials):
        page.choose("trial", trial)
        page.choose("cursor", 700)
        at = index(page.js("Number(document.getElementById('cursor').value)"))
        text = told(page)
        drawn = page.js("[...document.querySelectorAll('[data-spikes]')].reduce((sum, e) => sum + Number(e.dataset.spikes), 0)")
        own = [i for i, of in enumerate(spike["trial"]) if of == trial]
        check(0.97 * len(own) - 2 <= drawn <= len(own), f"spikes of trial {trial}: {drawn} of {len(own)} at different places")
        close(after(text, "answer" if "answer " in text.split("·")[1] else "output"), output[trial * times + at], f"output of trial {trial}")
        close(after(text, "target"), target[trial * times + at], f"target of trial {trial}")
        close(after(text, "rate network"), rate[trial * times + at], f"output of the rate network in trial {trial}")
    option = page.texts("#trial option")[0]
    check(("(wrong)" in option) == (not correct[0]), "wrong answers are named")

    # Means by condition.
    page.choose("show", "means")
    text = told(page)
    at = index(page.js("Number(document.getElementById('cursor').value)"))
    for c in sorted(set(condition)):
        own = [output[t * times + at] for t in range(trials) if condition[t] == c]
        mean = sum(own) / len(own)
        sd = math.sqrt(sum((x - mean) ** 2 for x in own) / (len(own) - 1))
        name = names[sorted(set(condition)).index(c)]
        part = next(part for part in text.split(" · ") if part.startswith(f"{name}: "))
        words = part.removeprefix(f"{name}: ").split(" ")
        close(number(words[1]), mean, f"mean of {name}")
        close(number(words[3].rstrip(",")), sd, f"SD of {name}", 0.02)
    lines = lambda: page.js("[...document.querySelectorAll('[data-panel^=\"Output of the LIF\"] [data-condition]')].map(e => e.dataset.condition)")
    check(lines() == names, "a curve per condition")
    page.click("condition-0")
    check(lines() == names[1:], "a condition can be hidden")
    dots = page.js("document.querySelectorAll('[data-panel=Units] circle').length")
    page.click("condition-0")
    check(lines() == names and page.js("document.querySelectorAll('[data-panel=Units] circle').length") == 2 * dots, "and shown again")
    page.choose("show", "trial")
    page.choose("trial", 0)

    # Zoom by buttons, keys and mouse; one range for all panels.
    def span():
        low, high = page.js("document.getElementById('range').textContent").removesuffix(" ms").split("–")
        return number(low), number(high)

    whole = span()
    page.choose("cursor", 500)
    page.click("zoom-in")
    close(span()[1] - span()[0], (whole[1] - whole[0]) / 2, "the zoomed range", 0.02)
    ticks = page.texts('[data-panel="Spikes"] .axes text')
    check(str(int(whole[1])) not in ticks, "the axis follows")
    before = span()
    page.click("later")
    check(span()[0] > before[0], "later is later")
    page.click("earlier")
    check(span() == before, "earlier is earlier")
    page.click("zoom-out")
    close(span()[1] - span()[0], whole[1] - whole[0], "zoom out", 0.02)
    page.click("zoom-in")
    page.click("whole")
    check(span() == whole, "the whole trial")
    page.js("document.querySelector('[data-panel=\"Spikes\"]').focus()")
    page.key("+", "+")
    close(span()[1] - span()[0], (whole[1] - whole[0]) / 2, "zoom by key", 0.02)
    page.key("-", "-")
    page.key("0", "0")
    check(span() == whole, "0 shows the whole trial")
    t = after("x " + told(page), "x")
    page.key("ArrowRight")
    close(after("x " + told(page), "x") - t, (whole[1] - whole[0]) / 100, "an arrow key moves the cursor", 0.2)
    page.key("Home")
    close(after("x " + told(page), "x"), whole[0], "Home")
    page.drag('[data-panel="Spikes"]', (0.4, 0.5), (0.6, 0.5))
    low, high = span()
    check(0.2 * whole[1] < low < 0.5 * whole[1] and low < high < 0.75 * whole[1], f"a dragged range: {low} to {high}")
    page.js("document.querySelector('[data-panel=\"Spikes\"]').dispatchEvent(new MouseEvent('dblclick', {bubbles: true}))")
    check(span() == whole, "a double click shows the whole trial")

    # One cursor through all panels, by slider and by the mouse.
    page.choose("cursor", 250)
    place = page.js("[...document.querySelectorAll('.time .panel')].map(p => Number(p.querySelector('.cursor').getAttribute('x1')) / p.firstChild.viewBox.baseVal.width)")
    check(len(place) >= 5, f"panels over time: {len(place)}")
    x, y, width, height = page.box('[data-panel="Membrane potential"]')
    page.mouse("mouseMoved", x + 0.8 * width, y + 0.5 * height)
    moved = page.js("Number(document.getElementById('cursor').value)")
    check(0.65 * whole[1] < moved < 0.9 * whole[1], f"the cursor follows the mouse: {moved}")
    axes = page.js("[...document.querySelectorAll('.time .panel')].map(p => [Number(p.querySelector('.cursor').getAttribute('x1')), p.firstChild.viewBox.baseVal.width])")
    expected = [58 + moved / whole[1] * (width - 58 - 12) for _, width in axes]
    check(all(abs(x - e) < 1.5 + 0.004 * w for (x, w), e in zip(axes, expected)), f"in all panels: {axes} {expected}")

    # Units: order, filter, hover.
    counts = [0] * len(tensors["rate_hz"][1])
    for of, unit in zip(spike["trial"], spike["unit"]):
        counts[unit] += of == 0
    page.choose("order", "rate")
    x, y, width, height = page.box('[data-panel="Spikes"]')
    page.mouse("mouseMoved", x + 0.5 * width, y + 7 / 240 * height)
    check(f"{max(counts)} spikes in this trial" in told(page), f"the unit with most spikes ({max(counts)}) is at the top: {told(page)}")
    page.choose("order", "unit")
    page.mouse("mouseMoved", x + 0.51 * width, y + 7 / 240 * height)
    check(f"unit {len(counts) - 1} " in told(page), f"the last unit is at the top: {told(page)}")
    page.choose("units", "0-9, 12")
    drawn = page.js("[...document.querySelectorAll('[data-spikes]')].reduce((sum, e) => sum + Number(e.dataset.spikes), 0)")
    chosen = sum(counts[:10]) + counts[12]
    check(0.97 * chosen - 1 <= drawn <= chosen, f"spikes of chosen units: {drawn} of {chosen}")
    page.choose("units", "0-")
    check(page.attribute("#units", "aria-invalid") == "true", "a wrong list of units is marked")
    page.choose("units", "")
    page.choose("order", "population")

    # Potentials.
    (_, steps, units), v = tensors["v_mv"]
    v_time = tensors["potential_time_ms"][1]
    for u, unit in enumerate(tensors["recorded_unit"][1][:8]):
        page.choose("potential", u)
        text = told(page)
        at = max(i for i in range(steps) if v_time[i] <= page.js("Number(document.getElementById('cursor').value)") + 1e-9)
        close(after(text, f"potential of unit {unit}"), v[at * units + u], f"potential of unit {unit}", 0.02)

    # Both networks, unit by unit.
    (_, n), hz = tensors["rate_hz_by_condition"]
    dot = page.js("(() => { const c = document.querySelectorAll('[data-panel=Units] circle')[3].getBoundingClientRect(); return [c.x + c.width / 2, c.y + c.height / 2]; })()")
    page.js("document.querySelector('[data-panel=Units]').scrollIntoView({block: 'center'})")
    dot = page.js("(() => { const c = document.querySelectorAll('[data-panel=Units] circle')[3].getBoundingClientRect(); return [c.x + c.width / 2, c.y + c.height / 2]; })()")
    page.mouse("mouseMoved", *dot)
    text = told(page)
    check("unit " in text and "Hz" in text, f"a unit under the mouse: {text}")
    unit = int(text.split("unit ")[-1].split(" ")[0])
    close(after(text, f"; {names[0]}"), hz[unit], "its rate")
    check(page.js("document.querySelectorAll('.chosen').length") == len(names), "it is marked in every condition")
    order = lambda: page.js("[...document.querySelectorAll('[data-panel=\"Heat maps\"] [data-unit]')].slice(0, 300).map(e => e.dataset.unit)")
    before = order()
    page.choose("heat", 1)
    check(order() != before and sorted(order()[:n]) == sorted(before[:n]), "heat maps are sorted by another condition")


def explore_modes(page, report, evaluation):
    page.open(report)
    tensors = artifact(evaluation)
    path = lambda: page.js("document.querySelector('[data-panel=\"Mode space\"] [data-trial]').getAttribute('d')")
    (recorded, times, modes), _ = tensors["mode_trial"]
    check(path().count("L") == times - 1, "the trajectory of a trial has all its times")
    check(len(page.texts("#axis-x option")) == min(modes, 12), "a choice per mode")
    first = path()
    page.choose("azimuth", 80)
    turned = path()
    check(turned != first, "Turn rotates the view")
    page.choose("elevation", -20)
    check(path() != turned, "Tilt rotates the view")
    before = path()
    page.drag('[data-panel="Mode space"]', (0.3, 0.5), (0.6, 0.4))
    check(path() != before and page.js("Number(document.getElementById('azimuth').value)") != 80, "dragging rotates the view")
    page.js("document.querySelector('[data-panel=\"Mode space\"]').focus()")
    before = path()
    page.key("ArrowLeft")
    check(path() != before, "arrow keys rotate the view")
    page.choose("axis-z", -1)
    check(page.js("document.getElementById('azimuth').disabled"), "two modes are not rotated")
    labels = page.texts('[data-panel="Mode space"] .axes text')
    check(any(label.startswith("Mode ") for label in labels), "axes have names")
    before = path()
    page.choose("axis-x", 1)
    check(path() != before, "another mode on the axis")
    page.choose("axis-x", 0)
    # The dot of the cursor is where the curve is: compare with the artifact along the axis.
    dots = lambda: page.js("[...document.querySelectorAll('.cursor-dot')].map(e => [Number(e.getAttribute('cx')), Number(e.getAttribute('cy'))])")
    page.choose("cursor", 100)
    early = dots()
    page.choose("cursor", 900)
    check(dots() != early, "the cursor moves through mode space")
    trial = page.js("Number(document.getElementById('trial').value)")
    order = sorted(range(modes), key=lambda mode: -tensors["importance"][1][mode])
    values = [tensors["mode_trial"][1][(trial * times + t) * modes + order[0]] for t in range(times)]
    xs = [float(point.replace("M", "").split(" ")[0]) for point in path().split("L")]
    spread = max(values) - min(values)
    slope = (xs[values.index(max(values))] - xs[values.index(min(values))]) / spread
    check(all(abs(xs[0] + slope * (v - values[0]) - x) < 1.0 for v, x in zip(values, xs)), "the curve is that of the artifact")
    page.choose("axis-z", 2 if modes > 2 else -1)
    page.choose("show", "means")
    # Means are over all trials, or over the recorded ones.
    conditions = tensors["condition"][1] if "mode_activity" in tensors else tensors["condition"][1][:recorded]
    paths = page.js("document.querySelectorAll('[data-panel=\"Mode space\"] [data-condition]').length")
    check(paths == len(set(conditions)), f"a path per condition: {paths}")


def accessible(page, report):
    """Every control has a name and can be reached with the Tab key."""
    page.open(report)
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "combobox", "checkbox", "slider", "textbox", "menuListPopup", "spinbutton", "searchbox"}
    controls = [node for node in tree if node.get("role", {}).get("value") in roles and not node.get("ignored")]
    unnamed = [node["role"]["value"] for node in controls if not node.get("name", {}).get("value") and node["role"]["value"] != "menuListPopup"]
    check(len(controls) > 8 and not unnamed, f"controls without a name: {unnamed}")
    wanted = page.js("document.querySelectorAll('#explore select, #explore input, #explore button, #explore [tabindex]').length")
    page.js("document.body.focus()")
    reached = set()
    for _ in range(2 * wanted + 20):
        page.key("Tab")
        reached.add(page.js("(() => { const all = [...document.querySelectorAll('#explore select, #explore input, #explore button, #explore [tabindex]')]; return all.indexOf(document.activeElement); })()"))
    disabled = page.js("document.querySelectorAll('#explore :disabled').length")
    check(len(reached - {-1}) >= wanted - disabled, f"reached by the Tab key: {len(reached - {-1})} of {wanted}")
    pictures = page.js("[...document.querySelectorAll('svg[role=img]')].filter(s => !(s.getAttribute('aria-label') || s.querySelector('title'))).length")
    check(pictures == 0, "every picture has a name")


def layout(page, report, name):
    for width in (360, 768, 1400, 2560):
        page.open(report, width=width)
        wide = page.js("document.documentElement.scrollWidth")
        check(wide <= width, f"{name} is {wide} px wide on {width} px")
    page.open(report, scripts=False)
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    check(page.js("document.getElementById('explore') === null || document.getElementById('explore').hidden"), "nothing to explore without scripts")
    figures = page.js("[...document.querySelectorAll('figure svg')].filter(s => s.getBoundingClientRect().width > 100).length")
    check(figures >= 3, f"{figures} figures without scripts")
    for width in (360, 1400):
        for scheme in ("light", "dark"):
            page.open(report, width=width, scheme=scheme)
            background = page.js("getComputedStyle(document.body).backgroundColor")
            channels = [int(x) for x in background[4:-1].split(",")[:3]]
            check((sum(channels) > 600) == (scheme == "light"), f"{scheme}: {background}")
            compare(page, f"{name}-{width}-{scheme}")


def compare(page, name):
    """Compares a small screenshot of the pictures with the stored one, without the text between them, whose height depends on the
    fonts of the machine. A large one of the whole page is kept for the eye."""
    (WORK / "screenshots").mkdir(exist_ok=True)
    (WORK / "screenshots" / f"{name}.png").write_bytes(page.screenshot())
    text = "h1, h2, h3, p, ol, table, fieldset, figcaption, details, .key, .controls, .told { display: none !important; }"
    page.js(f"document.head.append(Object.assign(document.createElement('style'), {{ textContent: {json.dumps(text)} }}))")
    small = page.screenshot(scale=0.125 if "1400" in name else 0.25, height=2400)
    stored = SCREENSHOTS / f"{name}.png"
    if UPDATE:
        SCREENSHOTS.mkdir(exist_ok=True)
        stored.write_bytes(small)
        return
    (width, height, found), (other_width, other_height, expected) = png(small), png(stored.read_bytes())
    same = width == other_width and abs(height - other_height) <= 0.1 * other_height
    check(same, f"{name}: {width} × {height} pixels, expected {other_width} × {other_height}")
    pairs = [(a, b) for row, other in zip(found, expected) for a, b in zip(row, other)]
    mean = sum(abs(a - b) for a, b in pairs) / len(pairs)
    share = sum(abs(a - b) > DIFFERENT for a, b in pairs) / len(pairs)
    check(mean <= MEAN_DIFFERENCE and share <= SHARE, f"{name} differs from {stored}: mean {mean:.1f}, {share:.3f} of the pixels")


def index_page(page, path, runs):
    page.open(path)
    rows = lambda: page.js("[...document.querySelectorAll('#runs tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].textContent)")
    check(len(rows()) == runs, f"{len(rows())} rows, expected {runs}")
    heads = page.texts("#runs thead th")
    column = heads.index("Performance")
    value = f"[...document.querySelectorAll('#runs tbody tr')].map(r => Number(r.cells[{column}].dataset.value))"
    button = f"document.querySelectorAll('#runs thead button')[{column}].click()"
    page.js(button)
    up = page.js(value)
    check(up == sorted(up), f"sorted: {up}")
    page.js(button)
    check(page.js(value) == up[::-1], "sorted the other way")
    page.choose("filter", "spiking")
    check(0 < len(rows()) < runs and f"{len(rows())} of {runs}" in page.texts("#shown")[0], f"filtered: {rows()}")
    links = page.js("[...document.querySelectorAll('#runs a')].map(a => a.href)")
    files = [pathlib.Path(urllib.parse.unquote(link.removeprefix("file://"))) for link in links]
    check(len(files) >= runs and all(file.is_file() for file in files), f"links: {links}")


def networks():
    """A converted network, a spiking one and a converted one with modes, with their reports, and an index."""
    def run(program, *arguments):
        done = subprocess.run([PROGRAMS / program, *map(str, arguments), "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
        if done.returncode not in (0, 4):
            sys.exit(f"{program} ended with status {done.returncode}: {done.stderr.decode()}")

    def settings(*fields):
        return [word for field in fields for word in ("--set", field)]

    runs = WORK / "runs"
    few = settings("search.trials=10", "search.extend=false", "search.factors=[20,30,40]")
    for name, config, more in (
        ("go-nogo", "go-nogo", ["training.max_updates=1500"]),
        ("mode #1", "mante-modes", ["training.max_updates=300", "network.neurons=60"]),
    ):
        at = runs / name
        run("train-rate", "--config", f"configs/{config}.json", "--threads", 1, *settings(*more), "-o", at / "rate.safetensors")
        run("lambda-search", at / "rate.safetensors", *few, "-o", at / "lif.safetensors")
        run("eval-lif", at / "lif.safetensors", *settings("evaluation.trials=60"), "--report", at / "report.html", "-o", at / "eval.safetensors")
    at = runs / "spiking"
    run("train-spiking", "--config", "configs/mante-spiking.json", "--threads", 1, *settings("training.max_updates=150", "network.neurons=60"), "-o", at / "spiking.safetensors")
    run("eval-spiking", at / "spiking.safetensors", *settings("evaluation.trials=60"), "--report", at / "report.html", "-o", at / "eval.safetensors")
    run("report", "--index", runs)
    return runs


def main():
    runs = networks()
    page = Browser(BROWSER, str(WORK / "profile"))
    try:
        look(page, runs)
    finally:
        page.close()
    print(f"passed: {passed} checks of reports in a browser")


def look(page, runs):
    report = lambda name: runs / name / "report.html"
    explore_lif(page, report("go-nogo"), runs / "go-nogo/eval.safetensors")
    explore_modes(page, report("spiking"), runs / "spiking/eval.safetensors")
    explore_modes(page, report("mode #1"), runs / "mode #1/eval.safetensors")
    for name in ("go-nogo", "spiking"):
        accessible(page, report(name))
        layout(page, report(name), name)
    index_page(page, runs / "index.html", 3)
    layout(page, report("mode #1"), "modes")
    check(not page.problems, f"problems in the console: {page.problems}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    BROWSER, PROGRAMS, WORK = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    main()
