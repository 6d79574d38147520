// The webcam as a driver: small pictures to the server, the newest only, one under way; every answer asks for a new frame.
(() => {
  const { transport, toast } = studio;
  const SIDE_PX = 256;
  const QUALITY = 0.8;
  const MOST_FAILURES = 5;
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  const canvas = document.createElement("canvas");
  let stream = null;
  let report = { face: false, pictures: 0, recorded_s: null };

  const isOn = () => Boolean(stream);
  const tell = () => studio.emit("camera");

  /** The visitor's picture as a JPEG of the right size. */
  function picture() {
    const scale = SIDE_PX / Math.min(video.videoWidth, video.videoHeight);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  }

  async function start() {
    if (stream) return;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, facingMode: "user" } });
    } catch {
      stream = null;
      toast.show({ kind: "error", text: "The browser gave no webcam; allow it beside the address, or plug one in." });
      return tell();
    }
    studio.playback.pause();
    video.srcObject = stream;
    await video.play().catch(() => {});
    tell();
    loop(stream);
  }

  /** One picture after the other for as long as this stream is on. */
  async function loop(mine) {
    let failures = 0;
    while (stream === mine) {
      if (!video.videoWidth || document.hidden) {
        await new Promise((done) => setTimeout(done, 100));
        continue;
      }
      try {
        const response = await fetch(transport.route("camera"), { method: "POST", body: await picture() });
        const answer = await response.json();
        if (!response.ok) throw new Error(answer.error);
        if (stream !== mine) break;
        report = answer;
        failures = 0;
        transport.request();
        tell();
      } catch (error) {
        failures += 1;
        if (failures < MOST_FAILURES) continue;
        toast.show({ kind: "error", text: error.message || "The webcam was stopped because the server did not answer." });
        await stop();
      }
      await new Promise(requestAnimationFrame);
    }
  }

  function release() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
    report = { face: false, pictures: 0, recorded_s: null };
  }

  async function stop() {
    release();
    await fetch(transport.route("camera"), { method: "DELETE" }).catch(() => {});
    transport.request();
    tell();
  }

  /** "neutral", "record" or "stop"; the state of the work, or null after a sentence. */
  async function command(what, options = {}) {
    try {
      const response = await fetch(transport.route("camera"), { method: "PUT", body: JSON.stringify({ do: what, options }) });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      if (what === "stop") release();
      if (what === "record") report.recorded_s = 0;
      studio.doc.receive(answer);
      transport.request();
      tell();
      return answer;
    } catch (error) {
      toast.show({ kind: "error", text: error.message || "The server did not answer; try again." });
      return null;
    }
  }

  window.addEventListener("pagehide", release);
  studio.camera = { start, stop, command, isOn, video, report: () => report };
})();
