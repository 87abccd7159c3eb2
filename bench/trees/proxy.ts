/** The delaying proxy in a process of its own, so that it delays nobody by its own work. Forked by link.ts. */
import { DelayingProxy } from './delay.ts'
import type { Asked, Told } from './link.ts'

const proxy = await DelayingProxy.start(Number(process.argv[2]), 0)
process.on('message', ({ delayMs }: Asked) => {
  if (delayMs !== undefined) proxy.delayMs = delayMs
  tell()
})
process.on('disconnect', () => void proxy.close())
tell()

function tell(): void {
  const told: Told = { port: proxy.port, bytes: proxy.bytes }
  process.send?.(told)
}
