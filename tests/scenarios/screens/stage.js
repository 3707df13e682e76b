// Stands in for `app.js`: paints models that a test hands in, with pictures drawn on canvases. Runs in the page.

import { View } from './view.js';

const WISHES = [];
const streams = new Map();
const timers = new Map();
const view = new View((name, detail) => WISHES.push([name, detail]));
const violations = [];
document.addEventListener('securitypolicyviolation', (event) => violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));

/** A room with a person in it, in a hue of its own. */
function draw(context, hue, turn) {
  const { width: w, height: h } = context.canvas;
  const wall = context.createLinearGradient(0, 0, w, h);
  wall.addColorStop(0, `hsl(${hue} 34% 72%)`);
  wall.addColorStop(1, `hsl(${hue + 30} 30% 42%)`);
  context.fillStyle = wall;
  context.fillRect(0, 0, w, h);
  context.fillStyle = `hsl(${hue + 10} 30% 84%)`;
  context.fillRect(w * 0.07, h * 0.1, w * 0.2, h * 0.38);
  const sway = Math.sin(turn / 9) * w * 0.008;
  context.fillStyle = `hsl(${hue + 190} 38% 36%)`;
  context.beginPath();
  context.ellipse(w / 2 + sway, h * 1.06, w * 0.24, h * 0.42, 0, 0, Math.PI * 2);
  context.fill();
  context.fillStyle = `hsl(24 ${30 + (hue % 25)}% ${48 + (hue % 26)}%)`;
  context.beginPath();
  context.ellipse(w / 2 + sway, h * 0.44, h * 0.165, h * 0.21, 0, 0, Math.PI * 2);
  context.fill();
  context.fillStyle = `hsl(${hue % 60} 34% 18%)`;
  context.beginPath();
  context.ellipse(w / 2 + sway, h * 0.34, h * 0.18, h * 0.15, 0, Math.PI, Math.PI * 2);
  context.fill();
}

function streamOf(name, [width, height] = [640, 360]) {
  if (!streams.has(name)) {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d');
    const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
    let turn = 0;
    draw(context, hue, turn);
    const stream = canvas.captureStream(8);
    timers.set(name, setInterval(() => draw(context, hue, (turn += 1)), 120));
    streams.set(name, stream);
  }
  return streams.get(name);
}

const painting = { model: null };
/** Paints a model of `states.mjs`. */
function paint(model) {
  painting.model = model;
  const { view: shown, picture } = model;
  const [own] = shown.state === 'idle' || !shown.camera ? [null] : streamOf('own', [480, 360]).getVideoTracks();
  if (model.silent) document.getElementById('unmute').hidden = false;
  view.paint({ ...model, own, stream: picture ? streamOf('anna') : null, peers: { stream: ({ user }) => streamOf(user), level: () => 0 } });
}

const repaint = () => painting.model && paint(painting.model);
view.remote.addEventListener('resize', repaint);
view.remote.addEventListener('playing', repaint);
globalThis.stage = { paint, tick: (shown, now) => view.tick(shown, now), wishes: WISHES, violations, freeze: (user) => clearInterval(timers.get(user)) };
