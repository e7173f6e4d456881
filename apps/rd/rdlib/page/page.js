// Fills the page from the data element. State is a handful of variables; show() draws what depends on them.

const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const PHONE = matchMedia("(max-width: 720px)");

function make(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) if (v !== null && v !== undefined) e.setAttribute(k, v);
  for (const c of children) if (c !== null && c !== undefined) e.append(c);
  return e;
}
function fill(select, values, chosen) {
  select.replaceChildren(...values.map(([value, text]) => make("option", {value}, text)));
  if (chosen !== undefined) select.value = chosen;
}
const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;
const percent = (v, digits = 1) => v === null || v === undefined ? "–" : (v > 0 ? "+" : v < 0 ? "−" : "±") + Math.abs(v).toFixed(digits) + " %";

// Every curve has one look in all charts: measured ones full, published ones dashed and muted.
const LOOK = {};
D.codecs.forEach((c, i) => LOOK[c.name] = {label: c.label, colour: `var(--c${i % 8})`, dash: i >= 8 ? "7 3" : null});
D.published.forEach((p, i) => LOOK["published:" + p.name] = {label: p.label, colour: `var(--p${i % 8})`, dash: ["5 3", "1.5 3", "8 3 2 3"][Math.floor(i / 8) % 3], published: true});
const codecOf = Object.fromEntries(D.codecs.map(c => [c.name, c]));
const hidden = new Set();
let metric = D.metrics[0]?.key, anchor = D.anchor, xlog = true, bands = false, fit = true, file = "";
const metricOf = key => D.metrics.find(m => m.key === key);
const unit = m => m.unit ? " " + m.unit : "";
const name = m => m.label + (m.unit ? `, ${m.unit}` : "");

// ---- Sortable tables -----------------------------------------------------------------------------------------

/* columns: [{title, sub, left: bool}], rows: arrays of {value, node | text, sub, style}; keeps the chosen order. */
function sortable(table, columns, rows, first = 0, descending = false) {
  const state = table.order || (table.order = {column: first, descending});
  const draw = () => {
    const sign = state.descending ? -1 : 1, c = state.column;
    const empty = v => v === null || v === undefined || Number.isNaN(v);
    const sorted = [...rows].sort((a, b) => {
      const x = a[c].value, y = b[c].value;
      if (empty(x) || empty(y)) return empty(x) - empty(y);  // unknown values last, whichever way it goes
      return sign * (typeof x === "string" ? x.localeCompare(y, "en", {numeric: true}) : x - y);
    });
    const head = make("tr");
    columns.forEach((column, i) => {
      const b = make("button", {type: "button"}, column.title);
      if (column.sub) b.append(make("span", {class: "sub"}, column.sub));
      b.addEventListener("click", () => {
        state.descending = state.column === i ? !state.descending : false;
        state.column = i;
        draw();
        table.querySelectorAll("thead button")[i].focus({preventScroll: true});
      });
      head.append(make("th", {scope: "col", class: column.left ? "left" : null, "aria-sort": state.column === i ? (state.descending ? "descending" : "ascending") : null}, b));
    });
    table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...sorted.map(row => make("tr", {}, ...row.map((cell, i) => {
      const e = make(i ? "td" : "th", i ? {} : {scope: "row"}, cell.node || cell.text);
      if (cell.sub) e.append(make("span", {class: "sub"}, cell.sub));
      if (cell.style) e.style.cssText = cell.style;
      if (columns[i].left) e.className = "left";
      return e;
    })))));
  };
  if (state.column >= columns.length) state.column = 0;
  draw();
}
const cell = (value, digits = 3) => ({value, text: format(value, digits)});
function tagged(id) {
  const look = LOOK[id], s = make("span", {class: "swatch" + (look.published ? " hollow" : "")});
  s.style.background = look.colour; s.style.borderColor = look.colour;
  return make("span", {}, s, look.label);
}
// Green for fewer bits, red for more; full strength at 50 %.
function shade(v) {
  if (v === null || v === undefined) return "";
  const strength = Math.min(1, Math.abs(v) / 50) * 0.30;
  return `background: rgb(var(${v < 0 ? "--good" : "--bad"}) / ${(0.04 + strength).toFixed(3)})`;
}

