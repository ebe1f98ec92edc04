"use strict";
const $ = id => document.getElementById(id);
let model = null;

/* ---- asking ---- */

function complain(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

async function ask(path, type, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": type }, body });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || "the server answers " + answer.status);
  return answer;
}

/* One question at a time; of those that come meanwhile the newest is asked next.  An answer to what was cleared is not shown. */
const question = { busy: false, next: null, turn: 0 };
async function predict(type, body) {
  if (question.busy) { question.next = [type, body]; return; }
  question.busy = true;
  const turn = question.turn;
  try {
    const answer = await (await ask("api/predict", type, body)).json();
    if (turn === question.turn) show(answer);
    complain("");
  } catch (error) {
    complain(error instanceof TypeError ? "The server does not answer; is taper serve still running?" : error.message);
  }
  question.busy = false;
  if (question.next) {
    const [t, b] = question.next;
    question.next = null;
    predict(t, b);
  }
}

/* ---- showing ---- */

function percent(p) { return p === null ? "none" : (100 * p).toFixed(p < 0.0995 ? 2 : 1) + " %"; }

function element(name, className, text) {
  const e = document.createElement(name);
  e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

function bar(label, p, first) {
  const row = element("li", first ? "first" : ""), track = element("span", "track"), fill = element("span", "fill");
  track.setAttribute("aria-hidden", "true");
  fill.style.width = 100 * p + "%";
  track.append(fill);
  const name = element("span", "label", label);
  name.title = label;
  row.append(name, track, element("span", "number", percent(p)));
  return row;
}

function line(text, number, first) {
  const row = element("li", first ? "first" : "");
  row.append(element("span", "text", text), element("span", "number", number));
  return row;
}

function say(text, quiet) {
  $("best").textContent = text;
  $("best").className = quiet ? "quiet" : "";
}

function show(a) {
  const rows = [];
  if (a.classes) {
    const best = a.classes[0];
    say(best.label + ", " + percent(best.probability));
    /* A few classes keep their places, so that the eye finds them again. */
    const few = model.classes.length <= 12;
    const order = new Map(model.classes.map((name, i) => [name, i]));
    const shown = few ? [...a.classes].sort((x, y) => order.get(x.label) - order.get(y.label)) : a.classes;
    $("bars").style.setProperty("--labels", Math.min(18, Math.max(...shown.map(c => c.label.length)) + 2) + "ch");
    for (const c of shown) rows.push(bar(c.label, c.probability, c === best));
  } else if (a.tokens) {
    say(a.tokens.length === 1 ? "1 word" : a.tokens.length + " words", true);
    for (const t of a.tokens) rows.push(line(t.token + " → " + t.classes[0].label, percent(t.classes[0].probability)));
  } else if (a.targets) {
    say(a.targets.length ? a.targets[0].text : "nothing");
    a.targets.forEach((t, i) => rows.push(line(t.text, t.log_probability.toFixed(2), i === 0)));
  } else {
    say(String(a.value));
  }
  $("bars").replaceChildren(...rows);
  $("time").textContent = a.targets ? "The numbers are log-probabilities."
    : a.seconds === undefined ? "" : "computed in " + (1000 * a.seconds).toFixed(2) + " ms";
}

/* ---- the pad: strokes are lists of points in 0 to 1 ---- */

const strokes = [];
let stroke = null, pen = null; /* pen: where the keyboard's stands */

function paint() {
  const c = $("pad"), g = c.getContext("2d"), n = c.width;
  g.clearRect(0, 0, n, n);
  g.strokeStyle = g.fillStyle = model.dark_on_light ? "#000" : "#fff";
  trace(g, n, 0, 0, n * 0.07);
  if (pen) {
    g.strokeStyle = stroke ? "#f0a253" : "#6ea1e6";
    g.lineWidth = 3;
    g.beginPath();
    g.arc(n * pen[0], n * pen[1], 14, 0, 7);
    g.stroke();
  }
}

function trace(g, scale, dx, dy, width) {
  g.lineWidth = width;
  g.lineCap = g.lineJoin = "round";
  for (const s of strokes) {
    g.beginPath();
    g.moveTo(scale * s[0][0] + dx, scale * s[0][1] + dy);
    for (const p of s) g.lineTo(scale * p[0] + dx, scale * p[1] + dy);
    g.stroke();
  }
}

/* The drawing in the network's size, ink from 0 to 1.  MNIST's way: its longer side fills 20 of 28 pixels, its centre of mass is in the
 * middle.  Lines are drawn anew, so that the pen is as wide whatever the size that was drawn. */
function ink(height, width) {
  const fine = 8, size = Math.min(height, width), c = document.createElement("canvas");
  c.width = width * fine;
  c.height = height * fine;
  const g = c.getContext("2d", { willReadFrequently: true }), line = fine * size * 2.6 / 28;
  g.strokeStyle = "#fff";
  let scale = fine * size, dx = (c.width - scale) / 2, dy = (c.height - scale) / 2;
  if ($("fit").checked) {
    const xs = strokes.flat().map(p => p[0]), ys = strokes.flat().map(p => p[1]);
    const x0 = Math.min(...xs), x1 = Math.max(...xs), y0 = Math.min(...ys), y1 = Math.max(...ys);
    scale = (fine * size * 20 / 28 - line) / Math.max(x1 - x0, y1 - y0, 0.12);
    dx = c.width / 2 - scale * (x0 + x1) / 2;
    dy = c.height / 2 - scale * (y0 + y1) / 2;
    trace(g, scale, dx, dy, line);
    const data = g.getImageData(0, 0, c.width, c.height).data;
    let sum = 0, sx = 0, sy = 0;
    for (let i = 3, at = 0; i < data.length; i += 4, at++) {
      sum += data[i];
      sx += data[i] * (at % c.width + 0.5);
      sy += data[i] * (Math.floor(at / c.width) + 0.5);
    }
    dx += c.width / 2 - sx / sum;
    dy += c.height / 2 - sy / sum;
    g.clearRect(0, 0, c.width, c.height);
  }
  trace(g, scale, dx, dy, line);
  const data = g.getImageData(0, 0, c.width, c.height).data, rows = [];
  for (let y = 0; y < height; y++) {
    const row = [];
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = 0; i < fine; i++)
        for (let k = 0; k < fine; k++) sum += data[4 * ((y * fine + i) * c.width + x * fine + k) + 3];
      row.push(Math.round(1000 * sum / (255 * fine * fine)) / 1000);
    }
    rows.push(row);
  }
  return rows;
}

