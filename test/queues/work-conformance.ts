import { afterEach, beforeEach, suite } from 'node:test'
import { Given, type WorkPlace } from './given.ts'
import { labelTests } from './labels.ts'
import { sharingTests } from './sharing.ts'
import { taskTests } from './tasks.ts'
import { timeTests } from './times.ts'

/**
 * What every engine of Work must do; `isShared`: also between several servers in one place. A test that waits for something
 * that never comes is ended with the suite.
 */
export function workConformance(
  name: string,
  makePlace: () => Promise<WorkPlace>,
  { isShared = false }: { readonly isShared?: boolean } = {},
): void {
  suite(`${name} keeps the contract of Work`, { timeout: 60_000 }, () => {
    const given = new Given(makePlace)
    beforeEach(() => given.open())
    afterEach(() => given.close())
    taskTests(given)
    timeTests(given)
    labelTests(given)
    if (isShared) sharingTests(given)
  })
}
