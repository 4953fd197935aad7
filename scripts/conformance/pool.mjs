/**
 * Runs `work` for every item, `jobs` at a time. Each worker has a slot number of its own.
 * @template T
 * @param {T[]} items
 * @param {number} jobs
 * @param {(item: T, slot: number) => Promise<void>} work
 */
export async function runPool(items, jobs, work) {
  let next = 0;
  const worker = async (slot) => {
    while (next < items.length) {
      const item = items[next];
      next += 1;
      await work(item, slot);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, (_, slot) => worker(slot)));
}
