/**
 * What `work` makes of each item, in their order, up to so many worked on at the same time. What needs no waiting is passed on at
 * once where nothing before it waits.
 */
export async function* inTurn<T, R>(
  items: AsyncIterable<T>,
  most: number,
  work: (item: T) => R | Promise<R>,
): AsyncGenerator<R, void, void> {
  const waiting: Promise<R>[] = []
  try {
    for await (const item of items) {
      const result = work(item)
      if (!(result instanceof Promise) && waiting.length === 0) {
        yield result
        continue
      }
      const promise = Promise.resolve(result)
      // It is heard when its turn comes; until then nobody else is to complain of it.
      promise.catch(() => undefined)
      waiting.push(promise)
      if (waiting.length < most) continue
      for (
        let first = waiting.shift();
        first !== undefined;
        first = waiting.length >= most / 2 ? waiting.shift() : undefined
      )
        yield await first
    }
    for (let first = waiting.shift(); first !== undefined; first = waiting.shift()) yield await first
  } finally {
    await Promise.allSettled(waiting)
  }
}
