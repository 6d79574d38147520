// The live loop: the newest vector goes out, pictures come back. WebSocket, else POST, else Gradio's server function.
(() => {
  const { state } = studio;
  const MAX_IN_FLIGHT = 2;
  const OPEN_TIMEOUT_MS = 4000;
  const ANSWER_TIMEOUT_MS = 10000;
  const PROBE_MS = 20000;
  const RETRY_MS = { first: 200, last: 5000 };
  const ORDER = ["ws", "post", "server"];
  /** Close codes of studio/live.py. */
  const REFUSED = new Set([4401, 4403]);
  const BAD_MESSAGE = 4400;

  const stage = (studio.stage = {
    token: null,
    transport: "ws",
    connection: "connecting",
    drawnSeq: 0,
    sentSeq: 0,
    /** Frame of the clip that is on the canvas; null for a still. */
    shownFrame: null,
    onframe: [],
    metrics: studio.metrics,
  });

  /** seq -> time of the oldest edit it carries */
  const inFlight = new Map();
  /** seq -> what was sent, until its picture or a newer one is here */
  const messages = new Map();
  let server = null;
  let socket = null;
  let needsSending = false;
  let editedAt = 0;
  let refusals = 0;
  let retryMs = RETRY_MS.first;
  let retryTimer = 0;
  let lastAnswer = 0;
  let decoding = 0;

  function setConnection(connection) {
    if (stage.connection === connection) return;
    stage.connection = connection;
    studio.emit("connection");
  }

  // ---- sending ----
  /** The vector moved: send it as soon as fewer than two requests are under way. */
  function request() {
    needsSending = true;
    if (!editedAt) editedAt = performance.now();
    pump();
  }

  function pump() {
    if (!needsSending || !stage.token || !state.portrait || inFlight.size >= MAX_IN_FLIGHT) return;
    if (stage.transport === "ws" && socket?.readyState !== WebSocket.OPEN) return;
    if (stage.connection === "lost" && stage.transport !== "ws") return;
    needsSending = false;
    const seq = ++stage.sentSeq;
    if (!inFlight.size) lastAnswer = performance.now();
    inFlight.set(seq, editedAt);
    editedAt = 0;
    const sent = message(seq);
    messages.set(seq, sent);
    SEND[stage.transport](seq, sent.buffer);
  }

  /** {buffer, frame, layer}: u32 sequence number, the float32 vector, the frame of the time line and the layer dragged if there is one. */
  function message(seq) {
    const frame = studio.playback.wanted();
    const { vector, layer } = studio.doc.outgoing(frame);
    const more = layer !== null ? [frame ?? NaN, layer] : frame !== null ? [frame] : [];
    const buffer = new ArrayBuffer(4 + vector.byteLength + 4 * more.length);
    new DataView(buffer).setUint32(0, seq, true);
    const floats = new Float32Array(buffer, 4);
    floats.set(vector);
    floats.set(more, vector.length);
    return { buffer, frame, layer };
  }

  const SEND = {
    ws: (seq, buffer) => socket.send(buffer),
    post: (seq, buffer) => exchange(seq, post(buffer)),
    server: (seq, buffer) => exchange(seq, serverFunction(buffer)),
  };

  async function post(buffer) {
    const response = await fetch(route("frame"), { method: "POST", body: buffer });
    if (response.status === 401 || response.status === 403) throw new DOMException("refused", "NotAllowedError");
    if (response.ok) return response.arrayBuffer();
    const { error } = await response.json().catch(() => ({}));
    if (error && response.status < 500) throw new DOMException(error, "DataError");
    throw new Error(`frame route answered ${response.status}`);
  }

  async function serverFunction(buffer) {
    const bytes = new Uint8Array(buffer);
    const message = [stage.token, btoa(String.fromCharCode(...bytes))];
    const text = await server.frame(message);
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
  }

  /** One request, one answer (the two ways without a socket). */
  async function exchange(seq, answer) {
    try {
      const buffer = await answer;
      refusals = 0;
      retryMs = RETRY_MS.first;
      setConnection("live");
      receive(buffer);
      inFlight.delete(seq);
    } catch (error) {
      if (error.name === "DataError") return complain(error.message);
      giveBack(seq);
      if (error.name === "NotAllowedError") expire();
      else fallBack();
    }
    pump();
  }

  /** What was under way is not lost: the vector goes out again. */
  function giveBack(seq) {
    const since = inFlight.get(seq);
    inFlight.delete(seq);
    if (since && (!editedAt || since < editedAt)) editedAt = since;
    needsSending = true;
  }

  // ---- receiving ----
  /** u32 sequence number, u32 header length, JSON header, JPEG. */
  async function receive(buffer) {
    lastAnswer = performance.now();
    const view = new DataView(buffer);
    const seq = view.getUint32(0, true);
    const start = 8 + view.getUint32(4, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, start - 8)));
    const since = settle(seq);
    const asked = messages.get(seq);
    for (const sent of messages.keys()) if (sent <= seq) messages.delete(sent);
    pump();
    if (seq <= stage.drawnSeq) return;
    decoding += 1;
    const picture = new Blob([new Uint8Array(buffer, start)], { type: "image/jpeg" });
    const bitmap = await createImageBitmap(picture).finally(() => (decoding -= 1));
    if (seq <= stage.drawnSeq) return bitmap.close();
    stage.drawnSeq = seq;
    studio.emit("frame", { seq, header, bitmap, message: asked });
    // an untouched face is copied, which says nothing about the renderer
    studio.metrics.drawn(since, header.edited || header.clip ? header.ms : null);
    for (const fn of stage.onframe) fn(seq, header);
  }

  /** Answers are newest wins: older requests of the socket will not be answered any more. */
  function settle(seq) {
    let oldest = 0;
    for (const [sent, since] of inFlight) {
      if (sent > seq || (stage.transport !== "ws" && sent !== seq)) continue;
      if (since && (!oldest || since < oldest)) oldest = since;
      inFlight.delete(sent);
    }
    return oldest;
  }

  // ---- connecting ----
  function route(name) {
    const url = studio.address(state.data.routes[name]);
    url.searchParams.set("token", stage.token);
    return url;
  }

  function open() {
    clearTimeout(retryTimer);
    dropSocket();
    const url = route("live");
    url.protocol = url.protocol.replace("http", "ws");
    let opened = false;
    let current;
    try {
      current = socket = new WebSocket(url);
    } catch {
      return socketEnded(false);
    }
    current.binaryType = "arraybuffer";
    const timer = setTimeout(() => !opened && current.close(), OPEN_TIMEOUT_MS);
    current.onopen = () => {
      opened = true;
      clearTimeout(timer);
      if (current === socket) socketOpened();
    };
    current.onmessage = (event) => {
      if (typeof event.data === "string") return complain(event.data);
      if (current === socket) receive(event.data);
    };
    current.onclose = (event) => {
      clearTimeout(timer);
      if (current !== socket) return;
      socket = null;
      if (REFUSED.has(event.code)) return expire();
      if (event.code === BAD_MESSAGE) complain(event.reason);
      socketEnded(opened && event.code !== BAD_MESSAGE);
    };
  }

  function dropSocket() {
    const old = socket;
    socket = null;
    old?.close();
  }

  function socketOpened() {
    stage.transport = "ws";
    refusals = 0;
    retryMs = RETRY_MS.first;
    for (const seq of [...inFlight.keys()]) giveBack(seq);
    setConnection("live");
    needsSending = true;
    pump();
  }

  function socketEnded(wasOpen) {
    if (stage.transport !== "ws") return;
    for (const seq of [...inFlight.keys()]) giveBack(seq);
    if (wasOpen) {
      setConnection("lost");
      retryTimer = setTimeout(open, RETRY_MS.first);
    } else {
      fallBack();
    }
  }

  /** Twice refused: the next way. No way left: start over, slower each time. */
  function fallBack() {
    refusals += 1;
    const isLast = stage.transport === ORDER.at(-1) || (stage.transport === "post" && !server?.frame);
    if (refusals < 2) {
      retryTimer = setTimeout(stage.transport === "ws" ? open : pump, RETRY_MS.first);
    } else if (!isLast) {
      refusals = 0;
      stage.transport = ORDER[ORDER.indexOf(stage.transport) + 1];
      if (stage.connection === "lost") stage.connection = "connecting";
      studio.emit("connection");
      pump();
    } else {
      refusals = 0;
      stage.transport = "ws";
      setConnection("lost");
      retryTimer = setTimeout(open, retryMs);
      retryMs = Math.min(RETRY_MS.last, retryMs * 2);
    }
  }

  function expire() {
    stage.token = null;
    setConnection("lost");
    studio.emit("expired");
  }

  function complain(text) {
    let sentence = text;
    try {
      sentence = JSON.parse(text).error || text;
    } catch {
      /* plain text */
    }
    for (const seq of [...inFlight.keys()]) inFlight.delete(seq);
    studio.toast.show({ kind: "error", text: sentence });
  }

  // A socket may die without a word; and a better way may come back.
  setInterval(() => {
    if (!stage.token) return;
    if (stage.transport === "ws" && inFlight.size && performance.now() - lastAnswer > ANSWER_TIMEOUT_MS) socket?.close();
  }, 1000);
  setInterval(() => stage.token && stage.transport !== "ws" && stage.connection === "live" && open(), PROBE_MS);
  window.addEventListener("online", () => stage.token && stage.connection === "lost" && open());

  studio.transport = {
    request,
    route,
    useServer: (functions) => (server = functions),
    start(token) {
      if (stage.token === token) return;
      stage.token = token;
      stage.transport = "ws";
      open();
    },
    /** Resolves when the last edit is drawn. */
    async settled() {
      while (needsSending || inFlight.size || decoding) {
        await new Promise((done) => setTimeout(done, 4));
      }
    },
  };
  stage.settled = studio.transport.settled;
  studio.on("values", request);
})();