function preview(pixels) {
  const c = $("small"), g = c.getContext("2d");
  c.height = pixels.length;
  c.width = pixels[0].length;
  const image = g.createImageData(c.width, c.height);
  pixels.flat().forEach((p, i) => image.data.set([255 * p, 255 * p, 255 * p, 255], 4 * i));
  g.putImageData(image, 0, 0);
  $("seen").hidden = false;
}

function drawn() {
  paint();
  if (!strokes.length) {
    question.next = null;
    question.turn++;
    $("bars").replaceChildren();
    $("seen").hidden = true;
    $("time").textContent = "";
    say("Draw something.", true);
    return;
  }
  let pixels = ink(model.shape[1], model.shape[2]);
  if (model.dark_on_light) pixels = pixels.map(row => row.map(p => 1 - p));
  preview(pixels);
  predict("application/json", JSON.stringify({ pixels, top: Math.max(1, Math.min(model.classes.length, 12)) }));
}

function open_pad() {
  const pad = $("pad");
  const at = e => {
    const box = pad.getBoundingClientRect();
    return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height];
  };
  pad.classList.toggle("light", model.dark_on_light);
  pad.addEventListener("pointerdown", e => {
    if (e.button) return;
    try { pad.setPointerCapture(e.pointerId); } catch (_) { /* the pointer has left already */ }
    pen = null;
    strokes.push(stroke = [at(e)]);
    drawn();
  });
  pad.addEventListener("pointermove", e => {
    if (!stroke || pen) return;
    for (const part of e.getCoalescedEvents && e.getCoalescedEvents().length ? e.getCoalescedEvents() : [e]) stroke.push(at(part));
    drawn();
  });
  for (const name of ["pointerup", "pointercancel"]) pad.addEventListener(name, () => { if (!pen) stroke = null; });
  pad.addEventListener("keydown", e => {
    const step = e.shiftKey ? 0.01 : 0.04;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[e.key];
    if (move) {
      pen = pen || [0.5, 0.5];
      pen = [Math.min(1, Math.max(0, pen[0] + move[0])), Math.min(1, Math.max(0, pen[1] + move[1]))];
      if (stroke) stroke.push(pen);
    } else if (e.key === " ") {
      pen = pen || [0.5, 0.5];
      if (stroke) stroke = null;
      else strokes.push(stroke = [pen]);
    } else if (e.key === "Escape") clear_pad();
    else if (e.key === "Backspace") undo();
    else return;
    e.preventDefault();
    drawn();
  });
  pad.addEventListener("blur", () => { if (pen) { pen = stroke = null; paint(); } });
  $("clear").addEventListener("click", () => { clear_pad(); drawn(); });
  $("undo").addEventListener("click", () => { undo(); drawn(); });
  $("fit").addEventListener("change", drawn);
  drawn();
}

