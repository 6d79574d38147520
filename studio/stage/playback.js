// Which frame of the clip is due. The sound is the clock; pictures are asked for early enough to arrive in time.
(() => {
  const { state, transport, clamp } = studio;
  const { sound } = studio.clip;
  /** How far ahead of the sound a picture may be asked for; how early one should come; lateness is learnt fast. */
  const LEAD = { most_s: 0.4, early_frames: 1.5, late_share: 0.4, early_share: 0.05 };
  /** A still with layers plays at least this long. */
  const STILL_S = 4;
  let position_s = 0;
  let isPlaying = false;
  let isHeld = false;
  let isLoop = studio.recall("loop") === "on";
  /** Without sound the page's own clock runs. */
  let silentSince = 0;
  let lead_s = 0.1;
  let asked = -1;

  const fps = () => state.clip?.fps ?? state.doc?.fps ?? 25;
  /** Layers move a still too; there is room for a key after the last one. */
  const stillFrames = () => (state.doc?.layers.length ? Math.ceil(Math.max(STILL_S, state.doc.duration_s) * fps() - 1e-6) : 0);
  const frames = () => state.clip?.frames ?? stillFrames();
  const duration = () => frames() / fps();
  const lastFrame = () => Math.max(0, frames() - 1);
  const frameAt = (seconds) => clamp(Math.floor(seconds * fps() + 1e-6), 0, lastFrame());

  function now_s() {
    if (!isPlaying) return position_s;
    if (state.clip?.sound) return sound.currentTime;
    const passed = position_s + (performance.now() - silentSince) / 1000;
    return isLoop ? passed % duration() : Math.min(passed, duration());
  }

  /** The frame that is due now; null where nothing moves. */
  const frame = () => (frames() ? frameAt(now_s()) : null);

  /** The frame to ask for: the one that will be due when its picture is here. */
  function wanted() {
    if (!frames()) return null;
    if (!isPlaying) return frame();
    const ahead = now_s() + lead_s;
    return frameAt(isLoop ? ahead % duration() : ahead);
  }

  function tick() {
    if (!isPlaying) return;
    if (!state.clip?.sound && !isLoop && now_s() >= duration()) return pause();
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
    if (!isPlaying || index === undefined || (clip ?? null) !== (state.clip?.key ?? null)) return 0;
    const ahead_s = index / fps() - now_s();
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

  async function play() {
    if (!frames() || isPlaying) return;
    if (position_s >= lastFrame() / fps()) position_s = 0;
    if (state.clip?.sound) {
      sound.currentTime = position_s;
      sound.loop = isLoop;
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
    position_s = Math.min(now_s(), duration());
    isPlaying = false;
    sound.pause();
    announce();
    transport.request();
  }

  function announce() {
    studio.dom.root().classList.toggle("playing", isPlaying);
    studio.emit("playing");
    studio.emit("playhead");
  }

  /** Go to a frame; a playing clip goes on from there. */
  function seek(index) {
    if (!frames()) return;
    position_s = clamp(Math.round(index), 0, lastFrame()) / fps();
    silentSince = performance.now();
    if (state.clip?.sound) sound.currentTime = position_s;
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

  function setLoop(isOn) {
    isLoop = isOn;
    sound.loop = isOn;
    studio.remember("loop", isOn ? "on" : "off");
    studio.emit("playing");
  }

  sound.addEventListener("ended", () => pause());
  studio.on("frame", learn);
  studio.on("clip", () => {
    isPlaying = isHeld = false;
    position_s = 0;
    asked = -1;
    announce();
  });

  /** What plays may have become shorter, or stand still. */
  studio.on("document", () => {
    if (isPlaying && !frames()) pause();
    position_s = Math.min(position_s, duration());
    studio.emit("playhead");
  });

  studio.playback = {
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
    frame,
    wanted,
    now_s,
    early_s,
    lastFrame,
    isPlaying: () => isPlaying,
    isLoop: () => isLoop,
  };
})();
