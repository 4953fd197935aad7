// Makes the input of a failure smaller: takes pieces away, then makes bytes smaller, as long as it fails the same way.

/**
 * @param {Uint8Array} bytes
 * @param {(bytes: Uint8Array) => Promise<boolean>} fails Whether it still fails for the same reason.
 * @param {{attempts?: number, seconds?: number}} [limits]
 */
export async function shrink(bytes, fails, { attempts = 2000, seconds = 60 } = {}) {
  const end = performance.now() + seconds * 1000;
  let best = bytes;
  let left = attempts;
  const better = async (candidate) => {
    if (left <= 0 || performance.now() > end) return false;
    left -= 1;
    if (!(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let before = -1; before !== best.length && left > 0; ) {
    before = best.length;
    for (let size = best.length >> 1; size >= 1; size >>= 1) {
      // From the end: what comes late decides least.
      for (let at = best.length - size; at >= 0; at -= size) {
        await better(Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + size)]));
      }
    }
  }
  for (let at = 0; at < best.length; at += 1) {
    const set = (value) => better(best.with(at, value));
    if (best[at] === 0 || (await set(0))) continue;
    // Halves the distance to a value that does not do.
    for (let low = 0; best[at] - low > 1; ) {
      const middle = (low + best[at]) >> 1;
      if (!(await set(middle))) low = middle;
    }
  }
  return best;
}
