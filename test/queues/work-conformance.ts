import { afterEach, beforeEach, suite } from 'node:test'
import { Given, type WorkPlace } from './given.ts'
import { taskTests } from './tasks.ts'
import { timeTests } from './times.ts'

/** What every engine of Work must do. A test that waits for something that never comes is ended after a minute. */
export function workConformance(name: string, makePlace: () => Promise<WorkPlace>): void {
  suite(`${name} keeps the contract of Work`, { timeout: 60_000 }, () => {
    const given = new Given(makePlace)
    beforeEach(() => given.open())
    afterEach(() => given.close())
    taskTests(given)
    timeTests(given)
  })
}
