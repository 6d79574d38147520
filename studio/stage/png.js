// An 8-bit grey PNG of the painted mask; the canvas could only write RGBA.
(() => {
  const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
  const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });

  function crc(bytes) {
    let value = 0xffffffff;
    for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 255] ^ (value >>> 8);
    return (value ^ 0xffffffff) >>> 0;
  }

  function chunk(name, data) {
    const result = new Uint8Array(12 + data.length);
    const view = new DataView(result.buffer);
    view.setUint32(0, data.length);
    result.set(new TextEncoder().encode(name), 4);
    result.set(data, 8);
    view.setUint32(8 + data.length, crc(result.subarray(4, 8 + data.length)));
    return result;
  }

  function header(size) {
    const data = new Uint8Array(13);
    const view = new DataView(data.buffer);
    view.setUint32(0, size);
    view.setUint32(4, size);
    // 8 bits, colour type 0 (grey)
    data.set([8, 0, 0, 0, 0], 8);
    return chunk("IHDR", data);
  }

  /** grey: Uint8Array of size * size. Resolves to a Blob. */
  studio.greyPng = async (grey, size) => {
    const rows = new Uint8Array(size * (size + 1));
    for (let y = 0; y < size; y++) rows.set(grey.subarray(y * size, (y + 1) * size), y * (size + 1) + 1);
    const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
    const data = new Uint8Array(await new Response(packed).arrayBuffer());
    const parts = [new Uint8Array(SIGNATURE), header(size), chunk("IDAT", data), chunk("IEND", new Uint8Array(0))];
    return new Blob(parts, { type: "image/png" });
  };
})();
