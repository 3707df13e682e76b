// What the test camera and microphone of each party carry: a code with a name and a frame number, a tone; and how to know them again.

import { join } from 'node:path';

import { run } from './process.mjs';

/**
 * What the two parties look and sound like, whatever they are. The tones, in Hz, are far apart, no multiples of each other,
 * well inside the band of a voice, and none that a panel rings with.
 */
export const CONTENT = { anna: { name: 'anna', hz: 1000 }, door: { name: 'door', hz: 880 } };
const NEAR_HZ = 25;
const FRAMES = 300;

/** Makes a browser's picture and sound and returns the files. */
export async function makeContent(folder, { name, hz }) {
  const picture = join(folder, 'camera.mjpeg');
  const sound = join(folder, 'microphone.wav');
  await Promise.all([
    run('gst-launch-1.0', [
      '-q', 'videotestsrc', `num-buffers=${FRAMES}`, 'pattern=gradient',
      '!', 'video/x-raw,width=640,height=360,framerate=15/1',
      '!', 'debugqroverlay', `name=${name}`, 'case-sensitive=true', await codeSize(), 'x=50', 'y=50',
      '!', 'jpegenc', 'quality=85', '!', 'filesink', `location=${picture}`,
    ]),
    // Ten seconds hold a whole number of periods: the file repeats without a click.
    run('gst-launch-1.0', [
      '-q', 'audiotestsrc', 'num-buffers=480', 'samplesperbuffer=1000', 'wave=sine', `freq=${hz}`, 'volume=0.3',
      '!', 'audio/x-raw,format=S16LE,rate=48000,channels=1', '!', 'wavenc', '!', 'filesink', `location=${sound}`,
    ]),
  ]);
  return { picture, sound };
}

/** A code of three quarters of the picture, in the words of this GStreamer: 1.26 measures it in percent. */
async function codeSize() {
  const words = await run('gst-inspect-1.0', ['debugqroverlay']);
  return words.includes('pixel-size') ? 'pixel-size=7' : 'size=75';
}

/** Whether this is the tone that was sent. */
export const isTone = (hz, sent) => hz != null && Math.abs(hz - sent) <= NEAR_HZ;
