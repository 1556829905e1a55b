"use strict";
// The playground's page: it asks the server for steps of the real engine, and draws what it is told.

const find = id => document.getElementById(id);
const form = find("settings");
const COLOURS = ["#2563b0", "#c2410c", "#2e8b57", "#8b5cf6", "#b8860b", "#d6336c", "#0e9aa7"];
const DARK = ["#6ea8f0", "#fb923c", "#5fd39b", "#b79cff", "#f2c14e", "#ff7fac", "#4dd4e0"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = i => (dark.matches ? DARK : COLOURS)[i % COLOURS.length];
const page = { id: null, seen: null, busy: false, again: false, running: false, milliseconds: 0, drawn: 0 };
window.playground = page; // what tests look at

const TRIES = {
  descents: { compare: "mini-batches", optimizer: "plain", rate: 0.3, batch: 20, hidden: "6, 4",
              activation: "tanh", data: "two moons", rows: 200, loss: "cross-entropy" },
  momentum: { compare: "optimizers", rate: 0.1, batch: 50, hidden: "8, 8", activation: "tanh",
              data: "circles", rows: 200, loss: "cross-entropy" },
  vanishing: { compare: "activations", optimizer: "plain", rate: 0.3, batch: 20,
               hidden: "8, 8, 8, 8, 8", data: "two moons", rows: 200, loss: "cross-entropy" },
  spiral: { compare: "nothing", optimizer: "Adam", rate: 0.02, batch: 20, hidden: "16, 16",
            activation: "relu", data: "spiral", rows: 300, noise: 0.02, loss: "cross-entropy" },
};

// Asking.

function settings() {
  const given = Object.fromEntries(new FormData(form));
  for (const name of ["rows", "noise", "rate", "batch", "seed"]) {
    if (given[name] === "") throw new Error(`${name}: a number is needed`);
    given[name] = Number(given[name]);
  }
  given.hidden = given.hidden.split(/[\s,]+/).filter(Boolean).map(Number);
  if (given.hidden.some(n => !Number.isInteger(n)))
    throw new Error("hidden layers: whole numbers, with commas between them");
  return given;
}

async function ask(act, what) {
  const response = await fetch(act, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(what),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** Ask, draw the answer, and say how long it took from the click to the picture. */
async function act(name, what) {
  if (page.busy) return false;
  page.busy = true;
  const began = performance.now();
  try {
    page.seen = await ask(name, { id: page.id, example: Number(find("example").value), ...what });
    page.id = page.seen.id;
    find("error").textContent = "";
    draw();
    await new Promise(requestAnimationFrame);
    page.milliseconds = performance.now() - began;
    page.drawn += 1;
    say();
    return true;
  } catch (error) {
    find("error").textContent = error.message;
    find("status").textContent = error.message;
    run(false);
    return false;
  } finally {
    page.busy = false;
    if (page.again) look();
  }
}

/** Another example, no step; if an answer is awaited, right after it. */
function look() {
  page.again = page.busy;
  if (!page.busy) step(0, "steps");
}

async function begin() {
  run(false);
  while (page.busy) await new Promise(requestAnimationFrame);
  find("example").value = 0;
  try {
    await act("begin", { settings: settings() });
  } catch (error) {
    find("error").textContent = error.message;
  }
}

const step = (steps, unit) => act("step", { steps, unit });

async function run(on) {
  page.running = on;
  find("run").setAttribute("aria-pressed", on);
  find("run").textContent = on ? "Pause" : "Run";
  while (page.running && on) {
    if (!(await step(1, "epochs")) && !page.busy) break;
    await new Promise(requestAnimationFrame);
    if (page.seen.runs.every(each => each.lost)) return run(false);
  }
}

// Drawing.

function say() {
  const [first] = page.seen.runs;
  const time = `${page.milliseconds.toFixed(0)} ms from click to picture`;
  find("status").textContent = page.seen.runs.length > 1
    ? `epoch ${first.epoch}; ${time}`
    : `epoch ${first.epoch}, step ${first.steps}, loss ${short(last(first).loss)}; ${time}`;
}

const last = each => each.curve[each.curve.length - 1];
const short = number => Math.abs(number) >= 0.001 && Math.abs(number) < 1e5
  ? number.toPrecision(3) : number === 0 ? "0" : number.toExponential(1);
const brief = number => number >= 0.01 && number < 1000 ? String(Number(number.toPrecision(2))) : number.toExponential(0);
const tiny = number => number === 0 ? "0" : Math.abs(number) < 0.005 ? number.toExponential(0) : Math.abs(number) < 9.95
  ? number.toFixed(Math.abs(number) < 0.995 ? 2 : 1).replace("0.", ".") : number.toFixed(0);
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function draw() {
  const { runs, points } = page.seen;
  if (find("runs").childElementCount !== runs.length) makeCards(runs.length);
  runs.forEach(drawPlane);
  find("example").max = points.length - 1;
  find("number").textContent = find("example").value;
  options(find("which"), runs.map(each => each.name));
  find("of-run").hidden = runs.length === 1;
  chart(find("losses"), runs.map(each => each.curve.map(now => [now.epoch, now.loss])), "Losses");
  legend(find("names"), runs.map(each => each.name));
  drawNorms();
  drawInside();
}

function options(select, names) {
  if ([...select.options].map(o => o.textContent).join() === names.join()) return;
  select.replaceChildren(...names.map((name, i) => new Option(name, i)));
}

function makeCards(n) {
  find("runs").replaceChildren(...Array.from({ length: n }, (_, i) => {
    const card = document.createElement("article");
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 360;
    canvas.setAttribute("role", "img");
    canvas.addEventListener("click", event => choose(event, canvas));
    card.append(document.createElement("h2"), canvas, document.createElement("p"),
                Object.assign(document.createElement("p"), { className: "said" }));
    return card;
  }));
}

const rgb = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
const mix = (a, b, t) => a.map((x, i) => Math.round(x + (b[i] - x) * t));

/** A colour for a number from -1 to 1. */
function tint(number) {
  const end = rgb(style(number < 0 ? "--zero" : "--one"));
  return `rgb(${mix(rgb(style("--box").padEnd(7, "f")), end, Math.min(1, Math.abs(number)))})`;
}

function drawPlane(each, i) {
  const card = find("runs").children[i];
  const [title, canvas, words, said] = card.children;
  const context = canvas.getContext("2d"), size = canvas.width;
  const zero = rgb(style("--zero")), one = rgb(style("--one"));
  const ground = rgb(dark.matches ? "#131416" : "#ffffff");
  const n = each.plane.length, picture = new ImageData(n, n);
  each.plane.flat().forEach((value, at) => {
    const sure = mix(ground, value > 127 ? one : zero, 0.15 + 0.55 * Math.abs(value - 127.5) / 127.5);
    picture.data.set([...sure, 255], 4 * at);
  });
  const small = new OffscreenCanvas(n, n);
  small.getContext("2d").putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, size, size);
  page.seen.points.forEach(([x, y, label], at) => {
    const [left, top] = place(x, y, size), chosen = at === page.seen.example;
    context.beginPath();
    context.arc(left, top, chosen ? 8 : 4, 0, 2 * Math.PI);
    context.fillStyle = style(label ? "--one" : "--zero");
    context.fill();
    context.lineWidth = chosen ? 3 : 1;
    context.strokeStyle = chosen ? style("--ink") : style("--page");
    context.stroke();
  });
  title.textContent = each.name;
  const now = last(each);
  words.textContent = `epoch ${each.epoch}, step ${each.steps}: loss ${short(now.loss)}, ` +
    `${(100 * now.accuracy).toFixed(0)}% right`;
  said.textContent = each.said;
  canvas.setAttribute("aria-label", `What ${each.name} says of the plane; ${words.textContent}`);
}

function place(x, y, size) {
  const reach = page.seen.reach;
  return [(x + reach) / (2 * reach) * size, (reach - y) / (2 * reach) * size];
}

function choose(event, canvas) {
  const box = canvas.getBoundingClientRect();
  const at = [event.clientX - box.left, event.clientY - box.top];
  const far = page.seen.points.map(([x, y]) => {
    const [left, top] = place(x, y, box.width);
    return Math.hypot(left - at[0], top - at[1]);
  });
  find("example").value = far.indexOf(Math.min(...far));
  look();
}

function legend(list, names) {
  list.replaceChildren(...names.map((name, i) => {
    const item = document.createElement("li");
    item.textContent = name;
    item.style.setProperty("--colour", colour(i));
    return item;
  }));
}

/** Lines [[x, y], ...] with axes; heights by their logarithm, since all of these shrink. */
function chart(svg, lines, what) {
  const width = Math.max(280, svg.clientWidth), height = 220, left = 52, bottom = 26, top = 8;
  const every = lines.flat().filter(([, y]) => y > 0);
  const xs = every.map(([x]) => x), ys = every.map(([, y]) => Math.log10(y));
  const right = Math.max(1, ...xs);
  const low = Math.min(...ys, 0), high = Math.max(...ys, low + 0.3);
  const across = x => left + x / right * (width - left - 8);
  const up = y => top + (high - Math.log10(Math.max(y, 1e-300))) / (high - low) * (height - top - bottom);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-label", `${what}: ${lines.map(l => l.length && short(l[l.length - 1][1])).join(", ")}`);
  const parts = [];
  for (let k = 0; k <= 4; k++) {
    const y = 10 ** (low + k / 4 * (high - low));
    parts.push(element("line", { class: "axis", x1: left, x2: width - 8, y1: up(y), y2: up(y) }),
               element("text", { x: left - 6, y: up(y) + 4, "text-anchor": "end" }, brief(y)));
  }
  const apart = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find(n => right / n <= 6) || right;
  for (let x = 0; x <= right; x += apart)
    parts.push(element("text", { x: across(x), y: height - 6, "text-anchor": x > 0.97 * right ? "end" : "middle" }, x));
  lines.forEach((line, i) => {
    const path = line.filter(([, y]) => y > 0).map(([x, y]) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`);
    parts.push(element("polyline", { points: path.join(" "), fill: "none", stroke: colour(i), "stroke-width": 2 }));
    if (path.length === 1) {
      const [cx, cy] = path[0].split(",");
      parts.push(element("circle", { cx, cy, r: 3, fill: colour(i) }));
    }
  });
  svg.replaceChildren(...parts);
}

const chosen = () => page.seen.runs[Number(find("which").value) || 0];

function drawNorms() {
  const each = chosen(), layers = each.weights.length;
  chart(find("norms"), Array.from({ length: layers }, (_, l) =>
    each.curve.map(now => [now.epoch, now.norms[l]])), "Lengths of gradients");
  legend(find("layers"), Array.from({ length: layers }, (_, l) => `layer ${l + 1}`));
}

const WORDS = {
  activations: "Each unit in the colour of its activation, each weight as wide as it is strong.",
  deltas: "Each unit in the colour of its error δ = ∂C/∂z of this example. The largest is at full strength.",
  gradients: "Each weight in the colour of ∂C/∂w over all rows, the wider, the steeper; units have their errors.",
};

function drawInside() {
  const each = chosen(), show = find("show").value, svg = find("inside");
  const numbers = show === "activations" ? each.activations
    : [each.activations[0].map(() => 0), ...each.deltas];
  const most = Math.max(1e-300, ...numbers.flat().map(Math.abs));
  const lines = show === "gradients" ? each.gradients : each.weights;
  const steep = Math.max(1e-300, ...lines.flat(2).map(Math.abs));
  const MOST = 12, width = Math.max(280, svg.clientWidth), tallest = Math.min(MOST, Math.max(...numbers.map(l => l.length)));
  const height = 40 + 34 * tallest, across = l => 40 + l * (width - 80) / (numbers.length - 1);
  const shown = l => Math.min(MOST, numbers[l].length);
  const down = (l, i) => 24 + (tallest * 34) / 2 + (i - (shown(l) - 1) / 2) * 34;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const parts = [];
  lines.forEach((W, l) => {
    for (let i = 0; i < shown(l); i++)
      for (let j = 0; j < shown(l + 1); j++) {
        const size = W[i][j] / steep;
        parts.push(element("line", { x1: across(l), y1: down(l, i), x2: across(l + 1), y2: down(l + 1, j),
          stroke: style(size < 0 ? "--zero" : "--one"), "stroke-width": (0.3 + 3 * Math.abs(size)).toFixed(2),
          "stroke-opacity": (0.15 + 0.85 * Math.abs(size)).toFixed(2) }));
      }
  });
  numbers.forEach((layer, l) => {
    for (let i = 0; i < shown(l); i++) {
      const unit = element("circle", { cx: across(l), cy: down(l, i), r: 12, fill: tint(layer[i] / most),
                                       stroke: style("--soft") });
      unit.append(element("title", {}, l ? `layer ${l}, unit ${i}: ${short(layer[i])}` : `input ${i}: ${short(each.activations[0][i])}`));
      const strong = Math.abs(layer[i]) / most > 0.55;
      parts.push(unit, element("text", { class: strong ? "number on" : "number", x: across(l), y: down(l, i) + 3,
                                         "text-anchor": "middle" }, l || show === "activations" ? tiny(layer[i]) : ""));
    }
    const more = layer.length - shown(l);
    parts.push(element("text", { x: across(l), y: 14, "text-anchor": "middle" },
                       (l ? `layer ${l}` : "inputs") + (more ? ` (+${more})` : "")));
  });
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", `${WORDS[show]} Outputs: ${numbers[numbers.length - 1].map(short).join(", ")}`);
  find("words").textContent = `${WORDS[show]} Blue is below 0, orange above.`;
}

// What the page listens to.

find("step").addEventListener("click", () => step(1, "steps"));
find("epoch").addEventListener("click", () => step(1, "epochs"));
find("run").addEventListener("click", () => run(!page.running));
find("anew").addEventListener("click", begin);
form.addEventListener("change", begin);
form.addEventListener("submit", event => { event.preventDefault(); begin(); });
find("example").addEventListener("input", look);
find("which").addEventListener("change", draw);
find("show").addEventListener("change", draw);
addEventListener("resize", () => page.seen && draw());
dark.addEventListener("change", () => page.seen && draw());
for (const button of form.querySelectorAll("[data-try]"))
  button.addEventListener("click", () => {
    for (const [name, value] of Object.entries(TRIES[button.dataset.try])) form.elements[name].value = value;
    begin();
  });
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  const key = { s: "step", e: "epoch", r: "run", n: "anew" }[event.key];
  if (key) find(key).click();
});
begin();
