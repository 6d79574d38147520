// Poses as data: the starter set with its thumbnails from the server, the own poses of this browser, what a pose makes of an edit.
(() => {
  const { state, store, transport } = studio;
  const MOST_OWN = 60;
  const MAX_LABEL = 80;
  const THUMB_PX = 128;
  const JPEG = { type: "image/jpeg", quality: 0.85 };
  const KEY = "poses";
  /** Starter poses: {key, label, group}; empty until asked for. */
  let starter = [];
  /** key -> data address of the thumbnail on the portrait that is open. */
  const thumbs = new Map();
  let drawnFor = "";
  let own = readOwn();

  async function ask(name, method, body) {
    const isFile = body instanceof Blob;
    const options = body && { body: isFile ? body : JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await fetch(transport.route(name), { method, ...options });
    if (response.ok) return response;
    const { error } = await response.json().catch(() => ({}));
    throw new Error(error || `The server did not answer (${response.status}); nothing has changed.`);
  }

  // ---- the starter set ----
  async function load() {
    if (!starter.length) {
      const answer = await (await ask("poses", "GET")).json();
      starter = answer.poses;
      studio.emit("poses");
    }
    return starter;
  }

  /** Thumbnails of the open portrait, one line each as the server draws them; fn(key, address) for every one. */
  async function draw(fn) {
    const { portrait } = state;
    if (!portrait || drawnFor === portrait.id) return;
    const mine = (drawnFor = portrait.id);
    thumbs.clear();
    try {
      const response = await ask("pose_thumbs", "GET");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = "", part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        if (drawnFor !== mine) return reader.cancel();
        for (const { key, jpeg } of lines.map(JSON.parse)) {
          thumbs.set(key, `data:image/jpeg;base64,${jpeg}`);
          fn(key, thumbs.get(key));
        }
      }
    } catch (error) {
      if (drawnFor === mine) drawnFor = "";
      throw error;
    }
  }

  // ---- own poses ----
  /** What another version or a visitor's hand left in the storage is judged before it is used. */
  function readOwn() {
    try {
      const kept = JSON.parse(studio.recall(KEY) || "[]");
      return kept.filter((pose) => typeof pose.label === "string" && typeof pose.values === "object").slice(0, MOST_OWN);
    } catch {
      return [];
    }
  }

  function keep(poses) {
    own = poses.slice(0, MOST_OWN);
    studio.remember(KEY, JSON.stringify(own));
    studio.emit("poses");
  }

  const newKey = () => `own_${crypto.getRandomValues(new Uint32Array(2)).join("")}`;

  /** The middle of the shown picture as a small JPEG in base64: the face in the crop, the whole of a photo. */
  function thumbnail() {
    const picture = document.querySelector("#st-stage canvas.picture");
    const side = Math.min(picture.width, picture.height) * (state.view === "crop" ? 0.7 : 1);
    const small = document.createElement("canvas");
    small.width = small.height = THUMB_PX;
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    small.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, THUMB_PX, THUMB_PX);
    return small.toDataURL(JPEG.type, JPEG.quality).split(",")[1];
  }

  /** The current edit under a name. Throws a sentence where there is no room. */
  function save(label) {
    if (own.length >= MOST_OWN) throw new Error(`This browser keeps at most ${MOST_OWN} own poses; delete one first.`);
    const name = label.trim().slice(0, MAX_LABEL) || `Pose ${own.length + 1}`;
    const pose = { key: newKey(), label: name, values: store.edits(), thumbnail: thumbnail() };
    keep([...own, pose]);
    return pose;
  }

  async function exportFile() {
    const poses = own.map(({ label, values, thumbnail: picture }) => ({ label, values, thumbnail: picture }));
    return (await ask("pose_file", "POST", { poses })).blob();
  }

  /** Add the poses of a file; returns how many there was room for. */
  async function importFile(file) {
    const answer = await (await ask("pose_file", "PUT", file)).json();
    const room = MOST_OWN - own.length;
    if (room <= 0) throw new Error(`This browser keeps at most ${MOST_OWN} own poses; delete one first.`);
    const fresh = answer.poses.slice(0, room).map((pose) => ({ key: newKey(), ...pose }));
    keep([...own, ...fresh]);
    return fresh.length;
  }

  /** How the server knows a pose. */
  function sourceOf(key) {
    if (key === "neutral") return { kind: "neutral" };
    if (key === "match") return { kind: "match" };
    const mine = own.find((pose) => pose.key === key);
    return mine ? { kind: "own", values: mine.values } : { kind: "starter", key };
  }

  studio.poseShelf = {
    load,
    draw,
    save,
    exportFile,
    importFile,
    ask,
    sourceOf,
    starter: () => starter,
    own: () => own,
    thumb: (key) => thumbs.get(key),
    remove: (key) => keep(own.filter((pose) => pose.key !== key)),
    label: (key) => [...starter, ...own].find((pose) => pose.key === key)?.label || { neutral: "Neutral", match: "Matched photo" }[key] || key,
  };
})();
