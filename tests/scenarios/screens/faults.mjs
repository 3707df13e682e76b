// What a person would stumble over on a painted page. Runs in the page, so it uses nothing from outside.

/** Returns the faults in words. */
export function faults() {
  const found = [];
  const within = document.querySelector('dialog[open]') ?? (document.getElementById('call').hidden ? document.body : document.getElementById('call'));
  const shown = (element) => element.checkVisibility() && element.offsetWidth > 0;
  const nameOf = (element) => element.dataset.testid || element.id || `.${element.className} ${element.textContent.trim()}`;
  /** What is seen of it: a list that scrolls cuts off the rest. */
  const boxOf = (element) => {
    const box = element.getBoundingClientRect();
    const list = element.closest('.roster')?.getBoundingClientRect();
    if (!list) return box;
    const [left, top, right, bottom] = [Math.max(box.left, list.left), Math.max(box.top, list.top), Math.min(box.right, list.right), Math.min(box.bottom, list.bottom)];
    return { left, top, right, bottom, width: right - left, height: bottom - top };
  };
  const meet = (a, b) => a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5;
  const scrolls = (element) => getComputedStyle(element).position !== 'fixed' && !element.closest('#picked');
  const seen = (element) => shown(element) && !element.closest('dialog:not([open])') && boxOf(element).height > 24;
  const controls = [...within.querySelectorAll('button, input, a')].filter(seen);
  controls.forEach((one, n) => {
    for (const other of controls.slice(n + 1)) {
      // A bar at the bottom of the window lies over what scrolls below it.
      if (scrolls(one) !== scrolls(other)) continue;
      if (meet(boxOf(one), boxOf(other))) found.push(`${nameOf(one)} and ${nameOf(other)} overlap`);
    }
  });
  for (const control of within.id === 'call' ? controls : []) {
    const { left, right, top, bottom } = boxOf(control);
    if (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight) found.push(`${nameOf(control)} is cut off`);
  }
  const own = document.getElementById('own');
  if (shown(own) && within.id === 'call') {
    const texts = [...document.querySelectorAll('.title > *, .tile-name')].filter((element) => shown(element) && element.textContent);
    for (const other of [...controls, ...texts]) if (meet(boxOf(own), boxOf(other))) found.push(`the own picture covers ${nameOf(other)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
  for (const control of controls) if (!(control.textContent.trim() || control.getAttribute('aria-label') || control.labels?.length)) found.push(`${nameOf(control)} has no name`);
  for (const control of controls) if (boxOf(control).width < 24 || control.offsetHeight < 24) found.push(`${nameOf(control)} is too small to touch`);
  return [...found, ...globalThis.stage.violations];
}
