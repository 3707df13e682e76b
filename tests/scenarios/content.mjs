// What the fake camera and microphone of a browser carry: a code with a frame number, a tone; and how to know them again.

import { join } from 'node:path';

import { run } from './process.mjs';

/** What each side sounds like, in Hz: far apart, no multiples of each other, and well inside the band of a voice. */
export const TONES = { browser: 1000, panel: 640 };
/** What the code in each side's picture calls itself. */
export const NAMES = { browser: 'browser', panel: 'door' };
const NEAR_HZ = 25;
const FRAMES = 300;

/** Makes the browser's picture and sound and returns the files. */
export async function makeContent(folder) {
  const picture = join(folder, 'camera.mjpeg');
  const sound = join(folder, 'microphone.wav');
  await Promise.all([
    run('gst-launch-1.0', [
      '-q', 'videotestsrc', `num-buffers=${FRAMES}`, 'pattern=gradient',
      '!', 'video/x-raw,width=640,height=360,framerate=15/1',
      '!', 'debugqroverlay', `name=${NAMES.browser}`, 'case-sensitive=true', 'pixel-size=7', 'x=50', 'y=50',
      '!', 'jpegenc', 'quality=85', '!', 'filesink', `location=${picture}`,
    ]),
    // Ten seconds hold a whole number of periods: the file repeats without a click.
    run('gst-launch-1.0', [
      '-q', 'audiotestsrc', 'num-buffers=480', 'samplesperbuffer=1000', 'wave=sine', `freq=${TONES.browser}`, 'volume=0.3',
      '!', 'audio/x-raw,format=S16LE,rate=48000,channels=1', '!', 'wavenc', '!', 'filesink', `location=${sound}`,
    ]),
  ]);
  return { picture, sound };
}

/** Whether this is the tone that was sent. */
export const isTone = (hz, sent) => hz != null && Math.abs(hz - sent) <= NEAR_HZ;
