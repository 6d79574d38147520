// The clip under the edit: what Python says about it, its sound, its curves.
(() => {
  const { state, transport } = studio;
  const sound = new Audio();
  sound.preload = "auto";
  sound.preservesPitch = true;

  /** record: {key, frames, fps, label, sound} of studio/clip.py, or null. The same key again changes nothing. */
  function receive(record) {
    if ((record?.key ?? null) === (state.clip?.key ?? null)) return;
    state.clip = record ? { ...record, drawing: null } : null;
    loadSound();
    studio.emit("clip");
    if (record) loadDrawing(record.key);
    transport.request();
  }

  function loadSound() {
    sound.pause();
    sound.removeAttribute("src");
    if (!state.clip?.sound) return sound.load();
    const url = transport.route("sound");
    // another clip is another address: a player keeps what it has read
    url.searchParams.set("clip", state.clip.key);
    sound.src = url.href;
    return undefined;
  }

  /** The timeline stands without curves until they are here, and also if they never come. */
  async function loadDrawing(key) {
    try {
      const response = await fetch(transport.route("clip"));
      if (!response.ok || response.status === 204) return;
      const drawing = await response.json();
      if (state.clip?.key !== key || drawing.key !== key) return;
      state.clip.drawing = drawing;
      studio.emit("clip-drawing");
    } catch {
      /* offline: the frames will say so */
    }
  }

  /** Back to the still photo; undo brings the clip back. */
  const remove = () => studio.doc.send("drop_clip");

  /** Says that something new can be played. */
  function announce(what) {
    const action = { label: "Play", run: () => studio.playback.play() };
    studio.toast.news({ text: `${what} is ready. Every control acts on top of it.`, action });
  }

  studio.clip = { receive, remove, sound, announce };
})();