// ---- Head ----------------------------------------------------------------------------------------------------

const MEDIA = {images: ["picture", "pictures"], video: ["sequence", "sequences"], audio: ["clip", "clips"]}[D.suite];
$("title").textContent = `${D.codecs.length ? plural(D.codecs.length, "codec") : "No codec"} on ${D.files.length} ${MEDIA[D.files.length === 1 ? 0 : 1]} of “${D.data}”`;
$("lead").textContent = `All files were coded, decoded and measured in one run, finished ${D.finished} UTC` + (D.published.length ? `; ${plural(D.published.length, "published curve")} stand beside for reference and were not run here.` : ".");
const amount = {images: () => [D.files.reduce((a, f) => a + f.width * f.height, 0) / 1e6, "megapixels"], video: () => [D.files.reduce((a, f) => a + f.frames, 0), "frames"],
  audio: () => [D.files.reduce((a, f) => a + f.samples / f.rate, 0), "seconds"]}[D.suite]();
$("tiles").replaceChildren(...[[D.files.length, MEDIA[1]], [Number.isInteger(amount[0]) ? amount[0] : format(amount[0], 3), amount[1]], [D.points.length, "points measured"], [D.problems.filter(p => p.kind !== "note").length, "problems"]]
  .map(([v, t]) => make("li", {}, make("b", {}, String(v)), make("span", {}, t))));

if (D.problems.length) {
  $("problems").hidden = false;
  if (D.problems.every(p => p.kind === "note")) $("problems").querySelector("h2").textContent = "Please note";
  // The same failure at many points is one line with a count.
  const groups = new Map();
  for (const p of D.problems) {
    const where = p.kind.endsWith("failed") ? p.where.split(" ")[0] : p.where, key = [p.kind, where, p.text].join("\n");
    if (groups.has(key)) groups.get(key).count++; else groups.set(key, {...p, first: p.where, where, count: 1});
  }
  $("problem-table").replaceChildren(make("tbody", {}, ...[...groups.values()].map(p => make("tr", {}, make("td", {}, p.kind), make("td", {}, p.where + (p.count > 1 ? ` (${p.count} times, first ${p.first.slice(p.where.length + 1)})` : p.first !== p.where ? p.first.slice(p.where.length) : "")), make("td", {}, p.text)))));
}

// ---- Sections ------------------------------------------------------------------------------------------------

const seconds = v => v === null || v === undefined ? "–" : format(v, 3);
function showSummary() {
  const m = metricOf(metric), deltas = D.bd[metric]?.[anchor] || {};
  $("summary-hint").textContent = `BD-rate and BD-quality against ${LOOK[anchor]?.label} in ${m.label}; negative BD-rate means fewer bits at equal quality. Below: 95 % interval over files. Times are whole processes with ${plural(D.settings.threads, "thread")}, in ${D.time_unit}; below: inside the process where the program tells.`;
  const columns = [{title: "Codec"}, {title: "BD-rate"}, {title: "BD-quality", sub: m.unit || m.label}, {title: "Encode", sub: D.time_unit}, {title: "Decode", sub: D.time_unit}, {title: "Peak memory", sub: "enc / dec, MiB"}];
  if (D.suite !== "audio") columns.push({title: "Decoder", sub: "kMAC/pixel"});
  const rows = D.codecs.map(c => {
    const d = c.name === anchor ? {pchip: 0, quality: 0} : deltas[c.name] || {};
    const row = [{value: c.label, node: tagged(c.name)},
      {value: d.pchip, text: c.name === anchor ? "anchor" : percent(d.pchip), sub: d.interval ? `${percent(d.interval[0])} … ${percent(d.interval[1])}` : d.why ? "not comparable" : "", style: c.name === anchor ? "" : shade(d.pchip)},
      {value: d.quality, text: c.name === anchor ? "–" : d.quality === null || d.quality === undefined ? "–" : (d.quality > 0 ? "+" : "−") + format(Math.abs(d.quality), 3)},
      {value: c.encode_s, text: seconds(c.encode_s), sub: c.encode_inside_s ? seconds(c.encode_inside_s) + " inside" : ""},
      {value: c.decode_s, text: seconds(c.decode_s), sub: c.decode_inside_s ? seconds(c.decode_inside_s) + " inside" : ""},
      {value: c.decode_mib, text: c.decode_mib ? `${c.encode_mib.toFixed(0)} / ${c.decode_mib.toFixed(0)}` : "–"}];
    if (D.suite !== "audio") row.push({value: c.kmac, text: format(c.kmac, 3)});
    return row;
  });
  sortable($("summary-table"), columns, rows, 1);
}

