// SPDX-License-Identifier: Apache-2.0
// report.js - draws pi0 verify's report from the results in the page
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// ---- small helpers ----

function node(parent, tag, attributes, text) {
  const svg = ["svg", "g", "path", "line", "rect", "circle", "text", "title"].includes(tag);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}

const short = (x) => (x === null || x === undefined ? "–" : x === 0 ? "0" : x.toExponential(1));
const plain = (x) => {
  if (x === 0) return "0";
  const size = Math.abs(x);
  return size >= 1e5 || size < 1e-3 ? x.toExponential(1) : String(+x.toPrecision(3));
};
const seconds = (ms) => (ms >= 10000 ? (ms / 1000).toFixed(1) + " s" : ms.toFixed(1) + " ms");

// charts are drawn for the width that they have, and again when that changes
const charts = [];
function chart(id, draw) {
  const box = typeof id === "string" ? byId(id) : id;
  let width = 0;
  const again = () => {
    const now = Math.floor(box.clientWidth);
    if (!now || now === width) return;
    width = now;
    box.replaceChildren();
    draw(box, width);
  };
  charts.push(again);
  again();
}
addEventListener("resize", () => charts.forEach((again) => again()));

function canvas(box, width, height) {
  return node(box, "svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img" });
}

const powers = (low, high) => {
  const list = [];
  for (let p = Math.floor(low); p <= Math.ceil(high); p++) list.push(p);
  return list;
};
const power = (p) => (p === 0 ? "1" : p === 1 ? "10" : "1e" + p);

function steps(low, high, n) {
  const rough = (high - low || 1) / n, p = 10 ** Math.floor(Math.log10(rough));
  const step = p * [1, 2, 5, 10].find((f) => rough <= f * p * 1.0001);
  const list = [];
  for (let x = Math.ceil(low / step) * step; x <= high + step * 1e-6; x += step) list.push(+x.toPrecision(12));
  return list;
}

// ---- header ----

const worst = (rows) =>
  rows.reduce((a, b) => {
    if (!a) return b;
    if (a.pass !== b.pass) return a.pass ? b : a;
    return (b.rel_l2 ?? Infinity) / (b.bound || 1) > (a.rel_l2 ?? Infinity) / (a.bound || 1) ? b : a;
  }, null);

function header() {
  const failed = data.rows.filter((r) => !r.pass);
  const verdict = byId("verdict");
  verdict.textContent = failed.length ? "FAIL" : "PASS";
  verdict.classList.toggle("fail", failed.length > 0);
  byId("about").textContent = data.about;
  const near = worst(data.rows.filter((r) => r.bound > 0));
  const numbers = [["comparisons within their bounds", `${data.rows.length - failed.length} of ${data.rows.length}`]];
  if (near && near.rel_l2 !== null)
    numbers.push(["most of a bound used", `${Math.round((100 * near.rel_l2) / near.bound)} %`]);
  const actions = data.rows.find((r) => r.module === "actions" && r.mode === "accumulated");
  if (actions && actions.pcc !== null) numbers.push(["PCC of the actions", actions.pcc.toFixed(7)]);
  if (data.coverage !== null) numbers.push(["FLOPs on accelerated kernels", `${data.coverage.toFixed(1)} %`]);
  if (data.latency_ms.length) numbers.push(["chunk, accelerated, p50", seconds(at(data.latency_ms, 50))]);
  if (data.reference_ms > 0) numbers.push(["chunk, reference", seconds(data.reference_ms)]);
  for (const [name, value] of numbers) {
    const box = node(byId("numbers"), "div", {});
    node(box, "dt", {}, name);
    node(box, "dd", {}, value);
  }
  byId("failures").hidden = !failed.length;
  for (const r of failed.slice(0, 40)) node(byId("failed"), "li", {}, `${r.module}, ${r.mode}: ${r.why}`);
  if (failed.length > 40) node(byId("failed"), "li", {}, `and ${failed.length - 40} more: see the table below`);
}

const at = (sorted, percent) => sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)];

// ---- modules ----

