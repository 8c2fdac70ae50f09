// The curves of the loss and its terms, on a canvas with a logarithmic scale.

import { number } from "./format.js";

const COLORS = ["#4c82e0", "#e0812b", "#36a35b", "#cf5596", "#9270dc", "#14a0a6", "#b58a12", "#d9584f", "#7f8f2f", "#7485a0"];
const DASHES = [[], [6, 3], [2, 3]];
const ROW = 3; // where the values begin in a row: [iteration, height, width, value ...]
const DECADES = 8; // shown at most
const MARGIN = { left: 46, right: 10, top: 16, bottom: 22 };

export class Chart {
  constructor(canvas, legend, readout) {
    Object.assign(this, { canvas, legend, readout, names: [], rows: [], latest: null, hidden: new Set(), hovered: null });
    new ResizeObserver(() => this.redraw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    canvas.addEventListener("pointermove", (event) => this.hover(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.hover(null));
  }

  clear() {
    this.names = [];
    this.rows = [];
    this.latest = null;
  }

  // Take over what came: `latest` is the present row, which need not be among the points.
  add(names, points, latest) {
    if (names.length !== this.names.length) this.makeLegend(names);
    this.rows.push(...points);
    this.latest = latest;
    this.redraw();
  }

  all() {
    const last = this.rows.at(-1);
    return this.latest && (!last || last[0] < this.latest[0]) ? [...this.rows, this.latest] : this.rows;
  }

  makeLegend(names) {
    this.names = names;
    this.values = names.map((name, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!this.hidden.has(name)));
      button.addEventListener("click", () => {
        this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name);
        button.setAttribute("aria-pressed", String(!this.hidden.has(name)));
        this.redraw();
      });
      const label = document.createElement("span");
      label.textContent = name;
      const value = document.createElement("span");
      button.append(swatch(index), label, value);
      return { button, value };
    });
    this.legend.replaceChildren(
      ...this.values.map(({ button }) => {
        const item = document.createElement("li");
        item.append(button);
        return item;
      }),
    );
  }

  hover(x) {
    this.pointer = x;
    this.redraw();
  }

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const rows = this.all();
    const area = this.prepare();
    if (rows.length === 0) return;
    const shown = this.names.map((name, index) => index).filter((index) => !this.hidden.has(this.names[index]));
    const scale = makeScale(rows, shown, area);
    this.drawGrid(scale, area);
    this.drawSizes(rows, scale, area);
    this.context.save();
    this.context.beginPath();
    this.context.rect(area.x, area.y - 2, area.width + 2, area.height + 4);
    this.context.clip();
    for (const index of shown.toReversed()) this.drawCurve(rows, index, scale);
    this.context.restore();
    this.tell(rows, scale, area);
  }

  // Fit the canvas to its box and the screen's pixels, and return the area of the curves.
  prepare() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context = this.canvas.getContext("2d");
    this.context.scale(ratio, ratio);
    const style = getComputedStyle(document.body);
    this.ink = style.color;
    this.soft = style.getPropertyValue("--soft");
    this.line = style.getPropertyValue("--line");
    this.context.font = `11px ${style.fontFamily}`;
    return {
      x: MARGIN.left,
      y: MARGIN.top,
      width: width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom,
    };
  }

  drawGrid(scale, area) {
    const { context } = this;
    context.lineWidth = 1;
    context.strokeStyle = this.line;
    context.fillStyle = this.soft;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of valueTicks(scale, area.height / 26)) {
      const y = Math.round(scale.y(value)) + 0.5;
      context.beginPath();
      context.moveTo(area.x, y);
      context.lineTo(area.x + area.width, y);
      context.stroke();
      context.fillText(number(value, 3), area.x - 6, y);
    }
    context.textBaseline = "top";
    const iterations = iterationTicks(scale, area.width / 48);
    for (const iteration of iterations) {
      const x = scale.x(iteration);
      context.textAlign = x > area.x + area.width - 14 ? "right" : "center";
      context.fillText(String(iteration), x, area.y + area.height + 7);
    }
  }

  // Where the run goes to another size: a dashed line with the new size's longer side.
  drawSizes(rows, scale, area) {
    const { context } = this;
    context.textBaseline = "bottom";
    context.textAlign = "left";
    context.fillStyle = this.soft;
    context.strokeStyle = this.soft;
    context.lineWidth = 1;
    let free = -Infinity;
    for (let i = 1; i < rows.length; i++) {
      if (sameSize(rows[i], rows[i - 1])) continue;
      const x = Math.round(scale.x(rows[i][0])) + 0.5;
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(x, area.y);
      context.lineTo(x, area.y + area.height);
      context.stroke();
      const text = `${Math.max(rows[i][1], rows[i][2])} px`;
      const left = Math.min(x - 1, area.x + area.width - context.measureText(text).width);
      if (left < free) continue;
      context.fillText(text, left, area.y - 2);
      free = left + context.measureText(text).width + 6;
    }
    context.setLineDash([]);
  }

  drawCurve(rows, index, scale) {
    const { context } = this;
    context.strokeStyle = index === 0 ? this.ink : color(index);
    context.lineWidth = index === 0 ? 2.25 : 1.5;
    context.lineJoin = "round";
    context.setLineDash(dash(index));
    const smooth = smoothed(rows, index);
    if (smooth) {
      context.globalAlpha = 0.22;
      this.path(rows, scale, (i) => rows[i][ROW + index]);
      context.globalAlpha = 1;
    }
    this.path(rows, scale, smooth ? (i) => smooth[i] : (i) => rows[i][ROW + index]);
    context.setLineDash([]);
  }

  path(rows, scale, value) {
    const { context } = this;
    context.beginPath();
    let isDown = false;
    for (let i = 0; i < rows.length; i++) {
      const here = value(i);
      const isDrawn = here > 0;
      if (isDrawn && isDown) context.lineTo(scale.x(rows[i][0]), scale.y(here));
      // A line of no length shows a single point.
      else if (isDrawn) context.moveTo(scale.x(rows[i][0]) - 0.5, scale.y(here)), context.lineTo(scale.x(rows[i][0]), scale.y(here));
      isDown = isDrawn;
    }
    context.stroke();
  }

  // The values in the legend: of the iteration under the pointer, or the latest.
  tell(rows, scale, area) {
    let row = rows.at(-1);
    if (this.pointer != null) {
      const iteration = scale.iteration(Math.min(Math.max(this.pointer, area.x), area.x + area.width));
      row = rows.reduce((best, one) => (Math.abs(one[0] - iteration) < Math.abs(best[0] - iteration) ? one : best));
      this.context.strokeStyle = this.soft;
      this.context.lineWidth = 1;
      this.context.beginPath();
      this.context.moveTo(scale.x(row[0]), area.y);
      this.context.lineTo(scale.x(row[0]), area.y + area.height);
      this.context.stroke();
    }
    this.readout.textContent = this.pointer == null ? "logarithmic" : `iteration ${row[0]}, ${row[2]} × ${row[1]}`;
    this.values.forEach(({ value }, index) => (value.textContent = number(row[ROW + index])));
  }
}