function visibleSeries() {
  const all = D.curves[metric] || [];
  if (!file) return all.filter(s => !hidden.has(s.id));
  const f = D.files.findIndex(x => x.name === file), column = 4 + D.metrics.findIndex(m => m.key === metric);
  return D.codecs.map((c, i) => {
    const points = D.points.filter(p => p[0] === i && p[1] === f && p[column] !== null).map(p => [p[3], p[column], p[2]]).sort((a, b) => a[0] - b[0]);
    return {id: c.name, points, line: points, band: null};
  }).filter(s => !hidden.has(s.id) && s.points.length);
}
function showCurves() {
  const m = metricOf(metric), shown = visibleSeries();
  const own = shown.filter(s => !LOOK[s.id].published);
  let xRange, yRange;
  const span = (own.length && fit ? own : shown).flatMap(s => s.points);
  if (span.length > 1) {
    const xs = span.map(p => p[0]), ys = span.map(p => p[1]);
    if (Math.max(...xs) > Math.min(...xs)) xRange = [Math.min(...xs), Math.max(...xs)];
    const d = (Math.max(...ys) - Math.min(...ys)) * 0.05;
    if (d > 0) yRange = [Math.min(...ys) - d, Math.max(...ys) + d];
  }
  chart($("rd-chart"), {series: shown.map(s => ({...LOOK[s.id], hollow: LOOK[s.id].published, points: s.points, line: s.line, band: bands ? s.band : null})), xlog, xMin: 0, xRange, yRange,
    xLabel: `Rate, ${D.rate_unit}`, yLabel: name(m), flipY: !m.higher, title: `${m.label} over rate`,
    tip: (s, p) => [s.label + (s.published ? " (published)" : ""), `${format(p[0], 4)} ${D.rate_unit}`, `${m.label} ${format(p[1], 4)}${unit(m)}`, ...(p[2] ? [`quality ${p[2]}`] : [])]});
  $("rd-hint").textContent = (file ? `Points of ${file} alone.` : `Means over ${plural(D.files.length, "file")} at each quality setting; the lines are the PCHIP curves that BD-rates integrate.`) +
    (bands && !file ? ` Bands: bootstrap over files; they show how far the mean would move with other files of this kind, not how sure the order of the codecs is (see the intervals of BD-rates for that).` : "");
}
function legend(element, ids, redraw) {
  element.replaceChildren(...ids.map(id => {
    const look = LOOK[id], b = make("button", {type: "button", "aria-pressed": String(!hidden.has(id))});
    const svg = node("svg", {viewBox: "0 0 24 10", "aria-hidden": "true"}, b);
    node("line", {x1: 0, x2: 24, y1: 5, y2: 5, stroke: look.colour, "stroke-width": 2, "stroke-dasharray": look.dash || "none"}, svg);
    node("circle", {cx: 12, cy: 5, r: 3.2, fill: look.published ? "var(--card)" : look.colour, stroke: look.colour, "stroke-width": 1.6}, svg);
    b.append(look.label + (look.published ? " (published)" : ""));
    b.addEventListener("click", () => {
      hidden.has(id) ? hidden.delete(id) : hidden.add(id);
      b.setAttribute("aria-pressed", String(!hidden.has(id)));
      redraw();
    });
    return b;
  }));
}

