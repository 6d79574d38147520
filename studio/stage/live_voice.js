// A live voice: its sound goes to the server, the face follows through the live loop, and at the end it is the clip.
(() => {
  const { state, transport, playback, toast, soundSources } = studio;
  /** Frames wait a little longer than the slowest of late; the delay shrinks slowly so that the face does not jump. */
  const DELAY = { margin_s: 0.06, shrink_s: 0.004, kept: 12 };
  /** How much more than the look-ahead may be on its way to the server; it refuses more than ten seconds. */
  const AHEAD_S = 4;
  const LEVEL = { quietest_db: -54, fall: 0.12 };
  const LOST = "The live voice ended because the connection was lost.";
  const WAITS = "The motion takes longer than the voice here, so the sound waits for it. Low delay needs less work.";
  const NO_SOUND = "The browser did not play the sound. Press Stream this file again.";
  let phase = "off"; // off, opening, on, ending
  let source = null;
  let socket = null;
  let key = "";
  let known = 0;
  let fps = 25;
  let lookAhead_s = 0;
  let delay_s = 0;
  let lags = [];
  /** How often the sound had to wait for the motion. */
  let waits = 0;
  let level = 0;
  let rtf = null;
  let record = null;
  let optionsTimer = 0;

  function enter(next) {
    phase = next;
    studio.dom.root().classList.toggle("speaking", phase === "on" || phase === "ending");
    studio.emit("live");
  }

  // ---- the clock ----
  /** The moment of the voice whose picture is due: the sound that plays, or what was heard a delay ago. */
  function now_s() {
    if (!source) return 0;
    if (source.kind === "file") return source.sound.currentTime;
    return Math.max(0, source.heard_s() - delay_s);
  }

  /** What was learnt from an answer: how long the server takes beyond its look-ahead. */
  function learn(heardThere_s) {
    lags.push(source.heard_s() - heardThere_s);
    lags = lags.slice(-DELAY.kept);
    const needed_s = lookAhead_s + Math.max(...lags) + DELAY.margin_s;
    delay_s = Math.max(needed_s, delay_s - DELAY.shrink_s);
  }

  /** The sound of a file begins when the pictures can keep up with it, and waits where they do not. */
  function pace() {
    if (phase === "off" || source?.kind !== "file") return;
    const { sound } = source;
    const room_s = known / fps - sound.currentTime;
    const isWhole = Boolean(record);
    if (sound.ended || (isWhole && room_s <= 0)) return void finish();
    const mayBegin = known > 0 && (isWhole || source.heard_s() - sound.currentTime >= delay_s);
    if (sound.paused && mayBegin) sound.play().catch((error) => error.name !== "AbortError" && fail(NO_SOUND));
    else if (!sound.paused && room_s <= 0) wait(sound);
  }
  studio.on("playhead", pace);

  function wait(sound) {
    sound.pause();
    waits += 1;
    // once may be a moment's hitch
    if (waits === 2) toast.show({ kind: "info", text: WAITS });
  }

  // ---- sound out ----
  function send(samples) {
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send(samples.buffer);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length / 32768 ** 2;
    const loud = studio.clamp(1 - (10 * Math.log10(power + 1e-9)) / LEVEL.quietest_db, 0, 1);
    level = Math.max(loud, level - LEVEL.fall);
    studio.emit("live-level");
  }

  const say = (words) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(words));

  /** How far the motion reaches changes at once, but not for every step of a drag. */
  function setOptions() {
    if (phase !== "on" || optionsTimer) return;
    optionsTimer = setTimeout(() => {
      optionsTimer = 0;
      say({ options: studio.speech.values() });
      transport.request();
    }, 60);
  }

  // ---- news in ----
  function onMessage({ data }) {
    const news = JSON.parse(data);
    if (news.key) return begin(news);
    if ("clip" in news) return conclude(news);
    known = news.frames;
    rtf = news.rtf;
    fps = news.fps;
    source?.allow?.(news.heard_s + lookAhead_s + AHEAD_S);
    if (phase === "on") learn(news.heard_s);
    return studio.emit("live-level");
  }

  function begin(news) {
    key = news.key;
    lookAhead_s = news.look_ahead_s;
    delay_s = lookAhead_s + DELAY.margin_s;
    toast.hide("busy");
    enter("on");
    source.allow?.(lookAhead_s + AHEAD_S);
    source.start(send, () => say({ stop: true }));
    playback.lend({ key, fps, known: () => known, now_s });
  }

  function conclude({ clip, document: made, text }) {
    record = made ?? null;
    if (clip) known = clip.frames;
    if (text) toast.show({ kind: clip ? "info" : "error", text });
    socket = null;
    // a file goes on to the end of its sound; the server draws the same frames from the clip
    if (source?.kind !== "file" || phase === "ending" || !clip) finish();
  }

  function finish() {
    const made = record;
    close();
    if (made) studio.doc.receive(made);
  }

  function close() {
    source?.stop();
    source = null;
    const old = socket;
    socket = null;
    old?.close();
    if (phase !== "off") {
      enter("off");
      playback.lend(null);
    }
    level = 0;
    studio.emit("live-level");
  }

  function fail(text) {
    close();
    toast.show({ kind: "error", text });
  }

  // ---- from outside ----
  async function start(kind, paceKey) {
    if (phase !== "off" || !state.portrait) return;
    [known, lags, waits, rtf, record, level] = [0, [], 0, null, null, 0];
    enter("opening");
    toast.show({ kind: "busy", text: "Getting ready to listen" });
    try {
      source = await soundSources[kind]();
    } catch (error) {
      return void fail(error.message);
    }
    const url = transport.route("speak");
    url.protocol = url.protocol.replace("http", "ws");
    const current = (socket = new WebSocket(url));
    current.onopen = () => current.send(JSON.stringify({ pace: paceKey, from: kind, samples: "s16", options: studio.speech.values() }));
    current.onmessage = (event) => current === socket && onMessage(event);
    current.onclose = () => current === socket && fail(LOST);
  }

  /** End now; what was said is the clip as soon as the server has it. */
  function stop() {
    if (phase === "opening") return close();
    if (phase !== "on") return undefined;
    source.stop();
    if (record) return finish();
    enter("ending");
    return say({ stop: true });
  }

  studio.live = {
    start,
    stop,
    setOptions,
    phase: () => phase,
    /** level 0..1; delay_s between hearing and seeing, measured on the picture that shows; null while nothing shows. */
    figures() {
      const shown = studio.stage.shownFrame;
      const isShowing = phase === "on" && source && known > 0 && shown !== null;
      return { level, rtf, delay_s: isShowing ? Math.max(0, source.heard_s() - shown / fps) : null, time_s: now_s() };
    },
  };
})();
