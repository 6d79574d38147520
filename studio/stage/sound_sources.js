// Where live sound comes from: the microphone, or a file at the pace at which it is spoken. Both give 16-bit mono at 16 kHz.
(() => {
  const { transport } = studio;
  const RATE = 16000;
  /** Samples of one piece: a tenth of a second. */
  const PIECE = 1600;
  const SEND_MS = 50;

  /** Runs in the audio thread. Windowed-sinc resampling with one exact kernel per phase; posts pieces with their start. */
  const WORKLET = `
    const RATE = ${RATE};
    const ZEROS = 12;
    const gcd = (a, b) => (b ? gcd(b, a % b) : a);
    class Ear extends AudioWorkletProcessor {
      constructor() {
        super();
        const common = gcd(sampleRate, RATE);
        this.up = RATE / common;
        this.down = sampleRate / common;
        const cutoff = Math.min(1, RATE / sampleRate);
        this.half = Math.ceil(ZEROS / cutoff);
        this.kernels = Array.from({ length: this.up }, (_, phase) => this.kernel(phase / this.up, cutoff));
        this.past = new Float32Array(0);
        this.phase = 0;
        this.place = 0;
        this.piece = new Int16Array(${PIECE});
        this.count = 0;
        this.begun = null;
      }
      kernel(shift, cutoff) {
        const taps = Float64Array.from({ length: 2 * this.half }, (_, i) => {
          const x = i - this.half + 1 - shift;
          const y = Math.PI * x * cutoff;
          const window = 0.42 + 0.5 * Math.cos((Math.PI * x) / this.half) + 0.08 * Math.cos((2 * Math.PI * x) / this.half);
          return Math.abs(x) >= this.half ? 0 : window * (y ? Math.sin(y) / y : 1);
        });
        const sum = taps.reduce((total, tap) => total + tap, 0);
        return taps.map((tap) => tap / sum);
      }
      process([channels]) {
        if (!channels.length) return true;
        if (this.begun === null) this.begun = currentTime;
        const size = channels[0].length;
        const block = new Float32Array(this.past.length + size);
        block.set(this.past);
        for (const channel of channels)
          for (let i = 0; i < size; i++) block[this.past.length + i] += channel[i] / channels.length;
        while (this.place + 2 * this.half <= block.length) {
          const kernel = this.kernels[this.phase];
          let sum = 0;
          for (let i = 0; i < kernel.length; i++) sum += kernel[i] * block[this.place + i];
          this.give(sum);
          this.phase += this.down;
          this.place += Math.floor(this.phase / this.up);
          this.phase %= this.up;
        }
        const kept = Math.min(this.place, block.length);
        this.past = block.slice(kept);
        this.place -= kept;
        return true;
      }
      give(value) {
        this.piece[this.count++] = Math.round(32767 * Math.max(-1, Math.min(1, value)));
        if (this.count < this.piece.length) return;
        this.port.postMessage({ samples: this.piece.slice(), begun: this.begun });
        this.count = 0;
      }
    }
    registerProcessor("ear", Ear);`;

  const REFUSALS = {
    NotAllowedError: "The page may not use the microphone; allow it beside the address and try again.",
    SecurityError: "The page may not use the microphone; allow it beside the address and try again.",
    NotFoundError: "No microphone was found; plug one in, or stream a file.",
    NotReadableError: "The microphone could not be opened; another program may be using it.",
  };
  const INSECURE = "The microphone needs a secure page; open the studio over https, or stream a file.";
  const UNKNOWN = "The microphone could not be opened; choose another one, or stream a file.";

  /**
   * A source: kind, start(onPiece) and stop(); heard_s() is the moment that is being heard now. One that can wait has
   * allow(until_s). Errors are sentences.
   */
  async function openMicrophone() {
    if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) throw new Error(INSECURE);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
    } catch (error) {
      throw new Error(REFUSALS[error.name] || UNKNOWN);
    }
    const context = new AudioContext();
    const url = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
    await context.audioWorklet.addModule(url).finally(() => URL.revokeObjectURL(url));
    let ear = null;
    let begun = null;
    return {
      kind: "microphone",
      start(onPiece) {
        ear = new AudioWorkletNode(context, "ear", { numberOfOutputs: 0 });
        ear.port.onmessage = ({ data }) => {
          begun = data.begun;
          onPiece(data.samples);
        };
        context.createMediaStreamSource(stream).connect(ear);
        context.resume();
      },
      stop() {
        if (ear) ear.port.onmessage = null;
        for (const track of stream.getTracks()) track.stop();
        if (context.state !== "closed") context.close();
      },
      heard_s: () => (begun === null ? 0 : context.currentTime - begun),
    };
  }

  /** Samples of a 16-bit mono WAV. */
  function samplesOf(buffer) {
    const view = new DataView(buffer);
    for (let at = 12; at + 8 <= buffer.byteLength; at += 8 + view.getUint32(at + 4, true)) {
      if (view.getUint32(at, false) !== 0x64617461) continue; // "data"
      const bytes = Math.min(view.getUint32(at + 4, true), buffer.byteLength - at - 8);
      return new Int16Array(buffer.slice(at + 8, at + 8 + bytes - (bytes % 2)));
    }
    throw new Error("The voice did not arrive whole; choose it again.");
  }

  /**
   * The voice that Python made ready. Its sound starts when told to, and is the clock of the pictures. It is spoken no
   * farther than allowed: a machine that is slower than the voice is waited for.
   */
  async function openFile() {
    const sending = transport.route("voice");
    sending.searchParams.set("for", "sending");
    const response = await fetch(sending).catch(() => null);
    if (!response?.ok) throw new Error("The voice did not arrive; choose it again.");
    const samples = samplesOf(await response.arrayBuffer());
    const playing = transport.route("voice");
    playing.searchParams.set("at", performance.now().toFixed(0));
    const sound = new Audio(playing.href);
    sound.preload = "auto";
    const length_s = samples.length / RATE;
    let spoken_s = 0;
    let allowed_s = 0;
    let looked = 0;
    let sent = 0;
    let timer = 0;

    function speakOn() {
      const now = performance.now();
      if (looked) spoken_s = Math.min(spoken_s + (now - looked) / 1000, Math.max(spoken_s, allowed_s), length_s);
      looked = now;
      return spoken_s;
    }

    return {
      kind: "file",
      sound,
      allow(until_s) {
        speakOn();
        allowed_s = until_s;
      },
      start(onPiece, onEnd) {
        looked = performance.now();
        timer = setInterval(() => {
          const due = Math.min(samples.length, Math.floor(speakOn() * RATE + 0.5));
          while (sent + PIECE <= due || (sent < due && due === samples.length)) {
            onPiece(samples.slice(sent, Math.min(sent + PIECE, samples.length)));
            sent = Math.min(sent + PIECE, samples.length);
          }
          if (sent < samples.length) return;
          clearInterval(timer);
          onEnd();
        }, SEND_MS);
      },
      stop() {
        clearInterval(timer);
        sound.pause();
        sound.removeAttribute("src");
      },
      heard_s: speakOn,
    };
  }

  studio.soundSources = { microphone: openMicrophone, file: openFile };
})();
