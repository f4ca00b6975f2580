
"use strict";
{
  const D = JSON.parse(document.getElementById("data").textContent);
  const root = document.getElementById("explore");
  const SVG = root.querySelector("svg").namespaceURI;
  const LEFT = 58, RIGHT = 12, GREY = "#808080", INK = "#222222";
  const byId = id => document.getElementById(id);
  const range = count => [...Array(count).keys()];
  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

  /* What is shown. */
  const S = {
    trial: 0, means: false, hidden: new Set(), from: 0, to: D.duration, cursor: 0, order: "population", only: null,
    output: 0, potential: 0, axes: [0, 1, -1], azimuth: 35, elevation: 20, unit: -1, heat: 0,
  };
  /* Begin with a trial that has an answer to give. */
  const largest = t => t.target ? Math.max(...t.target.flat().map(Math.abs)) : 0;
  S.trial = D.trials.reduce((best, t, i) => largest(t) > largest(D.trials[best]) ? i : best, 0);
  if (D.modes) S.axes = [0, Math.min(1, D.modes.count - 1), D.modes.count > 2 ? 2 : -1];

  /* ---- Elements ---- */
  function make(space, name, attributes = {}, ...children) {
    const element = space ? document.createElementNS(space, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }
  const html = (name, attributes, ...children) => make(null, name, attributes, ...children);
  const svg = (name, attributes, ...children) => make(SVG, name, attributes, ...children);
  const text = (x, y, content, more = {}) => svg("text", { x, y, "font-size": 11, fill: INK, ...more }, content);
  const line = (x1, y1, x2, y2, stroke = "#444444", more = {}) => svg("line", { x1, y1, x2, y2, stroke, "stroke-width": 0.8, ...more });
  const path = (d, stroke, width = 1.5, more = {}) => svg("path", { d, fill: "none", stroke, "stroke-width": width, "stroke-linejoin": "round", ...more });

  /* ---- Numbers ---- */
  const shown = x => {
    if (!Number.isFinite(x)) return "–";
    const digits = Math.abs(x) >= 100 ? 0 : Math.abs(x) >= 10 ? 1 : Math.abs(x) >= 1 ? 2 : 3;
    return String(Number(x.toFixed(digits))).replace("-", "−");
  };
  const extent = lists => {
    let low = Infinity, high = -Infinity;
    for (const list of lists) for (const x of list) {
      if (x < low) low = x;
      if (x > high) high = x;
    }
    if (low > high) return [0, 1];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  };
  function ticks(low, high, count) {
    const raw = (high - low) / count, decade = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map(f => f * decade).find(s => s >= raw);
    const first = Math.ceil(low / step - 1e-9);
    return range(Math.floor(high / step + 1e-9) - first + 1).map(i => Number(((first + i) * step).toPrecision(12)));
  }
  /* Index of the last time that is not after `t`; -1 before the first. */
  function at(times, t) {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t + 1e-9) low = middle + 1; else high = middle;
    }
    return low - 1;
  }
  const nearest = (times, t) => {
    const index = at(times, t);
    return index < 0 ? 0 : index + 1 < times.length && times[index + 1] - t < t - times[index] ? index + 1 : index;
  };

  const trial = () => D.trials[S.trial];
  const conditions = () => range(D.conditions.length).filter(c => !S.hidden.has(c));
  const colour = c => D.conditions[c].colour;
  const unitNumber = u => D.units ? D.units[u] : u;

  /* ---- Frame of a panel: axes, and functions from data to the screen ---- */
  function frame(width, height, { x, y, xLabel, yLabel, xTicks = 6, yTicks = 4, bottom = 34, top = 6, numbers = true, name }) {
    const right = width - RIGHT, low = height - bottom;
    const at = {
      left: LEFT, right, top, low,
      x: v => LEFT + (v - x[0]) / (x[1] - x[0]) * (right - LEFT),
      y: v => low - (v - y[0]) / (y[1] - y[0]) * (low - top),
      back: px => x[0] + (px - LEFT) / (right - LEFT) * (x[1] - x[0]),
      backY: py => y[0] + (low - py) / (low - top) * (y[1] - y[0]),
    };
    const axes = svg("g", { class: "axes" });
    axes.append(line(LEFT, top, LEFT, low), line(LEFT, low, right, low));
    for (const v of ticks(x[0], x[1], xTicks)) {
      axes.append(line(at.x(v), low, at.x(v), low + 4));
      if (numbers) axes.append(text(at.x(v), low + 15, shown(v), { "text-anchor": "middle", "font-size": 10 }));
    }
    for (const v of yTicks ? ticks(y[0], y[1], yTicks) : []) {
      axes.append(line(LEFT - 4, at.y(v), LEFT, at.y(v)), text(LEFT - 7, at.y(v) + 3.5, shown(v), { "text-anchor": "end", "font-size": 10 }));
    }
    if (xLabel && numbers) axes.append(text((LEFT + right) / 2, low + 30, xLabel, { "text-anchor": "middle" }));
    if (yLabel) axes.append(text(0, 0, yLabel, { "text-anchor": "middle", transform: `translate(12 ${(top + low) / 2}) rotate(-90)` }));
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": name });
    return { at, axes, picture };
  }
  const widthOf = holder => Math.max(Math.floor(holder.clientWidth), 240);

  /* Curve through values at times, in the shown part of time. */
  function curve(times, values, at) {
    let d = "", last = "";
    const columns = Math.max(1, Math.floor(values.length / 4000));
    for (let i = 0; i < Math.min(times.length, values.length); i += columns) {
      const t = times[i];
      if ((i + columns < times.length && times[i + columns] < S.from) || t > S.to + (D.step || 0)) continue;
      const point = `${at.x(t).toFixed(1)} ${at.y(values[i]).toFixed(1)}`;
      if (point !== last) d += (d ? "L" : "M") + point;
      last = point;
    }
    return d;
  }
  function band(times, mean, sd, at) {
    const up = [], down = [];
    for (let i = 0; i < mean.length; i++) {
      if (times[i] < S.from - (D.step || 0) || times[i] > S.to + (D.step || 0)) continue;
      up.push(`${at.x(times[i]).toFixed(1)} ${at.y(mean[i] + sd[i]).toFixed(1)}`);
      down.unshift(`${at.x(times[i]).toFixed(1)} ${at.y(mean[i] - sd[i]).toFixed(1)}`);
    }
    return up.length ? `M${up.join("L")}L${down.join("L")}Z` : "";
  }

  /* ---- Panels over time; they share zoom and cursor ---- */
  const timePanels = [];
  let clips = 0;
  function timePanel(name, height, build) {
    const holder = html("div", { class: "panel", tabindex: 0, role: "group", "aria-label": `${name}. Arrow keys move the time cursor, plus and minus zoom, 0 shows the whole trial.`, "data-panel": name });
    const panel = { name, holder, at: null, cursor: null };
    panel.draw = () => {
      const width = widthOf(holder), clip = `clip-${clips++}`;
      const { options, marks, over } = build(width);
      const { at, axes, picture } = frame(width, options.height || height, { x: [S.from, S.to], xLabel: "Time (ms)", name, ...options });
      const inside = svg("g", { "clip-path": `url(#${clip})` });
      picture.append(svg("defs", {}, svg("clipPath", { id: clip }, svg("rect", { x: LEFT, y: 0, width: at.right - LEFT, height: at.low + 0.5 }))));
      for (const [from, to] of S.means ? D.windows : trial().windows) {
        inside.append(svg("rect", { class: "window", x: at.x(from), y: at.top, width: Math.max(at.x(to) - at.x(from), 0), height: at.low - at.top, fill: "#ececec" }));
      }
      inside.append(...marks(at));
      panel.cursor = line(0, at.top, 0, at.low, "#aa3377", { class: "cursor", "stroke-width": 1.2 });
      inside.append(panel.cursor);
      picture.append(inside, axes, ...(over ? over(at) : []));
      panel.at = at;
      holder.replaceChildren(picture);
      panel.move();
    };
    panel.move = () => {
      if (!panel.at) return;
      const x = panel.at.x(S.cursor);
      panel.cursor.setAttribute("x1", x);
      panel.cursor.setAttribute("x2", x);
    };
    let start = null, box = null;
    const place = event => {
      const area = holder.getBoundingClientRect(), picture = holder.firstChild;
      const scale = picture.viewBox.baseVal.width / picture.getBoundingClientRect().width;
      return [(event.clientX - area.left) * scale, (event.clientY - area.top) * scale];
    };
    holder.addEventListener("pointermove", event => {
      if (!panel.at) return;
      const [x, y] = place(event);
      const t = clamp(panel.at.back(x), S.from, S.to);
      setCursor(t);
      if (panel.hover) panel.hover(t, panel.at.backY(y));
      if (start !== null) {
        const from = panel.at.x(start), to = panel.at.x(t);
        if (!box) holder.firstChild.append(box = svg("rect", { class: "selection", fill: "#aa3377", opacity: 0.15, y: panel.at.top, height: panel.at.low - panel.at.top }));
        box.setAttribute("x", Math.min(from, to));
        box.setAttribute("width", Math.abs(to - from));
      }
    });
    holder.addEventListener("pointerdown", event => {
      if (event.pointerType === "mouse" && event.button === 0 && panel.at) {
        start = clamp(panel.at.back(place(event)[0]), S.from, S.to);
        holder.setPointerCapture(event.pointerId);
      }
    });
    holder.addEventListener("pointerup", event => {
      if (start === null) return;
      const end = clamp(panel.at.back(place(event)[0]), S.from, S.to), from = Math.min(start, end), to = Math.max(start, end);
      start = null;
      if (box) box.remove();
      box = null;
      if ((to - from) > 0.01 * (S.to - S.from)) zoomTo(from, to);
    });
    holder.addEventListener("dblclick", () => zoomTo(0, D.duration));
    holder.addEventListener("keydown", keys);
    timePanels.push(panel);
    return panel;
  }
  function keys(event) {
    const step = (S.to - S.from) / (event.shiftKey ? 10 : 100);
    const done = {
      ArrowLeft: () => setCursor(S.cursor - step), ArrowRight: () => setCursor(S.cursor + step),
      Home: () => setCursor(S.from), End: () => setCursor(S.to),
      "+": () => zoomBy(0.5), "=": () => zoomBy(0.5), "-": () => zoomBy(2), 0: () => zoomTo(0, D.duration),
    }[event.key];
    if (!done || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    done();
  }
  function zoomTo(from, to) {
    const least = Math.max(4 * (D.step || 0), D.duration / 500);
    if (to - from < least) {
      const middle = (from + to) / 2;
      [from, to] = [middle - least / 2, middle + least / 2];
    }
    S.from = clamp(from, 0, Math.max(D.duration - least, 0));
    S.to = clamp(to, S.from + least, D.duration);
    S.cursor = clamp(S.cursor, S.from, S.to);
    sliders();
    timePanels.forEach(panel => panel.draw());
    moved();
  }
  function zoomBy(factor) {
    const width = (S.to - S.from) * factor, part = (S.cursor - S.from) / (S.to - S.from);
    zoomTo(S.cursor - part * width, S.cursor + (1 - part) * width);
  }
  function pan(part) {
    const width = S.to - S.from, from = clamp(S.from + part * width, 0, D.duration - width);
    zoomTo(from, from + width);
  }
  function setCursor(t) {
    S.cursor = clamp(t, S.from, S.to);
    moved();
  }

  /* ---- Inputs, outputs ---- */
  const inputPanel = D.inputs.length && D.trials[0]?.input ? timePanel("Input", 0, () => {
    const count = D.inputs.length, lane = count > 12 ? 10 : 24;
    const lists = S.means ? conditions().flatMap(c => D.means[c].input || []) : trial().input;
    const [low, high] = extent([...lists, [0]]);
    const scale = v => 0.8 * (v - low) / ((high - low) || 1);
    return {
      options: { height: count * lane + 18, bottom: 12, numbers: false, y: [0, count], yTicks: 0 },
      marks: at => {
        const curves = [];
        const add = (lists, stroke) => lists.forEach((values, k) => {
          const base = count - 1 - k + 0.1;
          curves.push(path(curve(D.time, values.map(v => base + scale(v)), at), stroke, 1.1));
        });
        if (S.means) conditions().forEach(c => D.means[c].input && add(D.means[c].input, colour(c)));
        else add(trial().input, INK);
        return curves;
      },
      over: at => count > 12 ? [text(LEFT - 7, at.y(count / 2), "Input", { "text-anchor": "end" })]
        : D.inputs.map((name, k) => text(LEFT - 7, at.y(count - 0.6 - k) + 4, name.length > 9 ? name.slice(0, 8) + "…" : name, { "text-anchor": "end", "font-size": 10 }, )),
    };
  }) : null;

  /* Range of an output in everything that can be shown, so that choices do not move the axis. */
  const outputRange = range(D.outputs.length).map(o => {
    const lists = [D.thresholds[o]];
    for (const m of D.means) lists.push(m.output[o].map((v, i) => v + m.sd[o][i]), m.output[o].map((v, i) => v - m.sd[o][i]), m.target[o], ...(m.rate ? [m.rate[o]] : []));
    for (const t of D.trials) if (t.output) lists.push(t.output[o], ...(t.rate ? [t.rate[o]] : []));
    const [low, high] = extent(lists);
    return [low - 0.04 * (high - low), high + 0.04 * (high - low)];
  });
  function outputMarks(of, with_sd) {
    return at => {
      const o = S.output, marks = [];
      for (const level of D.thresholds[o]) marks.push(line(LEFT, at.y(level), at.right, at.y(level), GREY, { "stroke-dasharray": "1 2", "stroke-width": 1 }));
      if (S.means) {
        if (with_sd) conditions().forEach(c => marks.push(svg("path", { d: band(D.time, D.means[c].output[o], D.means[c].sd[o], at), fill: colour(c), opacity: 0.2 })));
        conditions().forEach(c => {
          marks.push(path(curve(D.time, D.means[c].target[o], at), colour(c), 1.1, { "stroke-dasharray": "5 3" }));
          marks.push(path(curve(D.time, D.means[c][of][o], at), colour(c), 1.6, { "data-condition": D.conditions[c].name }));
        });
      } else {
        const own = trial();
        marks.push(path(curve(D.time, own.target[o], at), colour(own.condition), 1.1, { "stroke-dasharray": "5 3" }));
        marks.push(path(curve(D.time, own[of][o], at), colour(own.condition), 1.6, { "data-condition": own.label }));
      }
      return marks;
    };
  }
  const hasOutput = D.outputs.length > 0 && D.trials[0]?.output;
  const outputPanel = hasOutput ? timePanel(`Output of the ${D.network} network`, 200, () => ({
    options: { y: outputRange[S.output], yLabel: D.outputs.length > 1 ? D.outputs[S.output] : "Output" }, marks: outputMarks("output", true),
  })) : null;
  const ratePanel = hasOutput && D.trials[0].rate ? timePanel("Output of the rate network", 200, () => ({
    options: { y: outputRange[S.output], yLabel: D.outputs.length > 1 ? D.outputs[S.output] : "Output" }, marks: outputMarks("rate", false),
  })) : null;

  /* ---- Spikes ---- */
  const counts = D.trials.map(t => {
    const own = new Float64Array(D.population.length);
    if (t.spikes) for (const u of t.spikes.unit) own[u]++;
    return own;
  });
  function rows() {
    let units = range(D.population.length).filter(u => !S.only || S.only(unitNumber(u)));
    const own = counts[S.trial];
    if (S.order === "population") units.sort((a, b) => D.population[a] - D.population[b] || a - b);
    if (S.order === "rate") units.sort((a, b) => own[a] - own[b] || a - b);
    return units;
  }
  const rasterPanel = D.trials[0]?.spikes ? timePanel("Spikes", 240, width => {
    const units = rows(), place = new Int32Array(D.population.length).fill(-1);
    units.forEach((u, row) => { place[u] = row; });
    return {
      options: { y: [0, Math.max(units.length, 1)], yLabel: S.order === "unit" ? "Unit" : `Units, by ${S.order}`, yTicks: Math.min(4, units.length) },
      marks: at => {
        const { time, unit } = trial().spikes, parts = D.populations.map(() => []);
        const tall = Math.max((at.low - at.top) / Math.max(units.length, 1) * 0.8, 1.2), seen = new Set();
        for (let i = 0; i < unit.length; i++) {
          if (place[unit[i]] < 0 || time[i] < S.from || time[i] > S.to) continue;
          const x = at.x(time[i]).toFixed(1), y = (at.y(place[unit[i]] + 0.5) - tall / 2).toFixed(1), mark = x + " " + y;
          if (seen.has(mark)) continue;
          seen.add(mark);
          parts[D.population[unit[i]]].push(`M${mark}v${tall.toFixed(1)}`);
        }
        const wide = clamp(width / 700, 0.8, 1.4);
        return parts.map((d, p) => path(d.join(""), D.populations[p].colour, wide, { "data-population": D.populations[p].name, "data-spikes": d.length }));
      },
    };
  }) : null;
  if (rasterPanel) rasterPanel.hover = (t, row) => {
    const units = rows(), u = units[Math.floor(row)];
    S.unit = u === undefined ? -1 : u;
    moved();
  };

  /* ---- Potentials ---- */
  const potentialPanel = D.potential && D.trials[0]?.potential ? timePanel("Membrane potential", 150, () => {
    const u = S.potential, of = t => t.potential[u];
    const [low, high] = extent([...D.trials.map(of).filter(Boolean), [D.potential.threshold[u]]]);
    const top = high + 0.25 * (high - low);
    return {
      options: { y: [low - 0.04 * (high - low), top], yLabel: D.potential.label, yTicks: 3 },
      marks: at => {
        const level = D.potential.threshold[u], own = trial(), number = D.potential.units[u], population = D.populations[D.potential.population[u]].colour;
        const marks = [line(LEFT, at.y(level), at.right, at.y(level), GREY, { "stroke-dasharray": "1 2", "stroke-width": 1 })];
        marks.push(path(curve(D.potential.time, of(own), at), population, 1));
        if (own.spikes) {
          const d = own.spikes.time.filter((t, i) => unitNumber(own.spikes.unit[i]) === number && t >= S.from && t <= S.to).map(t => `M${at.x(t).toFixed(1)} ${at.y(level).toFixed(1)}V${at.top + 3}`);
          marks.push(path(d.join(""), population, 1.1));
        }
        return marks;
      },
    };
  }) : null;

  /* ---- Mode space ---- */
  let modePanel = null;
  if (D.modes) {
    const holder = html("div", { class: "panel square", tabindex: 0, role: "group", "data-panel": "Mode space", "aria-label": "Mode space. Arrow keys rotate the view of three modes." });
    modePanel = { holder };
    const coordinate = (source, axis, i) => axis < 0 ? 0 : source[axis][i];
    const project = (point, centre, scale) => {
      const [x, y, z] = point.map((v, k) => (v - centre[k]) / scale[k]);
      if (S.axes[2] < 0) return [x, y];
      const a = S.azimuth * Math.PI / 180, e = S.elevation * Math.PI / 180;
      const u = x * Math.cos(a) - y * Math.sin(a), v = x * Math.sin(a) + y * Math.cos(a);
      return [u, z * Math.cos(e) + v * Math.sin(e)];
    };
    modePanel.draw = () => {
      const width = Math.min(widthOf(holder), 560), height = Math.round(width * 0.82), flat = S.axes[2] < 0;
      const sources = D.modes.means.concat(D.trials.flatMap(t => [t.modes, t.rateModes]).filter(Boolean));
      const ranges = S.axes.map(axis => axis < 0 ? [-1, 1] : extent(sources.filter(Boolean).map(s => s[axis])));
      const centre = ranges.map(([low, high]) => (low + high) / 2), scale = ranges.map(([low, high]) => (high - low) / 2 || 1);
      const radius = flat ? 1.08 : 1.6;
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `Mode space: ${S.axes.filter(a => a >= 0).map(a => D.modes.names[a]).join(", ")}` });
      const left = flat ? LEFT : 20, right = width - RIGHT, top = 8, low = height - (flat ? 36 : 12);
      const screen = ([u, v]) => [(left + right) / 2 + u / radius * (right - left) / 2, (top + low) / 2 - v / radius * (low - top) / 2];
      const place = point => screen(project(point, centre, scale));
      const names = [];
      if (flat) {
        const ends = k => [centre[k] - radius * scale[k], centre[k] + radius * scale[k]];
        const framed = frame(width, height, { x: ends(0), y: ends(1), xLabel: D.modes.names[S.axes[0]], yLabel: D.modes.names[S.axes[1]], bottom: 36, top: 8, name: "" });
        picture.append(framed.axes);
      } else {
        const corner = (i, j, k) => [ranges[0][i], ranges[1][j], ranges[2][k]];
        for (const [a, b] of [[[0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 1]], [[1, 0, 0], [1, 1, 0]], [[0, 1, 0], [1, 1, 0]], [[0, 0, 1], [1, 0, 1]], [[0, 0, 1], [0, 1, 1]], [[1, 0, 0], [1, 0, 1]], [[0, 1, 0], [0, 1, 1]]]) {
          const [x1, y1] = place(corner(...a)), [x2, y2] = place(corner(...b));
          picture.append(line(x1, y1, x2, y2, a.every(v => v === 0) ? "#444444" : "#cccccc"));
        }
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]].forEach((end, k) => {
          const [x, y] = place(corner(...end));
          names.push(text(clamp(x, 30, width - 30), clamp(y - 5, 12, height - 4), D.modes.names[S.axes[k]], { "text-anchor": "middle" }));
        });
      }
      const points = source => range(source[0].length).map(i => place(S.axes.map(axis => coordinate(source, axis, i))));
      const way = (source, stroke, width, more) => {
        const all = points(source);
        picture.append(path("M" + all.map(p => p.map(v => v.toFixed(1)).join(" ")).join("L"), stroke, width, more));
        const [x, y] = all[0], [u, v] = all[all.length - 1];
        picture.append(svg("circle", { cx: x, cy: y, r: 3, fill: "#ffffff", stroke, "stroke-width": 1.3 }), svg("circle", { cx: u, cy: v, r: 3.4, fill: stroke }));
      };
      modePanel.marks = [];
      const mark = (source, times, stroke) => {
        const dot = svg("circle", { class: "cursor-dot", r: 5, fill: stroke, stroke: "#aa3377", "stroke-width": 2 });
        modePanel.marks.push({ dot, source, times });
      };
      conditions().forEach(c => {
        const source = D.modes.means[c];
        if (!source) return;
        way(source, colour(c), S.means ? 1.7 : 1.1, { opacity: S.means || !trial().modes ? 1 : 0.55, "data-condition": D.conditions[c].name });
        if (S.means || !trial().modes) mark(source, D.modes.time, colour(c));
      });
      const own = trial();
      if (!S.means && own.modes) {
        way(own.modes, INK, 1.3, { "data-trial": S.trial });
        mark(own.modes, D.time, colour(own.condition));
        if (own.rateModes) {
          way(own.rateModes, INK, 1.1, { "stroke-dasharray": "1.5 2.5", "data-network": "rate" });
          mark(own.rateModes, D.time, "#ffffff");
        }
      }
      picture.append(...names, ...modePanel.marks.map(({ dot }) => dot));
      modePanel.place = place;
      holder.replaceChildren(picture);
      modePanel.move();
    };
    modePanel.move = () => {
      for (const { dot, source, times } of modePanel.marks || []) {
        const i = clamp(nearest(times, S.cursor), 0, source[0].length - 1), [x, y] = modePanel.place(S.axes.map(axis => coordinate(source, axis, i)));
        dot.setAttribute("cx", x.toFixed(1));
        dot.setAttribute("cy", y.toFixed(1));
      }
    };
    let drag = null;
    holder.addEventListener("pointerdown", event => {
      drag = [event.clientX, event.clientY, S.azimuth, S.elevation];
      holder.setPointerCapture(event.pointerId);
    });
    holder.addEventListener("pointermove", event => {
      if (!drag || S.axes[2] < 0) return;
      turn(drag[2] + (event.clientX - drag[0]) / 2, drag[3] + (event.clientY - drag[1]) / 2);
    });
    holder.addEventListener("pointerup", () => { drag = null; });
    holder.addEventListener("pointercancel", () => { drag = null; });
    holder.addEventListener("keydown", event => {
      const by = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5] }[event.key];
      if (!by) return;
      event.preventDefault();
      turn(S.azimuth + by[0], S.elevation + by[1]);
    });
  }
  function turn(azimuth, elevation) {
    S.azimuth = ((azimuth + 180) % 360 + 360) % 360 - 180;
    S.elevation = clamp(elevation, -90, 90);
    sliders();
    modePanel.draw();
  }

  /* ---- Units of both networks: a scatter and two heat maps ---- */
  let unitPanels = null;
  if (D.rates) {
    const scatter = html("div", { class: "panel square", "data-panel": "Units" });
    const maps = html("div", { class: "panel", "data-panel": "Heat maps" });
    unitPanels = { scatter, maps };
    const order = () => range(D.population.length).sort((a, b) => D.population[a] - D.population[b] || D.rates.hz[S.heat][a] - D.rates.hz[S.heat][b]);
    let dots = [];
    unitPanels.draw = () => {
      const width = Math.min(widthOf(scatter), 560), height = Math.round(width * 0.75);
      const x = extent(D.rates.rate), hz = extent([...D.rates.hz, [0]]);
      const pad = ([low, high]) => [low - 0.04 * (high - low), high + 0.04 * (high - low)];
      const { at, axes, picture } = frame(width, height, { x: pad(x), y: pad(hz), xLabel: "Mean rate in the rate network", yLabel: "Rate in the LIF network (Hz)", name: "Rate of each unit in both networks" });
      dots = [];
      conditions().forEach(c => D.population.forEach((p, u) => {
        const dot = svg("circle", { cx: at.x(D.rates.rate[c][u]).toFixed(1), cy: at.y(D.rates.hz[c][u]).toFixed(1), r: 2.4, fill: colour(c), opacity: 0.75 });
        dots.push({ x: at.x(D.rates.rate[c][u]), y: at.y(D.rates.hz[c][u]), unit: u, c, dot });
        picture.append(dot);
      }));
      unitPanels.chosen = svg("g", {});
      picture.append(axes, unitPanels.chosen);
      scatter.replaceChildren(picture);
      unitPanels.at = at;
      unitPanels.drawMaps();
      unitPanels.move();
    };
    unitPanels.drawMaps = () => {
      const width = widthOf(maps), shownConditions = conditions(), units = order(), tall = 220, top = 20;
      const picture = svg("svg", { viewBox: `0 0 ${width} ${tall + 62}`, width, height: tall + 62, role: "img", "aria-label": "Rates of all units by condition, in the LIF network and in the rate network" });
      const half = (width - LEFT - RIGHT - 24) / 2;
      const draw = (left, values, title, unit) => {
        const [low, high] = extent(shownConditions.map(c => values[c]).concat([[0]]));
        const cell = half / Math.max(shownConditions.length, 1), h = tall / units.length;
        picture.append(text(left + half / 2, 13, title, { "text-anchor": "middle", "font-weight": 700 }));
        shownConditions.forEach((c, column) => {
          units.forEach((u, row) => picture.append(svg("rect", { x: left + column * cell, y: top + tall - (row + 1) * h, width: cell - 1, height: h + 0.3, fill: shade((values[c][u] - low) / ((high - low) || 1)), "data-unit": u })));
          picture.append(text(left + (column + 0.5) * cell, top + tall + 13, D.conditions[c].name.length * 6 > cell ? D.conditions[c].name.slice(0, Math.max(Math.floor(cell / 7), 1)) + "…" : D.conditions[c].name, { "text-anchor": "middle", "font-size": 10 }));
        });
        range(40).forEach(i => picture.append(svg("rect", { x: left + i * half / 40, y: top + tall + 22, width: half / 40 + 0.4, height: 7, fill: shade(i / 39) })));
        picture.append(text(left, top + tall + 40, shown(low), { "font-size": 10 }), text(left + half, top + tall + 40, `${shown(high)} ${unit}`, { "font-size": 10, "text-anchor": "end" }));
      };
      draw(LEFT, D.rates.hz, "LIF network", "Hz");
      draw(LEFT + half + 24, D.rates.rate, "Rate network", "");
      picture.append(text(0, 0, "Units, by population", { "text-anchor": "middle", transform: `translate(12 ${top + tall / 2}) rotate(-90)` }));
      maps.replaceChildren(picture);
    };
    unitPanels.move = () => {
      if (!unitPanels.chosen) return;
      unitPanels.chosen.replaceChildren(...dots.filter(d => d.unit === S.unit).map(d => svg("circle", { class: "chosen", cx: d.x, cy: d.y, r: 5, fill: "none", stroke: "#aa3377", "stroke-width": 2 })));
    };
    scatter.addEventListener("pointermove", event => {
      const area = scatter.firstChild.getBoundingClientRect(), x = event.clientX - area.left, y = event.clientY - area.top;
      let best = null, distance = 15 ** 2;
      for (const d of dots) {
        const own = (d.x - x) ** 2 + (d.y - y) ** 2;
        if (own < distance) [best, distance] = [d, own];
      }
      S.unit = best ? best.unit : -1;
      moved();
    });
    maps.addEventListener("pointermove", event => {
      if (event.target.dataset?.unit === undefined) return;
      S.unit = Number(event.target.dataset.unit);
      moved();
    });
  }
  /* White to dark blue-violet. */
  function shade(part) {
    const dark = [38, 27, 94], p = Math.sqrt(clamp(part, 0, 1));
    return `rgb(${dark.map(v => Math.round(255 + (v - 255) * p)).join(" ")})`;
  }

  /* ---- Values at the cursor ---- */
  const readout = html("output", { id: "readout", class: "readout", "aria-live": "polite" });
  function told() {
    const t = S.cursor, parts = [`${shown(t)} ms`], i = at(D.time, t), own = trial();
    const value = (list, i) => list && i >= 0 && i < list.length ? shown(list[i]) : "–";
    if (hasOutput && i >= 0) {
      const name = D.outputs.length > 1 ? D.outputs[S.output] : "output";
      if (S.means) {
        for (const c of conditions()) {
          const m = D.means[c];
          parts.push(`${D.conditions[c].name}: ${name} ${value(m.output[S.output], i)} ± ${value(m.sd[S.output], i)}${m.rate ? `, rate network ${value(m.rate[S.output], i)}` : ""}`);
        }
      } else {
        parts.push(`${name} ${value(own.output[S.output], i)}, target ${value(own.target[S.output], i)}${own.rate ? `, rate network ${value(own.rate[S.output], i)}` : ""}`);
      }
    }
    if (!S.means && own.input && D.inputs.length <= 6) parts.push(D.inputs.map((name, k) => `${name} ${value(own.input[k], at(D.time, t))}`).join(", "));
    if (!S.means && own.spikes) {
      const bin = 20, count = own.spikes.time.filter(s => s > t - bin && s <= t).length;
      parts.push(`${count} spikes in the last ${bin} ms`);
    }
    if (!S.means && D.potential && own.potential) parts.push(`potential of unit ${D.potential.units[S.potential]} ${value(own.potential[S.potential], at(D.potential.time, t))} ${D.potential.unit}`.trim());
    if (S.unit >= 0) {
      const p = D.populations[D.population[S.unit]];
      let about = `unit ${unitNumber(S.unit)} (${p.name})`;
      if (D.trials[0]?.spikes) about += `, ${counts[S.trial][S.unit]} spikes in this trial`;
      if (D.rates) about += conditions().map(c => `; ${D.conditions[c].name} ${shown(D.rates.hz[c][S.unit])} Hz, rate network ${shown(D.rates.rate[c][S.unit])}`).join("");
      parts.push(about);
    }
    return parts.join(" · ");
  }
  function moved() {
    timePanels.forEach(panel => panel.move());
    if (modePanel) modePanel.move();
    if (unitPanels) unitPanels.move();
    const slider = byId("cursor");
    if (slider) {
      slider.value = S.cursor;
      slider.setAttribute("aria-valuetext", `${shown(S.cursor)} ms`);
    }
    readout.textContent = told();
  }
  function sliders() {
    const cursor = byId("cursor");
    if (cursor) {
      cursor.min = S.from;
      cursor.max = S.to;
      cursor.step = Math.max((S.to - S.from) / 500, 1e-6);
    }
    if (byId("range")) byId("range").textContent = `${shown(S.from)}–${shown(S.to)} ms`;
    if (byId("azimuth")) byId("azimuth").value = S.azimuth;
    if (byId("elevation")) byId("elevation").value = S.elevation;
  }
  function drawAll() {
    timePanels.forEach(panel => panel.draw());
    if (modePanel) modePanel.draw();
    if (unitPanels) unitPanels.draw();
    moved();
  }

  /* ---- Controls ---- */
  const labelled = (label, control) => html("label", {}, `${label} `, control);
  const select = (id, options, chosen, change) => {
    const control = html("select", { id, onchange: () => change(control.value) });
    options.forEach(([value, name]) => control.append(html("option", { value, selected: String(value) === String(chosen) }, name)));
    return control;
  };
  const button = (id, name, label, click) => html("button", { id, type: "button", title: label, "aria-label": label, onclick: click }, name);
  const group = (name, ...controls) => html("fieldset", {}, html("legend", {}, name), ...controls);

  const controls = html("div", { class: "controls" });
  const names = D.trials.map((t, i) => [i, `${i + 1}: ${t.label}${t.correct === null ? "" : t.correct ? "" : " (wrong)"}`]);
  const shownGroup = [labelled("Trial", select("trial", names, S.trial, value => { S.trial = Number(value); drawAll(); }))];
  if (hasOutput && D.means.length) {
    shownGroup.push(labelled("Curves", select("show", [["trial", "this trial"], ["means", "means by condition"]], "trial", value => { S.means = value === "means"; drawAll(); })));
  }
  if (D.outputs.length > 1 && hasOutput) shownGroup.push(labelled("Output", select("output", D.outputs.map((name, o) => [o, name]), 0, value => { S.output = Number(value); drawAll(); })));
  controls.append(group("Show", ...shownGroup));
  if (D.conditions.length > 1 && (D.means.length || D.modes || D.rates)) {
    controls.append(group("Conditions", ...D.conditions.map((condition, c) => {
      const box = html("input", { type: "checkbox", checked: true, id: `condition-${c}`, onchange: () => { if (box.checked) S.hidden.delete(c); else S.hidden.add(c); drawAll(); } });
      return html("label", { class: "condition" }, box, html("span", { class: "swatch", "data-colour": condition.colour }), condition.name);
    })));
  }
  controls.append(group("Time",
    button("zoom-in", "+", "Zoom in on the cursor", () => zoomBy(0.5)), button("zoom-out", "−", "Zoom out", () => zoomBy(2)),
    button("earlier", "←", "Earlier", () => pan(-0.5)), button("later", "→", "Later", () => pan(0.5)),
    button("whole", "Whole trial", "Show the whole trial", () => zoomTo(0, D.duration)),
    html("output", { id: "range", for: "zoom-in zoom-out earlier later whole" }),
    html("label", { class: "long" }, "Cursor ", html("input", { type: "range", id: "cursor", oninput: event => setCursor(Number(event.target.value)) }))));
  const unitGroup = [];
  if (rasterPanel) {
    unitGroup.push(labelled("Order", select("order", [["population", "by population"], ["rate", "by rate in the trial"], ["unit", "by number"]], "population", value => { S.order = value; rasterPanel.draw(); moved(); })));
    const filter = html("input", { type: "text", id: "units", size: 10, placeholder: "all, or 0-20, 41", oninput: () => {
      const parts = filter.value.split(",").map(part => part.trim()).filter(Boolean).map(part => part.match(/^(\d+)(?:\s*[-–]\s*(\d+))?$/));
      const wrong = parts.some(part => !part);
      filter.setAttribute("aria-invalid", wrong);
      if (wrong) return;
      const spans = parts.map(part => [Number(part[1]), Number(part[2] ?? part[1])]);
      S.only = spans.length ? u => spans.some(([first, last]) => first <= u && u <= last) : null;
      rasterPanel.draw();
      moved();
    } });
    unitGroup.push(labelled("Units", filter));
  }
  if (potentialPanel) unitGroup.push(labelled("Potential of unit", select("potential", D.potential.units.map((unit, u) => [u, `${unit} (${D.populations[D.potential.population[u]].name})`]), 0, value => { S.potential = Number(value); potentialPanel.draw(); moved(); })));
  if (unitGroup.length) controls.append(group("Units", ...unitGroup));
  if (D.modes) {
    const axis = (k, label, none) => {
      const options = D.modes.names.map((name, i) => [i, name]);
      return labelled(label, select(`axis-${"xyz"[k]}`, none ? [[-1, "none"], ...options] : options, S.axes[k], value => {
        S.axes[k] = Number(value);
        for (const id of ["azimuth", "elevation"]) byId(id).disabled = S.axes[2] < 0;
        modePanel.draw();
      }));
    };
    const slider = (id, label, low, high, set) => labelled(label, html("input", { type: "range", id, min: low, max: high, value: S[id], disabled: S.axes[2] < 0, oninput: event => set(Number(event.target.value)) }));
    controls.append(group("Mode space", axis(0, "x"), axis(1, "y"), axis(2, "z", true),
      slider("azimuth", "Turn", -180, 180, value => turn(value, S.elevation)), slider("elevation", "Tilt", -90, 90, value => turn(S.azimuth, value))));
  }
  if (D.rates && D.conditions.length > 1) {
    controls.append(group("Heat maps", labelled("Sorted by", select("heat", D.conditions.map((condition, c) => [c, condition.name]), 0, value => { S.heat = Number(value); unitPanels.drawMaps(); }))));
  }

  /* ---- Page ---- */
  const titled = (title, panel, more = "") => html("div", { class: `titled ${more}` }, html("h3", {}, title), panel);
  const time = html("div", { class: "time" });
  if (inputPanel) time.append(titled("Input", inputPanel.holder));
  if (outputPanel) {
    const both = html("div", { class: ratePanel ? "both" : "" }, titled(ratePanel ? `${D.network} network` : "Output", outputPanel.holder));
    if (ratePanel) both.append(titled("Rate network", ratePanel.holder));
    time.append(both);
  }
  if (rasterPanel) {
    const key = html("p", { class: "key" }, ...D.populations.map((p, i) => [p, D.population.filter(own => own === i).length]).filter(([, n]) => n)
      .map(([p, n]) => html("span", {}, html("span", { class: "swatch", "data-colour": p.colour }), `${p.name} (${n})`)));
    time.append(html("div", { class: "titled" }, html("h3", {}, "Spikes"), key, rasterPanel.holder));
  }
  if (potentialPanel) time.append(titled("Membrane potential", potentialPanel.holder));
  const space = html("div", { class: "space" });
  if (modePanel) space.append(titled("Mode space", modePanel.holder));
  if (unitPanels) space.append(titled("Units in both networks", unitPanels.scatter), titled("Rates by condition", unitPanels.maps));
  root.append(controls, html("p", { class: "told" }, readout), html("div", { class: space.childElementCount ? "views split" : "views" }, time, space));
  root.querySelectorAll(".swatch").forEach(swatch => { swatch.style.background = swatch.dataset.colour; });
  root.hidden = false;
  S.cursor = D.cursor;
  sliders();
  drawAll();
  let waiting = 0, last = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth === last) return;
    last = root.clientWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(drawAll);
  }).observe(root);
}