function showMatrix() {
  const all = D.curves[metric] || [], deltas = D.bd[metric] || {}, m = metricOf(metric);
  $("bd-hint").textContent = `Row against column, in ${m.label}. Large: PCHIP; A: Akima; then the common range of quality and its share of both ranges. Below 75 % shared range, or where PCHIP and Akima differ, trust the figure less.`;
  const head = make("tr", {}, make("th", {scope: "col"}, "Codec \\ anchor"), ...all.map(a => make("th", {scope: "col"}, LOOK[a.id].label)));
  const rows = all.map(t => make("tr", {}, make("th", {scope: "row"}, tagged(t.id)), ...all.map(a => {
    if (a.id === t.id) return make("td", {class: "self"});
    const d = deltas[a.id]?.[t.id];
    if (!d || d.pchip === undefined) return make("td", {class: "none", title: d?.why}, d?.why?.startsWith("no overlap") ? "no overlap" : "–");
    const e = make("td", {title: d.interval ? `95 % interval over files: ${percent(d.interval[0])} … ${percent(d.interval[1])}` : null}, make("b", {}, percent(d.pchip)),
      make("span", {class: "sub"}, `A ${percent(d.akima)}`), make("span", {class: "sub"}, `${format(d.low, 3)}–${format(d.high, 3)}, ${(100 * d.overlap).toFixed(0)} %`));
    e.style.cssText = shade(d.pchip);
    return e;
  })));
  $("bd-table").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
}

function showCost() {
  const deltas = D.bd[metric]?.[anchor] || {}, rate = id => id === anchor ? 0 : deltas[id]?.pchip;
  const m = metricOf(metric), title = `BD-rate against ${LOOK[anchor]?.label}, %`;
  const scatter = (element, x, xLabel, empty, extra) => {
    const series = [...D.codecs.map(c => [c.name, x(c)]), ...extra].filter(([id, v]) => v && rate(id) !== undefined && !hidden.has(id))
      .map(([id, v]) => ({...LOOK[id], dash: null, hollow: LOOK[id].published, radius: 5.5, points: [[v, rate(id)]]}));
    chart(element, {series, xlog: true, names: true, xLabel, yLabel: title, zeroLine: true, empty, title: xLabel,
      tip: (s, p) => [s.label + (s.published ? " (published)" : ""), `BD-rate ${percent(p[1])} (${m.label})`, `${format(p[0], 3)} ${xLabel.split(", ").pop()}`]});
  };
  $("time-caption").textContent = "BD-rate and decode time";
  scatter($("time-chart"), c => c.decode_s, `Decode time, ${D.time_unit}`, "No timings in this run", []);
  $("kmac-caption").textContent = D.suite === "audio" ? "" : "BD-rate and decoder complexity";
  $("kmac-chart").parentElement.hidden = D.suite === "audio";
  scatter($("kmac-chart"), c => c.kmac, "Decoder, kMAC/pixel", "No codec here states its complexity", D.published.map(p => ["published:" + p.name, p.kmac]));
  $("cost-hint").textContent = "Lower and further left is better. Times are whole processes, process start and file access included, measured one at a time. Classic codecs have no figure in multiply-accumulates.";
}

