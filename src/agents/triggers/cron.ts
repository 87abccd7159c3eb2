import { Cron } from 'croner'
import type { ScheduleTrigger } from '../config/config.ts'

type Times = Pick<ScheduleTrigger, 'cron' | 'timezone'>

/** Five fields or six, or one of the names; a date alone, or a field for years, would be an end that nobody notices. */
const shape = /^\s*(@[a-z]+|\S+(\s+\S+){4,5})\s*$/i

/** What is wrong with an expression, as the end of a sentence; undefined when it has a next time. */
export function cronFault(cron: string): string | undefined {
  if (!shape.test(cron)) return 'must have five fields, or six with seconds first, or be a name such as @daily'
  try {
    return timer({ cron }).nextRun() === null ? 'names a time that never comes' : undefined
  } catch (error) {
    return `cannot be read: ${(error as Error).message.replace(/^CronPattern: /, '')}`
  }
}

/** The first time behind `now`, ms since the epoch. */
export function nextTime(times: Times, now: number): number {
  const next = timer(times).nextRun(new Date(now))
  if (next === null) throw new Error(`${times.cron} has no time behind ${new Date(now).toISOString()}`)
  return next.getTime()
}

/** How many times there are behind `from` up to `now`, counted up to `most`. */
export function timesBetween(times: Times, from: number, now: number, most: number): number {
  const cron = timer(times)
  let count = 0
  for (let next = cron.nextRun(new Date(from)); next !== null && next.getTime() <= now && count < most; count++)
    next = cron.nextRun(next)
  return count
}

/** It only reckons: without a function it starts no timer. */
function timer({ cron, timezone = 'UTC' }: Times): Cron {
  return new Cron(cron.trim(), { timezone, paused: true })
}
