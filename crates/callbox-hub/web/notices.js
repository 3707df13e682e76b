// What a person should know or do before a call, each with a button where there is something to press.

/** `audible`: the page may ring. `possible`: this browser gives out microphone and camera here at all. */
export function noticesOf({ blocked, mayAsk }, { audible, possible }) {
  const all = [];
  if (blocked) all.push(blocked);
  if (!possible) all.push({ icon: 'video-off', text: 'This browser gives out microphone and camera on https pages only. You can see and hear, but not be seen or heard.' });
  if (mayAsk) all.push({ icon: 'mic', text: 'Let this page use your microphone and camera, so that you can answer at once.', button: 'Allow', wish: 'allow' });
  if (!audible) all.push({ icon: 'bell', text: 'This page may ring once you have touched it.', button: 'Turn the ring on', wish: 'sound' });
  return all;
}
