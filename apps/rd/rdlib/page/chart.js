"use strict";
// Charts as inline SVG. One function draws curves and scattered points; it is called again whenever the size or what
// is to be shown changes, so nothing here keeps state.

const SVG = "http://www.w3.org/2000/svg";

function node(name, attributes, parent, text) {
  const e = document.createElementNS(SVG, name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}

function format(value, digits = 3) {
  if (value === null || value === undefined || !isFinite(value)) return "–";
  const a = Math.abs(value);
  if (a !== 0 && (a >= 1e5 || a < 1e-4)) return value.toExponential(2);
  const places = a === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(a)));
  return value.toFixed(Math.min(places, 6));
}

// Round numbers that cover low..high in about `count` steps.
function linearTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(m => m * power).find(s => s >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(+(i * step).toPrecision(12));
  return ticks;
}

// 1, 2, 5 of each decade; every integer multiple when the range is narrow; whole decades when it is wide.
function logTicks(low, high, room) {
  const decades = Math.log10(high / low);
  for (const parts of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let d = Math.floor(Math.log10(low)); d <= Math.ceil(Math.log10(high)); d++)
      for (const m of parts) {
        const v = +(m * 10 ** d).toPrecision(12);
        if (v >= low * 0.999 && v <= high * 1.001) ticks.push(v);
      }
    if (ticks.length <= room || parts.length === 1) {
      if (ticks.length >= 2 || decades > 3) return ticks;
      return linearTicks(low, high, Math.min(room, 4));
    }
  }
}

function tickLabel(v) {
  const a = Math.abs(v);
  return a !== 0 && (a >= 1e6 || a < 1e-4) ? v.toExponential(0) : String(+v.toPrecision(6)).replace("-", "−");
}

/* chart(element, options)
   series: [{label, colour, dash, hollow, points: [[x, y, text]], line: [[x, y]], band: [[x, low, high]], names: bool}]
   xlog, xWhole: ticks at whole numbers only, xLabel, yLabel, flipY, xRange, yRange, zeroLine, empty: text when there is nothing, tip(series, point) -> HTML */