function modules(box, width) {
  const kinds = data.kinds.filter((k) => k.key !== "robot.action" && data.rows.some((r) => r.kind === k.key));
  const narrow = width < 560, left = narrow ? 8 : 190, right = width - (narrow ? 8 : 92);
  const line = narrow ? 46 : 26, top = 20, height = top + kinds.length * line + 4;
  const svg = canvas(box, width, height), low = -8, high = -1;
  const x = (v) => left + ((Math.max(low, Math.log10(v)) - low) / (high - low)) * (right - left);
  for (const p of powers(low, high)) {
    node(svg, "line", { x1: x(10 ** p), x2: x(10 ** p), y1: top - 4, y2: height - 4, class: "grid" });
    if (!narrow || p % 2 === 0)
      node(svg, "text", { x: x(10 ** p), y: 11, "text-anchor": p === low ? "start" : p === high ? "end" : "middle" },
        p === low ? "≤ " + power(p) : power(p));
  }
  if (!narrow) node(svg, "text", { x: width, y: 11, "text-anchor": "end" }, "PCC");
  kinds.forEach((kind, i) => {
    const y = top + i * line + (narrow ? 30 : 12);
    node(svg, "text", { x: narrow ? left : 0, y: narrow ? y - 14 : y + 4, class: "name" }, kind.title);
    let lowest = null;
    for (const mode of ["accumulated", "alone"]) {
      const rows = data.rows.filter((r) => r.kind === kind.key && r.mode === mode), row = worst(rows);
      if (!row) continue;
      const offset = mode === "alone" ? -4 : 4;
      if (row.bound > 0) {
        node(svg, "rect", { x: left, y: y + offset - 2, width: x(row.bound) - left, height: 4, class: "bar" });
        node(svg, "line", { x1: x(row.bound), x2: x(row.bound), y1: y + offset - 4, y2: y + offset + 4, class: "limit" });
      }
      const dot = node(svg, "circle", { cx: x(row.rel_l2 ?? 1), cy: y + offset, r: 4, class: row.pass ? mode : "failed" });
      node(dot, "title", {}, `${row.module}, ${mode}: relative L2 ${short(row.rel_l2)}, bound ${short(row.bound)}, ` +
        `PCC ${row.pcc === null ? "–" : row.pcc.toFixed(8)}, of ${rows.length}`);
      for (const r of rows) if (r.pcc !== null && (lowest === null || r.pcc < lowest)) lowest = r.pcc;
    }
    if (lowest !== null)
      node(svg, "text", { x: width - (narrow ? 8 : 0), y: narrow ? y - 14 : y + 4, "text-anchor": "end" },
        (narrow ? "PCC " : "") + lowest.toFixed(7));
  });
}

// ---- curves ----