function showFiles() {
  const rates = D.file_bd[metric]?.[anchor] || {}, others = D.codecs.filter(c => c.name !== anchor);
  $("files-hint").textContent = `BD-rate of each file against ${LOOK[anchor]?.label} in ${metricOf(metric).label}. Click a heading to sort.`;
  sortable($("file-table"), [{title: "File"}, ...others.map(c => ({title: c.label}))], D.files.map((f, i) => [{value: f.name, text: f.name},
    ...others.map(c => { const v = rates[c.name]?.[i]; return {value: v, text: percent(v), style: shade(v)}; })]));
}
function showPoints() {
  const c = $("point-codec").value, f = $("point-file").value;
  const rows = D.points.filter(p => (c === "" || p[0] === +c) && (f === "" || p[1] === +f)).map(p => [{value: D.files[p[1]].name, text: D.files[p[1]].name}, {value: D.codecs[p[0]].label, node: tagged(D.codecs[p[0]].name)},
    {value: isNaN(+p[2]) ? p[2] : +p[2], text: p[2]}, cell(p[3], 4), ...D.metrics.map((m, i) => ({value: p[4 + i], text: p[4 + i] === null ? "–" : p[4 + i].toFixed(m.digits)})), cell(p[4 + D.metrics.length]), cell(p[5 + D.metrics.length])]);
  sortable($("point-table"), [{title: "File"}, {title: "Codec", left: true}, {title: "Setting"}, {title: "Rate", sub: D.rate_unit}, ...D.metrics.map(m => ({title: m.label, sub: m.unit})), {title: "Encode", sub: "s"}, {title: "Decode", sub: "s"}], rows);
}

// ---- Worst cases ---------------------------------------------------------------------------------------------

let view = 0, showing = null;
function showCase() {
  const c = D.cases[+$("case").value];
  view = Math.max(1, c.views.findIndex(v => v.codec === c.codec));
  const select = i => { view = i; showView(c); };
  $("views").replaceChildren(...c.views.map((v, i) => { const b = make("button", {type: "button"}, v.label); b.addEventListener("click", () => select(i)); return b; }));
  $("strip").replaceChildren(...c.views.map((v, i) => {
    const b = make("button", {type: "button"}, make("img", {src: v.image, alt: v.label}), make("span", {}, v.label, make("span", {class: "sub", style: "padding:0"}, v.rate ? `${format(v.rate, 3)} ${D.rate_unit}` + (v.crop_psnr ? `, crop ${v.crop_psnr.toFixed(2)} dB` : "") : c.place)));
    b.addEventListener("click", () => select(i));
    return b;
  }));
  showing = c;
  showView(c);
}
function showView(c, peek = false) {
  const v = c.views[peek ? 0 : view], m = D.metrics[0];
  $("flick-image").src = v.image;
  $("flick-image").alt = `${c.file}, ${v.label}`;
  $("flick-tag").textContent = v.label;
  for (const group of [$("views"), $("strip")]) [...group.children].forEach((b, i) => b.setAttribute("aria-pressed", String(i === view)));
  const facts = [["File", c.file], ["Place", c.place], ["BD-rate here", `${percent(c.loss)} for ${LOOK[c.codec].label} against ${LOOK[D.anchor].label}, ${m.label}`]];
  if (v.rate) {
    facts.push(["Shown", `${v.label}, setting ${v.q}`], ["Rate", `${format(v.rate, 3)} ${D.rate_unit}`]);
    for (const x of D.metrics) if (v.metrics[x.key] !== undefined) facts.push([x.label, v.metrics[x.key].toFixed(x.digits) + unit(x)]);
    if (v.crop_psnr) facts.push(["PSNR of the crop", v.crop_psnr.toFixed(2) + " dB"]);
  } else facts.push(["Shown", v.label]);
  $("flick-facts").replaceChildren(make("tbody", {}, ...facts.map(([k, t]) => make("tr", {}, make("th", {scope: "row"}, k), make("td", {}, t)))));
}
if (D.cases.length) {
  $("worst").hidden = false;
  $("worst-hint").textContent = `Where a codec loses most against ${LOOK[D.anchor].label} in ${D.metrics[0].label}; all codecs near the same rate` + (D.suite === "audio" ? ", as spectrograms (0 to half the sample rate, 90 dB)." : ", at the place where that codec errs most.");
  fill($("case"), D.cases.map((c, i) => [i, `${LOOK[c.codec].label}: ${c.file} (${percent(c.loss)})`]));
  $("case").addEventListener("change", showCase);
  $("flick").addEventListener("keydown", e => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[e.key];
    if (!step) return;
    e.preventDefault();
    view = (view + step + showing.views.length) % showing.views.length;
    showView(showing);
  });
  $("flick-image").addEventListener("pointerdown", () => showView(showing, true));
  for (const event of ["pointerup", "pointerleave", "pointercancel"]) $("flick-image").addEventListener(event, () => showView(showing));
  showCase();
}