function clear_pad() { strokes.length = 0; stroke = null; }
function undo() { strokes.pop(); stroke = null; }

/* ---- a picture ---- */

function open_picture() {
  const take = file => {
    if (!file) return;
    if (file.type !== "image/png" && file.type !== "image/jpeg") { complain((file.name || "This") + " is no PNG or JPEG."); return; }
    if (file.size > model.limits.body) { complain(file.name + " has more than " + model.limits.body + " bytes."); return; }
    const shown = $("shown");
    URL.revokeObjectURL(shown.src);
    shown.src = URL.createObjectURL(file);
    shown.alt = file.name;
    shown.hidden = false;
    shown.onload = () => shown.classList.toggle("small", shown.naturalWidth < 100);
    $("seen").hidden = true;
    predict(file.type, file);
  };
  $("file").addEventListener("change", () => take($("file").files[0]));
  addEventListener("paste", e => take([...e.clipboardData.files][0]));
  addEventListener("dragover", e => { e.preventDefault(); $("drop").classList.add("over"); });
  addEventListener("dragleave", () => $("drop").classList.remove("over"));
  addEventListener("drop", e => {
    e.preventDefault();
    $("drop").classList.remove("over");
    take(e.dataTransfer.files[0]);
  });
}

/* ---- a row of a table, a field for each column ---- */

/* Names of columns, each with its texts or none: of "town=Oslo", "town=Rome", "rooms" town and rooms. */
function columns() {
  const found = new Map();
  for (const name of model.columns) {
    const at = name.indexOf("="), column = at < 0 ? name : name.slice(0, at);
    if (!found.has(column)) found.set(column, []);
    if (at >= 0) found.get(column).push(name.slice(at + 1));
  }
  return found;
}

function column_field(name, texts) {
  const label = element("label", "", name), input = document.createElement(texts.length ? "select" : "input");
  for (const text of texts) input.add(new Option(text));
  if (!texts.length) Object.assign(input, { type: "number", step: "any", required: true });
  input.name = name;
  label.append(input);
  return label;
}

function open_row() {
  $("ask-title").textContent = "A row";
  for (const part of ["text", "text-label"]) $(part).hidden = true;
  document.querySelector("#ask .hint").hidden = true;
  for (const [name, texts] of columns()) $("columns").append(column_field(name, texts));
  const fields = [...$("columns").querySelectorAll("[name]")];
  const go = () => predict("application/json", JSON.stringify({ values: Object.fromEntries(fields.map(f => [f.name, f.value])) }));
  $("ask").addEventListener("submit", e => { e.preventDefault(); go(); });
  $("columns").addEventListener("input", () => { if ($("ask").checkValidity()) go(); });
  say("Fill the fields.", true);
}

/* ---- a text, or a row of numbers whose columns nobody named ---- */

function open_text() {
  const table = model.task === "table", label = $("text-label");
  if (table) {
    $("ask-title").textContent = "A row";
    label.textContent = model.shape[0] + " numbers, with commas between them";
  } else if (model.task === "pairs") {
    label.textContent = "Source";
  }
  const go = () => {
    const text = $("text").value;
    if (!text.trim()) return;
    const body = table ? { values: text.split(/[\s,;]+/).filter(Boolean).map(Number) } : { text };
    if (model.task === "pairs") body.n_best = 4;
    predict("application/json", JSON.stringify(body));
  };
  $("ask").addEventListener("submit", e => { e.preventDefault(); go(); });
  let wait = 0;
  $("text").addEventListener("input", () => {
    clearTimeout(wait);
    if (!table) wait = setTimeout(go, 250);
  });
  send_with_enter($("text"), $("ask"));
  say(table ? "Type the numbers." : "Type something.", true);
}

function send_with_enter(area, form) {
  area.addEventListener("keydown", e => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) form.requestSubmit(); });
}

/* ---- a text that goes on ---- */

let writing = null;

function options() {
  const body = { prompt: $("prompt").value, temperature: Number($("temperature").value) };
  if (!body.prompt) delete body.prompt;
  for (const name of ["length", "top_k", "top_p"]) if ($(name).value !== "") body[name] = Number($(name).value);
  body.seed = $("seed").value === "" ? Math.floor(Math.random() * 2 ** 32) : Number($("seed").value);
  return body;
}

