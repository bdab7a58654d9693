// Shows the values under the pointer. A page without it lacks nothing but that.
const SIDE = 1000;

function number(value) {
  const size = Math.abs(value);
  if (size && (size >= 1e7 || size < 1e-3)) return value.toExponential(2);
  return size >= 1000 ? Math.round(value).toLocaleString('en') : String(+value.toPrecision(3));
}

function clock(seconds) {
  const two = part => String(part).padStart(2, '0');
  const whole = Math.round(seconds), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function span(seconds) {
  if (seconds < 1e-3) return `${number(seconds * 1e6)} µs`;
  return seconds < 1 ? `${number(seconds * 1e3)} ms` : `${number(seconds)} s`;
}

// The value at a part (0 to 1) of an axis, which says "low,high,is logarithmic,unit".
function valueAt(axis, part) {
  const [low, high, log, unit] = axis.split(',');
  const [from, to] = [low, high].map(end => +log ? Math.log10(+end) : +end);
  const at = from + part * (to - from), value = +log ? 10 ** at : at;
  if (unit === 'clock') return clock(value);
  return unit === 's' ? span(value) : number(value) + (unit === '%' ? ' %' : '');
}

function pointsOf(path) {
  const points = [];
  let x = 0, y = 0;
  for (const [, kind, one, two] of path.getAttribute('d').matchAll(/([MLHV])?(-?[\d.]+)(?: (-?[\d.]+))?/g)) {
    if (kind === 'H') x = +one;
    else if (kind === 'V') y = +one;
    else if (two !== undefined) [x, y] = [+one, +two];
    else continue;  // the h0 of a dot
    points.push([x, y]);
  }
  return points;
}

function add(parent, kind) {
  const made = document.createElement('div');
  made.className = kind;
  return parent.appendChild(made);
}

function hover(plot) {
  const area = plot.querySelector('.area');
  const lines = [...area.querySelectorAll('path[data-name]:not(.faint)')].map(path => [path.dataset.name, pointsOf(path)]);
  if (!lines.length) return;
  let cross, tip;
  area.addEventListener('pointerleave', () => { cross?.remove(); tip?.remove(); cross = tip = undefined; });
  area.addEventListener('pointermove', event => {
    const box = area.getBoundingClientRect(), pointer = SIDE * (event.clientX - box.left) / box.width;
    const nearer = (best, point) => Math.abs(point[0] - pointer) < Math.abs(best[0] - pointer) ? point : best;
    const near = lines.map(([name, points]) => [name, points.reduce(nearer)]);
    const at = near.map(([, point]) => point).reduce(nearer)[0] / SIDE;
    cross ??= add(area, 'cross');
    tip ??= add(area, 'tip');
    cross.style.left = `${100 * at}%`;
    tip.style.left = at > 0.5 ? 'auto' : `${100 * at + 1}%`;
    tip.style.right = at > 0.5 ? `${100 * (1 - at) + 1}%` : 'auto';
    tip.replaceChildren();
    add(tip, '').textContent = valueAt(plot.dataset.x, at);
    for (const [name, [, y]] of near) add(tip, '').textContent = `${name}  ${valueAt(plot.dataset.y, 1 - y / SIDE)}`;
  });
}

document.querySelectorAll('.plot').forEach(hover);
