import { count, counted } from '../say.ts'

const barWidth = 20

/** How far something is, and how fast it goes. */
export class Rate {
  readonly #done: string
  readonly #startedAt = performance.now()

  /** `done`: what has become of each, `read` or `written`. */
  constructor(done: string) {
    this.#done = done
  }

  /** One line; with how long it will still take where it is known how many there are. */
  line(n: number, total?: number): string {
    const seconds = (performance.now() - this.#startedAt) / 1000
    const perSecond = seconds > 0 ? n / seconds : 0
    const speed = `${count(Math.round(perSecond))}/s`
    if (total === undefined || total === 0) return `${counted(n, 'resource')} ${this.#done}, ${speed}`
    const part = Math.min(1, n / total)
    const filled = Math.round(part * barWidth)
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`
    const left = perSecond > 0 ? `, ${duration((total - n) / perSecond)} left` : ''
    return `${bar} ${String(Math.floor(part * 100)).padStart(3)}% ${count(n)} of ${count(total)} ${this.#done}, ${speed}${left}`
  }
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60]
  return minutes === 0 ? `${rest} s` : `${minutes}:${String(rest).padStart(2, '0')} min`
}