function color(index) {
  return COLORS[(index - 1) % COLORS.length];
}

function dash(index) {
  return index === 0 ? [] : DASHES[Math.floor((index - 1) / COLORS.length) % DASHES.length];
}

function swatch(index) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 10");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M1 5h22");
  line.setAttribute("stroke", index === 0 ? "currentColor" : color(index));
  line.setAttribute("stroke-width", index === 0 ? "3.5" : "2.5");
  line.setAttribute("stroke-dasharray", dash(index).join(" "));
  svg.append(line);
  return svg;
}

function sameSize(a, b) {
  return a[1] === b[1] && a[2] === b[2];
}

// Places of iterations and values on the canvas; the values' range is that of the curves shown.
function makeScale(rows, shown, area) {
  let [low, high] = [Infinity, 0];
  for (const row of rows) {
    for (const index of shown) {
      const value = row[ROW + index];
      if (value > 0) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  if (high === 0) [low, high] = [0.1, 1];
  low = Math.max(low, high * 10 ** -DECADES);
  const room = Math.max(0.05 * Math.log(high / low), 0.02);
  const [bottom, top] = [Math.log(low) - room, Math.log(high) + room];
  const first = rows[0][0];
  const last = Math.max(rows.at(-1)[0], first + 1);
  return {
    low: Math.exp(bottom),
    high: Math.exp(top),
    first,
    last,
    x: (iteration) => area.x + (area.width * (iteration - first)) / (last - first),
    y: (value) => area.y + (area.height * (top - Math.log(value))) / (top - bottom),
    iteration: (x) => first + ((last - first) * (x - area.x)) / area.width,
  };
}

// Round numbers between the ends, about `count` of them: the coarsest of finer and finer kinds.
function valueTicks({ low, high }, count) {
  const kinds = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]];
  const ticksOf = (digits, every) => {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      if (power % every === 0) for (const digit of digits) ticks.push(digit * 10 ** power);
    }
    return ticks.filter((tick) => tick >= low && tick <= high);
  };
  let every = 1;
  while (ticksOf([1], every).length > count) every++;
  const fitting = every > 1 ? [] : kinds.map((kind) => ticksOf(kind, 1)).filter((ticks) => ticks.length <= count);
  const best = fitting.at(-1) ?? ticksOf([1], every);
  return best.length >= 2 ? best : linearTicks(low, high, Math.min(count, 4));
}

function linearTicks(low, high, count) {
  const step = roundStep((high - low) / count);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(Number(tick.toPrecision(6)));
  return ticks;
}

function iterationTicks({ first, last }, count) {
  return linearTicks(first, last, Math.max(1, Math.floor(count))).filter(Number.isInteger);
}

function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= least);
}

// The middle course of a long, noisy curve: means of logarithms, within the same size; null for a short curve.
function smoothed(rows, index) {
  const reach = Math.floor(rows.length / 120);
  if (reach < 1) return null;
  const logs = rows.map((row) => (row[ROW + index] > 0 ? Math.log(row[ROW + index]) : NaN));
  return rows.map((row, i) => {
    let [sum, count] = [logs[i], 1];
    for (let d = 1; d <= reach; d++) {
      const [before, after] = [rows[i - d], rows[i + d]];
      if (!before || !after || !sameSize(before, row) || !sameSize(after, row)) break;
      sum += logs[i - d] + logs[i + d];
      count += 2;
    }
    return Math.exp(sum / count);
  });
}