function chart(element, options) {
  element.textContent = "";
  const width = element.clientWidth || 600, height = element.clientHeight || 320;
  const svg = node("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.title || options.yLabel}, element);
  const all = options.series.flatMap(s => [...(s.line || []), ...s.points]).filter(p => isFinite(p[0]) && isFinite(p[1]) && (!options.xlog || p[0] > 0));
  if (!all.length) {
    node("text", {x: width / 2, y: height / 2, "text-anchor": "middle", class: "empty"}, svg, options.empty || "Nothing to show");
    return;
  }
  const extent = (i, pad) => {
    let low = Infinity, high = -Infinity;
    for (const p of all) { low = Math.min(low, p[i]); high = Math.max(high, p[i]); }
    if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
    const d = (high - low) * pad;
    return [low - d, high + d];
  };
  let [x0, x1] = options.xRange || extent(0, 0);
  let [y0, y1] = options.yRange || extent(1, options.names ? 0.12 : 0.05);
  if (options.xlog) { const r = Math.max((x1 / x0) ** 0.04, options.names ? 1.3 : 1.02); x0 /= r; x1 *= r; }
  else { const d = (x1 - x0) * 0.03; x0 = Math.max(options.xMin ?? -Infinity, x0 - d); x1 += d; }
  const left = 54, right = 14, top = 12, bottom = 44;
  const X = v => left + (width - left - right) * (options.xlog ? Math.log(v / x0) / Math.log(x1 / x0) : (v - x0) / (x1 - x0));
  const part = v => options.flipY ? (v - y0) / (y1 - y0) : 1 - (v - y0) / (y1 - y0);
  const Y = v => top + (height - top - bottom) * part(v);

  const axes = node("g", {}, svg);
  for (const v of linearTicks(y0, y1, Math.max(3, Math.floor((height - top - bottom) / 56)))) {
    node("line", {x1: left, x2: width - right, y1: Y(v), y2: Y(v), stroke: "var(--grid)"}, axes);
    node("text", {x: left - 8, y: Y(v) + 4, "text-anchor": "end"}, axes, tickLabel(v));
  }
  const room = Math.max(3, Math.floor((width - left - right) / 62));
  for (const v of options.xlog ? logTicks(x0, x1, room) : linearTicks(x0, x1, room).filter(t => !options.xWhole || Number.isInteger(t))) {
    node("line", {x1: X(v), x2: X(v), y1: top, y2: height - bottom, stroke: "var(--grid)"}, axes);
    node("text", {x: X(v), y: height - bottom + 17, "text-anchor": "middle"}, axes, tickLabel(v));
  }
  node("line", {x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, stroke: "var(--soft)"}, axes);
  if (options.zeroLine && y0 < 0 && y1 > 0)
    node("line", {x1: left, x2: width - right, y1: Y(0), y2: Y(0), stroke: "var(--soft)", "stroke-dasharray": "4 3"}, axes);
  node("text", {x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle", class: "axis-title"}, axes, options.xLabel);
  if (options.yLabel)
    node("text", {x: -(top + (height - top - bottom) / 2), y: 13, transform: "rotate(-90)", "text-anchor": "middle", class: "axis-title"}, axes, options.yLabel);

  const id = "clip-" + element.id;
  const clip = node("clipPath", {id}, node("defs", {}, svg));
  node("rect", {x: left - 5, y: top - 5, width: width - left - right + 10, height: height - top - bottom + 6}, clip);
  const plot = node("g", {"clip-path": `url(#${id})`}, svg);
  const path = points => points.map((p, i) => (i ? "L" : "M") + X(p[0]).toFixed(1) + " " + Y(p[1]).toFixed(1)).join("");
  const spots = [], placed = [];
  for (const s of options.series)
    if (s.band) node("path", {d: path(s.band.map(b => [b[0], b[2]])) + path(s.band.map(b => [b[0], b[1]]).reverse()).replace("M", "L") + "Z", fill: s.colour, opacity: 0.13}, plot);
  for (const s of [...options.series].reverse()) {
    if (s.line && s.line.length > 1)
      node("path", {d: path(s.line), fill: "none", stroke: s.colour, "stroke-width": s.dash ? 1.4 : 2, "stroke-dasharray": s.dash || "none", "stroke-linejoin": "round"}, plot);
    for (const p of s.points) {
      const x = X(p[0]), y = Y(p[1]);
      if (!isFinite(x) || !isFinite(y) || x < left - 6 || x > width - right + 6 || y < top - 6 || y > height - bottom + 6) continue;
      const r = s.radius ?? (s.dash ? 2.2 : 3.4);
      if (r > 0) node("circle", {cx: x, cy: y, r, fill: s.hollow ? "var(--card)" : s.colour, stroke: s.colour, "stroke-width": s.hollow ? 1.8 : 0}, plot);
      spots.push({x, y, s, p});
      if (options.names) {
        // Names beside their points: right of the point, or left of it near the edge; moved down while they collide.
        const long = s.label.length * 6.6, flip = x + long + 12 > width - right;
        let ty = y + 4;
        const box = () => ({l: flip ? x - long - 9 : x + 9, r: flip ? x - 9 : x + long + 9, t: ty - 10, b: ty + 3});
        for (let i = 0; i < 8 && placed.some(o => o.l < box().r && o.r > box().l && o.t < box().b && o.b > box().t); i++) ty += (i % 2 ? -1 : 1) * 13 * (i + 1);
        placed.push(box());
        node("text", {x: flip ? x - 9 : x + 9, y: ty, "text-anchor": flip ? "end" : "start", class: "name", style: `fill:${s.colour}`}, svg, s.label);
      }
    }
  }

  const ring = node("circle", {r: 6.5, fill: "none", "stroke-width": 2, visibility: "hidden"}, svg);
  const tip = document.getElementById("tip");
  const leave = () => { tip.hidden = true; ring.setAttribute("visibility", "hidden"); };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), mx = event.clientX - box.left, my = event.clientY - box.top;
    let best = null, distance = 30 ** 2;
    for (const spot of spots) {
      const d = (spot.x - mx) ** 2 + (spot.y - my) ** 2;
      if (d < distance) { best = spot; distance = d; }
    }
    if (!best) return leave();
    ring.setAttribute("cx", best.x); ring.setAttribute("cy", best.y);
    ring.setAttribute("stroke", best.s.colour); ring.setAttribute("visibility", "visible");
    tip.textContent = "";
    const [title, ...lines] = options.tip(best.s, best.p);
    tip.appendChild(document.createElement("b")).textContent = title;
    for (const line of lines) tip.appendChild(document.createElement("div")).textContent = line;
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    const tx = box.left + best.x + 14, ty = box.top + best.y - h - 10;
    tip.style.left = Math.max(6, tx + w > innerWidth - 6 ? box.left + best.x - w - 14 : tx) + "px";
    tip.style.top = Math.max(6, ty) + "px";
  });
  svg.addEventListener("pointerleave", leave);
}