// series: [{class, points: [[x, y]]}], y logarithmic
function curves(box, width, series, height, xTitle) {
  const svg = canvas(box, width, height), left = 46, right = width - 10, top = 8, bottom = height - 34;
  const all = series.flatMap((s) => s.points).filter((p) => p[1] > 0);
  if (!all.length) return node(svg, "text", { x: left, y: height / 2 }, "not measured");
  const ys = all.map((p) => Math.log10(p[1])), xs = all.map((p) => p[0]);
  const low = Math.floor(Math.min(...ys)), high = Math.max(low + 1, Math.ceil(Math.max(...ys)));
  const first = Math.min(...xs), last = Math.max(...xs, first + 1);
  const x = (v) => left + ((v - first) / (last - first)) * (right - left);
  const y = (v) => bottom - ((Math.log10(v) - low) / (high - low)) * (bottom - top);
  for (const p of powers(low, high)) {
    node(svg, "line", { x1: left, x2: right, y1: y(10 ** p), y2: y(10 ** p), class: "grid" });
    node(svg, "text", { x: left - 6, y: y(10 ** p) + 4, "text-anchor": "end" }, power(p));
  }
  for (const t of steps(first, last, width < 400 ? 4 : 9).filter((t) => Number.isInteger(t)))
    node(svg, "text", { x: x(t), y: bottom + 16, "text-anchor": "middle" }, t);
  node(svg, "text", { x: right, y: height - 4, "text-anchor": "end" }, xTitle);
  node(svg, "line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "axis" });
  for (const s of series) {
    const points = s.points.filter((p) => p[1] > 0).sort((a, b) => a[0] - b[0]);
    if (!points.length) continue;
    node(svg, "path", { d: "M" + points.map((p) => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`).join("L"), class: s.class });
    for (const p of points) {
      const dot = node(svg, "circle", { cx: x(p[0]), cy: y(p[1]), r: 2.6, class: s.class });
      node(dot, "title", {}, `${s.name} ${p[0]}: ${short(p[1])}`);
    }
  }
}

// the largest error for each value of `key`
function largest(kind, mode, key) {
  const points = new Map();
  for (const r of data.rows)
    if (r.kind === kind && r.mode === mode && r.rel_l2 !== null)
      points.set(r[key], Math.max(points.get(r[key]) ?? 0, r.rel_l2));
  return [...points];
}

function layers(box, width, part) {
  curves(box, width, [
    { name: "layer output", class: "accumulated", points: largest(part + ".block", "accumulated", "layer") },
    { name: "attention", class: "alone", points: largest(part + ".attention", "alone", "layer") },
    { name: "MLP", class: "mlp", points: largest(part + ".mlp", "alone", "layer") },
  ], 210, "layer");
}

function denoising(box, width) {
  // x before step k + 1 is what step k left
  const after = largest("denoise.x", "accumulated", "step").map(([k, e]) => [k - 1, e]).filter(([k]) => k >= 0);
  const end = data.rows.find((r) => r.module === "actions" && r.mode === "accumulated");
  if (end && end.rel_l2 !== null) after.push([data.n_steps - 1, end.rel_l2]);
  curves(box, width, [
    { name: "actions after step", class: "accumulated", points: after },
    { name: "velocity of step", class: "mlp", points: largest("denoise.velocity", "accumulated", "step") },
    { name: "step alone", class: "alone", points: largest("denoise.step", "alone", "step") },
  ], 240, "step");
}

// ---- actions ----

function actions() {
  const a = data.actions;
  if (!a) return;
  byId("units").textContent = a.robot
    ? `One chunk in the robot's units${a.units ? ": " + a.units : ""}, row by row; beside the name the largest difference.`
    : "One chunk of the network's own actions, normalised, row by row; beside the number the largest difference.";
  a.reference[0].forEach((_, c) => {
    const figure = node(byId("actions"), "figure", {}), caption = node(figure, "figcaption", {});
    const ours = a.accelerated.map((row) => row[c]), theirs = a.reference.map((row) => row[c]);
    node(caption, "b", {}, a.names ? a.names[c] : c);
    node(caption, "span", {}, short(Math.max(...ours.map((v, r) => Math.abs(v - theirs[r])))));
    chart(node(figure, "div", { class: "chart" }), (box, width) => trajectory(box, width, theirs, ours));
  });
}

function trajectory(box, width, theirs, ours) {
  const height = 110, svg = canvas(box, width, height), left = 44, right = width - 4, top = 8, bottom = height - 8;
  const low = Math.min(...theirs, ...ours), high = Math.max(...theirs, ...ours, low + 1e-9);
  const x = (r) => left + (r / Math.max(1, theirs.length - 1)) * (right - left);
  const y = (v) => bottom - ((v - low) / (high - low)) * (bottom - top);
  for (const t of steps(low, high, 3)) {
    node(svg, "line", { x1: left, x2: right, y1: y(t), y2: y(t), class: "grid" });
    node(svg, "text", { x: left - 6, y: y(t) + 4, "text-anchor": "end" }, plain(t));
  }
  const path = (values) => "M" + values.map((v, r) => `${x(r).toFixed(1)},${y(v).toFixed(1)}`).join("L");
  node(svg, "path", { d: path(theirs), class: "reference" });
  node(svg, "path", { d: path(ours), class: "accumulated" });
}

// ---- time ----

function latency(box, width) {
  const ms = data.latency_ms;
  if (!ms.length) return;
  const height = 74, svg = canvas(box, width, height), left = 14, right = width - 14, axis = 44;
  const low = ms[0], high = Math.max(ms[ms.length - 1], low * 1.02), pad = (high - low) * 0.05;
  const x = (v) => left + ((v - low + pad) / (high - low + 2 * pad)) * (right - left);
  node(svg, "line", { x1: left, x2: right, y1: axis, y2: axis, class: "axis" });
  for (const t of steps(low, high, width < 500 ? 3 : 7)) {
    node(svg, "line", { x1: x(t), x2: x(t), y1: axis, y2: axis + 5, class: "axis" });
    node(svg, "text", { x: x(t), y: axis + 19, "text-anchor": "middle" }, plain(t) + " ms");
  }
  for (const v of ms) node(node(svg, "circle", { cx: x(v), cy: axis - 12, r: 5, class: "op" }), "title", {}, seconds(v));
  byId("timed").textContent = `Accelerated flow, ${ms.length} chunks without taps: ` +
    `p50 ${seconds(at(ms, 50))}, p90 ${seconds(at(ms, 90))}, p99 ${seconds(at(ms, 99))}, fastest ${seconds(ms[0])}.` +
    (data.reference_ms > 0 ? ` Reference flow, with taps: ${seconds(data.reference_ms)}.` : "");
}

// ---- roofline ----

function roofline(box, width) {
  const r = data.roofline, ops = r.ops.filter((o) => o.flop > 0 && o.ms > 0 && o.bytes > 0);
  const height = Math.min(380, Math.max(260, width * 0.5)), svg = canvas(box, width, height);
  const left = 52, right = width - 12, top = 28, bottom = height - 38;
  const xs = ops.map((o) => Math.log10(o.flop / o.bytes)), ys = ops.map((o) => Math.log10(o.flop / o.ms / 1e6));
  const x0 = Math.floor(Math.min(...xs)), x1 = Math.ceil(Math.max(...xs));
  const y1 = Math.ceil(Math.log10(r.peak * 1e-9)), y0 = Math.min(y1 - 2, Math.floor(Math.min(...ys)));
  const x = (v) => left + ((Math.log10(v) - x0) / (x1 - x0)) * (right - left);
  const y = (v) => bottom - ((Math.log10(v) - y0) / (y1 - y0)) * (bottom - top);
  for (const p of powers(x0, x1)) {
    node(svg, "line", { x1: x(10 ** p), x2: x(10 ** p), y1: top, y2: bottom, class: "grid" });
    node(svg, "text", { x: x(10 ** p), y: bottom + 16, "text-anchor": "middle" }, power(p));
  }
  for (const p of powers(y0, y1)) {
    node(svg, "line", { x1: left, x2: right, y1: y(10 ** p), y2: y(10 ** p), class: "grid" });
    node(svg, "text", { x: left - 6, y: y(10 ** p) + 4, "text-anchor": "end" }, power(p));
  }
  node(svg, "text", { x: right, y: height - 4, "text-anchor": "end" }, "FLOP per byte");
  node(svg, "text", { x: 0, y: 10 }, "GFLOP/s");
  const peak = r.peak * 1e-9, bandwidth = r.bandwidth * 1e-9;
  const roof = (v) => Math.min(peak, v * bandwidth), ends = [10 ** x0, peak / bandwidth, 10 ** x1];
  const inside = ends.filter((v) => v >= 10 ** x0 && v <= 10 ** x1);
  node(svg, "path", { d: "M" + inside.map((v) => `${x(v)},${y(Math.max(roof(v), 10 ** y0))}`).join("L"), class: "limit" });
  const total = ops.reduce((sum, o) => sum + o.ms, 0);
  for (const o of ops) {
    const dot = node(svg, "circle", { cx: x(o.flop / o.bytes), cy: y(o.flop / o.ms / 1e6),
      r: Math.max(2.5, 26 * Math.sqrt(o.ms / total)), class: "op" });
    node(dot, "title", {}, `${o.name} ${o.shape}: ${o.calls} calls, ${seconds(o.ms)}, ` +
      `${(o.flop / o.ms / 1e6).toFixed(0)} GFLOP/s, ${(100 * o.share).toFixed(0)} % of what is possible`);
  }
}

function operations() {
  const table = byId("ops"), head = node(node(table, "thead", {}), "tr", {});
  for (const title of ["operation", "shape", "calls", "ms", "GFLOP/s", "GB/s", "of the time", "of what is possible"])
    node(head, "th", {}, title);
  const total = data.roofline.ops.reduce((sum, o) => sum + o.ms, 0), body = node(table, "tbody", {});
  for (const o of data.roofline.ops.slice(0, 24)) {
    const row = node(body, "tr", {});
    for (const cell of [o.name, o.shape, o.calls, o.ms.toFixed(2), o.flop ? (o.flop / o.ms / 1e6).toFixed(0) : "–",
      (o.bytes / o.ms / 1e6).toFixed(1), ((100 * o.ms) / total).toFixed(1) + " %", (100 * o.share).toFixed(0) + " %"])
      node(row, "td", {}, cell);
  }
}

// ---- all rows ----

function table() {
  const failed = byId("only-failed").checked, word = byId("find").value.trim();
  const rows = byId("rows");
  rows.replaceChildren();
  const head = node(node(rows, "thead", {}), "tr", {}), body = node(rows, "tbody", {});
  ["module", "mode", "shape", "PCC", "max error", "RMS error", "relative L2", "bound", ""].forEach((title, i) =>
    node(head, "th", i === 1 ? { class: "text" } : {}, title));
  for (const r of data.rows) {
    if ((failed && r.pass) || (word && !r.module.includes(word))) continue;
    const row = node(body, "tr", r.pass ? {} : { class: "fail" });
    [r.module, r.mode, `[${r.shape}]`, r.pcc === null ? "–" : r.pcc.toFixed(7), short(r.max_error), short(r.rms_error),
      short(r.rel_l2), short(r.bound), r.pass ? "PASS" : "FAIL"].forEach((cell, i) =>
      node(row, "td", i === 1 ? { class: "text" } : {}, cell));
  }
}

header();
chart("modules", modules);
["vision", "prefix", "expert"].forEach((part, i) => chart("layers" + i, (box, width) => layers(box, width, part)));
chart("steps", denoising);
actions();
chart("latency", latency);
if (data.roofline && data.roofline.ops.length) {
  byId("roofline-section").hidden = false;
  chart("roofline", roofline);
  operations();
}
byId("only-failed").addEventListener("change", table);
byId("find").addEventListener("input", table);
table();