/* The events of a stream: each is "data: {...}" and an empty line. */
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    let from = 0;
    for (let end; (end = text.indexOf("\n\n", from)) >= 0; from = end + 2) yield JSON.parse(text.slice(from + 6, end));
    text = text.slice(from);
  }
}

/* Writes into a page cost more than a token does: what has come is shown 25 times a second. */
function slow_writer(out) {
  const node = document.createTextNode("");
  let waits = "", timer = 0;
  out.append(node);
  const flush = () => {
    const stays = out.scrollHeight - out.scrollTop - out.clientHeight < 40;
    node.appendData(waits);
    waits = "";
    timer = 0;
    if (stays) out.scrollTop = out.scrollHeight;
  };
  return { put(text) { waits += text; timer = timer || setTimeout(flush, 40); }, end() { clearTimeout(timer); flush(); } };
}

async function write() {
  if (writing) return;
  const body = options(), out = $("written"), begun = performance.now();
  writing = new AbortController();
  $("go").disabled = true;
  $("stop").disabled = false;
  out.hidden = false;
  out.replaceChildren(element("span", "prompt", body.prompt || ""));
  const writer = slow_writer(out);
  complain("");
  say("Writing…", true);
  let last = null;
  try {
    const answer = await fetch("api/generate", { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body), signal: writing.signal });
    if (!answer.ok) throw new Error((await answer.json()).error);
    for await (const e of events(answer))
      if (e.text) writer.put(e.text);
      else last = e;
    say(!last ? "The server stopped." : last.reason === "time" ? "The time was up." : "Done.", true);
  } catch (error) {
    if (error.name === "AbortError") say("Stopped.", true);
    else { say("", true); complain(error instanceof TypeError ? "The server does not answer; is taper serve still running?" : error.message); }
  }
  writer.end();
  const seconds = (performance.now() - begun) / 1000;
  $("time").textContent = (last ? last.tokens + " tokens, " + (last.tokens / seconds).toFixed(0) + " a second, " : "") + "seed " + body.seed;
  writing = null;
  $("go").disabled = false;
  $("stop").disabled = true;
}

function open_writing() {
  document.querySelector("main").classList.add("language");
  $("write").addEventListener("submit", e => { e.preventDefault(); write(); });
  $("stop").addEventListener("click", () => { if (writing) writing.abort(); });
  addEventListener("keydown", e => { if (e.key === "Escape" && writing) writing.abort(); });
  $("temperature").addEventListener("input", () => { $("temperature-is").textContent = $("temperature").value; });
  send_with_enter($("prompt"), $("write"));
  say("Type how the text begins.", true);
}

/* ---- the beginning ---- */

const about = {
  image: "says what a picture shows", table: "answers to a row of a table", text: "tells what kind of text it is",
  tags: "labels each word of a text", pairs: "writes a target for a source", language: "goes on with a text",
};

function curl() {
  const at = location.origin + "/api/" + (model.task === "language" ? "generate" : "predict");
  if (model.task === "image") return "curl -H 'Content-Type: image/png' --data-binary @picture.png " + at;
  const body = model.task === "language" ? { prompt: "Once upon a time", temperature: 0.8 }
    : model.task !== "table" ? { text: "..." }
    : { values: model.columns.length ? Object.fromEntries([...columns()].map(([name, texts]) => [name, texts[0] ?? 0]))
        : Array(model.shape[0]).fill(0) };
  return "curl -N -H 'Content-Type: application/json' -d '" + JSON.stringify(body).replaceAll("'", "'\\''") + "' " + at;
}

async function begin() {
  try {
    model = await (await fetch("api/model")).json();
  } catch (_) {
    complain("The server does not answer; is taper serve still running?");
    return;
  }
  document.title = model.name + " - Taper";
  $("name").textContent = model.name;
  $("about").textContent = model.title + ", " + model.parameters.toLocaleString("en") + " parameters, " + about[model.task] +
    (model.classes.length > 1 ? "; " + model.classes.length + " classes" : "");
  $("curl").textContent = curl();
  $("answer").hidden = false;
  if (model.task === "image") {
    const [channels, height, width] = model.shape;
    $("picture").hidden = false;
    say("Choose a picture.", true);
    open_picture();
    if (channels === 1 && height > 0 && width > 0 && height <= 64 && width <= 64) {
      $("draw").hidden = false;
      document.querySelector("main").classList.add("draws");
      open_pad();
    }
  } else if (model.task === "language") {
    $("write").hidden = false;
    open_writing();
  } else {
    $("ask").hidden = false;
    if (model.columns.length) open_row(); else open_text();
  }
}
begin();
