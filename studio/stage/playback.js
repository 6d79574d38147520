// Which frame of the clip is due. The sound is the clock; pictures are asked for early enough to arrive in time.
(() => {
  const { state, transport, clamp } = studio;
  const { sound } = studio.clip;
  /** How far ahead of the sound a picture may be asked for; how early one should come; lateness is learnt fast. */
  const LEAD = { most_s: 0.4, early_frames: 1.5, late_share: 0.4, early_share: 0.05 };
  /** A still with layers plays at least this long. */
  const STILL_S = 4;
  /** And can be worked on beyond its end. */
  const ROOM_S = 2;
  const SAVE_MS = 400;
  let position_s = 0;
  /** What a loop repeats; null is to the end. */
  let range = { start_s: 0, stop_s: null };
  /** Changes of the playhead that the work does not hold yet; until then its own range is older than ours. */
  let unsaved = 0;
  let saveTimer = 0;
  let isPlaying = false;
  let isHeld = false;
  let isLoop = studio.recall("loop") === "on";
  /** Without sound the page's own clock runs. */
  let silentSince = 0;
  let lead_s = 0.1;
  let asked = -1;
  /** A live voice that has the canvas: {key, fps, known(), now_s()}. */
  let driver = null;

  const fps = () => state.clip?.fps ?? state.doc?.fps ?? 25;
  /** Layers move a still too; there is room for a key after the last one. */
  const stillFrames = () => (state.doc?.layers.length ? Math.ceil(Math.max(STILL_S, state.doc.duration_s) * fps() - 1e-6) : 0);
  const frames = () => state.clip?.frames ?? stillFrames();
  const duration = () => frames() / fps();
  const lastFrame = () => Math.max(0, frames() - 1);
  /** How far the playhead goes: to the end of a clip, beyond the last key of a still. */
  const reachFrames = () => (state.clip || !frames() ? frames() : frames() + Math.round(ROOM_S * fps()));
  const reach_s = () => reachFrames() / fps();
  const frameAt = (seconds) => clamp(Math.floor(seconds * fps() + 1e-6), 0, Math.max(0, reachFrames() - 1));
  const hasRange = () => range.start_s > 0 || range.stop_s !== null;
  const loopStop_s = () => Math.max(Math.min(range.stop_s ?? duration(), reach_s()), range.start_s + 1 / fps());

  /** A moment of the loop for one that may lie after its end. */
  function looped(seconds) {
    const stop_s = loopStop_s();
    if (!isLoop || seconds < stop_s) return seconds;
    return range.start_s + ((seconds - range.start_s) % (stop_s - range.start_s));
  }

  function now_s() {
    if (!isPlaying) return position_s;
    if (state.clip?.sound) return sound.currentTime;
    const passed = position_s + (performance.now() - silentSince) / 1000;
    return isLoop ? looped(passed) : Math.min(passed, Math.max(position_s, duration()));
  }

  /** The frame that is due now; null where nothing moves. */
  const frame = () => (frames() ? frameAt(now_s()) : null);

  /** The frame to ask for: the one that will be due when its picture is here. */
  function wanted() {
    if (driver) return driver.known() ? clamp(Math.floor((driver.now_s() + lead_s) * driver.fps), 0, driver.known() - 1) : null;
    if (!frames()) return null;
    if (!isPlaying) return frame();
    return frameAt(looped(now_s() + lead_s));
  }

  function tick() {
    if (!isPlaying && !driver) return;
    if (!driver && !state.clip?.sound && !isLoop && now_s() >= duration()) return pause();
    const isAtLoopEnd = !driver && state.clip?.sound && isLoop && hasRange() && sound.currentTime >= loopStop_s();
    if (isAtLoopEnd) sound.currentTime = range.start_s;
    const next = wanted();
    if (next !== asked) {
      asked = next;
      transport.request();
    }
    studio.emit("playhead");
    requestAnimationFrame(tick);
  }

  /** How long before its turn a picture came, in seconds; 0 where nothing plays. */
  function early_s({ clip, frame: index }) {
    const isOurs = driver ? clip === driver.key : isPlaying && (clip ?? null) === (state.clip?.key ?? null);
    if (!isOurs || index === undefined) return 0;
    const ahead_s = driver ? index / driver.fps - driver.now_s() : index / fps() - now_s();
    // a loop begins again while pictures of its end are on their way
    return Math.abs(ahead_s) > 1 ? 0 : ahead_s;
  }

  /** Ask for the next pictures earlier or later, so that they come a little before their turn. */
  function learn({ header }) {
    const ahead_s = early_s(header);
    if (!ahead_s) return;
    const lacking_s = LEAD.early_frames / fps() - ahead_s;
    const share = ahead_s < 0 ? LEAD.late_share : LEAD.early_share;
    lead_s = clamp(lead_s + share * lacking_s, 0, LEAD.most_s);
  }

  /** A live voice takes the canvas, or gives it back: null. */
  function lend(clock) {
    pause();
    const isNew = clock && !driver;
    driver = clock;
    asked = -1;
    transport.request();
    if (isNew) tick();
  }

  async function play() {
    if (!frames() || isPlaying || driver) return;
    const stop_s = isLoop ? loopStop_s() - 1 / fps() : lastFrame() / fps();
    if (position_s >= stop_s - 1e-6) position_s = isLoop ? range.start_s : 0;
    if (state.clip?.sound) {
      sound.currentTime = position_s;
      sound.loop = isLoop && !hasRange();
      try {
        await sound.play();
      } catch (error) {
        if (error.name === "AbortError") return;
        studio.toast.show({ kind: "error", text: "The browser did not play the sound. Press play again." });
        return;
      }
    }
    silentSince = performance.now();
    isPlaying = true;
    asked = -1;
    announce();
    tick();
  }

  function pause() {
    if (!isPlaying) return;
    position_s = Math.min(now_s(), reach_s());
    isPlaying = false;
    sound.pause();
    announce();
    save();
    transport.request();
  }

  function announce() {
    studio.dom.root().classList.toggle("playing", isPlaying);
    studio.emit("playing");
    studio.emit("playhead");
  }

  /** Go to a frame; a playing clip goes on from there. */
  function seek(index) {
    if (!frames() || driver) return;
    position_s = clamp(Math.round(index), 0, Math.max(0, reachFrames() - 1)) / fps();
    silentSince = performance.now();
    if (state.clip?.sound) sound.currentTime = position_s;
    save();
    transport.request();
    studio.emit("playhead");
  }

  /** While the playhead is dragged the clip stands; it goes on when it is let go. */
  function hold() {
    isHeld = isPlaying;
    pause();
  }

  function release() {
    if (isHeld) play();
    isHeld = false;
  }

  /** What is changed while it plays goes on from the moment that shows. */
  function rebase() {
    position_s = now_s();
    silentSince = performance.now();
  }

  function setLoop(isOn) {
    rebase();
    isLoop = isOn;
    sound.loop = isOn && !hasRange();
    studio.remember("loop", isOn ? "on" : "off");
    studio.emit("playing");
    save();
  }

  /** What a loop repeats, in seconds; null is to the end. At least one frame. */
  function setRange(start_s, stop_s) {
    rebase();
    const start = clamp(start_s, 0, Math.max(0, reach_s() - 1 / fps()));
    const stop = stop_s === null || stop_s >= reach_s() - 1e-6 ? null : Math.max(stop_s, start + 1 / fps());
    range = { start_s: start, stop_s: stop };
    sound.loop = isLoop && !hasRange();
    studio.emit("playing");
    save();
  }

  /** The playhead belongs to the work and is saved with it, once it rests. */
  function save() {
    unsaved += 1;
    saveSoon();
  }

  function saveSoon() {
    clearTimeout(saveTimer);
    // what plays is saved when it stops
    saveTimer = setTimeout(() => isPlaying || send(), SAVE_MS);
  }

  /** Without waiting for it to rest, and while it plays too. */
  function saveNow() {
    clearTimeout(saveTimer);
    if (isPlaying) rebase();
    return send();
  }

  async function send() {
    const sent = unsaved;
    if (frames() && state.doc) await studio.doc.send("playhead", { seconds: position_s, loop: isLoop, ...range }).catch(() => {});
    if (sent === unsaved) unsaved = 0;
  }

  /** What plays may have become shorter, or stand still; another project repeats another stretch. */
  function follow() {
    if (isPlaying && !frames()) pause();
    const saved = state.doc?.playhead;
    if (saved && !unsaved) range = { start_s: saved.start_s, stop_s: saved.stop_s };
    position_s = Math.min(position_s, reach_s());
    studio.emit("playing");
    studio.emit("playhead");
  }

  sound.addEventListener("ended", () => pause());
  studio.on("frame", learn);
  studio.on("clip", () => {
    isPlaying = isHeld = false;
    position_s = 0;
    asked = -1;
    announce();
    saveSoon();
  });

  studio.on("document", follow);

  studio.playback = {
    lend,
    frames,
    fps,
    duration,
    play,
    pause,
    toggle: () => (isPlaying ? pause() : play()),
    seek,
    step: (by) => seek((frame() ?? 0) + by),
    hold,
    release,
    setLoop,
    setRange,
    saveNow,
    range: () => range,
    reach_s,
    reachFrames,
    frame,
    wanted,
    now_s,
    early_s,
    lastFrame,
    isPlaying: () => isPlaying,
    isLoop: () => isLoop,
  };
})();
