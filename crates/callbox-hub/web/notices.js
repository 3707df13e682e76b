// What a person should know or do before a call, each with buttons where there is something to press.

import { nameOf } from './words.js';

/** `tones`: {audible, possible}; `capturable`: microphone and camera can be asked for here; `connectable`: this browser makes calls at all. */
export function noticesOf({ me, said, elsewhere, offered, failed, ice, lasting, mayAsk, mayNotify }, { tones, capturable, connectable }) {
  const all = [];
  const add = (icon, text, ...buttons) => all.push({ icon, text, buttons: buttons.map(([label, wish]) => ({ label, wish })) });
  if (offered) {
    add('key', `Somebody’s link would sign this page in as ${nameOf(offered)}. You are ${nameOf(me)}.`, [`Stay ${nameOf(me)}`, 'stay'], [`Become ${nameOf(offered)}`, 'switch']);
  }
  if (failed) add('key', failed, ['OK', 'ok']);
  if (elsewhere) add('leave', 'Callbox is open in another tab or window. Doors ring there.', ['Use it here', 'here']);
  if (said?.kind === 'origin') add('key', `This page can’t reach its hub. For the one who runs it: ${said.text}`);
  else if (said) add('bell', said.text, ...(said.kind === 'expired' ? [['Sign in anew', 'other']] : []));
  // First things first: what follows can wait until this page is connected.
  if (all.length) return all;
  if (!connectable) add('video-off', 'This browser has calls switched off (WebRTC). You can see who rings and open the door, but not talk.');
  else if (!capturable) add('video-off', 'This browser gives out microphone and camera on https pages only. You can see and hear, but not be seen or heard.');
  for (const { url, fault } of ice.slice(0, 2)) add('phone', `The house names a server that can’t be used, ${url}: ${fault}. Calls from other networks may not get through.`);
  if (!lasting) add('key', 'This browser keeps nothing for this page. Keep your sign-in link: you’ll need it each time.');
  if (mayAsk) add('mic', 'Let this page use your microphone and camera, so that you can answer at once.', ['Allow', 'allow']);
  else if (mayNotify) add('bell', 'Let this page tell you when somebody rings while you look at something else.', ['Allow', 'notify']);
  if (!tones.audible && tones.possible) add('bell', 'This page may ring once you have touched it.', ['Turn the ring on', 'sound']);
  return all;
}
