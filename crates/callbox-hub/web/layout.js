// Where each picture of a group call goes: counts and sizes in, rectangles out. Pure; all lengths are CSS pixels.

const GAP = 8;
/** Wider pictures than this leave room at their sides, so that faces keep their size. */
const WIDEST = 1.95;
/** On a tall stage they may be as much taller than they are wide. */
const TALLEST = 1.65;
/** The strip beside a pinned picture takes this share of the longer side, within these bounds. */
const STRIP = { share: 0.2, across: [104, 232], down: [76, 132] };
/** Controls keep this distance from the own picture. */
const CLEAR = 6;

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const rect = (x, y, width, height, role) => ({ x: Math.round(x), y: Math.round(y), width: Math.floor(width), height: Math.floor(height), role });

/** Returns one rectangle for each of `count` pictures on a stage of this size, in their order: `{x, y, width, height, role}`.
 *  `role` is `grid`, or with one of them `pinned`: `pinned` and `strip`. `pinned`: its index, or -1. */
export function layout({ count, width, height, pinned = -1 }) {
  if (count < 1 || width < 1 || height < 1) return [];
  const isPinned = pinned >= 0 && pinned < count && count > 1;
  return isPinned ? strip(count, width, height, pinned) : grid(count, width, height);
}

/** As many columns as give the largest faces; a last row that is not full is centred. */
function grid(count, width, height) {
  if (count === 1) return [rect(0, 0, width, height, 'grid')];
  const ideal = width > height ? 4 / 3 : 1;
  const sizes = Array.from({ length: count }, (_, n) => cells(count, n + 1, width, height));
  const face = ({ width: w, height: h }) => Math.min(w, h * ideal);
  const best = sizes.reduce((a, b) => (face(b) > face(a) ? b : a));
  const { columns, rows } = best;
  const w = Math.min(best.width, best.height * WIDEST);
  const h = Math.min(best.height, best.width * (width > height ? 1 : TALLEST));
  const top = (height - rows * h - (rows - 1) * GAP) / 2;
  return Array.from({ length: count }, (_, n) => {
    const row = Math.floor(n / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = (width - inRow * w - (inRow - 1) * GAP) / 2;
    return rect(left + (n % columns) * (w + GAP), top + row * (h + GAP), w, h, 'grid');
  });
}

function cells(count, columns, width, height) {
  const rows = Math.ceil(count / columns);
  return { columns, rows, width: (width - (columns - 1) * GAP) / columns, height: (height - (rows - 1) * GAP) / rows };
}

/** One large picture, the others in a strip: beside it on a wide stage, below it on a tall one. */
function strip(count, width, height, pinned) {
  const beside = width > height;
  const others = count - 1;
  const thick = beside ? clamp(width * STRIP.share, ...STRIP.across) : clamp(height * STRIP.share, ...STRIP.down);
  const room = beside ? height : width;
  const long = Math.min(beside ? thick / (4 / 3) : thick * (4 / 3), (room - (others - 1) * GAP) / others);
  const start = (room - others * long - (others - 1) * GAP) / 2;
  return Array.from({ length: count }, (_, n) => {
    if (n === pinned) return beside ? rect(0, 0, width - thick - GAP, height, 'pinned') : rect(0, 0, width, height - thick - GAP, 'pinned');
    const along = start + (n < pinned ? n : n - 1) * (long + GAP);
    return beside ? rect(width - thick, along, thick, long, 'strip') : rect(along, height - thick, long, thick, 'strip');
  });
}

/** Whether two rectangles share a point. */
export function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Returns the place nearest to `want` where a picture of `size` lies within `area` and covers nothing of `avoid`, or null when there is none. */
export function place({ want, size, area, avoid }) {
  const right = area.x + area.width - size.width;
  const bottom = area.y + area.height - size.height;
  if (right < area.x || bottom < area.y) return null;
  const blocked = avoid.map((box) => ({ x: box.x - CLEAR, y: box.y - CLEAR, width: box.width + 2 * CLEAR, height: box.height + 2 * CLEAR }));
  const nearest = { x: clamp(want.x, area.x, right), y: clamp(want.y, area.y, bottom) };
  const xs = [nearest.x, area.x, right, ...blocked.flatMap((box) => [box.x - size.width, box.x + box.width])].filter((x) => x >= area.x && x <= right);
  const ys = [nearest.y, area.y, bottom, ...blocked.flatMap((box) => [box.y - size.height, box.y + box.height])].filter((y) => y >= area.y && y <= bottom);
  const away = ({ x, y }) => (x - want.x) ** 2 + (y - want.y) ** 2;
  const all = xs.flatMap((x) => ys.map((y) => ({ x, y }))).sort((a, b) => away(a) - away(b));
  return all.find((spot) => !blocked.some((box) => overlap(box, { ...spot, ...size }))) ?? null;
}