// ---- Frames of video -----------------------------------------------------------------------------------------

const LEVELS = {low: 0.15, middle: 0.5, high: 0.85};
function showFrames() {
  const f = $("frame-file").value, part = LEVELS[$("frame-level").value];
  const series = D.codecs.filter(c => !hidden.has(c.name)).map(c => {
    const q = c.qualities[Math.round(part * (c.qualities.length - 1))];
    return {...LOOK[c.name], q, radius: 0, data: D.frames.find(x => x.codec === c.name && x.file === f && x.q === q)?.frames};
  }).filter(s => s.data);
  const draw = (element, pick, label) => chart(element, {series: series.map(s => { const points = s.data.map((x, i) => [i, pick(x), x]).filter(p => p[1] !== null); return {...s, points, line: points}; }),
    xLabel: "Frame", yLabel: "", xWhole: true, title: label, tip: (s, p) => [s.label, `frame ${p[0]}${p[2][2] ? ", type " + p[2][2] : ""}`, `${format(p[2][0] / 1000, 3)} kbit`, `PSNR Y ${p[2][1].toFixed(2)} dB`, `setting ${s.q}`]});
  draw($("bits-chart"), x => x[0] ? x[0] / 1000 : null, "Bits of each frame");
  draw($("psnr-chart"), x => x[1], "PSNR of each frame");
}
if (D.frames.length) {
  $("frames").hidden = false;
  fill($("frame-file"), [...new Set(D.frames.map(f => f.file))].map(f => [f, f]));
  fill($("frame-level"), Object.keys(LEVELS).map(l => [l, l]), "middle");
  for (const id of ["frame-file", "frame-level"]) $(id).addEventListener("change", showFrames);
}

// ---- How it was measured -------------------------------------------------------------------------------------

const facts = [["Processor", `${D.machine.processor}, ${plural(D.machine.cores, "core")}`], ["Memory", D.machine.memory_gib ? D.machine.memory_gib + " GiB" : "–"], ["System", `${D.machine.system}, Linux ${D.machine.kernel}`], ["ffmpeg", D.machine.ffmpeg], ["Python", D.machine.python], ...Object.entries(D.machine.packages)];
$("machine").replaceChildren(make("tbody", {}, ...facts.map(([k, v]) => make("tr", {}, make("th", {scope: "row"}, k), make("td", {}, v)))));
const CONVENTIONS = {
  images: ["Rate: bits of the whole file on disk over pixels. PSNR RGB: squared error over three 8-bit channels of one picture; then means over pictures.", "Y, Cb, Cr: BT.709, full range, not subsampled. MS-SSIM, mean of R, G, B, is averaged over pictures and then shown as −10 log10(1 − MS-SSIM)."],
  video: ["Rate: bits of the raw stream over pixels of all frames. PSNR YUV: (6 Y + Cb + Cr) / 8, means over frames.", `Key frames every ${D.settings.intra_period} frames and nowhere else; 8-bit 4:2:0.`],
  audio: ["Rate: bits of the whole file on disk over duration. Signals are aligned by cross-correlation first.", "PESQ-wb and STOI are made for speech; for music look at ViSQOL and the distances."]}[D.suite];
