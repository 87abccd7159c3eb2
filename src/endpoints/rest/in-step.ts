/** The results of doing it to each, in their order, up to `width` at the same time. The first failure ends it. */
export async function* inStep<T, R>(
  items: Iterable<T>,
  width: number,
  one: (item: T) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const running: Promise<R>[] = []
  try {
    for (const item of items) {
      const doing = one(item)
      // Its failure is heard of when its turn comes.
      doing.catch(() => undefined)
      running.push(doing)
      if (running.length >= width) yield await (running.shift() as Promise<R>)
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next
  } finally {
    await Promise.allSettled(running)
  }
}

/** Does it to each, up to `width` at the same time; what fails first comes out, when the others that had begun have ended. */
export async function allInStep<T>(items: Iterable<T>, width: number, one: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]()
  let failed = false
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true && !failed; next = iterator.next())
      try {
        await one(next.value)
      } catch (error) {
        failed = true
        throw error
      }
  }
  const ended = await Promise.allSettled(Array.from({ length: width }, worker))
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}
