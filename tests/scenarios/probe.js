// Runs in the page before its own scripts: sees what a person would see and hear there, and what its connections carry.
// `jsQR` is put in front of this file.

(() => {
  /** Below this nothing is heard. */
  const SILENT_DB = -70;
  const connections = [];
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...given) {
      super(...given);
      connections.push(this);
    }
  };

  let rang = 0;
  let before = null;
  new MutationObserver(() => {
    const now = document.documentElement.dataset.state;
    if (now === 'ringing' && before !== now) rang += 1;
    before = now;
  }).observe(document, { subtree: true, attributeFilter: ['data-state'] });

  const canvas = document.createElement('canvas');
  const ears = new WeakMap();

  /** The text of the code in what a video or image element shows. */
  function read(selector) {
    const element = document.querySelector(selector);
    const [across, down] = [element?.videoWidth ?? element?.naturalWidth, element?.videoHeight ?? element?.naturalHeight];
    if (!across) return null;
    canvas.width = across;
    canvas.height = down;
    const paint = canvas.getContext('2d', { willReadFrequently: true });
    paint.drawImage(element, 0, 0);
    const { data, width, height } = paint.getImageData(0, 0, canvas.width, canvas.height);
    return window.jsQR(data, width, height, { inversionAttempts: 'dontInvert' })?.data ?? null;
  }

  /** The loudest frequency in what an element plays, in Hz; null when it is silent. */
  async function listen(selector) {
    const stream = document.querySelector(selector)?.srcObject;
    if (!stream?.getAudioTracks().length) return null;
    if (!ears.has(stream)) {
      const context = new AudioContext();
      const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
      context.createMediaStreamSource(stream).connect(analyser);
      ears.set(stream, { context, analyser });
    }
    const { context, analyser } = ears.get(stream);
    await context.resume();
    await new Promise((done) => setTimeout(done, 250));
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const peak = bins.indexOf(bins.reduce((a, b) => Math.max(a, b), -Infinity));
    return bins[peak] > SILENT_DB ? (peak * context.sampleRate) / analyser.fftSize : null;
  }

  /** What every connection of this page has carried so far. */
  async function carried() {
    const sum = { received: { audio: 0, video: 0 }, sent: { audio: 0, video: 0 }, framesDecoded: 0, connected: 0, pairs: [], codecs: [] };
    for (const connection of connections) {
      if (connection.connectionState === 'connected') sum.connected += 1;
      const stats = await connection.getStats();
      for (const stat of stats.values()) {
        if (stat.type === 'inbound-rtp') {
          sum.received[stat.kind] += stat.bytesReceived;
          sum.framesDecoded += stat.framesDecoded ?? 0;
          if (stat.bytesReceived && stats.has(stat.codecId)) sum.codecs.push(stats.get(stat.codecId).mimeType);
        }
        if (stat.type === 'outbound-rtp') sum.sent[stat.kind] += stat.bytesSent;
        if (stat.type === 'transport' && stats.has(stat.selectedCandidatePairId)) {
          const pair = stats.get(stat.selectedCandidatePairId);
          sum.pairs.push({ local: stats.get(pair.localCandidateId)?.candidateType, remote: stats.get(pair.remoteCandidateId)?.candidateType });
        }
      }
    }
    return sum;
  }

  window.probe = { read, listen, carried, rang: () => rang };
})();