const limits = [D.settings.crop && `only the middle ${D.settings.crop} × ${D.settings.crop} pixels of each picture`, D.settings.frames && `only the first ${D.settings.frames} frames`, D.settings.seconds && `only the first ${D.settings.seconds} s`].filter(Boolean);
$("notes").replaceChildren(...[...CONVENTIONS, ...limits.map(l => "Shortened: " + l + "."), "BD-rate: mean difference of log rate over the common range of quality (Bjøntegaard, VCEG-M33), PCHIP interpolation, on the mean curves.",
  `Intervals and bands: bootstrap over files, 95 %; pairs of codecs are resampled together.`, `Times: fastest of ${D.settings.timing_reps}, one program at a time with ${plural(D.settings.threads, "thread")}, after all other work. Peak memory: largest resident set, floor about 8 MiB.`].map(t => make("li", {}, t)));
$("commands").replaceChildren(...D.codecs.map(c => make("div", {class: "command"}, make("p", {}, tagged(c.name), make("span", {class: "sub"}, `${c.version}${c.note ? "; " + c.note : ""}; settings ${c.qualities.join(", ")}`)), make("code", {}, c.encode), make("code", {}, c.decode))));
if (D.published.length) $("sources").replaceChildren(make("h3", {}, "Published curves, not run here"), ...D.published.map(p => make("div", {class: "command"}, make("p", {}, tagged("published:" + p.name), make("span", {class: "sub"}, [p.source, p.footing].filter(Boolean).join(". "))))));

// ---- Controls ------------------------------------------------------------------------------------------------

function show() {
  if (!metric) return;
  showSummary(); showCurves(); showMatrix(); showCost(); showFiles();
  if (D.frames.length) showFrames();
}
function charts() { if (metric) { showCurves(); showCost(); if (D.frames.length) showFrames(); } }

fill($("metric"), D.metrics.map(m => [m.key, m.label]), metric);
fill($("anchor"), D.codecs.map(c => [c.name, c.label]), anchor);
fill($("file"), [["", `Mean of all ${D.files.length}`], ...D.files.map(f => [f.name, f.name])]);
fill($("point-codec"), [["", "all"], ...D.codecs.map((c, i) => [i, c.label])]);
// A thousand rows are slow to lay out on a telephone: one file at first.
fill($("point-file"), [["", "all"], ...D.files.map((f, i) => [i, f.name])], D.points.length > 400 && D.files.length ? "0" : "");
$("metric").addEventListener("change", e => { metric = e.target.value; show(); });
$("anchor").addEventListener("change", e => { anchor = e.target.value; show(); });
$("file").addEventListener("change", e => { file = e.target.value; showCurves(); });
for (const id of ["log", "linear"]) $(id).addEventListener("click", () => { xlog = id === "log"; $("log").setAttribute("aria-pressed", String(xlog)); $("linear").setAttribute("aria-pressed", String(!xlog)); showCurves(); });
$("bands").addEventListener("click", e => { bands = !bands; e.target.setAttribute("aria-pressed", String(bands)); showCurves(); });
$("zoom").addEventListener("click", e => { fit = !fit; e.target.setAttribute("aria-pressed", String(fit)); showCurves(); });
for (const id of ["point-codec", "point-file"]) $(id).addEventListener("change", showPoints);
if (!D.published.length) $("zoom").hidden = true;
legend($("legend"), [...D.codecs.map(c => c.name), ...D.published.map(p => "published:" + p.name)], charts);
if (D.frames.length) legend($("frame-legend"), D.codecs.map(c => c.name), charts);
$("nav").replaceChildren(...[["curves", "Curves"], ["bd", "BD-rate"], ["cost", "Cost"], ["files", "Files"], ["worst", "Worst"], ["frames", "Frames"], ["how", "Method"]].filter(([id]) => !$(id).hidden).map(([id, text]) => make("a", {href: "#" + id}, text)));
if (!metric) for (const id of ["summary", "curves", "bd", "cost", "files"]) $(id).hidden = true;
else { show(); showPoints(); }
let waiting = 0;
addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(charts); });
